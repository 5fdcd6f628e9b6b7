//! Differences in answers (contract §2, §3). Values keep the text that was written.

use schemars::JsonSchema;
use serde::Serialize;
use spice_core::{
    id::AggregateId,
    json::Json,
    merge::{ChangeKind, Difference},
    name::{ClassName, InstanceId},
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

impl<'a> ChangedAggregate<'a> {
    pub(super) fn of(difference: &'a Difference) -> Self {
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
