//! A single field of an object.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use spice_core::json::Json;

/// One field of an object, without parsing the others.
pub(crate) fn member<'a, T: Deserialize<'a>>(data: &'a Json, key: &str) -> Option<T> {
    struct Field<'k, T>(&'k str, PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Field<'_, T> {
        type Value = Option<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<T>, A::Error> {
            let mut found = None;
            while let Some(name) = map.next_key::<Cow<'de, str>>()? {
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
        .deserialize_map(Field(key, PhantomData))
        .ok()
        .flatten()
}
