//! Exact values: the types of values, their equality, and their order. Numbers keep all their
//! digits, times their whole fraction. Does not depend on classes or filters.

pub(crate) mod decimal;
mod key;
pub(crate) mod moment;
mod sort_key;
pub(crate) mod types;

use std::cmp::Ordering;

pub(crate) use self::key::{Key, renew_digest};
pub use self::{moment::has_shape, sort_key::SortKey, types::PropertyType};
use crate::json::Json;

/// The order of two values of a property: numbers by their exact value, dates and times as
/// instants, money by currency and then amount, strings by code point in NFC, `false` before
/// `true`. Defined for any two values.
pub fn compare(property_type: PropertyType, left: &Json, right: &Json) -> Ordering {
    Key::of(property_type, left).cmp(&Key::of(property_type, right))
}
