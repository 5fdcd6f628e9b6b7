//! Request bodies: parsing, errors that name the field, and the bodies of contract §3.

pub(crate) mod class;
mod complaint;
pub(crate) mod declare;
pub(crate) mod replay;

use std::fmt;

use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Map, Value};
use spice_core::{
    command::RawData, error::ErrorCode, id::LogPosition, json::Json, name::InstanceId,
};

use self::complaint::wrong_shape;
use crate::{
    http::{
        Surface,
        failure::Failure,
        parameters::{BRANCH_PATTERN, DATABASE_PATTERN},
    },
    objects::{Object, objects},
};

/// The maximum number of rows in a bulk, and of commands in a transaction.
pub(crate) const ROWS: usize = 10_000;

/// Parses a body. Invalid JSON is 400 at both services; a wrong shape names its field.
pub(crate) fn parse<T: DeserializeOwned>(surface: Surface, bytes: &[u8]) -> Result<T, Failure> {
    match serde_json::from_slice::<Object<T>>(bytes) {
        Ok(body) => Ok(body.0),
        Err(error) => Err(explain::<Object<T>>(surface, bytes, &error)),
    }
}

/// Reads a body whose shape is checked elsewhere, unchanged.
pub(crate) fn parse_document(surface: Surface, bytes: &[u8]) -> Result<Json, Failure> {
    serde_json::from_slice(bytes).map_err(|error| explain::<Json>(surface, bytes, &error))
}

/// Reads a value that is present, including `null`; for `deserialize_with`.
pub(crate) fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}

fn explain<T: DeserializeOwned>(
    surface: Surface,
    bytes: &[u8],
    error: &serde_json::Error,
) -> Failure {
    if let Err(invalid) = std::str::from_utf8(bytes) {
        let message = format!("the body is not UTF-8: {invalid}");
        return Failure::new(ErrorCode::InvalidRequest, message);
    }
    if let Err(syntax) = serde_json::from_slice::<IgnoredAny>(bytes) {
        return Failure::new(
            ErrorCode::InvalidRequest,
            format!("the body is not JSON: {syntax}"),
        );
    }
    let deserializer = &mut serde_json::Deserializer::from_slice(bytes);
    let path = serde_path_to_error::deserialize::<_, T>(deserializer)
        .err()
        .map(|located| located.path().clone());
    let text = error.to_string();
    let message = text.split(" at line ").next().unwrap_or(&text);
    Failure::shape(surface, &wrong_shape(path.as_ref(), message, bytes))
}

/// Values of an instance. A duplicate key is refused, because one of the values would be lost.
#[derive(Debug, JsonSchema)]
pub(crate) struct Data(#[schemars(with = "Map<String, Value>")] pub(crate) RawData);

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = RawData;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawData, A::Error> {
                let mut data = RawData::with_capacity(map.size_hint().unwrap_or(8));
                while let Some(key) = map.next_key::<String>()? {
                    if data.contains_key(&key) {
                        let message = format!("duplicate field `{key}`");
                        return Err(serde::de::Error::custom(message));
                    }
                    data.insert(key, map.next_value()?);
                }
                Ok(data)
            }
        }
        deserializer.deserialize_map(Keys).map(Self)
    }
}

/// `{data, metadata?}`: create and update of an instance.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InstanceBody {
    pub(crate) data: Data,
    #[serde(default)]
    pub(crate) metadata: Option<Json>,
}

/// `{instances:[…], metadata?}`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BulkBody {
    #[schemars(length(min = 1, max = ROWS))]
    pub(crate) instances: Vec<Data>,
    /// The id of each row, in order; derived from the data if left out.
    #[serde(default)]
    pub(crate) ids: Vec<InstanceId>,
    /// Do not apply the defaults of the class.
    #[serde(default)]
    pub(crate) without_defaults: bool,
    #[serde(default)]
    pub(crate) metadata: Option<Json>,
}

/// `{name, description?, options?}`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DatabaseBody {
    #[schemars(regex(pattern = DATABASE_PATTERN), length(min = 3, max = 50))]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) description: Option<String>,
    #[serde(default)]
    pub(crate) options: Option<Json>,
}

/// `{description}`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DatabaseChangeBody {
    pub(crate) description: String,
}

/// `{name, from_branch?, from_position?}`; oms calls the name `branch_name`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BranchBody {
    #[serde(default)]
    #[schemars(regex(pattern = BRANCH_PATTERN), length(min = 1, max = 100))]
    pub(crate) name: Option<String>,
    #[serde(default)]
    #[schemars(regex(pattern = BRANCH_PATTERN), length(min = 1, max = 100))]
    pub(crate) branch_name: Option<String>,
    #[serde(default)]
    #[schemars(regex(pattern = BRANCH_PATTERN), length(min = 1, max = 100))]
    pub(crate) from_branch: Option<String>,
    #[serde(default)]
    pub(crate) from_position: Option<LogPosition>,
}

/// `{commands:[…]}`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TransactionBody {
    #[serde(deserialize_with = "objects")]
    #[schemars(length(min = 1, max = ROWS))]
    pub(crate) commands: Vec<TransactionCommand>,
    #[serde(default)]
    pub(crate) metadata: Option<Json>,
}

/// One command of a transaction.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TransactionCommand {
    #[serde(rename = "type")]
    pub(crate) kind: TransactionVerb,
    /// The class, unless the command creates one.
    #[serde(default)]
    pub(crate) class: Option<String>,
    #[serde(default)]
    pub(crate) id: Option<String>,
    /// The values of an instance.
    #[serde(default)]
    pub(crate) data: Option<Data>,
    /// The definition of a class, or the fields of it that change.
    #[serde(default)]
    #[schemars(with = "Option<Map<String, Value>>")]
    pub(crate) definition: Option<Json>,
    #[serde(default)]
    pub(crate) expected_seq: Option<u64>,
}

/// The type of a command in a transaction.
#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(clippy::enum_variant_names)]
pub(crate) enum TransactionVerb {
    CreateInstance,
    UpdateInstance,
    DeleteInstance,
    CreateOntologyClass,
    UpdateOntologyClass,
    DeleteOntologyClass,
}

impl TransactionVerb {
    /// The fields that a command of this type needs, and those that it may have.
    pub(crate) fn fields(self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Self::CreateInstance => (&["class", "data"], &["id"]),
            Self::UpdateInstance => (&["class", "id", "data", "expected_seq"], &[]),
            Self::DeleteInstance => (&["class", "id", "expected_seq"], &[]),
            Self::CreateOntologyClass => (&["definition"], &[]),
            Self::UpdateOntologyClass => (&["class", "definition", "expected_seq"], &[]),
            Self::DeleteOntologyClass => (&["class", "expected_seq"], &[]),
        }
    }
}

/// `{reason?}`: discards a dead letter.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DiscardBody {
    #[serde(default)]
    pub(crate) reason: String,
}
