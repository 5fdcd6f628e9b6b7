//! Instance documents in answers (contract §8), with values as they were written.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use spice_core::{
    decide::Receipt,
    id::{EventId, LogPosition, Sequence},
    json::Json,
    name::{BranchName, ClassName, DatabaseName},
    ontology::Class,
    port::graph::{Entity, State},
    time::Timestamp,
};

/// An instance document of contract §8. `branch` is the branch of the read, whichever layer the
/// value comes from.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct InstanceDocument<'a> {
    instance_id: &'a str,
    class_id: &'a ClassName,
    /// In the requested language.
    #[serde(skip_serializing_if = "Option::is_none")]
    class_label: Option<&'a str>,
    /// Its values, as they were written.
    #[schemars(with = "Map<String, Value>")]
    data: &'a Json,
    event_id: EventId,
    /// The `expected_seq` of the next write.
    event_sequence: Sequence,
    event_timestamp: Timestamp,
    version: Sequence,
    db_name: &'a DatabaseName,
    branch: &'a BranchName,
    position: LogPosition,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// What an answer shows: the common parts of all its instance documents.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[schemars(rename = "NetworkMetadata")]
pub(crate) struct Frame<'a> {
    pub(crate) database: &'a DatabaseName,
    pub(crate) branch: &'a BranchName,
    pub(crate) language: Option<&'a str>,
}

impl<'a> Frame<'a> {
    /// The document of a live instance; none for a deleted one and for a class.
    pub(crate) fn instance(
        &self,
        state: &'a State,
        class: Option<&'a Class>,
    ) -> Option<InstanceDocument<'a>> {
        let Entity::Instance(instance) = &state.entity else {
            return None;
        };
        Some(InstanceDocument {
            instance_id: instance.id.as_str(),
            class_id: &instance.class,
            class_label: class.map(|class| class.label(self.language)),
            data: state.data.as_ref()?,
            event_id: state.event_id,
            event_sequence: state.sequence,
            event_timestamp: state.occurred_at,
            version: state.sequence,
            db_name: self.database,
            branch: self.branch,
            position: state.position,
            created_at: state.created_at,
            updated_at: state.occurred_at,
        })
    }
}

/// The name of a command in an answer: `CREATE_INSTANCE`.
pub(crate) fn command_type(receipt: &Receipt) -> &'static str {
    receipt.event_type.command_type().unwrap_or_default()
}
