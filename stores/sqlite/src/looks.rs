//! Looks: a cheap stand-in for a value. Equal values have the same look, and a greater value never
//! has a smaller look; so looks exclude most of what cannot pass a filter, and the filter decides
//! the rest.

use std::borrow::Cow;

use rusqlite::{
    ToSql,
    types::{ToSqlOutput, ValueRef},
};
use spice_core::{
    json::Json,
    ontology::PropertyType,
    query::{Filter, INSTANCE_ID, Operator},
    unicode::nfc,
};

use super::{
    failure::{Attempt, Failure},
    properties::member,
};

/// Longer texts are distinguished by the version itself.
const TEXT_LENGTH: usize = 120;

/// The look of a value in the index: equal values have the same look, and order is kept, though not
/// strictly. A number is rounded here, and only here: the filter compares its digits.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
pub(crate) enum Look {
    Number(f64),
    Text(String),
    /// After every text; no value has this look.
    TextEnd,
    Flag(bool),
}

impl ToSql for Look {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Number(number) => ValueRef::Real(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::TextEnd => ValueRef::Blob(&[]),
            Self::Flag(false) => ValueRef::Blob(&[0]),
            Self::Flag(true) => ValueRef::Blob(&[1]),
        }))
    }
}

impl Look {
    /// Returns the look of a scalar; none for lists, objects and null.
    pub(crate) fn of(json: &str) -> Option<Self> {
        match json.as_bytes().first()? {
            b't' => Some(Self::Flag(true)),
            b'f' => Some(Self::Flag(false)),
            b'"' => serde_json::from_str(json).ok().map(Self::of_text),
            b'n' | b'{' | b'[' => None,
            // Negative zero is zero.
            _ => json
                .parse()
                .ok()
                .map(|number: f64| Self::Number(number + 0.0)),
        }
    }

    /// Returns a look before every look of the same kind.
    pub(crate) fn least_of_kind(&self) -> Self {
        match self {
            Self::Number(_) => Self::Number(f64::NEG_INFINITY),
            Self::Text(_) | Self::TextEnd => Self::Text(String::new()),
            Self::Flag(_) => Self::Flag(false),
        }
    }

    /// Returns a look after every look of the same kind.
    pub(crate) fn greatest_of_kind(&self) -> Self {
        match self {
            Self::Number(_) => Self::Number(f64::INFINITY),
            Self::Text(_) | Self::TextEnd => Self::TextEnd,
            Self::Flag(_) => Self::Flag(true),
        }
    }

    fn of_text(text: String) -> Self {
        let mut text = match nfc(&text) {
            Cow::Borrowed(_) => text,
            Cow::Owned(composed) => composed,
        };
        text.truncate(text.floor_char_boundary(TEXT_LENGTH));
        Self::Text(text)
    }

    /// Returns the looks under which a stored value is found: its own, or those of a list's items.
    pub(crate) fn all(json: &str) -> Vec<Self> {
        if !json.starts_with('[') {
            return Self::of(json).into_iter().collect();
        }
        let items: Vec<Json> = serde_json::from_str(json).unwrap_or_default();
        items
            .iter()
            .filter_map(|item| Self::of(item.as_str()))
            .collect()
    }
}

/// The first and the last look of the values that a filter can accept.
pub(crate) type Range = (Look, Look);

/// Returns the values that an equality accepts.
pub(crate) fn accepted_values(filter: &Filter) -> Option<Vec<&Json>> {
    match &filter.operator {
        Operator::Eq(value) => Some(vec![value]),
        Operator::In(values) => Some(values.iter().collect()),
        _ => None,
    }
}

/// Returns the ranges of looks outside of which nothing passes; none if looks cannot decide.
pub(crate) fn ranges(filter: &Filter) -> Option<Vec<Range>> {
    let by_other_rules = matches!(
        filter.property_type,
        PropertyType::Date
            | PropertyType::DateTime
            | PropertyType::Uuid
            | PropertyType::Ip
            | PropertyType::Money
    );
    if by_other_rules || filter.property.as_str() == INSTANCE_ID {
        return None;
    }
    let look = |value: &Json| Look::of(value.as_str());
    match &filter.operator {
        Operator::Gt(value) | Operator::Gte(value) => {
            let least = look(value)?;
            let greatest = least.greatest_of_kind();
            Some(vec![(least, greatest)])
        }
        Operator::Lt(value) | Operator::Lte(value) => {
            let greatest = look(value)?;
            Some(vec![(greatest.least_of_kind(), greatest)])
        }
        Operator::Eq(_) | Operator::In(_) => accepted_values(filter)?
            .into_iter()
            .map(|value| look(value).map(|look| (look.clone(), look)))
            .collect(),
        Operator::NotIn(_) | Operator::Like(_) | Operator::Exists(_) => None,
    }
}

/// Filters, prepared for many instances.
pub(crate) struct Sieve<'filters> {
    filters: Vec<(&'filters Filter, Option<Vec<Range>>)>,
}

impl<'filters> Sieve<'filters> {
    /// Prepares filters.
    pub(crate) fn new(filters: &'filters [Filter]) -> Self {
        let filters = filters.iter().map(|filter| (filter, ranges(filter)));
        Self {
            filters: filters.collect(),
        }
    }

    /// Returns whether an instance passes every filter.
    pub(crate) fn passes(&self, id: &str, data: &str) -> Attempt<bool> {
        for (filter, ranges) in &self.filters {
            let value = member(data, filter.property.as_str());
            if ranges
                .as_ref()
                .is_some_and(|ranges| !may_pass(ranges, value))
            {
                return Ok(false);
            }
            let value = value.map(Json::parse).transpose();
            if !filter.matches(id, value.map_err(Failure::unreadable)?.as_ref()) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn may_pass(ranges: &[Range], value: Option<&str>) -> bool {
    let Some(value) = value else {
        return false;
    };
    if value.starts_with(['[', '{']) {
        return true;
    }
    let look = Look::of(value);
    let within = |look: &Look| {
        ranges
            .iter()
            .any(|(least, greatest)| look >= least && look <= greatest)
    };
    look.as_ref().is_some_and(within)
}
