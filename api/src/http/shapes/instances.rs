//! Answers about instances and classes.

use schemars::JsonSchema;

use super::{Identifier, Moment, Values};

/// A page of instances.
#[derive(JsonSchema)]
pub(crate) struct InstancePage {
    pub(crate) class_id: String,
    pub(crate) total: u64,
    pub(crate) limit: u64,
    pub(crate) offset: u64,
    pub(crate) search: Option<String>,
    pub(crate) instances: Vec<InstanceDocument>,
    /// Where the next page begins, if there is one.
    pub(crate) cursor: Option<String>,
}

/// `{status, data}`
#[derive(JsonSchema)]
pub(crate) struct OneInstance {
    /// `success`
    pub(crate) status: String,
    pub(crate) data: InstanceDocument,
}

/// `{status, class_id, count}`
#[derive(JsonSchema)]
pub(crate) struct InstanceCount {
    /// `success`
    pub(crate) status: String,
    pub(crate) class_id: String,
    pub(crate) count: u64,
}

/// An instance as documents have it.
#[derive(JsonSchema)]
pub(crate) struct InstanceDocument {
    pub(crate) instance_id: String,
    pub(crate) class_id: String,
    /// In the language that was asked for.
    pub(crate) class_label: Option<String>,
    /// Its values, as they were written.
    pub(crate) data: Values,
    pub(crate) event_id: Identifier,
    /// What the next write passes as `expected_seq`.
    pub(crate) event_sequence: u64,
    pub(crate) event_timestamp: Moment,
    pub(crate) version: u64,
    pub(crate) db_name: String,
    pub(crate) branch: String,
    pub(crate) position: u64,
    pub(crate) created_at: Moment,
    pub(crate) updated_at: Moment,
}

/// A page of classes.
#[derive(JsonSchema)]
pub(crate) struct ClassPage {
    pub(crate) total: u64,
    pub(crate) ontologies: Vec<ClassRecord>,
    pub(crate) offset: u64,
    pub(crate) limit: u64,
    pub(crate) branch: String,
}

/// A class as it was written, then what the log says of it.
#[derive(JsonSchema)]
pub(crate) struct ClassRecord {
    #[schemars(flatten)]
    pub(crate) definition: Values,
    pub(crate) event_id: Identifier,
    /// What the next write passes as `expected_seq`.
    pub(crate) event_sequence: u64,
    pub(crate) version: u64,
    pub(crate) position: u64,
    pub(crate) created_at: Moment,
    pub(crate) updated_at: Moment,
    pub(crate) db_name: String,
    pub(crate) branch: String,
}
