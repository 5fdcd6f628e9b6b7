//! JSON values whose numbers keep their digits, for declarations and for answers of the api.

use std::fmt;

use indexmap::IndexMap;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, Visitor},
    ser,
};
use serde_json::{Value, value::RawValue};

/// An object, in the order in which it was written.
pub type Fields = IndexMap<String, Exact>;

/// The maximum nesting of lists and objects, as in `serde_json`.
const DEEPEST: usize = 128;

/// One JSON value. Unlike [`Value`], it never converts a number to a double.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Exact {
    /// `null`
    #[default]
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string.
    Text(String),
    /// A list.
    List(Vec<Exact>),
    /// An object.
    Object(Fields),
}

/// A number as it was written. Two numbers are equal if they are written the same: `1.0` and `1.00`
/// differ, as in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number(Box<str>);

impl Number {
    /// Parses a JSON number; none for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        is_number(text).then(|| Self(text.into()))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether the text is a number in the grammar of RFC 8259.
fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, power) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, power)) => (mantissa, Some(power)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let power = power.map(|power| power.strip_prefix(['+', '-']).unwrap_or(power));
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && power.is_none_or(digits)
}

impl Exact {
    /// Reads a JSON text.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The JSON value of any serializable value.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        Self::parse(&serde_json::to_string(value)?)
    }

    /// The JSON text.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// A field of an object.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_object()?.get(key)
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The fields of an object.
    pub fn as_object(&self) -> Option<&Fields> {
        match self {
            Self::Object(fields) => Some(fields),
            _ => None,
        }
    }

    /// The items of a list.
    pub fn as_list(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// A number as a count.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Number(number) => number.as_str().parse().ok(),
            _ => None,
        }
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        *self == Self::Null
    }

    /// The type in words: `a string`, `a list`, …
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    /// Reads valid JSON text, level by level.
    fn of_json(text: &str, depth: usize) -> Result<Self, serde_json::Error> {
        let text = text.trim_ascii();
        if depth > DEEPEST {
            return Err(<serde_json::Error as de::Error>::custom("nested too deep"));
        }
        let below = |raw: Box<RawValue>| Self::of_json(raw.get(), depth + 1);
        Ok(match text.as_bytes().first() {
            Some(b'{') => {
                let fields: IndexMap<String, Box<RawValue>> = serde_json::from_str(text)?;
                let fields = fields.into_iter();
                Self::Object(
                    fields
                        .map(|(key, raw)| Ok((key, below(raw)?)))
                        .collect::<Result<_, serde_json::Error>>()?,
                )
            }
            Some(b'[') => {
                let items: Vec<Box<RawValue>> = serde_json::from_str(text)?;
                Self::List(items.into_iter().map(below).collect::<Result<_, _>>()?)
            }
            Some(b'"') => Self::Text(serde_json::from_str(text)?),
            Some(b't' | b'f') => Self::Bool(serde_json::from_str(text)?),
            Some(b'n') => Self::Null,
            _ => Self::Number(Number::parse(text).ok_or_else(|| {
                <serde_json::Error as de::Error>::custom(format!("{text} is not JSON"))
            })?),
        })
    }
}

/// The JSON text.
impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_json().map_err(|_| fmt::Error)?)
    }
}

impl From<&str> for Exact {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Exact {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Exact {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

impl From<u64> for Exact {
    fn from(number: u64) -> Self {
        Self::Number(Number(number.to_string().into()))
    }
}

impl From<Fields> for Exact {
    fn from(fields: Fields) -> Self {
        Self::Object(fields)
    }
}

impl From<Vec<Exact>> for Exact {
    fn from(items: Vec<Exact>) -> Self {
        Self::List(items)
    }
}

/// The numbers of a [`Value`] have already lost their digits.
impl From<Value> for Exact {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(flag) => Self::Bool(flag),
            Value::Number(number) => Self::Number(Number(number.to_string().into())),
            Value::String(text) => Self::Text(text),
            Value::Array(items) => Self::List(items.into_iter().map(Self::from).collect()),
            Value::Object(fields) => Self::Object(
                fields
                    .into_iter()
                    .map(|(key, value)| (key, value.into()))
                    .collect(),
            ),
        }
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.as_str();
        if let Ok(number) = text.parse::<i64>()
            && text != "-0"
        {
            return serializer.serialize_i64(number);
        }
        if let Ok(number) = text.parse::<u64>() {
            return serializer.serialize_u64(number);
        }
        let raw = RawValue::from_string(text.to_owned()).map_err(ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(flag) => serializer.serialize_bool(*flag),
            Self::Number(number) => number.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Object(fields) => serializer.collect_map(fields),
        }
    }
}

/// The name under which `serde_json` passes a value as its text. A reader that does not know the
/// name (because the value was already parsed) passes what it has. Tests cover both.
const AS_TEXT: &str = "$serde_json::private::RawValue";

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyValue;

        impl<'de> Visitor<'de> for AnyValue {
            type Value = Exact;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Exact, A::Error> {
                let Some(_) = map.next_key::<String>()? else {
                    return Err(de::Error::custom("there is no value"));
                };
                let text: String = map.next_value()?;
                Exact::of_json(&text, 0).map_err(de::Error::custom)
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(
                self,
                inner: D,
            ) -> Result<Exact, D::Error> {
                Value::deserialize(inner).map(Exact::from)
            }
        }

        deserializer.deserialize_newtype_struct(AS_TEXT, AnyValue)
    }
}

#[cfg(test)]
mod tests;
