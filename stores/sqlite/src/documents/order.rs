//! The order of a list, and places in it.

use std::cmp::Ordering;

use spice_core::{
    json::Json,
    query::{INSTANCE_ID, Order},
    value::{SortKey, compare},
};

use super::cursor::Cursor;
use crate::{
    failure::{Attempt, Failure},
    layers::Layer,
    properties::member,
};

/// The order of a list; equal values are ordered by id, smallest first.
#[derive(Clone, Copy)]
pub(super) enum Sorting<'search> {
    Id { descending: bool },
    Property(&'search Order),
}

impl<'search> Sorting<'search> {
    pub(super) fn new(order: Option<&'search Order>) -> Self {
        match order {
            None => Self::Id { descending: false },
            Some(order) if order.property.as_str() == INSTANCE_ID => Self::Id {
                descending: order.descending,
            },
            Some(order) => Self::Property(order),
        }
    }

    pub(super) fn compare(&self, one: &Place, other: &Place) -> Ordering {
        let by_id = one.id.cmp(&other.id);
        match self {
            Self::Id { descending: true } => by_id.reverse(),
            Self::Id { descending: false } => by_id,
            Self::Property(order) => compare_values(order, one, other).then(by_id),
        }
    }

    /// Returns the place of a document.
    pub(super) fn place(&self, id: &str, data: &str) -> Attempt<Place> {
        match self {
            Self::Id { .. } => Ok(Place::of_id(id)),
            Self::Property(order) => {
                let value = value_of(data, order.property.as_str())?;
                Ok(Place::of_value(order, value, id))
            }
        }
    }

    /// Returns the place of a cursor.
    pub(super) fn place_of(&self, cursor: Cursor) -> Place {
        match self {
            Self::Id { .. } => Place::of_id(&cursor.id),
            Self::Property(order) => Place::of_value(order, cursor.value, &cursor.id),
        }
    }

    /// Returns the cursor of a document's place.
    pub(super) fn cursor(&self, id: &str, data: &str) -> Attempt<Cursor> {
        let value = match self {
            Self::Id { .. } => None,
            Self::Property(order) => value_of(data, order.property.as_str())?,
        };
        Ok(Cursor {
            value,
            id: id.to_owned(),
        })
    }
}

/// Documents without a value come last, in both directions.
fn compare_values(order: &Order, one: &Place, other: &Place) -> Ordering {
    let (Some(key), Some(other_key)) = (&one.key, &other.key) else {
        return one.key.is_none().cmp(&other.key.is_none());
    };
    let mut by_value = key.cmp(other_key);
    if let (Ordering::Equal, Some(value), Some(other)) = (by_value, &one.value, &other.value) {
        by_value = compare(order.property_type, value, other);
    }
    if order.descending {
        by_value.reverse()
    } else {
        by_value
    }
}

/// A place in an order.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The value's key; none without a value, or in an order by id.
    pub(super) key: Option<SortKey>,
    /// The value itself, if the key was truncated.
    value: Option<Json>,
    /// The id.
    pub(super) id: String,
}

impl Place {
    pub(super) fn of_id(id: &str) -> Self {
        Self {
            key: None,
            value: None,
            id: id.to_owned(),
        }
    }

    /// Returns the place of a whole key.
    pub(super) fn of_key(key: &[u8], id: &str) -> Self {
        Self {
            key: Some(SortKey::from_bytes(key)),
            ..Self::of_id(id)
        }
    }

    fn of_value(order: &Order, value: Option<Json>, id: &str) -> Self {
        let value = value.filter(|value| !value.is_null());
        let key = value
            .as_ref()
            .map(|value| SortKey::of(order.property_type, value));
        let is_cut = key.as_ref().is_some_and(|key| !key.is_exact());
        Self {
            key,
            value: value.filter(|_| is_cut),
            id: id.to_owned(),
        }
    }
}

/// A document in the answer.
pub(super) struct Hit {
    pub(super) place: Place,
    pub(super) row: i64,
    pub(super) layer: Layer,
}

/// Keeps only the first hits, in order.
pub(super) fn keep_first(sorting: Sorting<'_>, hits: &mut Vec<Hit>, wanted: usize) {
    let by_place = |one: &Hit, other: &Hit| sorting.compare(&one.place, &other.place);
    if hits.len() > wanted {
        hits.select_nth_unstable_by(wanted, by_place);
        hits.truncate(wanted);
    }
    hits.sort_by(by_place);
}

fn value_of(data: &str, property: &str) -> Attempt<Option<Json>> {
    member(data, property)
        .map(Json::parse)
        .transpose()
        .map_err(Failure::unreadable)
}
