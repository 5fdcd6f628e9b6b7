//! Fourth step: the status of an object after a pass, and when to look again. Pure.

use spice_client::{Replay, ReplayFailure, ReplayState};
use spice_crds::{
    ConditionStatus::{False, True},
    ReplayJob, ReplayJobStatus, annotation,
};

use super::{
    decide::{Plan, is_decided, is_suspended},
    gather::{Known, World},
};
use crate::{
    client::ApiError,
    condition::{Draft, kind, merge_conditions, reason},
    decide::{absent_message, forbidden_message},
    gather::Reference,
    observe::Next,
};

/// The conditions of a pass, and when to look again.
struct Observation {
    drafts: Vec<Draft>,
    /// Whether the other conditions stay: the pass learned nothing about the replay.
    keep: bool,
    /// None: when the object changes.
    next: Option<Next>,
}

/// Where a job stands.
enum Phase {
    /// It goes on by itself.
    Running,
    /// It goes on when a person wants it.
    Waiting,
    /// It goes on when a person has corrected something.
    Refused,
    Suspended,
    Complete,
    Failed,
}

impl Observation {
    fn of(phase: &Phase, reason: &'static str, message: &str, next: Option<Next>) -> Self {
        let draft = |kind, holds| Draft {
            kind,
            status: if holds { True } else { False },
            reason,
            message: if holds || kind == kind::READY {
                message.to_owned()
            } else {
                String::new()
            },
        };
        let mut drafts = vec![
            draft(kind::READY, matches!(phase, Phase::Complete)),
            draft(kind::COMPLETE, matches!(phase, Phase::Complete)),
            draft(kind::FAILED, matches!(phase, Phase::Failed)),
            draft(kind::SUSPENDED, matches!(phase, Phase::Suspended)),
        ];
        match phase {
            Phase::Running => drafts.push(draft(kind::RECONCILING, true)),
            Phase::Refused | Phase::Failed => drafts.push(draft(kind::STALLED, true)),
            Phase::Waiting | Phase::Suspended | Phase::Complete => {}
        }
        Self {
            drafts,
            keep: false,
            next,
        }
    }

    /// Everything stays as it was.
    fn nothing(next: Next) -> Self {
        Self {
            drafts: Vec::new(),
            keep: true,
            next: Some(next),
        }
    }

    /// Everything else stays as it was.
    fn only(kind: &'static str, reason: &'static str, message: &str, next: Next) -> Self {
        let draft = Draft {
            kind,
            status: True,
            reason,
            message: message.to_owned(),
        };
        Self {
            drafts: vec![draft],
            ..Self::nothing(next)
        }
    }
}

/// The status after a pass, and when to look again; none: when the object changes. `known` is what is
/// known after the plan was carried out.
pub(crate) fn observe(
    job: &ReplayJob,
    world: &World,
    plan: &Plan,
    known: &Known,
    now: &str,
) -> (ReplayJobStatus, Option<Next>) {
    let mut status = job.status.clone().unwrap_or_default();
    if job.is_finished() || matches!(plan, Plan::Hold | Plan::Release | Plan::Expire) {
        return (
            status,
            Some(Next::Release).filter(|_| *plan == Plan::Release),
        );
    }
    if let Reference::Found(database) = &world.around.database {
        status.database = Some(database.clone());
    }
    if let Known::Replay(replay) = known {
        copy(&mut status, replay, now);
    }
    let mut observation = look(job, world, known);
    if job.metadata.deletion_timestamp.is_some() {
        observation = look_at_deletion(world, known, observation);
    }
    if matches!(known, Known::Gone) {
        status.completion_time = Some(now.to_owned());
    }
    let generation = job.metadata.generation;
    status.observed_generation = generation;
    status.conditions = merge_conditions(
        &kind::ALWAYS_ON_JOBS,
        &status.conditions,
        &observation.drafts,
        observation.keep,
        generation,
        now,
    );
    (status, observation.next)
}

fn look(job: &ReplayJob, world: &World, known: &Known) -> Observation {
    let own = job.metadata.namespace.as_deref().unwrap_or_default();
    let reference = &job.spec.database_ref;
    match (&world.around.database, known) {
        (Reference::Missing, _) => {
            let message = absent_message(reference, own);
            Observation::of(&Phase::Running, reason::REF_NOT_FOUND, &message, None)
        }
        (Reference::Forbidden, _) => {
            let message = forbidden_message(reference, own);
            let next = Some(Next::Resync);
            Observation::of(&Phase::Refused, reason::REF_NOT_ALLOWED, &message, next)
        }
        (Reference::Found(_), Known::Replay(replay)) => look_at_replay(replay),
        (Reference::Found(database), Known::Busy(other)) => {
            let message = format!(
                "waits for the end of replay {other} of database {database}, which changes the same projection"
            );
            let next = Some(Next::Resync);
            Observation::of(&Phase::Running, reason::CONFLICT, &message, next)
        }
        (Reference::Found(database), Known::Gone) => {
            let message = format!("database {database} no longer has the replay");
            Observation::of(&Phase::Failed, reason::REPLAY_LOST, &message, None)
        }
        (Reference::Found(_), Known::Failed(error)) => look_at_failure(error),
        (Reference::Found(_), Known::Nothing) if is_suspended(job) => {
            let message = "suspended: not started";
            Observation::of(&Phase::Suspended, reason::SUSPENDED, message, None)
        }
        (Reference::Found(_), Known::Nothing) => Observation::nothing(Next::Soon),
    }
}

/// The object can be deleted as soon as nothing is left to cancel.
fn look_at_deletion(world: &World, known: &Known, observation: Observation) -> Observation {
    let is_over = match known {
        Known::Replay(replay) => is_decided(replay),
        Known::Gone | Known::Busy(_) | Known::Failed(ApiError::Missing { .. }) => true,
        Known::Nothing | Known::Failed(_) => false,
    };
    let last = observation.drafts.last();
    match (known, last) {
        _ if is_over => Observation {
            next: Some(Next::Release),
            ..observation
        },
        (Known::Failed(_), Some(last)) if world.around.is_overdue => {
            let blocked = Draft {
                kind: kind::DELETION_BLOCKED,
                status: True,
                ..last.clone()
            };
            Observation {
                drafts: vec![blocked],
                keep: true,
                ..observation
            }
        }
        _ => Observation {
            next: Some(Next::Soon),
            ..observation
        },
    }
}

fn look_at_failure(error: &ApiError) -> Observation {
    let message = error.to_string();
    match error {
        ApiError::Transient { .. } => Observation::only(
            kind::RECONCILING,
            reason::API_UNAVAILABLE,
            &message,
            Next::Retry,
        ),
        ApiError::Missing { .. } => {
            let next = Some(Next::Soon);
            Observation::of(&Phase::Running, reason::REF_NOT_FOUND, &message, next)
        }
        // The replay has taken a step meanwhile.
        ApiError::Conflict { .. } => Observation::nothing(Next::Soon),
        ApiError::Rejected { reason, .. } if reason == "failed_precondition" => {
            Observation::nothing(Next::Soon)
        }
        _ => {
            let next = Some(Next::Retry);
            Observation::of(&Phase::Refused, reason::COMMAND_REJECTED, &message, next)
        }
    }
}

/// Copies what the api says about the replay.
fn copy(status: &mut ReplayJobStatus, replay: &Replay, now: &str) {
    let number = |count: u64| i64::try_from(count).ok();
    let (database, id) = (&replay.database, &replay.task_id);
    status.external_id = Some(id.clone());
    status.endpoint = Some(format!("/api/v1/databases/{database}/replays/{id}"));
    status.events_total = number(replay.events_total);
    status.events_replayed = number(replay.events_replayed);
    // The average of a paused replay falls with every look.
    let rate = if replay.suspended && !is_decided(replay) {
        0
    } else {
        replay.events_per_second
    };
    status.events_per_second = number(rate);
    status.digests_match = replay.digests_match;
    status.start_time.clone_from(&replay.started_at);
    if replay.state.is_finished() {
        let ended = replay.ended_at.clone();
        status.completion_time = Some(ended.unwrap_or_else(|| now.to_owned()));
    }
}

fn look_at_replay(replay: &Replay) -> Observation {
    let soon = Some(Next::Soon);
    match replay.state {
        ReplayState::Complete => {
            let message = "reads see the rebuilt projections";
            Observation::of(&Phase::Complete, reason::COMPLETE, message, None)
        }
        ReplayState::Failed => {
            let (reason, message) = describe(replay.error.as_ref());
            Observation::of(&Phase::Failed, reason, &message, None)
        }
        ReplayState::Cancelled => {
            let message = "cancelled in the api; reads see what they saw before";
            Observation::of(&Phase::Failed, reason::CANCELLED, message, None)
        }
        _ if replay.suspended && !is_decided(replay) => {
            let message = "suspended: nothing that was built is lost";
            let next = Some(Next::Resync);
            Observation::of(&Phase::Suspended, reason::SUSPENDED, message, next)
        }
        ReplayState::AwaitingApproval if replay.approved_at.is_none() => {
            let (key, id) = (annotation::APPROVE, &replay.task_id);
            let message = format!("set the annotation {key} to {id}, and reads see the result");
            let next = Some(Next::Resync);
            Observation::of(&Phase::Waiting, reason::AWAITING_APPROVAL, &message, next)
        }
        state => {
            let (reason, message) = progress(state);
            Observation::of(&Phase::Running, reason, message, soon)
        }
    }
}

/// The reason and the message of a state that passes by itself.
fn progress(state: ReplayState) -> (&'static str, &'static str) {
    match state {
        ReplayState::Filling => (reason::FILLING, "the projections are filled from the log"),
        ReplayState::Comparing => (reason::COMPARING, "the result is compared with the log"),
        ReplayState::AwaitingApproval | ReplayState::Swapping => {
            (reason::SWAPPING, "the result becomes what reads see")
        }
        ReplayState::Dropping => (reason::DROPPING, "what was built is dropped"),
        ReplayState::Pending
        | ReplayState::Complete
        | ReplayState::Failed
        | ReplayState::Cancelled
        | ReplayState::Unknown => (reason::PENDING, "the replay is requested"),
    }
}

/// The reason and the message of a failed replay.
fn describe(failure: Option<&ReplayFailure>) -> (&'static str, String) {
    let Some(ReplayFailure { code, message }) = failure else {
        return (reason::REPLAY_FAILED, "the replay has failed".to_owned());
    };
    let reason = match code.as_str() {
        "projection_differs" => reason::PROJECTION_DIFFERS,
        "events_refused" => reason::EVENTS_REFUSED,
        "shadow_dropped" => reason::SHADOW_DROPPED,
        "log_refused" => reason::LOG_REFUSED,
        "store_damaged" => reason::STORE_DAMAGED,
        "store_refused" => reason::STORE_REFUSED,
        _ => reason::REPLAY_FAILED,
    };
    (reason, message.clone())
}
