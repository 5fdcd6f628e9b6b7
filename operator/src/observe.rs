//! Fourth step: the new status of the object, and when to reconcile it again. Pure.

use spice_crds::{CommandRecord, ConditionStatus, ResourceStatus, annotation};

use crate::{
    client::{ApiError, Progress, Stored, Verb},
    condition::{Draft, find, kind, merge_conditions, reason},
    decide::{Mode, Plan, Step},
    execute::Receipt,
    gather::World,
    kind::{Kind, annotation_of},
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
    /// The conditions. Of those that are always present, one that is not here stays as it is.
    pub drafts: Vec<Draft>,
    /// Whether the other conditions also stay if they are not here: the pass learned nothing new.
    pub keep: bool,
    /// When to reconcile again.
    pub next: Next,
}

/// A part of a condition: its type, its status, its reason.
type Part = (&'static str, ConditionStatus, &'static str);

use ConditionStatus::{False, True, Unknown};

impl Observation {
    /// These conditions with one message.
    fn of(parts: &[Part], message: &str, next: Next) -> Self {
        let drafts = parts.iter().map(|(kind, status, reason)| Draft {
            kind,
            status: *status,
            reason,
            message: message.to_owned(),
        });
        Self {
            drafts: drafts.collect(),
            keep: false,
            next,
        }
    }

    /// Adds a condition that is present only when true.
    fn with(mut self, kind: &'static str, reason: &'static str, message: &str) -> Self {
        self.drafts.push(Draft {
            kind,
            status: True,
            reason,
            message: message.to_owned(),
        });
        self
    }

    /// The declaration itself is not acceptable, or what it refers to is missing.
    fn unaccepted(reason: &'static str, message: &str, next: Next) -> Self {
        let parts = [
            (kind::READY, False, reason),
            (kind::ACCEPTED, False, reason),
            (kind::SYNCED, False, reason),
            (kind::PROJECTED, Unknown, reason),
        ];
        Self::of(&parts, message, next)
    }

    /// The declaration is acceptable, but the api does not have it.
    fn unsynced(reason: &'static str, message: &str, next: Next) -> Self {
        let parts = [
            (kind::READY, False, reason),
            (kind::ACCEPTED, True, reason::ACCEPTED),
            (kind::SYNCED, False, reason),
            (kind::PROJECTED, Unknown, reason),
        ];
        Self::of(&parts, message, next)
    }

    /// The api has the declaration, but the projections do not show it.
    fn unprojected(reason: &'static str, message: &str, next: Next) -> Self {
        let parts = [
            (kind::READY, False, reason),
            (kind::ACCEPTED, True, reason::ACCEPTED),
            (kind::SYNCED, True, reason::SYNCED),
            (kind::PROJECTED, False, reason),
        ];
        Self::of(&parts, message, next)
    }

    /// The pass learned nothing about the declared thing: everything but `Synced` stays.
    fn unknown(reason: &'static str, message: &str, next: Next) -> Self {
        let observation = Self::of(&[(kind::SYNCED, Unknown, reason)], message, next);
        Self {
            keep: true,
            ..observation
        }
    }
}

/// The observation after a pass.
pub fn observe<K: Kind>(
    resource: &K,
    world: &World,
    plan: &Plan,
    receipt: &Receipt,
) -> Observation {
    match receipt {
        Receipt::Failed(error) => return observe_failure(resource, world, error, plan.mode),
        Receipt::Accepted(accepted) => return observe_progress(&accepted.progress, plan.mode),
        Receipt::Nothing => {}
    }
    match &plan.step {
        Step::Rest => {
            Observation::unknown(reason::SUSPENDED, "suspended: not reconciled", Next::Resync)
        }
        Step::Refuse { reason, message } => observe_refusal(reason, message),
        Step::Wait(what) => Observation::unaccepted(reason::REF_NOT_FOUND, what, Next::Soon).with(
            kind::RECONCILING,
            reason::REF_NOT_FOUND,
            what,
        ),
        Step::Await | Step::Send(_) => lagging(plan.mode, Next::Soon),
        Step::Stall { reason, message } => Observation::unprojected(reason, message, Next::Retry)
            .with(kind::STALLED, reason, message),
        Step::Report(what) => Observation::unsynced(reason::DRIFTED, what, Next::Resync)
            .with(kind::DRIFTED, reason::DRIFTED, what)
            .with(kind::STALLED, reason::DRIFTED, what),
        Step::Settle(_) => settled(resource),
        Step::Release => {
            Observation::unsynced(reason::DELETING, "the object can be deleted", Next::Release)
        }
    }
}

fn observe_progress(progress: &Progress, mode: Mode) -> Observation {
    match progress {
        Progress::Completed => lagging(mode, Next::Now),
        Progress::Pending | Progress::Parked(_) => lagging(mode, Next::Soon),
        Progress::Failed(message) => Observation::unprojected(
            reason::COMMAND_FAILED,
            message,
            Next::Retry,
        )
        .with(kind::STALLED, reason::COMMAND_FAILED, message),
    }
}

fn observe_refusal(reason: &'static str, message: &str) -> Observation {
    let observation = match reason {
        reason::EXTERNALLY_DELETED => Observation::unsynced(reason, message, Next::Resync),
        _ => Observation::unaccepted(reason, message, Next::Resync),
    };
    observation.with(kind::STALLED, reason, message)
}

/// The observation after the api did not answer or refused.
pub fn observe_failure<K: Kind>(
    resource: &K,
    world: &World,
    error: &ApiError,
    mode: Mode,
) -> Observation {
    let message = match error {
        ApiError::Transient { message } | ApiError::Conflict { message } => message.clone(),
        ApiError::Rejected { reason, message } | ApiError::Invalid { reason, message } => {
            format!("{reason}: {message}")
        }
    };
    let (reason, observation) = match error {
        ApiError::Transient { .. } => {
            let reason = reason::API_UNAVAILABLE;
            let observation = Observation::unknown(reason, &message, Next::Retry);
            let is_applied = resource.was_synced();
            (
                reason,
                // The new declaration is not in force, even if the old one is still Ready.
                if is_applied {
                    observation
                } else {
                    observation.with(kind::RECONCILING, reason, &message)
                },
            )
        }
        ApiError::Conflict { .. } => {
            let reason = reason::CONFLICT;
            let observation = Observation::unsynced(reason, &message, Next::Soon);
            (
                reason,
                observation.with(kind::RECONCILING, reason, &message),
            )
        }
        ApiError::Rejected { .. } | ApiError::Invalid { .. } => {
            let reason = reason::COMMAND_REJECTED;
            let observation = Observation::unsynced(reason, &message, Next::Retry);
            let observation = if matches!(mode, Mode::Deleting(_)) {
                observation.with(kind::RECONCILING, reason, &message)
            } else {
                observation.with(kind::STALLED, reason, &message)
            };
            (reason, observation)
        }
    };
    if matches!(mode, Mode::Deleting(_)) && world.around.is_overdue {
        return observation.with(kind::DELETION_BLOCKED, reason, &message);
    }
    observation
}

/// The observation when the api still differs after it accepted the declaration.
pub fn observe_still_different() -> Observation {
    let message = "the api accepted the declaration, but its state still differs";
    Observation::unsynced(reason::STILL_DIFFERENT, message, Next::Retry).with(
        kind::STALLED,
        reason::STILL_DIFFERENT,
        message,
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
    status.conditions = merge_conditions(
        &status.conditions,
        &observation.drafts,
        observation.keep,
        generation,
        now,
    );
    status.observed_generation = generation;
    status.last_handled_reconcile_at =
        annotation_of(resource, annotation::RECONCILE_AT).map(str::to_owned);
    if let Some(database) = &world.database {
        status.database = Some(database.clone());
        status.external_id = Some(resource.external_id());
    }
    if world.command.as_ref().is_some_and(is_final)
        && let Some(record) = &mut status.command
    {
        record.pending = false;
    }
    if let (Receipt::Accepted(accepted), Step::Send(command)) = (receipt, &plan.step) {
        let id = accepted.command.clone();
        status.command = Some(CommandRecord {
            id: id.unwrap_or_else(|| command.key.to_string()),
            verb: command.verb.as_str().to_owned(),
            pending: !is_final(&accepted.progress),
        });
        if command.verb == Verb::Create {
            let asked = annotation_of(resource, annotation::RECREATE);
            status.last_handled_recreation = asked.map(str::to_owned);
        }
    }
    if let Step::Settle(stored) = &plan.step {
        remember(&mut status, stored, generation);
    }
    status
}

/// Whether the status of the command cannot change any more. A discarded command is asked again, so
/// that its message stays.
fn is_final(progress: &Progress) -> bool {
    *progress == Progress::Completed
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
    let parts = [
        (kind::READY, True, reason::AVAILABLE),
        (kind::ACCEPTED, True, reason::ACCEPTED),
        (kind::SYNCED, True, reason::SYNCED),
        (kind::PROJECTED, True, reason::CAUGHT_UP),
    ];
    Observation::of(&parts, &message, Next::Resync)
}

/// A command is in the log, and the projections do not show it yet.
fn lagging(mode: Mode, next: Next) -> Observation {
    let (reason, message) = match mode {
        Mode::Deleting(_) => (
            reason::DELETING,
            "waits until the projections show the deletion",
        ),
        _ => (
            reason::LAGGING,
            "waits until the projections show the change",
        ),
    };
    Observation::unprojected(reason, message, next).with(kind::RECONCILING, reason, message)
}

/// Whether the object is Ready, whatever its generation.
pub fn is_ready(status: &ResourceStatus) -> bool {
    find(&status.conditions, kind::READY).is_some_and(|ready| ready.status == True)
}
