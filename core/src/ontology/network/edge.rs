//! A relationship between two classes.

use schemars::JsonSchema;
use serde::Serialize;

use crate::name::{ClassName, PropertyName};

/// A relationship as a class declares it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Edge {
    /// The class that declares it.
    pub from: ClassName,
    /// The relationship.
    pub predicate: PropertyName,
    /// The target class.
    pub to: ClassName,
    /// The cardinality.
    pub cardinality: &'static str,
    /// Whether every instance must have it, with an existing target.
    pub binding: bool,
    /// The name of the inverse.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inverse_predicate: Option<PropertyName>,
}
