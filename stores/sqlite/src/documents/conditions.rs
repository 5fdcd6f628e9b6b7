//! Conditions: a filter as ranges of an index.

use std::borrow::Cow;

use spice_core::{
    json::Json,
    ontology::PropertyType,
    query::{Filter, INSTANCE_ID, Operator, Pattern},
    unicode::nfc,
    value::SortKey,
};

/// From the first (inclusive) to the second (exclusive).
pub(super) type Range<Bound> = (Bound, Bound);

/// The condition of a filter on the entries of an index.
pub(super) enum Condition<'filter> {
    /// The id is in one of the ranges (without an end: up to the last id), and matches.
    Id(Vec<Range<Option<String>>>, Option<&'filter Pattern>),
    /// The value is in one of the ranges, and matches.
    Value(Vec<Range<Vec<u8>>>, Option<&'filter Pattern>),
    /// Has no value.
    Absent,
    /// No index can decide it.
    Other,
}

impl<'filter> Condition<'filter> {
    pub(super) fn new(filter: &'filter Filter) -> Self {
        if filter.property.as_str() != INSTANCE_ID {
            return of_value(filter);
        }
        if filter.property_type.comparison() == PropertyType::Json {
            return of_id(&filter.operator);
        }
        Self::Other
    }
}

/// Returns whether a range may contain keys of values that do not pass, because the keys were
/// truncated where the range begins or ends; then the values have to be read.
pub(super) fn is_rough((low, high): &Range<Vec<u8>>) -> bool {
    SortKey::is_cut(low) || SortKey::is_cut(high.strip_suffix(&[0]).unwrap_or(high))
}

/// Returns whether a key may belong to a value that does not pass: it was truncated where the range
/// begins or ends, or where a pattern would look.
pub(super) fn is_doubtful(value: &[u8], (low, high): &Range<Vec<u8>>, has_pattern: bool) -> bool {
    SortKey::is_cut(value)
        && (has_pattern || value == low || high.strip_suffix(&[0]) == Some(value))
}

fn of_value(filter: &Filter) -> Condition<'_> {
    let key = |value: &Json| SortKey::of(filter.property_type, value);
    let only = |value: &Json| {
        (
            key(value).as_bytes().to_vec(),
            start_after(key(value).as_bytes()),
        )
    };
    let range = match &filter.operator {
        Operator::Exists(false) => return Condition::Absent,
        Operator::Exists(true) => (Vec::new(), vec![u8::MAX]),
        Operator::NotIn(_) => return Condition::Other,
        Operator::In(values) => {
            return Condition::Value(remove_duplicates(values.iter().map(only)), None);
        }
        Operator::Eq(value) => only(value),
        Operator::Gt(value) => (start_beyond(&key(value)), end_of(key(value).kind())),
        Operator::Gte(value) => (key(value).as_bytes().to_vec(), end_of(key(value).kind())),
        Operator::Lt(value) => (key(value).kind().to_vec(), end_up_to(&key(value))),
        Operator::Lte(value) => (
            key(value).kind().to_vec(),
            start_after(key(value).as_bytes()),
        ),
        Operator::Like(pattern) => {
            let prefix = SortKey::text_prefix(pattern.literal_prefix());
            let range = (prefix.clone(), end_of(&prefix));
            return Condition::Value(vec![range], Some(pattern));
        }
    };
    Condition::Value(vec![range], None)
}

/// Returns where greater keys begin; an equal but truncated key may be greater.
fn start_beyond(key: &SortKey) -> Vec<u8> {
    if key.is_exact() {
        return start_after(key.as_bytes());
    }
    key.as_bytes().to_vec()
}

/// Returns where smaller keys end; an equal but truncated key may be smaller.
fn end_up_to(key: &SortKey) -> Vec<u8> {
    if key.is_exact() {
        return key.as_bytes().to_vec();
    }
    start_after(key.as_bytes())
}

fn start_after(bytes: &[u8]) -> Vec<u8> {
    [bytes, &[0]].concat()
}

/// Returns the first key after all keys with this prefix.
fn end_of(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return end;
        }
    }
    vec![u8::MAX]
}

fn remove_duplicates<T: Ord>(ranges: impl Iterator<Item = T>) -> Vec<T> {
    let mut ranges: Vec<T> = ranges.collect();
    ranges.sort();
    ranges.dedup();
    ranges
}

/// Returns the text of an operand, in the form of ids.
fn text_of(value: &Json) -> Option<String> {
    let text = value.as_string()?;
    Some(match nfc(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(composed) => composed,
    })
}

fn of_id(operator: &Operator) -> Condition<'_> {
    let next = |text: &str| Some(format!("{text}\0"));
    let text = |text: &str| Some(text.to_owned());
    let range = match operator {
        Operator::Exists(true) => (text(""), None),
        Operator::Exists(false) => return Condition::Id(Vec::new(), None),
        Operator::NotIn(_) => return Condition::Other,
        Operator::In(values) => {
            let texts = values.iter().filter_map(text_of);
            let ranges = texts.map(|one| (text(&one), next(&one)));
            return Condition::Id(remove_duplicates(ranges), None);
        }
        Operator::Like(pattern) => {
            let prefix = pattern.literal_prefix();
            let end = String::from_utf8(end_of(prefix.as_bytes())).ok();
            let range = (text(prefix), end.filter(|_| !prefix.is_empty()));
            return Condition::Id(vec![range], Some(pattern));
        }
        Operator::Eq(value)
        | Operator::Gt(value)
        | Operator::Gte(value)
        | Operator::Lt(value)
        | Operator::Lte(value) => {
            // An id is a text: only texts are equal, greater or less.
            let Some(value) = text_of(value) else {
                return Condition::Id(Vec::new(), None);
            };
            let value = value.as_str();
            match operator {
                Operator::Gt(_) => (next(value), None),
                Operator::Gte(_) => (text(value), None),
                Operator::Lt(_) => (text(""), text(value)),
                Operator::Lte(_) => (text(""), next(value)),
                _ => (text(value), next(value)),
            }
        }
    };
    Condition::Id(vec![range], None)
}

/// Matches a pattern against many values in order: equal ones follow each other.
pub(super) struct Matcher<'pattern> {
    pattern: &'pattern Pattern,
    last: Vec<u8>,
    verdict: bool,
}

impl<'pattern> Matcher<'pattern> {
    pub(super) fn new(pattern: &'pattern Pattern) -> Self {
        Self {
            pattern,
            last: Vec::new(),
            verdict: false,
        }
    }

    /// Returns whether the text of a whole key matches.
    pub(super) fn passes(&mut self, value: &[u8]) -> bool {
        if value != self.last {
            self.last.clear();
            self.last.extend_from_slice(value);
            let text = SortKey::text_of(value);
            self.verdict = text.is_some_and(|text| self.pattern.matches(text));
        }
        self.verdict
    }
}
