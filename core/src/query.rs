//! Filters and orders over properties (contract §9): what they mean is defined here, once, for
//! every adapter.

mod conditions;
mod pattern;
mod read;
pub mod words;

use std::cmp::Ordering;

use serde_json::Value;

pub use self::{
    conditions::Conditions,
    pattern::{InvalidPattern, Pattern},
    read::{Kind, find_property},
};
pub use crate::name::INSTANCE_ID;
use crate::{
    json::{Json, Properties},
    name::PropertyName,
    value::{Key, PropertyType, compare},
};

/// Another name of [`INSTANCE_ID`], in classes without a property of this name.
const ID_ALIAS: &str = "instance_id";

/// A condition on one property of an instance.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// The property; [`INSTANCE_ID`] is the id itself.
    pub property: PropertyName,
    /// The type that determines how values compare: for a list, the type of its items.
    pub property_type: PropertyType,
    /// The condition.
    pub operator: Operator,
}

/// The condition on a value. Numbers compare by their digits, texts under NFC.
#[derive(Debug, Clone, PartialEq)]
pub enum Operator {
    /// Equal.
    Eq(Json),
    /// Greater.
    Gt(Json),
    /// Greater or equal.
    Gte(Json),
    /// Less.
    Lt(Json),
    /// Less or equal.
    Lte(Json),
    /// Equal to one of these.
    In(Vec<Json>),
    /// Has a value (not null) that equals none of these.
    NotIn(Vec<Json>),
    /// Matches a pattern.
    Like(Pattern),
    /// Whether it has a value (not null).
    Exists(bool),
}

/// An order by one property; instances without a value come last.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// The property; [`INSTANCE_ID`] is the id itself.
    pub property: PropertyName,
    /// The type that determines how its values compare.
    pub property_type: PropertyType,
    /// Largest first.
    pub descending: bool,
}

impl Filter {
    /// Whether an instance with these properties matches all filters.
    pub fn match_all(filters: &[Self], instance_id: &str, data: &Json) -> bool {
        let matches = |properties: Properties| {
            let mut filters = filters.iter();
            filters.all(|filter| filter.matches(instance_id, properties.get(&filter.property)))
        };
        filters.is_empty() || data.read().is_ok_and(matches)
    }

    /// Whether an instance matches: `value` is the property's value, if any. A list matches if one
    /// of its items does, or if it is equal as a whole. Values of different kinds (for money, of
    /// different currencies) are never equal, greater or less. [`Operator::NotIn`] is the opposite
    /// of [`Operator::In`] for existing values; as in SQL, it never matches a missing value.
    pub fn matches(&self, instance_id: &str, value: Option<&Json>) -> bool {
        let own_id =
            (self.property.as_str() == INSTANCE_ID).then(|| Json::from(Value::from(instance_id)));
        let present = own_id.as_ref().or(value).filter(|value| !value.is_null());
        if let Operator::Exists(wanted) = self.operator {
            return present.is_some() == wanted;
        }
        let Some(value) = present else {
            return false;
        };
        let key = Key::of(self.property_type, value);
        let passes = self.passes(&key) || key.elements().iter().any(|element| self.passes(element));
        passes != matches!(self.operator, Operator::NotIn(_))
    }

    fn passes(&self, key: &Key) -> bool {
        let operand = |operand: &Json| Key::of(self.property_type, operand);
        let ordered = |bound: &Json, accepts: fn(Ordering) -> bool| {
            let bound = operand(bound);
            key.is_comparable(&bound) && accepts(key.cmp(&bound))
        };
        match &self.operator {
            Operator::Eq(wanted) => *key == operand(wanted),
            Operator::In(listed) | Operator::NotIn(listed) => {
                listed.iter().any(|listed| *key == operand(listed))
            }
            Operator::Gt(bound) => ordered(bound, Ordering::is_gt),
            Operator::Gte(bound) => ordered(bound, Ordering::is_ge),
            Operator::Lt(bound) => ordered(bound, Ordering::is_lt),
            Operator::Lte(bound) => ordered(bound, Ordering::is_le),
            Operator::Like(pattern) => key.text().is_some_and(|text| pattern.matches(text)),
            Operator::Exists(wanted) => *wanted,
        }
    }
}

impl Order {
    /// The order of two values of the property; a missing value comes last, in either direction.
    pub fn compare(&self, left: Option<&Json>, right: Option<&Json>) -> Ordering {
        let present = |value: Option<&'_ Json>| value.filter(|value| !value.is_null()).cloned();
        match (present(left), present(right)) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(left), Some(right)) => {
                let order = compare(self.property_type, &left, &right);
                if self.descending {
                    order.reverse()
                } else {
                    order
                }
            }
        }
    }
}
