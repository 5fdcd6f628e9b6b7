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
    port::{
        documents::Document,
        graph::{Entity, Version},
    },
    time::Timestamp,
};

use crate::read::list::Item;

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

/// The common parts of all instance documents in one answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) database: &'a DatabaseName,
    pub(crate) branch: &'a BranchName,
    pub(crate) language: Option<&'a str>,
}

impl<'a> Frame<'a> {
    /// The document of a live instance from any store; none for a deleted one.
    pub(crate) fn item(
        &self,
        item: &'a Item,
        class: Option<&'a Class>,
    ) -> Option<InstanceDocument<'a>> {
        match item {
            Item::Document(document) => self.document(document, class),
            Item::Version(version) => self.version(version, class),
        }
    }

    /// The document of a live instance; none for a tombstone or a class.
    pub(crate) fn document(
        &self,
        document: &'a Document,
        class: Option<&'a Class>,
    ) -> Option<InstanceDocument<'a>> {
        let Entity::Instance(instance) = &document.entity else {
            return None;
        };
        Some(InstanceDocument {
            instance_id: instance.id.as_str(),
            class_id: &instance.class,
            class_label: class.map(|class| class.label(self.language)),
            data: document.data.as_ref()?,
            event_id: document.event_id,
            event_sequence: document.sequence,
            event_timestamp: document.occurred_at,
            version: document.sequence,
            db_name: self.database,
            branch: self.branch,
            position: document.position,
            created_at: document.created_at,
            updated_at: document.occurred_at,
        })
    }

    /// The document of a graph version.
    pub(crate) fn version(
        &self,
        version: &'a Version,
        class: Option<&'a Class>,
    ) -> Option<InstanceDocument<'a>> {
        let Entity::Instance(instance) = &version.entity else {
            return None;
        };
        Some(InstanceDocument {
            instance_id: instance.id.as_str(),
            class_id: &instance.class,
            class_label: class.map(|class| class.label(self.language)),
            data: version.data.as_ref()?,
            event_id: version.event_id,
            event_sequence: version.sequence,
            event_timestamp: version.occurred_at,
            version: version.sequence,
            db_name: self.database,
            branch: self.branch,
            position: version.position,
            created_at: version.created_at,
            updated_at: version.occurred_at,
        })
    }
}

/// The name of a command in an answer: `CREATE_INSTANCE`.
pub(crate) fn command_type(receipt: &Receipt) -> &'static str {
    receipt.event_type.command_type().unwrap_or_default()
}
