//! Filters and orders over properties (contract §9): what they mean is defined here, once, for
//! every adapter.

pub(crate) mod decimal;
pub(crate) mod key;
pub(crate) mod moment;
mod read;
mod sort_key;
pub mod words;

use std::cmp::Ordering;

use serde_json::Value;

use self::key::Key;
pub use self::{read::find_property, sort_key::SortKey};
use crate::{json::Json, name::PropertyName, ontology::PropertyType};

/// The name by which filters and orders mean the id itself.
pub const INSTANCE_ID: &str = "instance_id";

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
    /// Is there (and not null), and equal to none of these.
    NotIn(Vec<Value>),
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

impl Filter {
    /// Whether an instance passes: `value` is the property's, if it is there. A list passes when
    /// one of its items does, or when it is equal as a whole. Never equal, greater or less: what
    /// is of another kind (money: of another currency). [`Operator::NotIn`] is the opposite of
    /// [`Operator::In`] for what has a value, and as in SQL never passes what has none.
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
        let operand = |operand: &Value| Key::of(self.property_type, &Json::from(operand.clone()));
        let ordered = |bound: &Value, accepts: fn(Ordering) -> bool| {
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
            Operator::Like(pattern) => key.text().is_some_and(|text| like_matches(pattern, text)),
            Operator::Exists(wanted) => *wanted,
        }
    }
}

impl Order {
    /// Which of two values of the property comes first; one that is not there comes last, in
    /// either direction.
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

/// The order of two values of a property: numbers by their exact value, dates and times as
/// instants, money by currency and then amount, strings by code point, `false` before `true`.
/// Total for any two values.
pub fn compare(property_type: PropertyType, left: &Json, right: &Json) -> Ordering {
    Key::of(property_type, left).cmp(&Key::of(property_type, right))
}

/// Whether a whole text matches a pattern: `%` stands for any text, `_` for any one character,
/// everything else for itself, letter case included.
pub fn like_matches(pattern: &str, text: &str) -> bool {
    if !pattern.contains('_') {
        return parts_match(pattern, text);
    }
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut read) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while read < text.len() {
        match pattern.get(at) {
            Some('%') => {
                retry = Some((at + 1, read));
                at += 1;
            }
            Some(wanted) if *wanted == '_' || *wanted == text[read] => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((after, skipped)) = retry else {
                    return false;
                };
                retry = Some((after, skipped + 1));
                at = after;
                read = skipped + 1;
            }
        }
    }
    pattern[at..].iter().all(|rest| *rest == '%')
}

/// The same for a pattern without `_`: its parts follow each other, the first and the last at the
/// ends. Stores ask this of a hundred thousand texts at a time.
fn parts_match(pattern: &str, text: &str) -> bool {
    let Some((front, last)) = pattern.rsplit_once('%') else {
        return pattern == text;
    };
    let (first, middle) = front.split_once('%').unwrap_or((front, ""));
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    for part in middle.split('%') {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}
