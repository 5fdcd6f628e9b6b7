//! Class definitions. The core parses them by hand, to name errors and to keep the definition as
//! written. These types describe what it accepts; a test sends what they describe.
#![allow(dead_code, reason = "these types describe bodies that the core reads")]

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::{Map, Value};
use spice_core::json::Json;

/// The pattern of a class's id.
pub(crate) const CLASS_PATTERN: &str = "^[A-Za-z][A-Za-z0-9_:-]*$";

/// A class.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct ClassDefinition {
    /// By default the label in `CamelCase`.
    #[schemars(
        regex(pattern = CLASS_PATTERN),
        length(min = 1, max = 100)
    )]
    pub(crate) id: Option<String>,
    pub(crate) label: Text,
    pub(crate) description: Option<Text>,
    pub(crate) parent_class: Option<String>,
    pub(crate) r#abstract: Option<bool>,
    pub(crate) properties: Option<Vec<Property>>,
    pub(crate) relationships: Option<Vec<Relationship>>,
    /// `additional_properties: true` allows keys that the class does not declare.
    pub(crate) metadata: Option<Map<String, Value>>,
}

/// A change of a class: each given field replaces the old one.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct ClassChange {
    pub(crate) label: Option<Text>,
    pub(crate) description: Option<Text>,
    pub(crate) parent_class: Option<String>,
    pub(crate) r#abstract: Option<bool>,
    pub(crate) properties: Option<Vec<Property>>,
    pub(crate) relationships: Option<Vec<Relationship>>,
    pub(crate) metadata: Option<Map<String, Value>>,
}

/// A text, or one text per language.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(crate) enum Text {
    Plain(String),
    Languages(BTreeMap<String, String>),
}

/// A property of a class.
#[derive(JsonSchema)]
pub(crate) struct Property {
    #[schemars(regex(pattern = "^[A-Za-z][A-Za-z0-9_]*$"), length(min = 1, max = 200))]
    pub(crate) name: String,
    /// `string`, `text`, `integer`, `decimal`, `boolean`, `date`, `dateTime`, `url`, `email`,
    /// `phone`, `money`, `enum`, `uuid`, `ip`, `json`, `object`, `array`, `coordinate`, `address`,
    /// `image`, `file` or `link`, with or without `xsd:`.
    pub(crate) r#type: String,
    pub(crate) label: Option<Text>,
    pub(crate) required: Option<bool>,
    #[schemars(rename = "primaryKey")]
    pub(crate) primary_key: Option<bool>,
    pub(crate) default: Option<Json>,
    pub(crate) description: Option<Text>,
    /// `min`, `max`, `minLength`, `maxLength`, `pattern`, `enum`, `unique`, `format`, `minItems`,
    /// `maxItems`, `uniqueItems`.
    pub(crate) constraints: Option<Map<String, Value>>,
    /// The target class of a `link`.
    pub(crate) target: Option<String>,
    pub(crate) cardinality: Option<Cardinality>,
    /// The items of an `array`.
    pub(crate) items: Option<Json>,
}

/// A relationship of a class.
#[derive(JsonSchema)]
pub(crate) struct Relationship {
    #[schemars(regex(pattern = "^[A-Za-z][A-Za-z0-9_]*$"), length(min = 1, max = 200))]
    pub(crate) predicate: String,
    pub(crate) target: String,
    pub(crate) label: Option<Text>,
    pub(crate) cardinality: Option<Cardinality>,
    pub(crate) description: Option<Text>,
    pub(crate) inverse_predicate: Option<String>,
    pub(crate) inverse_label: Option<Text>,
    /// `strict` refuses references to missing instances.
    pub(crate) integrity: Option<String>,
}

/// The cardinality of a relationship.
#[derive(JsonSchema)]
pub(crate) enum Cardinality {
    #[schemars(rename = "1:1")]
    OneToOne,
    #[schemars(rename = "1:n")]
    OneToMany,
    #[schemars(rename = "n:1")]
    ManyToOne,
    #[schemars(rename = "n:m")]
    ManyToMany,
    #[schemars(rename = "n:n")]
    ManyToManyToo,
}

/// A change of a class, or its deletion.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(crate) enum LintBody {
    /// A change of the class.
    Change(Box<ClassChange>),
    /// Its deletion.
    Deletion {
        /// True.
        delete: bool,
    },
}
