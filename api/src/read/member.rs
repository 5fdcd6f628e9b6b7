//! The parts of a version: its references, and single fields.

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use spice_core::{id::InstanceRef, json::Json, name::PropertyName, port::graph::Version};

/// The references of a version through a predicate, in the written order.
pub(super) fn references(version: &Version, predicate: &PropertyName) -> Vec<InstanceRef> {
    if version.data.is_none() {
        return Vec::new();
    }
    if !version.references.is_empty() {
        let held = version
            .references
            .iter()
            .filter(|(name, _)| name == predicate);
        return held.map(|(_, target)| target.clone()).collect();
    }
    let value = version
        .data
        .as_ref()
        .and_then(|data| member::<OneOrMany>(data, predicate.as_str()));
    match value {
        None => Vec::new(),
        Some(OneOrMany::One(text)) => text.parse().ok().into_iter().collect(),
        Some(OneOrMany::Many(texts)) => texts.iter().filter_map(|text| text.parse().ok()).collect(),
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// One field of an object, without parsing the others.
pub(crate) fn member<'a, T: Deserialize<'a>>(data: &'a Json, key: &str) -> Option<T> {
    struct Field<'k, T>(&'k str, std::marker::PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Field<'_, T> {
        type Value = Option<T>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<T>, A::Error> {
            let mut found = None;
            while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
                if name == self.0 {
                    found = Some(map.next_value()?);
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(found)
        }
    }

    let mut deserializer = serde_json::Deserializer::from_str(data.as_str());
    deserializer
        .deserialize_map(Field(key, std::marker::PhantomData))
        .ok()
        .flatten()
}
