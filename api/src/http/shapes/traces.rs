//! Answers about how an instance came to be, and about the values that occur.

use schemars::JsonSchema;

use super::{Anything, Identifier, Moment, Values};

/// A page of an instance's versions, newest first.
#[derive(JsonSchema)]
pub(crate) struct InstanceHistory {
    pub(crate) class_id: String,
    pub(crate) instance_id: String,
    pub(crate) branch: String,
    pub(crate) limit: u64,
    pub(crate) versions: Vec<InstanceChange>,
    /// Where the next page begins, if there is one.
    pub(crate) cursor: Option<String>,
}

/// One version of an instance, against the one before.
#[derive(JsonSchema)]
pub(crate) struct InstanceChange {
    pub(crate) position: u64,
    pub(crate) sequence: u64,
    pub(crate) event_id: Identifier,
    pub(crate) event_type: Option<String>,
    pub(crate) command_id: Option<Identifier>,
    pub(crate) command_type: Option<String>,
    pub(crate) occurred_at: Moment,
    pub(crate) actor: Option<String>,
    /// The branch that it was written on.
    pub(crate) branch: Option<String>,
    /// The whole state; null when it was deleted.
    pub(crate) data: Option<Values>,
    /// The properties that are not what they were.
    pub(crate) changed_properties: Vec<String>,
}

/// Values that occur in a sample of a class.
#[derive(JsonSchema)]
pub(crate) struct SampleValues {
    pub(crate) class_id: String,
    pub(crate) branch: String,
    /// How many instances were looked at: the first ones by id.
    pub(crate) sampled: u64,
    /// Whether these are all there are.
    pub(crate) complete: bool,
    /// How many are looked at most.
    pub(crate) sample_limit: u64,
    /// How many additional properties the sample has besides those listed.
    pub(crate) properties_left_out: Option<u64>,
    pub(crate) properties: Vec<PropertyValues>,
}

/// The values of one property that occur most.
#[derive(JsonSchema)]
pub(crate) struct PropertyValues {
    pub(crate) property: String,
    #[schemars(rename = "type")]
    pub(crate) property_type: String,
    /// Instances of the sample without a value.
    pub(crate) null_count: u64,
    /// Different values in the sample.
    pub(crate) distinct_count: u64,
    /// Instances whose value is too long to be listed.
    pub(crate) long_count: u64,
    pub(crate) values: Vec<OccurringValue>,
}

/// A value, and how often it occurs in the sample.
#[derive(JsonSchema)]
pub(crate) struct OccurringValue {
    pub(crate) value: Anything,
    pub(crate) count: u64,
}
