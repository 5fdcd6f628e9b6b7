//! Comparing two states of an aggregate, and three-way merging of states. Pure; the decisions on
//! top of it are in [`crate::decide`].

use serde::{Deserialize, Serialize};

use crate::{id::AggregateId, json::Json};

/// What became of an aggregate between two states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// It is there only after.
    Added,
    /// It differs.
    Modified,
    /// It is there only before.
    Deleted,
}

/// One aggregate that differs between two states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The aggregate, on the branch whose state is the later one.
    pub aggregate: AggregateId,
    /// What became of it.
    pub change: ChangeKind,
    /// The properties that differ, sorted; of a class its fields, and `properties.<name>` or
    /// `relationships.<predicate>` for its members. Empty unless it was modified.
    pub properties: Vec<String>,
    /// The whole state before; none when it was not there.
    pub before: Option<Json>,
    /// The whole state after; none when it is deleted.
    pub after: Option<Json>,
}

/// What a merge cannot decide by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The aggregate, on the branch merged into.
    pub aggregate: AggregateId,
    /// The property; none when the aggregate as a whole is in question (a delete against a change).
    pub property: Option<String>,
    /// The rule of the ontology that the merged state breaks; none when both sides changed the same.
    pub rule: Option<String>,
    /// What both had in common; none: it was not there.
    pub base: Option<Json>,
    /// What the source has; none: it is not there, or not any more.
    pub source: Option<Json>,
    /// What the branch merged into has; none: it is not there, or not any more.
    pub target: Option<Json>,
    /// A sentence for the person who reads it.
    pub message: String,
}
