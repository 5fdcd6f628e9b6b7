//! Second step: what to do for an object. Pure.

use spice_client::{NewReplay, Replay, ReplayState};
use spice_crds::{
    ReplayApproval, ReplayJob, ReplayJobSpec, ReplayStrategy, ReplayTarget, annotation,
};

use super::{api::Wish, gather::World};

/// What a pass does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Nothing: the status says how far it is.
    Observe,
    /// The Database object is missing.
    AwaitDatabase,
    /// Set the finalizer, so that a deletion cancels the replay.
    Hold,
    /// Request the replay, with this key.
    Start {
        /// The database's name in the api.
        database: String,
        /// The request.
        request: NewReplay,
        /// The key: the uid of the object, so an object is one replay.
        key: String,
    },
    /// Ask something of the replay.
    Ask {
        /// The database's name in the api.
        database: String,
        /// The replay.
        task: String,
        /// What.
        wish: Wish,
    },
    /// Remove the finalizer.
    Release,
    /// Delete the object: its time after the end is over.
    Expire,
}

/// Decides what to do. `is_held` says whether the object has the finalizer.
pub(crate) fn decide(job: &ReplayJob, world: &World, is_held: bool) -> Plan {
    if job.metadata.deletion_timestamp.is_some() {
        return decide_deletion(job, world);
    }
    if has_ended(job) {
        let ttl = job.spec.ttl_seconds_after_finished;
        let is_over = ttl.zip(world.finished_for).is_some_and(|(ttl, age)| age >= ttl);
        return match (is_held, is_over) {
            (true, _) => Plan::Release,
            (false, true) => Plan::Expire,
            (false, false) => Plan::Observe,
        };
    }
    let Some(database) = world.database.clone() else {
        return Plan::AwaitDatabase;
    };
    if !is_held {
        return Plan::Hold;
    }
    match &world.replay {
        Err(_) => Plan::Observe,
        // An api that has lost its registry has lost the replay, too.
        Ok(None) => Plan::Start {
            database,
            request: request(&job.spec),
            key: job.metadata.uid.clone().unwrap_or_default(),
        },
        Ok(Some(replay)) => match wish(job, replay) {
            None => Plan::Observe,
            Some(wish) => Plan::Ask {
                database,
                task: replay.task_id.clone(),
                wish,
            },
        },
    }
}

/// Before the swap a deletion cancels the replay; after it there is nothing to cancel. A deletion
/// that takes too long ends without: what the replay does is right in any case.
fn decide_deletion(job: &ReplayJob, world: &World) -> Plan {
    if has_ended(job) || world.is_overdue || is_annotated(job, annotation::FORCE_RELEASE, "true") {
        return Plan::Release;
    }
    match (&world.database, &world.replay) {
        (Some(_), Err(_)) => Plan::Observe,
        (Some(database), Ok(Some(replay))) if can_cancel(replay.state) => Plan::Ask {
            database: database.clone(),
            task: replay.task_id.clone(),
            wish: Wish::Cancel,
        },
        _ => Plan::Release,
    }
}

fn can_cancel(state: ReplayState) -> bool {
    matches!(
        state,
        ReplayState::Pending
            | ReplayState::Filling
            | ReplayState::Comparing
            | ReplayState::AwaitingApproval
    )
}

/// What the object wants of its replay, if the replay is otherwise.
fn wish(job: &ReplayJob, replay: &Replay) -> Option<Wish> {
    if !can_cancel(replay.state) {
        return None;
    }
    match (job.spec.suspend.unwrap_or_default(), replay.suspended) {
        (true, false) => return Some(Wish::Suspend),
        (false, true) => return Some(Wish::Resume),
        _ => {}
    }
    let waits = replay.state == ReplayState::AwaitingApproval;
    (waits && is_approved(job, replay)).then_some(Wish::Approve)
}

/// Whether a person has approved this replay: by its id, or with `true`.
fn is_approved(job: &ReplayJob, replay: &Replay) -> bool {
    [replay.task_id.as_str(), "true"]
        .into_iter()
        .any(|value| is_annotated(job, annotation::APPROVE, value))
        && job.spec.approval == Some(ReplayApproval::Manual)
}

fn is_annotated(job: &ReplayJob, key: &str, value: &str) -> bool {
    let annotations = job.metadata.annotations.as_ref();
    annotations.and_then(|all| all.get(key)).map(String::as_str) == Some(value)
}

/// Whether the status says that the replay is finished.
pub(crate) fn has_ended(job: &ReplayJob) -> bool {
    let status = job.status.as_ref();
    status.is_some_and(|status| status.completion_time.is_some())
}

/// The request in the words of the api.
fn request(spec: &ReplayJobSpec) -> NewReplay {
    let targets = spec.targets.iter().map(|target| match target {
        ReplayTarget::Graph => "graph".to_owned(),
        ReplayTarget::Documents => "documents".to_owned(),
    });
    let strategy = spec.strategy.unwrap_or_default();
    NewReplay {
        targets: Some(targets.collect()),
        strategy: Some(match strategy {
            ReplayStrategy::BlueGreen => "BlueGreen".to_owned(),
            ReplayStrategy::InPlace => "InPlace".to_owned(),
        }),
        verify: spec.verify,
        approval: Some(match spec.approval.unwrap_or_default() {
            ReplayApproval::None => "None".to_owned(),
            ReplayApproval::Manual => "Manual".to_owned(),
        }),
        keep_old: None,
        branch: spec.branch.clone(),
        from: spec.from.and_then(|from| u64::try_from(from).ok()),
        suspend: spec.suspend,
    }
}
