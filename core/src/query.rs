//! Filters and orders over properties (contract §9): what they mean is defined here, once, for
//! every adapter.

use serde_json::Value;

use crate::{name::PropertyName, ontology::PropertyType};

/// A condition on one property of an instance.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// The property; `instance_id` is the id itself.
    pub property: PropertyName,
    /// Its type, by which values compare.
    pub property_type: PropertyType,
    /// The condition.
    pub operator: Operator,
}

/// What a filter asks of a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Operator {
    /// Equal.
    Eq(Value),
    /// Greater.
    Gt(Value),
    /// Greater or equal.
    Gte(Value),
    /// Less.
    Lt(Value),
    /// Less or equal.
    Lte(Value),
    /// Equal to one of these.
    In(Vec<Value>),
    /// Matches a pattern: `%` any text, `_` any one character.
    Like(String),
    /// Is there (and not null), or is not.
    Exists(bool),
}

/// An order over one property; those without it come last.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// The property; `instance_id` is the id itself.
    pub property: PropertyName,
    /// Its type, by which values compare.
    pub property_type: PropertyType,
    /// Largest first.
    pub descending: bool,
}
