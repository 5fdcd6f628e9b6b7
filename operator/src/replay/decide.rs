//! Second step: what to do for an object. Pure.

use kube::ResourceExt;
use spice_client::{NewReplay, Replay, ReplayState};
use spice_crds::{
    FINALIZER, ReplayApproval, ReplayJob, ReplayJobSpec, ReplayStrategy, ReplayTarget, annotation,
};

use super::{
    api::Instruction,
    gather::{Known, World},
};
use crate::gather::Reference;

/// What a pass does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Nothing, until the object changes.
    Rest,
    /// Nothing: the status says how far the replay is, or what the object waits for.
    Observe,
    /// Set the finalizer, so that a deletion cancels the replay.
    Hold,
    /// Request the replay.
    Start {
        /// The database's name in the api.
        database: String,
        /// The request.
        request: NewReplay,
        /// The uid of the object, so that the object is one replay.
        key: String,
    },
    /// Give the replay an instruction.
    Instruct {
        /// The database's name in the api.
        database: String,
        /// The id of the replay.
        replay: String,
        /// The instruction.
        instruction: Instruction,
    },
    /// Remove the finalizer.
    Release,
    /// Delete the object.
    Expire,
}

/// Decides what to do.
pub(crate) fn decide(job: &ReplayJob, world: &World) -> Plan {
    if job.metadata.deletion_timestamp.is_some() {
        return decide_deletion(job, world);
    }
    if job.is_finished() {
        return match (is_held(job), world.around.has_expired) {
            (true, _) => Plan::Release,
            (false, true) => Plan::Expire,
            (false, false) => Plan::Rest,
        };
    }
    let Reference::Found(database) = &world.around.database else {
        return Plan::Observe;
    };
    match &world.replay {
        Known::Gone | Known::Busy(_) | Known::Failed(_) => Plan::Observe,
        Known::Replay(replay) => match choose(job, replay) {
            Some(instruction) => instruct(database, replay, instruction),
            None => Plan::Observe,
        },
        Known::Nothing if is_held(job) => start(job, database, is_suspended(job)),
        Known::Nothing if is_suspended(job) => Plan::Rest,
        Known::Nothing => Plan::Hold,
    }
}

/// A deletion cancels the replay, as long as that is possible. The namespace of an object that cannot
/// be deleted in time ends without that.
fn decide_deletion(job: &ReplayJob, world: &World) -> Plan {
    let around = &world.around;
    let force = job.annotations().get(annotation::FORCE_RELEASE);
    let must_release = force.is_some_and(|force| force == "true")
        || job.is_finished()
        || (around.namespace_ends && around.is_overdue);
    let Reference::Found(database) = &around.database else {
        return Plan::Release;
    };
    match &world.replay {
        _ if must_release => Plan::Release,
        Known::Failed(_) => Plan::Observe,
        Known::Replay(replay) if !is_decided(replay) => {
            instruct(database, replay, Instruction::Cancel)
        }
        Known::Replay(_) | Known::Gone | Known::Busy(_) => Plan::Release,
        // A request may have been sent whose answer was lost. The same request again tells its id.
        Known::Nothing => start(job, database, true),
    }
}

fn start(job: &ReplayJob, database: &str, is_suspended: bool) -> Plan {
    Plan::Start {
        database: database.to_owned(),
        request: request(&job.spec, is_suspended),
        key: job.metadata.uid.clone().unwrap_or_default(),
    }
}

fn instruct(database: &str, replay: &Replay, instruction: Instruction) -> Plan {
    Plan::Instruct {
        database: database.to_owned(),
        replay: replay.task_id.clone(),
        instruction,
    }
}

/// The instruction that the object gives its replay; none if the replay follows it already.
fn choose(job: &ReplayJob, replay: &Replay) -> Option<Instruction> {
    if is_decided(replay) {
        return None;
    }
    match (is_suspended(job), replay.suspended) {
        (true, false) => Some(Instruction::Suspend),
        (false, true) => Some(Instruction::Resume),
        (true, true) => None,
        (false, false) => is_approved(job, replay).then_some(Instruction::Approve),
    }
}

/// Whether a person approves this replay, and the api does not know it yet.
fn is_approved(job: &ReplayJob, replay: &Replay) -> bool {
    let approval = job.annotations().get(annotation::APPROVE);
    job.spec.approval == Some(ReplayApproval::Manual)
        && replay.state == ReplayState::AwaitingApproval
        && replay.approved_at.is_none()
        && approval == Some(&replay.task_id)
}

/// Whether a replay can no longer be cancelled or suspended.
pub(crate) fn is_decided(replay: &Replay) -> bool {
    matches!(replay.state, ReplayState::Swapping | ReplayState::Dropping)
        || replay.state.is_finished()
}

/// Whether the object asks for a pause.
pub(crate) fn is_suspended(job: &ReplayJob) -> bool {
    job.spec.suspend.unwrap_or_default()
}

/// Whether the object has the finalizer.
pub(crate) fn is_held(job: &ReplayJob) -> bool {
    job.finalizers().iter().any(|it| it == FINALIZER)
}

/// The request in the words of the api.
fn request(spec: &ReplayJobSpec, is_suspended: bool) -> NewReplay {
    let targets = spec.targets.iter().map(|target| match target {
        ReplayTarget::Graph => "graph".to_owned(),
        ReplayTarget::Documents => "documents".to_owned(),
    });
    let strategy = match spec.strategy.unwrap_or_default() {
        ReplayStrategy::BlueGreen => "BlueGreen",
        ReplayStrategy::InPlace => "InPlace",
    };
    let approval = match spec.approval.unwrap_or_default() {
        ReplayApproval::None => "None",
        ReplayApproval::Manual => "Manual",
    };
    NewReplay {
        targets: Some(targets.collect()),
        strategy: Some(strategy.to_owned()),
        verify: spec.verify,
        approval: Some(approval.to_owned()),
        keep_old: None,
        branch: spec.branch.clone(),
        from: spec.from.and_then(|from| u64::try_from(from).ok()),
        suspend: is_suspended.then_some(true),
    }
}
