//! Fourth step: the new status of the object, and when to reconcile it again. Pure.

use spice_crds::{CommandRecord, ConditionStatus, ResourceStatus};

use crate::{
    client::{ApiError, Progress, Stored},
    condition::{Draft, kind, merge_conditions, reason},
    decide::{Mode, Plan, Step},
    execute::Receipt,
    gather::World,
    kind::Kind,
};

/// When to reconcile again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// At the next resync, or when the object changes.
    Resync,
    /// Immediately: something was done.
    Now,
    /// Soon, with increasing waits.
    Soon,
    /// Later, with increasing waits: it failed.
    Retry,
    /// Never: the finalizer is removed.
    Release,
}

/// The conditions, and when to reconcile again.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// The conditions.
    pub drafts: Vec<Draft>,
    /// When to reconcile again.
    pub next: Next,
}

/// The observation after a pass.
pub fn observe<K: Kind>(resource: &K, plan: &Plan, receipt: &Receipt) -> Observation {
    if let Receipt::Failed(error) = receipt {
        return observe_failure(error, plan.mode);
    }
    if let Receipt::Accepted(accepted) = receipt {
        return match &accepted.progress {
            Progress::Completed => pending(plan.mode, Next::Now),
            Progress::Pending => pending(plan.mode, Next::Soon),
            Progress::Failed(message) => both(
                ConditionStatus::False,
                reason::COMMAND_FAILED,
                message,
                Next::Retry,
            ),
        };
    }
    match &plan.step {
        Step::Rest => both(
            ConditionStatus::Unknown,
            reason::SUSPENDED,
            "suspended: not reconciled",
            Next::Resync,
        ),
        Step::Refuse { reason, message } => {
            both(ConditionStatus::False, reason, message, Next::Resync)
        }
        Step::Wait(what) => working(both(
            ConditionStatus::False,
            reason::REF_NOT_FOUND,
            what,
            Next::Soon,
        )),
        Step::Await | Step::Send(_) => pending(plan.mode, Next::Soon),
        Step::Report(what) => {
            let mut observation = both(ConditionStatus::False, reason::DRIFTED, what, Next::Resync);
            observation
                .drafts
                .push(raised(kind::DRIFTED, reason::DRIFTED, what));
            observation
        }
        Step::Settle(_) => settled(resource),
        Step::Release => both(
            ConditionStatus::False,
            reason::DELETING,
            "the object can be deleted",
            Next::Release,
        ),
    }
}

/// The observation after the api did not answer or refused.
pub fn observe_failure(error: &ApiError, mode: Mode) -> Observation {
    let mut observation = match error {
        ApiError::Transient { message } => both(
            ConditionStatus::Unknown,
            reason::API_UNAVAILABLE,
            message,
            Next::Retry,
        ),
        ApiError::Conflict { message } => working(both(
            ConditionStatus::False,
            reason::CONFLICT,
            message,
            Next::Soon,
        )),
        ApiError::Rejected {
            reason: code,
            message,
        }
        | ApiError::Invalid {
            reason: code,
            message,
        } => {
            let message = format!("{code}: {message}");
            both(
                ConditionStatus::False,
                reason::COMMAND_REJECTED,
                &message,
                Next::Retry,
            )
        }
    };
    let refused = matches!(error, ApiError::Rejected { .. } | ApiError::Invalid { .. });
    if refused && matches!(mode, Mode::Deleting(_)) {
        let message = error.to_string();
        let blocked = raised(kind::DELETION_BLOCKED, reason::COMMAND_REJECTED, &message);
        observation.drafts.push(blocked);
    }
    observation
}

/// The observation when the api still differs after it accepted the declaration.
pub fn observe_still_different() -> Observation {
    let message = "the api accepted the declaration, but its state still differs";
    both(
        ConditionStatus::False,
        reason::STILL_DIFFERENT,
        message,
        Next::Retry,
    )
}

/// The new status, from `observation` and the data of the pass.
pub fn status<K: Kind>(
    resource: &K,
    world: &World,
    plan: &Plan,
    receipt: &Receipt,
    observation: &Observation,
    now: &str,
) -> ResourceStatus {
    let generation = resource.meta().generation;
    let mut status = resource.status().cloned().unwrap_or_default();
    status.conditions = merge_conditions(&status.conditions, &observation.drafts, generation, now);
    status.observed_generation = generation;
    if let Some(database) = &world.database {
        status.database = Some(database.clone());
        status.external_id = Some(resource.external_id());
    }
    if world
        .command
        .as_ref()
        .is_some_and(|progress| *progress != Progress::Pending)
        && let Some(record) = &mut status.command
    {
        record.pending = false;
    }
    if let (Receipt::Accepted(accepted), Step::Send(command)) = (receipt, &plan.step) {
        let id = accepted.command.clone();
        status.command = Some(CommandRecord {
            id: id.unwrap_or_else(|| command.key.to_string()),
            verb: command.verb.as_str().to_owned(),
            pending: accepted.progress == Progress::Pending,
        });
    }
    if let Step::Settle(stored) = &plan.step {
        remember(&mut status, stored, generation);
    }
    status
}

/// The position changes only with the sequence: it shows when the thing last changed, not the
/// current end of the log.
fn remember(status: &mut ResourceStatus, stored: &Stored, generation: Option<i64>) {
    let sequence = stored.sequence.and_then(|n| i64::try_from(n).ok());
    if status.position.is_none() || status.sequence != sequence {
        status.position = stored.position.and_then(|n| i64::try_from(n).ok());
    }
    status.sequence = sequence;
    status.synced_generation = generation;
}

fn settled<K: Kind>(resource: &K) -> Observation {
    let message = format!(
        "{} {} matches the declaration",
        K::NOUN,
        resource.external_id()
    );
    let draft = |kind, reason| Draft {
        kind,
        status: ConditionStatus::True,
        reason,
        message: message.clone(),
    };
    Observation {
        drafts: vec![
            draft(kind::READY, reason::AVAILABLE),
            draft(kind::SYNCED, reason::SYNCED),
        ],
        next: Next::Resync,
    }
}

fn pending(mode: Mode, next: Next) -> Observation {
    let (reason, message) = match mode {
        Mode::Deleting(_) => (reason::DELETING, "waits for the deletion to be projected"),
        _ => (
            reason::COMMAND_PENDING,
            "waits for the command to be projected",
        ),
    };
    working(both(ConditionStatus::False, reason, message, next))
}

fn both(status: ConditionStatus, reason: &'static str, message: &str, next: Next) -> Observation {
    let draft = |kind| Draft {
        kind,
        status,
        reason,
        message: message.to_owned(),
    };
    Observation {
        drafts: vec![draft(kind::READY), draft(kind::SYNCED)],
        next,
    }
}

fn working(mut observation: Observation) -> Observation {
    if let Some(first) = observation.drafts.first() {
        let (reason, message) = (first.reason, first.message.clone());
        observation
            .drafts
            .push(raised(kind::RECONCILING, reason, &message));
    }
    observation
}

fn raised(kind: &'static str, reason: &'static str, message: &str) -> Draft {
    Draft {
        kind,
        status: ConditionStatus::True,
        reason,
        message: message.to_owned(),
    }
}
