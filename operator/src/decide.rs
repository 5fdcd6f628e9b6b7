//! Second step: what to do. Pure.

use spice_crds::DeletionPolicy;

use crate::{
    client::{Command, Progress, Stored, Verb},
    condition::reason,
    gather::World,
    kind::{Kind, command},
};

/// In which way an object is looked after; chosen once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Made so.
    Normal,
    /// Left alone.
    Suspended,
    /// Taken down.
    Deleting(DeletionPolicy),
}

/// What to do with an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// In which way it is looked after.
    pub mode: Mode,
    /// What to do.
    pub step: Step,
}

/// The one thing to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Nothing: it is suspended.
    Rest,
    /// Nothing: the spec breaks rules.
    Refuse {
        /// One of [`reason`].
        reason: &'static str,
        /// Which, in words.
        message: String,
    },
    /// Nothing yet: something else has to be there first.
    Wait(String),
    /// Nothing yet: the last command is on its way.
    Await,
    /// Nothing: what is declared is in force.
    Settle(Stored),
    /// Nothing: it is not what is declared, and the policy is to say so.
    Report(String),
    /// Send it.
    Send(Box<Command>),
    /// The object may go.
    Release,
}

impl Mode {
    /// How `resource` is to be looked after.
    pub fn of<K: Kind>(resource: &K) -> Self {
        if resource.meta().deletion_timestamp.is_some() {
            let policy = resource.deletion_policy();
            let forced = resource.force_release();
            Self::Deleting(if forced {
                DeletionPolicy::Retain
            } else {
                policy
            })
        } else if resource.suspended() {
            Self::Suspended
        } else {
            Self::Normal
        }
    }

    /// Whether the decision needs to know what the api has.
    pub fn needs_world(self) -> bool {
        matches!(self, Self::Normal | Self::Deleting(DeletionPolicy::Delete))
    }
}

/// Decides.
pub fn decide<K: Kind>(resource: &K, world: &World) -> Plan {
    let mode = Mode::of(resource);
    let step = match mode {
        Mode::Suspended => Step::Rest,
        Mode::Deleting(DeletionPolicy::Retain) => Step::Release,
        Mode::Deleting(DeletionPolicy::Delete) => take_down(resource, world),
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
    if let Some(rival) = &world.rival {
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
    match &world.command {
        Some(Progress::Pending) => return Step::Await,
        Some(Progress::Failed(message)) if !is_new(resource) => {
            return Step::Refuse {
                reason: reason::COMMAND_FAILED,
                message: message.clone(),
            };
        }
        _ => {}
    }
    let stored = world.found.stored.as_ref();
    if let Some(message) = stored.and_then(|stored| resource.immutable_difference(stored)) {
        return Step::Refuse {
            reason: reason::IMMUTABLE,
            message,
        };
    }
    let report = resource.reports_drift() && resource.was_synced();
    let noun = K::NOUN;
    let name = resource.external_id();
    match stored {
        None if report => Step::Report(format!("{noun} {name} was deleted in the api")),
        None => {
            let body = resource.creation(database);
            Step::Send(Box::new(command(
                resource,
                database,
                Verb::Create,
                None,
                Some(body),
            )))
        }
        Some(stored) => match resource.difference(stored) {
            None if world.found.is_late() => Step::Await,
            None => Step::Settle(stored.clone()),
            Some(change) if report => {
                let keys: Vec<&str> = change.keys().map(String::as_str).collect();
                Step::Report(format!(
                    "{noun} {name} was changed in the api: {}",
                    keys.join(", ")
                ))
            }
            Some(change) => {
                let body = Some(change.into());
                Step::Send(Box::new(command(
                    resource,
                    database,
                    Verb::Update,
                    Some(stored),
                    body,
                )))
            }
        },
    }
}

/// What another object declares, too, is not this one's to delete.
fn take_down<K: Kind>(resource: &K, world: &World) -> Step {
    if world.rival.is_some() {
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

/// Whether the spec has changed since the last status.
fn is_new<K: Kind>(resource: &K) -> bool {
    resource
        .status()
        .and_then(|status| status.observed_generation)
        != resource.meta().generation
}
