//! Differences and conflicts in answers (contract §2, §3). Values keep the text that was written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spice_core::{
    id::{AggregateId, LogPosition},
    json::Json,
    merge::{ChangeKind, Conflict, Difference},
    name::{BranchName, ClassName, InstanceId},
};

use crate::{
    http::answer::Success,
    writer::{Diff, Summary},
};

/// One aggregate that differs.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ChangedAggregate<'a> {
    aggregate_id: String,
    class_id: Option<&'a ClassName>,
    /// Missing for a class.
    #[serde(skip_serializing_if = "Option::is_none")]
    instance_id: Option<&'a InstanceId>,
    change: ChangeKind,
    /// The properties that differ, if it was modified.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    #[schemars(with = "Option<Vec<String>>")]
    properties: &'a [String],
    /// The whole state before; missing if it was added.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<&'a Json>,
    /// The whole state after; missing if it was deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<&'a Json>,
}

/// One aggregate that differs, in a receipt.
#[derive(Deserialize)]
pub(super) struct ReceiptChange {
    aggregate_id: String,
    class_id: Option<ClassName>,
    instance_id: Option<InstanceId>,
    change: ChangeKind,
}

/// A conflict.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Undecided<'a> {
    /// The aggregate on the target branch.
    aggregate_id: String,
    /// The property; missing if the whole aggregate conflicts.
    #[serde(skip_serializing_if = "Option::is_none")]
    property: Option<&'a str>,
    /// Its path in resolutions of the earlier form: `aggregate_id/property`.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// The broken rule of the ontology, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'a str>,
    /// The common base.
    #[schemars(required)]
    base: Option<&'a Json>,
    /// The source's state (`theirs`).
    #[schemars(required)]
    source: Option<&'a Json>,
    /// The target's state (`ours`).
    #[schemars(required)]
    target: Option<&'a Json>,
    message: &'a str,
}

/// `{from, to, base_position, changes, summary}`
#[derive(Serialize, JsonSchema)]
pub(crate) struct DiffAnswer<'a> {
    status: Success,
    /// The branch that is compared with.
    from: &'a BranchName,
    /// The branch with the changes.
    to: &'a BranchName,
    /// The last common position of the two.
    base_position: LogPosition,
    /// The position at which both are read.
    position: LogPosition,
    changes: Vec<ChangedAggregate<'a>>,
    /// The counts of all changes, not only of this page.
    summary: Summary,
    /// The next page's `cursor`, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

impl<'a> DiffAnswer<'a> {
    pub(crate) fn new(diff: &'a Diff, cursor: Option<String>) -> Self {
        Self {
            status: Success::Success,
            from: &diff.from,
            to: &diff.to,
            base_position: diff.base_position,
            position: diff.position,
            changes: changes(&diff.changes),
            summary: diff.summary,
            cursor,
        }
    }
}

pub(crate) fn changes(differences: &[Difference]) -> Vec<ChangedAggregate<'_>> {
    differences.iter().map(ChangedAggregate::of).collect()
}

pub(crate) fn undecided(conflicts: &[Conflict]) -> Vec<Undecided<'_>> {
    conflicts
        .iter()
        .map(|conflict| Undecided {
            aggregate_id: conflict.aggregate.to_string(),
            property: conflict.property.as_deref(),
            path: conflict.path(),
            rule: conflict.rule.as_deref(),
            base: conflict.base.as_ref(),
            source: conflict.source.as_ref(),
            target: conflict.target.as_ref(),
            message: &conflict.message,
        })
        .collect()
}

impl<'a> ChangedAggregate<'a> {
    fn of(difference: &'a Difference) -> Self {
        let (class_id, instance_id) = match &difference.aggregate {
            AggregateId::OntologyClass(_, _, class) => (Some(class), None),
            AggregateId::Instance(_, _, class, id) => (Some(class), Some(id)),
            AggregateId::Database(_) | AggregateId::Branch(..) => (None, None),
        };
        Self {
            aggregate_id: difference.aggregate.to_string(),
            class_id,
            instance_id,
            change: difference.change,
            properties: &difference.properties,
            before: difference.before.as_ref(),
            after: difference.after.as_ref(),
        }
    }
}

impl ReceiptChange {
    pub(super) fn show(&self) -> ChangedAggregate<'_> {
        ChangedAggregate {
            aggregate_id: self.aggregate_id.clone(),
            class_id: self.class_id.as_ref(),
            instance_id: self.instance_id.as_ref(),
            change: self.change,
            properties: &[],
            before: None,
            after: None,
        }
    }
}
