//! Applies declarations from YAML files with the same steps as the operator. A person claims
//! nothing: the next person who applies owns as much.

use std::{collections::BTreeMap, time::Duration};

use spice_crds::{Condition, ConditionStatus, Database, Plan, ResourceStatus};
use tokio::time::Instant;

use crate::{
    backoff::delay,
    client::{Api, Change, ChangedThing},
    condition::{find, kind, reason},
    declared::{AnyResource, Databases, Declared, database_of, databases},
    gather::{Reference, Surroundings},
    kind::Kind,
    observe::Next,
    reconcile::reconcile,
    surroundings::refer,
};

/// The longest time for one declaration.
const PATIENCE: Duration = Duration::from_mins(1);

/// How a declared thing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Everything in it is new.
    Create,
    /// Something in it existed.
    Update,
}

impl Verb {
    /// `create` or `update`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
        }
    }

    /// What these changes are together; none if there are none.
    fn of(changes: &[ChangedThing]) -> Option<Self> {
        let is_new = changes.iter().all(|thing| thing.change == Change::Added);
        (!changes.is_empty()).then_some(if is_new { Self::Create } else { Self::Update })
    }
}

/// The outcome of one declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// The api already had the declared state.
    Unchanged,
    /// The declaration was applied with this verb.
    Changed(Verb),
    /// It is suspended.
    Suspended,
    /// It waits for a missing thing, or for the projections.
    Waiting(String),
    /// It was refused.
    Failed {
        /// The reason in one word.
        reason: String,
        /// The reason as a sentence.
        message: String,
        /// The change that must be approved, if that is the reason.
        plan: Option<Box<Plan>>,
    },
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// `Database`, `Ontology` or `Branch`.
    pub kind: &'static str,
    /// `metadata.name`.
    pub name: String,
    /// File and document.
    pub source: String,
    /// The outcome.
    pub applied: Applied,
}

/// The outcomes of all declarations, in the order in which they were applied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApplyReport {
    /// One entry per declaration.
    pub entries: Vec<Entry>,
}

impl ApplyReport {
    /// Whether every declaration is applied or suspended.
    pub fn is_complete(&self) -> bool {
        self.entries
            .iter()
            .all(|entry| !matches!(entry.applied, Applied::Waiting(_) | Applied::Failed { .. }))
    }

    /// The number of declarations that were written to the api.
    pub fn changes(&self) -> usize {
        self.entries
            .iter()
            .filter(|entry| matches!(entry.applied, Applied::Changed(_)))
            .count()
    }
}

/// In whose name declarations are applied.
#[derive(Debug, Clone, Default)]
pub struct Declarer {
    /// The id of the cluster whose objects the declarations are; none: they are a person's.
    pub cluster: Option<String>,
    /// The cluster's Database objects.
    pub databases: Vec<Database>,
}

/// Applies `documents` in a person's name, like [`apply_documents_of`].
pub async fn apply_documents<A: Api>(api: &A, documents: Vec<Declared>) -> ApplyReport {
    apply_documents_of(api, documents, &Declarer::default()).await
}

/// Applies `documents` in the order of their dependencies. What waits for another declaration is
/// tried again after it. A second run over the same documents writes nothing.
pub async fn apply_documents_of<A: Api>(
    api: &A,
    documents: Vec<Declared>,
    declarer: &Declarer,
) -> ApplyReport {
    let databases = databases(&documents);
    let parents = parents(&documents, &databases);
    let mut ranks: BTreeMap<usize, Vec<Declared>> = BTreeMap::new();
    for declared in documents {
        let rank = rank(&declared.resource, &databases, &parents);
        ranks.entry(rank).or_default().push(declared);
    }
    let mut report = ApplyReport::default();
    let around = Around {
        declarer,
        databases: &databases,
    };
    for waiting in ranks.into_values() {
        // A branch starts with what its parent has: the classes of the parent come first.
        apply_rank(api, waiting, around, &mut report).await;
    }
    report
}

/// What is known besides the declaration that is applied.
#[derive(Clone, Copy)]
struct Around<'a> {
    declarer: &'a Declarer,
    /// The databases of the other declarations.
    databases: &'a Databases,
}

impl Around<'_> {
    /// The surroundings of an object in a cluster, or of a person's declaration.
    fn of<K: Kind>(self, resource: &K) -> Surroundings {
        let cluster = self.declarer.cluster.clone();
        let database = if cluster.is_some() {
            let referred = resource.database_ref().and_then(|it| {
                let place = (Some(&*it.name), Some(resource.database_namespace()));
                let is = |found: &&Database| {
                    let meta = &found.metadata;
                    (meta.name.as_deref(), meta.namespace.as_deref()) == place
                };
                self.declarer.databases.iter().find(is)
            });
            refer(resource, referred)
        } else {
            database_of(resource, self.databases).map_or(Reference::Missing, Reference::Found)
        };
        Surroundings {
            database,
            cluster,
            ..Surroundings::default()
        }
    }
}

/// Applies declarations, and again what waits for another one of them.
async fn apply_rank<A: Api>(
    api: &A,
    mut waiting: Vec<Declared>,
    around: Around<'_>,
    report: &mut ApplyReport,
) {
    loop {
        let before = waiting.len();
        let mut held = Vec::new();
        for declared in std::mem::take(&mut waiting) {
            let applied = apply(api, &declared.resource, around).await;
            let entry = entry(&declared, applied);
            if matches!(entry.applied, Applied::Waiting(_)) {
                held.push((declared, entry));
            } else {
                report.entries.push(entry);
            }
        }
        if held.is_empty() || held.len() == before {
            let last = held.into_iter().map(|(_, entry)| entry);
            report.entries.extend(last);
            return;
        }
        waiting = held.into_iter().map(|(declared, _)| declared).collect();
    }
}

fn entry(declared: &Declared, applied: Applied) -> Entry {
    let (kind, _, name) = declared.resource.identity();
    Entry {
        kind,
        name,
        source: declared.source.clone(),
        applied,
    }
}

/// The declared parents of branches, by database and branch.
type Parents = BTreeMap<(String, String), String>;

fn parents(documents: &[Declared], databases: &Databases) -> Parents {
    let branches = documents.iter().filter_map(|declared| {
        let AnyResource::Branch(branch) = &declared.resource else {
            return None;
        };
        let database = database_of(&**branch, databases)?;
        Some((
            (database, branch.branch_name()),
            branch.spec.parent().to_owned(),
        ))
    });
    branches.collect()
}

/// The place of a declaration in the order: a database, the classes of main, branches from main,
/// their classes, branches from those.
fn rank(resource: &AnyResource, databases: &Databases, parents: &Parents) -> usize {
    let depth = |database: Option<String>, branch: &str| {
        let database = database.unwrap_or_default();
        let mut branch = branch.to_owned();
        for depth in 0..parents.len() {
            let Some(parent) = parents.get(&(database.clone(), branch.clone())) else {
                return depth;
            };
            branch.clone_from(parent);
        }
        parents.len()
    };
    match resource {
        AnyResource::Database(_) => 0,
        AnyResource::Ontology(ontology) => {
            let database = database_of(&**ontology, databases);
            2 * depth(database, ontology.spec.branch_name()) + 1
        }
        AnyResource::Branch(branch) => {
            let database = database_of(&**branch, databases);
            2 * depth(database, &branch.branch_name())
        }
    }
}

async fn apply<A: Api>(api: &A, resource: &AnyResource, around: Around<'_>) -> Applied {
    match resource {
        AnyResource::Database(database) => apply_one(api, &**database, around).await,
        AnyResource::Ontology(ontology) => apply_one(api, &**ontology, around).await,
        AnyResource::Branch(branch) => apply_one(api, &**branch, around).await,
    }
}

async fn apply_one<K: Kind, A: Api>(api: &A, declared: &K, around: Around<'_>) -> Applied {
    let around = around.of(declared);
    let mut resource = declared.clone();
    let deadline = Instant::now() + PATIENCE;
    let mut verb = None;
    let mut attempt = 0_u32;
    loop {
        let outcome = reconcile(api, &resource, &around, NO_TIME).await;
        verb = verb.or_else(|| Verb::of(&outcome.changes));
        let Some(status) = outcome.status else {
            return Applied::Waiting("another person is applying it".into());
        };
        let result = result(&status, verb);
        let again = match outcome.next {
            Next::Soon => !is_about(&status, reason::REF_NOT_FOUND),
            Next::Retry => is_about(&status, reason::API_UNAVAILABLE),
            Next::Resync | Next::Release => false,
        };
        resource.set_status(status);
        if !again || Instant::now() >= deadline {
            return result;
        }
        let pause = delay(outcome.next, attempt, PATIENCE, 0.5).min(Duration::from_secs(2));
        tokio::time::sleep(pause).await;
        attempt = attempt.saturating_add(1);
    }
}

/// Without Kubernetes no object has conditions that a person would read.
const NO_TIME: &str = "1970-01-01T00:00:00Z";

/// The condition that says how far the declaration is: `Ready`, but `Synced` if the pass learned
/// nothing about the rest.
fn deciding(status: &ResourceStatus) -> Option<&Condition> {
    let find = |kind| find(&status.conditions, kind);
    find(kind::SYNCED)
        .filter(|synced| synced.status == ConditionStatus::Unknown)
        .or_else(|| find(kind::READY))
}

fn is_about(status: &ResourceStatus, reason: &str) -> bool {
    deciding(status).is_some_and(|condition| condition.reason == reason)
}

fn result(status: &ResourceStatus, verb: Option<Verb>) -> Applied {
    let Some(condition) = deciding(status) else {
        return Applied::Waiting("no result yet".into());
    };
    if condition.status == ConditionStatus::True {
        return verb.map_or(Applied::Unchanged, Applied::Changed);
    }
    let message = condition.message.clone();
    match condition.reason.as_str() {
        reason::SUSPENDED => Applied::Suspended,
        reason::REF_NOT_FOUND | reason::LAGGING => Applied::Waiting(message),
        other => Applied::Failed {
            reason: other.to_owned(),
            message,
            plan: status.plan.clone().map(Box::new),
        },
    }
}

#[cfg(test)]
mod tests;
