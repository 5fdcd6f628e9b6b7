//! A replay as it is answered.

use schemars::JsonSchema;
use serde::Serialize;
use spice_core::{
    handler::Projection,
    id::LogPosition,
    name::{BranchName, ClassName, DatabaseName, InstanceId},
    replay::{
        Approval, Finding, Part, Replay, ReplayFailure, ReplayId, ReplayState, Strategy, Target,
    },
    time::Timestamp,
};

use crate::http::{call::Call, failure::Failure};

/// A replay: the request, and how far it is.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Replay")]
pub(crate) struct ShownReplay {
    task_id: ReplayId,
    database: DatabaseName,
    log: String,
    state: ReplayState,
    /// Whether it waits until somebody resumes it.
    suspended: bool,
    strategy: Strategy,
    /// Whether the result is compared with the log.
    verify: bool,
    approval: Approval,
    approved_at: Option<Timestamp>,
    /// Whether the former live projections are kept.
    keep_old: bool,
    targets: Vec<ShownTarget>,
    /// Only this branch is rewritten.
    branch: Option<BranchName>,
    /// Only what was written at this position or later is rewritten.
    from: Option<LogPosition>,
    /// Only classes or only instances are rewritten.
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<Part>,
    /// Only this class and its instances are rewritten.
    #[serde(skip_serializing_if = "Option::is_none")]
    class_id: Option<ClassName>,
    /// Only this instance is rewritten.
    #[serde(skip_serializing_if = "Option::is_none")]
    instance_id: Option<InstanceId>,
    /// The events to replay, for all projections together.
    events_total: u64,
    events_replayed: u64,
    /// The events in a second, while the copies were filled.
    events_per_second: u64,
    /// Whether the projections equal the log, as far as they were compared.
    digests_match: Option<bool>,
    /// How many entities differ from the log.
    differences: Option<u64>,
    /// The first of them.
    findings: Vec<Finding>,
    requested_by: Option<String>,
    requested_at: Timestamp,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    /// Why it has failed.
    error: Option<ReplayFailure>,
}

/// One projection of a replay.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ReplayTarget")]
struct ShownTarget {
    projection: Projection,
    /// The position that it must reach.
    until: Option<LogPosition>,
    /// How many entities differ from the log.
    differences: Option<u64>,
    /// How many entities were rewritten in place.
    rewritten: u64,
    /// Whether reads see the rebuilt projection.
    live: bool,
}

impl ShownTarget {
    fn of(target: &Target) -> Self {
        Self {
            projection: target.projection,
            until: target.until,
            differences: target.differences,
            rewritten: target.rewritten,
            live: target.is_live,
        }
    }
}

impl ShownReplay {
    /// A replay with its progress.
    pub(crate) async fn of(call: &Call, replay: &Replay) -> Result<Self, Failure> {
        let progress = call.api.reads.replay_progress(replay).await?;
        let (request, scope) = (&replay.request, replay.request.scope.clone());
        Ok(Self {
            task_id: replay.id,
            database: replay.stream.database.clone(),
            log: replay.stream.to_string(),
            state: replay.state,
            suspended: replay.is_suspended,
            strategy: request.strategy,
            verify: request.verify,
            approval: request.approval,
            approved_at: replay.approved_at,
            keep_old: request.keep_old,
            targets: replay.targets.iter().map(ShownTarget::of).collect(),
            branch: scope.branch.map(|branch| branch.name),
            from: scope.from,
            part: scope.part,
            class_id: scope.class,
            instance_id: scope.instance,
            events_total: progress.total,
            events_replayed: progress.replayed,
            events_per_second: progress.per_second,
            digests_match: replay.digests_match,
            differences: replay.count_differences(),
            findings: replay.findings.clone(),
            requested_by: replay.requested_by.clone(),
            requested_at: replay.requested_at,
            started_at: replay.started_at,
            ended_at: replay.ended_at,
            error: replay.failure.clone(),
        })
    }
}
