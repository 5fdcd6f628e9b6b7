//! Filters as a client writes them, before a class interprets them. Values keep their digits.

use std::fmt;

use indexmap::{IndexMap, map::Entry};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, MapAccess, Visitor},
};

use crate::json::Json;

/// `{"price": {"gt": 5}, "name": "x"}`: conditions by property, as written. A duplicate property is
/// refused, because one of the two would be ignored.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Conditions(IndexMap<String, Json>);

impl Conditions {
    /// Each property, or label, with its condition.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Json)> {
        self.0
            .iter()
            .map(|(key, condition)| (key.as_str(), condition))
    }
}

impl<'de> Deserialize<'de> for Conditions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ByProperty;

        impl<'de> Visitor<'de> for ByProperty {
            type Value = Conditions;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of conditions by property")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Conditions, A::Error> {
                let mut conditions = IndexMap::new();
                while let Some((key, condition)) = map.next_entry::<String, Json>()? {
                    match conditions.entry(key) {
                        Entry::Vacant(free) => free.insert(condition),
                        Entry::Occupied(taken) => {
                            let message = format!("duplicate {:?}", taken.key());
                            return Err(A::Error::custom(message));
                        }
                    };
                }
                Ok(Conditions(conditions))
            }
        }

        deserializer.deserialize_map(ByProperty)
    }
}
