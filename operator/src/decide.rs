//! Second step: what to do. Pure.

use spice_crds::{DeletionPolicy, Fields};

use crate::{
    client::{Command, Progress, Stored, Verb},
    condition::reason,
    gather::{Surroundings, World},
    kind::{Kind, command},
};

/// How an object is treated. It is chosen once per pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The declaration is applied.
    Normal,
    /// Nothing is done.
    Suspended,
    /// The object is being deleted.
    Deleting(DeletionPolicy),
}

/// What to do with an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// How the object is treated.
    pub mode: Mode,
    /// What to do.
    pub step: Step,
}

/// The one thing to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Nothing: the object is suspended.
    Rest,
    /// Nothing: the declaration cannot be applied.
    Refuse {
        /// One of [`reason`].
        reason: &'static str,
        /// The reason in words.
        message: String,
    },
    /// Nothing yet: something else must exist first.
    Wait(String),
    /// Nothing yet: the projections do not show the last change.
    Await,
    /// Nothing: a person must retry or discard the last command.
    Stall {
        /// One of [`reason`].
        reason: &'static str,
        /// The reason in words.
        message: String,
    },
    /// Nothing: the declaration is in force.
    Settle(Stored),
    /// Nothing: the api differs from the declaration, and the policy is to report it.
    Report(String),
    /// Send this command.
    Send(Box<Command>),
    /// The object may be deleted.
    Release,
}

impl Mode {
    /// How to treat `resource`. The namespace of an object that cannot be deleted in time ends
    /// without deleting the declared thing.
    pub fn of<K: Kind>(resource: &K, around: &Surroundings) -> Self {
        if resource.meta().deletion_timestamp.is_some() {
            let must_release =
                resource.force_release() || (around.namespace_ends && around.is_overdue);
            Self::Deleting(if must_release {
                DeletionPolicy::Retain
            } else {
                resource.deletion_policy()
            })
        } else if resource.suspended() {
            Self::Suspended
        } else {
            Self::Normal
        }
    }

    /// Whether the decision depends on the state in the api.
    pub fn needs_world(self) -> bool {
        matches!(self, Self::Normal | Self::Deleting(DeletionPolicy::Delete))
    }
}

/// Decides what to do.
pub fn decide<K: Kind>(resource: &K, mode: Mode, world: &World) -> Plan {
    let step = match mode {
        Mode::Suspended => Step::Rest,
        Mode::Deleting(DeletionPolicy::Retain) => Step::Release,
        Mode::Deleting(DeletionPolicy::Delete) => decide_deletion(resource, world),
        Mode::Normal => decide_apply(resource, world),
    };
    Plan { mode, step }
}

fn decide_apply<K: Kind>(resource: &K, world: &World) -> Step {
    let problems = resource.problems();
    if !problems.is_empty() {
        return Step::Refuse {
            reason: reason::INVALID_SPEC,
            message: problems.join("; "),
        };
    }
    if let Some(rival) = &world.around.rival {
        let message = format!(
            "{} {} is already declared by {rival}",
            K::NOUN,
            resource.external_id()
        );
        return Step::Refuse {
            reason: reason::CONFLICT,
            message,
        };
    }
    let Some(database) = &world.database else {
        let name = resource.database_ref().unwrap_or_default();
        return Step::Wait(format!("waits for Database {name}"));
    };
    if let Some(missing) = &world.found.missing {
        return Step::Wait(format!("waits for {missing}"));
    }
    let stored = world.found.stored.as_ref();
    if let Some(message) = stored.and_then(|stored| resource.immutable_difference(stored)) {
        return Step::Refuse {
            reason: reason::IMMUTABLE,
            message,
        };
    }
    let Some(stored) = stored else {
        return decide_missing(resource, database);
    };
    match resource.difference(stored) {
        None => decide_equal(world, stored),
        Some(change) => decide_different(resource, world, stored, change),
    }
}

/// The declared thing does not exist.
fn decide_missing<K: Kind>(resource: &K, database: &str) -> Step {
    let (noun, name) = (K::NOUN, resource.external_id());
    let was_there = resource
        .status()
        .is_some_and(|it| it.synced_generation.is_some());
    if K::KEEPS_DELETED && was_there && resource.new_recreation().is_none() {
        let annotation = spice_crds::annotation::RECREATE;
        return Step::Refuse {
            reason: reason::EXTERNALLY_DELETED,
            message: format!(
                "{noun} {name} was deleted in the api; delete this object, or set the annotation {annotation} to a new value to create the {noun} again, empty"
            ),
        };
    }
    if resource.reports_drift() && resource.was_synced() {
        return Step::Report(format!("{noun} {name} was deleted in the api"));
    }
    let body = Some(resource.creation(database));
    let command = command(resource, database, Verb::Create, None, body);
    Step::Send(Box::new(command))
}

/// The api has the declared state.
fn decide_equal(world: &World, stored: &Stored) -> Step {
    match &world.command {
        Some(Progress::Failed(message)) => Step::Stall {
            reason: reason::COMMAND_FAILED,
            message: message.clone(),
        },
        Some(Progress::Parked(handlers)) => Step::Stall {
            reason: reason::PROJECTION_FAILED,
            message: format!(
                "the change is parked by {}; find the cause with `spice dead-letters list`, then retry or discard it",
                handlers.join(" and ")
            ),
        },
        Some(Progress::Pending) => Step::Await,
        _ if world.found.is_late() => Step::Await,
        _ => Step::Settle(stored.clone()),
    }
}

/// The api has another state. A pending command of an earlier generation does not block a newer one.
fn decide_different<K: Kind>(resource: &K, world: &World, stored: &Stored, change: Fields) -> Step {
    if resource.reports_drift() && resource.was_synced() {
        let keys: Vec<&str> = change.keys().map(String::as_str).collect();
        return Step::Report(format!(
            "{} {} was changed in the api: {}",
            K::NOUN,
            resource.external_id(),
            keys.join(", ")
        ));
    }
    let database = world.database.as_deref().unwrap_or_default();
    let body = Some(change.into());
    let command = command(resource, database, Verb::Update, Some(stored), body);
    Step::Send(Box::new(command))
}

/// The object is being deleted under the policy `Delete`. A thing that another object declares is
/// left to that object.
fn decide_deletion<K: Kind>(resource: &K, world: &World) -> Step {
    if world.around.rival.is_some() || world.around.heir.is_some() {
        return Step::Release;
    }
    let Some(database) = &world.database else {
        return Step::Release;
    };
    let Some(stored) = &world.found.stored else {
        return Step::Release;
    };
    let deleting = resource
        .status()
        .and_then(|status| status.command.as_ref())
        .is_some_and(|record| record.verb == Verb::Delete.as_str());
    if deleting && world.command == Some(Progress::Pending) {
        return Step::Await;
    }
    Step::Send(Box::new(command(
        resource,
        database,
        Verb::Delete,
        Some(stored),
        None,
    )))
}
