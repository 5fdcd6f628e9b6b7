//! Applies declarations without Kubernetes: the same steps as the operator's, over YAML files.

mod order;

use std::time::Duration;

use spice_crds::{Condition, ConditionStatus, ResourceStatus};
use tokio::time::Instant;

use crate::{
    backoff::delay,
    client::{Api, Verb},
    condition::{find, kind, reason},
    declared::{AnyResource, Databases, Declared, database_of, databases, place_of},
    gather::Surroundings,
    kind::Kind,
    observe::Next,
    reconcile::reconcile,
};

/// The longest time for one declaration.
const PATIENCE: Duration = Duration::from_mins(1);

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

/// Applies `documents` in the order of their dependencies: databases, the classes of main,
/// branches, the classes of branches. A second run over the same documents writes nothing.
pub async fn apply_documents<A: Api>(api: &A, documents: Vec<Declared>) -> ApplyReport {
    let mut waiting = documents;
    let databases = databases(&waiting);
    let turns = order::turns(&waiting, &databases);
    waiting.sort_by_key(|declared| {
        let turn = match &declared.resource {
            AnyResource::Ontology(class) => turns.get(&place_of(class, &databases)).copied(),
            _ => None,
        };
        (rank(&declared.resource), turn)
    });
    let mut report = ApplyReport::default();
    while !waiting.is_empty() {
        let before = waiting.len();
        let mut held = Vec::new();
        for declared in std::mem::take(&mut waiting) {
            let applied = apply(api, &declared.resource, &databases).await;
            if matches!(applied, Applied::Waiting(_)) {
                held.push((declared, applied));
            } else {
                report.entries.push(entry(&declared, applied));
            }
        }
        if held.len() == before {
            let last = held
                .into_iter()
                .map(|(declared, applied)| entry(&declared, applied));
            report.entries.extend(last);
            break;
        }
        waiting = held.into_iter().map(|(declared, _)| declared).collect();
    }
    report
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

fn rank(resource: &AnyResource) -> u8 {
    match resource {
        AnyResource::Database(_) => 0,
        AnyResource::Ontology(ontology) if ontology.spec.branch_name() == "main" => 1,
        AnyResource::Branch(_) => 2,
        AnyResource::Ontology(_) => 3,
    }
}

async fn apply<A: Api>(api: &A, resource: &AnyResource, databases: &Databases) -> Applied {
    match resource {
        AnyResource::Database(database) => apply_one(api, &**database, databases).await,
        AnyResource::Ontology(ontology) => apply_one(api, &**ontology, databases).await,
        AnyResource::Branch(branch) => apply_one(api, &**branch, databases).await,
    }
}

async fn apply_one<K: Kind, A: Api>(api: &A, declared: &K, databases: &Databases) -> Applied {
    let around = Surroundings {
        database: database_of(declared, databases),
        ..Surroundings::default()
    };
    let mut resource = declared.clone();
    let deadline = Instant::now() + PATIENCE;
    let mut verb = None;
    let mut attempt = 0_u32;
    loop {
        let outcome = reconcile(api, &resource, &around, NO_TIME).await;
        verb = verb.or(outcome.sent);
        resource.set_status(outcome.status.clone());
        let result = result(&outcome.status, verb);
        let again = match outcome.next {
            Next::Now | Next::Soon => !is_about(&outcome.status, reason::REF_NOT_FOUND),
            Next::Retry => is_about(&outcome.status, reason::API_UNAVAILABLE),
            Next::Resync | Next::Release => false,
        };
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
        },
    }
}

#[cfg(test)]
mod tests;
