//! Fourth step: the new status of the object, and when to reconcile it again. Pure.

use spice_crds::{
    CommandRecord,
    ConditionStatus::{self, False, True, Unknown},
    ResourceStatus, annotation,
};

use crate::{
    client::{Accepted, ApiError, ChangedThing, Command, Progress, Subject},
    condition::{Draft, find, kind, merge_conditions, reason},
    decide::{Mode, Plan, Step, lost_message},
    execute::Receipt,
    gather::World,
    kind::Kind,
};

/// The maximum number of changed things in a message.
const NAMED: usize = 5;

/// When to reconcile again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// At the next resync, or when the object changes.
    Resync,
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

    /// Adds a condition that is present only when true, with the reason and the message of the
    /// last one.
    fn and(self, kind: &'static str) -> Self {
        let last = self.drafts.last().cloned();
        let (reason, message) = last.map_or((reason::PENDING, String::new()), |last| {
            (last.reason, last.message)
        });
        self.with(kind, reason, &message)
    }

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
        Receipt::Accepted(accepted) => return observe_answer(resource, world, plan, accepted),
        Receipt::Nothing => {}
    }
    match &plan.step {
        Step::Rest => {
            Observation::unknown(reason::SUSPENDED, "suspended: not reconciled", Next::Resync)
        }
        Step::Refuse { reason, message } if *reason == reason::EXTERNALLY_DELETED => {
            Observation::unsynced(reason, message, Next::Resync).and(kind::STALLED)
        }
        Step::Refuse { reason, message } => {
            Observation::unaccepted(reason, message, Next::Resync).and(kind::STALLED)
        }
        Step::Wait(what) => {
            Observation::unaccepted(reason::REF_NOT_FOUND, what, Next::Soon).and(kind::RECONCILING)
        }
        Step::Stall { reason, message } => {
            Observation::unprojected(reason, message, Next::Retry).and(kind::STALLED)
        }
        Step::Release | Step::Send { .. } => released(),
    }
}

fn released() -> Observation {
    let message = "the object can be deleted";
    Observation::unsynced(reason::DELETING, message, Next::Release)
}

/// The observation after the api executed the command.
fn observe_answer<K: Kind>(
    resource: &K,
    world: &World,
    plan: &Plan,
    accepted: &Accepted,
) -> Observation {
    match plan.mode {
        // The deletion is in the log: nothing can undo it.
        Mode::Deleting(_) => released(),
        Mode::Observing if !accepted.changes.is_empty() => {
            let message = describe_drift::<K>(&resource.external_id(), accepted);
            Observation::unsynced(reason::DRIFTED, &message, Next::Resync)
                .and(kind::DRIFTED)
                .and(kind::STALLED)
        }
        _ if is_shown(resource, world, accepted) => settled(resource),
        _ => {
            let message = "waits until the projections show the change";
            Observation::unprojected(reason::LAGGING, message, Next::Soon).and(kind::RECONCILING)
        }
    }
}

/// Whether the projections show the declared state.
fn is_shown<K: Kind>(resource: &K, world: &World, accepted: &Accepted) -> bool {
    if accepted.command.is_some() {
        return accepted.progress == Progress::Completed;
    }
    let is_pending = world.command.as_ref().is_some_and(|it| !is_final(it));
    let target = target(resource, world).unwrap_or(world.known.position);
    !is_pending && world.known.projected > target
}

/// The position that the projections must have passed; none if this generation was not applied.
fn target<K: Kind>(resource: &K, world: &World) -> Option<u64> {
    let position = resource
        .status()?
        .position
        .filter(|_| resource.was_synced());
    // A log that was made again is shorter.
    let position = position.and_then(|at| u64::try_from(at).ok())?;
    (position <= world.known.position).then_some(position)
}

fn describe_drift<K: Kind>(name: &str, accepted: &Accepted) -> String {
    let noun = K::NOUN;
    let things: Vec<String> = accepted
        .changes
        .iter()
        .take(NAMED)
        .map(|thing| format!("{} {}", thing.kind, thing.name))
        .collect();
    let count = accepted.changes.len();
    let more = match count.saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(
        "{noun} {name} differs from the declaration: {}{more}",
        things.join(", ")
    )
}

/// The observation after the api did not answer or refused.
pub fn observe_failure<K: Kind>(
    resource: &K,
    world: &World,
    error: &ApiError,
    mode: Mode,
) -> Observation {
    let is_deleting = matches!(mode, Mode::Deleting(_));
    if is_deleting && matches!(error, ApiError::Missing { .. } | ApiError::Stale { .. }) {
        // The database is gone, or another object has taken over.
        return released();
    }
    let message = error.to_string();
    let observation = match error {
        ApiError::Transient { .. } => {
            let reason = reason::API_UNAVAILABLE;
            let observation = Observation::unknown(reason, &message, Next::Retry);
            if resource.was_synced() {
                observation
            } else {
                // The new declaration is not in force, even if the old one is still Ready.
                observation.and(kind::RECONCILING)
            }
        }
        ApiError::Missing { .. } => {
            Observation::unaccepted(reason::REF_NOT_FOUND, &message, Next::Soon)
                .and(kind::RECONCILING)
        }
        ApiError::Conflict { .. } => {
            Observation::unsynced(reason::CONFLICT, &message, Next::Soon).and(kind::RECONCILING)
        }
        ApiError::Stale { .. } => Observation::unknown(reason::CONFLICT, &message, Next::Retry),
        ApiError::Owned { .. } => {
            Observation::unaccepted(reason::CONFLICT, &message, Next::Retry).and(kind::STALLED)
        }
        ApiError::NotAdopted { .. } => {
            Observation::unsynced(reason::NOT_ADOPTED, &message, Next::Retry).and(kind::STALLED)
        }
        ApiError::Unsafe { plan, .. } => {
            let message = format!(
                "{message} (annotation {}={})",
                annotation::APPROVE,
                plan.hash
            );
            Observation::unsynced(reason::UNSAFE_CHANGE, &message, Next::Retry).and(kind::STALLED)
        }
        ApiError::Deleted { .. } => {
            let message = lost_message(resource);
            Observation::unsynced(reason::EXTERNALLY_DELETED, &message, Next::Retry)
                .and(kind::STALLED)
        }
        ApiError::Rejected { .. } => {
            Observation::unsynced(reason::COMMAND_REJECTED, &message, Next::Retry)
                .and(kind::STALLED)
        }
    };
    if is_deleting {
        deleting(observation, world.around.is_overdue)
    } else {
        observation
    }
}

/// The observation of a deletion that failed: tried again, and blocked after the deadline.
fn deleting(mut observation: Observation, is_overdue: bool) -> Observation {
    let Some(last) = observation.drafts.last().cloned() else {
        return observation;
    };
    let raised = |kind: &str| kind == kind::STALLED || kind == kind::RECONCILING;
    observation.drafts.retain(|draft| !raised(draft.kind));
    let observation = observation.with(kind::RECONCILING, reason::DELETING, &last.message);
    if is_overdue {
        observation.with(kind::DELETION_BLOCKED, last.reason, &last.message)
    } else {
        observation
    }
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
        &kind::ALWAYS,
        &status.conditions,
        &observation.drafts,
        observation.keep,
        generation,
        now,
    );
    status.observed_generation = generation;
    status.last_handled_reconcile_at = resource
        .annotation(annotation::RECONCILE_AT)
        .map(str::to_owned);
    if let Some(database) = &world.database {
        status.external_id = Some(resource.external_id());
        status.endpoint = Some(resource.endpoint(database));
        status.database = Some(database.clone());
    }
    if world.command.as_ref().is_some_and(is_final)
        && let Some(record) = &mut status.command
    {
        record.pending = false;
    }
    if let Some(compared) = &world.comparison {
        let count = |count: u64| i64::try_from(count).ok();
        status.base_position = count(compared.base_position);
        status.changes = count(compared.changes);
        status.conflicts = count(compared.conflicts);
        status.mergeable = Some(compared.conflicts == 0);
    }
    match receipt {
        Receipt::Failed(ApiError::Unsafe { plan, .. }) => status.plan = Some((**plan).clone()),
        Receipt::Accepted(accepted) => {
            status.plan = None;
            if plan.mode == Mode::Normal {
                remember(&mut status, resource, world, plan, accepted);
            }
        }
        Receipt::Failed(_) | Receipt::Nothing => {
            if !observation.keep {
                status.plan = None;
            }
        }
    }
    status
}

/// The position changes only with a command of this object: it shows when the declaration was last
/// applied, not the current end of the log.
fn remember<K: Kind>(
    status: &mut ResourceStatus,
    resource: &K,
    world: &World,
    plan: &Plan,
    accepted: &Accepted,
) {
    let position = match &accepted.command {
        Some(id) => {
            status.command = Some(CommandRecord {
                id: id.clone(),
                pending: !is_final(&accepted.progress),
            });
            accepted.position
        }
        None => target(resource, world).or(Some(world.known.position)),
    };
    status.position = position.and_then(|at| i64::try_from(at).ok());
    status.synced_generation = resource.meta().generation;
    let asked = resource.annotation(annotation::RECREATE);
    status.last_handled_recreation = asked.map(str::to_owned);
    if let Step::Send { commands, .. } = &plan.step
        && let Some(Command::Declare(declaration)) = commands.last()
        && let Subject::Classes { definitions, .. } = &declaration.subject
    {
        status.classes = i64::try_from(definitions.len()).ok();
    }
}

/// Whether the status of the command cannot change any more. A discarded command is asked again, so
/// that its message stays.
fn is_final(progress: &Progress) -> bool {
    *progress == Progress::Completed
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

/// Whether the object is Ready, whatever its generation.
pub fn is_ready(status: &ResourceStatus) -> bool {
    find(&status.conditions, kind::READY).is_some_and(|ready| ready.status == True)
}

/// What a pass changed in the api.
pub fn changed(receipt: &Receipt) -> Vec<ChangedThing> {
    match receipt {
        Receipt::Accepted(accepted) if accepted.command.is_some() => accepted.changes.clone(),
        _ => Vec::new(),
    }
}
