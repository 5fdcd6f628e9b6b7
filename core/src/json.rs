//! JSON kept as it was written: a validated text without whitespace. So a number keeps its digits
//! (`1.10`, 2^80) from the client through log and projections back to the client.

use std::fmt;

use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::name::PropertyName;

/// The maximum size of a value that a message shows completely.
const SHOWN: usize = 200;

/// One JSON value as compact text.
#[derive(Clone)]
pub struct Json(Box<RawValue>);

impl Json {
    /// The compact text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// `null`.
    pub fn null() -> Self {
        Self(RawValue::NULL.to_owned())
    }

    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        self.as_str() == "null"
    }

    /// The value as a tree, for reading. Numbers lose digits beyond `f64`; store the text.
    pub fn to_value(&self) -> serde_json::Value {
        serde_json::from_str(self.as_str()).unwrap_or(serde_json::Value::Null)
    }

    /// The value for a message: complete if it is short and a tree keeps all its digits, otherwise
    /// the start of its text.
    pub fn to_shown(&self) -> serde_json::Value {
        let text = self.as_str();
        let cut = || serde_json::Value::from(text.chars().take(SHOWN).collect::<String>());
        if text.len() > SHOWN {
            return cut();
        }
        match serde_json::from_str::<serde_json::Value>(text) {
            Ok(tree) if Self::from(tree.clone()) == *self => tree,
            _ => self.as_string().map_or_else(cut, serde_json::Value::from),
        }
    }

    /// Reads the value into a type.
    pub fn read<'a, T: Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.as_str())
    }

    /// The text of a string value; none for any other type.
    pub fn as_string(&self) -> Option<String> {
        let inner = self.as_str().strip_prefix('"')?.strip_suffix('"')?;
        if !inner.contains('\\') {
            return Some(inner.to_owned());
        }
        self.read().ok()
    }

    /// The JSON text of any serializable value.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        serde_json::value::to_raw_value(value).map(Self)
    }

    /// Parses and compacts a text.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Json {}

impl std::hash::Hash for Json {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

/// Removes whitespace outside strings from valid JSON.
fn compact(raw: Box<RawValue>) -> Result<Box<RawValue>, serde_json::Error> {
    let text = raw.get();
    if !has_blanks(text.as_bytes()) {
        return Ok(raw);
    }
    let mut result = String::with_capacity(text.len());
    let mut in_string = false;
    let mut escaped = false;
    for c in text.chars() {
        if in_string {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else if c.is_ascii_whitespace() {
            continue;
        } else {
            in_string = c == '"';
        }
        result.push(c);
    }
    RawValue::from_string(result)
}

/// Whether there is whitespace outside strings. Nearly always there is none, which avoids a copy.
fn has_blanks(text: &[u8]) -> bool {
    let mut in_string = false;
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' => at += 1,
            blank if !in_string && blank.is_ascii_whitespace() => return true,
            _ => {}
        }
        at += 1;
    }
    false
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<serde_json::Value> for Json {
    fn from(value: serde_json::Value) -> Self {
        RawValue::from_string(value.to_string()).map_or_else(|_| Self::null(), Self)
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        compact(raw).map(Self).map_err(serde::de::Error::custom)
    }
}

/// The properties of an instance: checked keys in the written order, with values as written.
pub type Properties = IndexMap<PropertyName, Json>;

/// The fields of an object in the written order, including repeated keys; none for any other value.
pub fn entries(json: &Json) -> Option<Vec<(String, Json)>> {
    struct Entries(Vec<(String, Json)>);

    impl<'de> Deserialize<'de> for Entries {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct EntriesVisitor;

            impl<'de> serde::de::Visitor<'de> for EntriesVisitor {
                type Value = Entries;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("an object")
                }

                fn visit_map<A: serde::de::MapAccess<'de>>(
                    self,
                    mut map: A,
                ) -> Result<Entries, A::Error> {
                    let mut entries = Vec::new();
                    while let Some(entry) = map.next_entry()? {
                        entries.push(entry);
                    }
                    Ok(Entries(entries))
                }
            }

            deserializer.deserialize_map(EntriesVisitor)
        }
    }

    json.read::<Entries>().ok().map(|entries| entries.0)
}

/// The elements of a list; none for any other value.
pub(crate) fn items(json: &Json) -> Option<Vec<Json>> {
    json.read().ok()
}

/// An object with these fields.
pub(crate) fn object<'a>(
    fields: impl IntoIterator<Item = (&'a str, &'a Json)>,
) -> Result<Json, serde_json::Error> {
    Json::of(&fields.into_iter().collect::<IndexMap<_, _>>())
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex<'a>(bytes: impl Iterator<Item = &'a u8>) -> String {
    use std::fmt::Write as _;
    bytes.fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
