//! The place of an instance in a list: the value of the order, then the id; and the cursor, which
//! is the end of a page.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use spice_core::{
    error::{ErrorCode, Refusal},
    id::LogPosition,
    json::Json,
    port::graph::State,
    query::{INSTANCE_ID, Order},
};

use crate::read::member::member;

/// A place in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// The value of the order's property; none without an order or a value.
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    value: Option<Json>,
    #[serde(rename = "i")]
    pub(super) id: String,
}

impl Place {
    /// The place of an instance in a list of this order.
    pub(super) fn of(instance: &State, order: Option<&Order>) -> Self {
        let id = instance.entity.id();
        let value = order.and_then(|order| {
            if order.property.as_str() == INSTANCE_ID {
                return Some(Json::from(Value::from(id)));
            }
            member::<Json>(instance.data.as_ref()?, order.property.as_str())
        });
        Self {
            value,
            id: id.to_owned(),
        }
    }

    /// The order of two places in a list.
    pub(super) fn compare(&self, other: &Self, order: Option<&Order>) -> Ordering {
        order
            .map_or(Ordering::Equal, |order| {
                order.compare(self.value.as_ref(), other.value.as_ref())
            })
            .then_with(|| self.id.cmp(&other.id))
    }

    /// Whether it comes after another place, if there is one.
    pub(super) fn is_after(&self, other: Option<&Self>, order: Option<&Order>) -> bool {
        other.is_none_or(|other| self.compare(other, order).is_gt())
    }
}

/// The end of a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    /// The position of the list, the same on all its pages.
    #[serde(rename = "p")]
    pub(crate) position: LogPosition,
    /// The last instance of the page.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<Place>,
    /// Where the documents continue, empty for their start; none if the page came from the graph.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub(super) documents: Option<String>,
}

impl Cursor {
    /// The cursor as text.
    pub(super) fn to_text(&self) -> Result<String, Refusal> {
        serde_json::to_string(self).map_err(|error| {
            let message = format!("the cursor cannot be written as JSON: {error}");
            Refusal::new(ErrorCode::Internal, message)
        })
    }

    /// Parses a cursor; none if it is not one of a list.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}
