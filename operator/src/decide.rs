//! Second step: what to do. Pure. What a declaration changes is decided by the api, in the same
//! step as the change itself.

use spice_crds::{DatabaseRef, DeletionPolicy, DriftPolicy, ManagementPolicy, annotation};

use crate::{
    client::{Claim, Command, Declaration, Deletion, HandOver, Owner, Progress},
    condition::reason,
    gather::{Reference, Surroundings, World},
    kind::Kind,
};

/// How an object is treated. It is chosen once per pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The declaration is applied.
    Normal,
    /// The declaration is compared with the api.
    Observing,
    /// Nothing is done.
    Suspended,
    /// The object is being deleted; whether the declared thing is deleted with it.
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
    /// Nothing: a person must retry or discard the last command.
    Stall {
        /// One of [`reason`].
        reason: &'static str,
        /// The reason in words.
        message: String,
    },
    /// Send these commands, one after the other.
    Send {
        /// The database.
        database: String,
        /// The commands. The last one is what the pass is about.
        commands: Vec<Command>,
    },
    /// The object may be deleted.
    Release,
}

impl Mode {
    /// How to treat `resource`. A suspended object deletes nothing, and the namespace of an object
    /// that cannot be deleted in time ends without deleting the declared thing.
    pub fn of<K: Kind>(resource: &K, around: &Surroundings) -> Self {
        let policies = resource.policies();
        let observes = policies.management == ManagementPolicy::Observe;
        let reports = policies.drift == DriftPolicy::Report && resource.was_synced();
        if resource.meta().deletion_timestamp.is_some() {
            let must_release = resource.force_release()
                || policies.is_suspended
                || observes
                || (around.namespace_ends && around.is_overdue);
            Self::Deleting(if must_release {
                DeletionPolicy::Retain
            } else {
                policies.deletion
            })
        } else if policies.is_suspended {
            Self::Suspended
        } else if observes || reports {
            Self::Observing
        } else {
            Self::Normal
        }
    }

    /// Whether the decision depends on the state in the api.
    pub fn needs_world(self) -> bool {
        !matches!(
            self,
            Self::Suspended | Self::Deleting(DeletionPolicy::Retain)
        )
    }
}

/// Decides what to do.
pub fn decide<K: Kind>(resource: &K, mode: Mode, world: &World) -> Plan {
    let step = match mode {
        Mode::Suspended => Step::Rest,
        Mode::Deleting(DeletionPolicy::Retain) => Step::Release,
        Mode::Deleting(DeletionPolicy::Delete) => decide_deletion(resource, world),
        Mode::Normal | Mode::Observing => decide_declaration(resource, mode, world),
    };
    Plan { mode, step }
}

fn decide_declaration<K: Kind>(resource: &K, mode: Mode, world: &World) -> Step {
    let problems = resource.problems();
    if !problems.is_empty() {
        return Step::Refuse {
            reason: reason::INVALID_SPEC,
            message: problems.join("; "),
        };
    }
    let Some(database) = world.database.clone() else {
        return missing_database(resource, world);
    };
    let is_database = resource.database_ref().is_none();
    if !world.known.exists && !is_database {
        return Step::Wait(format!("waits for database {database}"));
    }
    let is_lost = is_database && !world.known.exists && resource.was_applied();
    let recreates = resource.policies().recreates || resource.new_recreation().is_some();
    if is_lost && !recreates {
        return Step::Refuse {
            reason: reason::EXTERNALLY_DELETED,
            message: lost_message(resource),
        };
    }
    if let Some(step) = stall(world, resource.was_synced()) {
        return step;
    }
    let over = (is_database && !world.known.exists).then_some(world.known.over);
    let policies = resource.policies();
    let declaration = Declaration {
        claim: claim(resource, &world.around),
        adopt: policies.adopt,
        recreate: recreates,
        change_policy: policies.change,
        approve: resource.annotation(annotation::APPROVE).map(str::to_owned),
        dry_run: mode == Mode::Observing,
        subject: resource.subject(over),
    };
    Step::Send {
        database,
        commands: vec![Command::Declare(Box::new(declaration))],
    }
}

fn missing_database<K: Kind>(resource: &K, world: &World) -> Step {
    let own = resource.object_namespace();
    match resource.database_ref() {
        Some(reference) if world.around.database == Reference::Forbidden => Step::Refuse {
            reason: reason::REF_NOT_ALLOWED,
            message: forbidden_message(reference, own),
        },
        Some(reference) => Step::Wait(absent_message(reference, own)),
        None => Step::Wait("waits for the database".to_owned()),
    }
}

/// Why an object of the namespace `own` must not refer to a Database.
pub(crate) fn forbidden_message(reference: &DatabaseRef, own: &str) -> String {
    let namespace = reference.namespace.as_deref().unwrap_or(own);
    let name = &reference.name;
    format!(
        "Database {namespace}/{name} does not allow references from namespace {own}; add it to spec.allowedNamespaces of the Database"
    )
}

/// What an object of the namespace `own` waits for, if the Database does not exist.
pub(crate) fn absent_message(reference: &DatabaseRef, own: &str) -> String {
    let name = &reference.name;
    let other = reference.namespace.as_deref().filter(|it| *it != own);
    let place = other.map_or_else(|| name.clone(), |other| format!("{other}/{name}"));
    format!("waits for Database {place}")
}

/// Why a thing that was deleted by somebody else stays deleted.
pub fn lost_message<K: Kind>(resource: &K) -> String {
    let (noun, name) = (K::NOUN, resource.external_id());
    let annotation = annotation::RECREATE;
    format!(
        "{noun} {name} was deleted in the api; delete this object, or set the annotation {annotation} to a new value to create the {noun} again, empty"
    )
}

/// The last command of this generation waits for a person. A newer generation does not wait.
fn stall(world: &World, is_newest: bool) -> Option<Step> {
    match world.command.as_ref().filter(|_| is_newest)? {
        Progress::Failed(message) => Some(Step::Stall {
            reason: reason::COMMAND_FAILED,
            message: message.clone(),
        }),
        Progress::Parked(handlers) => Some(Step::Stall {
            reason: reason::PROJECTION_FAILED,
            message: format!(
                "the change is parked by {}; find the cause with `spice dead-letters list`, then retry or discard it",
                handlers.join(" and ")
            ),
        }),
        Progress::Pending | Progress::Completed => None,
    }
}

/// The object is being deleted under the policy `Delete`. What another object declares is handed
/// over to it.
fn decide_deletion<K: Kind>(resource: &K, world: &World) -> Step {
    let (Some(database), Some(claim)) = (world.database.clone(), claim(resource, &world.around))
    else {
        return Step::Release;
    };
    if !world.known.exists {
        return Step::Release;
    }
    let heirs = world.around.heirs.iter().map(|heir| {
        Command::HandOver(Box::new(HandOver {
            claim: claim.clone(),
            to: heir.owner.clone(),
            only: heir.things.clone(),
        }))
    });
    let mut commands: Vec<Command> = heirs.collect();
    commands.push(Command::Delete(Box::new(Deletion {
        claim,
        delete: true,
        change_policy: resource.policies().change,
        approve: resource.annotation(annotation::APPROVE).map(str::to_owned),
    })));
    Step::Send { database, commands }
}

/// Who declares; none without Kubernetes.
pub fn claim<K: Kind>(resource: &K, around: &Surroundings) -> Option<Claim> {
    let cluster = around.cluster.clone()?;
    Some(Claim {
        owner: owner(resource, cluster),
        generation: resource.meta().generation.unwrap_or_default(),
    })
}

/// The object as an owner.
pub fn owner<K: Kind>(resource: &K, cluster: String) -> Owner {
    Owner {
        cluster,
        kind: K::KIND.to_owned(),
        namespace: resource.object_namespace().to_owned(),
        name: resource.object_name().to_owned(),
        uid: resource.meta().uid.clone().unwrap_or_default(),
    }
}
