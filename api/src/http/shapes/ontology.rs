//! Classes as people write them. The core reads them by hand, to name what is wrong and to keep
//! what was written, so this is said apart from it; a test sends what is said here.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::{Anything, Values};

/// A class.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct ClassDefinition {
    /// `CamelCase` of the label when left out.
    #[schemars(
        regex(pattern = "^[A-Za-z][A-Za-z0-9_:-]*$"),
        length(min = 1, max = 100)
    )]
    pub(crate) id: Option<String>,
    pub(crate) label: Text,
    pub(crate) description: Option<Text>,
    pub(crate) parent_class: Option<String>,
    pub(crate) r#abstract: Option<bool>,
    pub(crate) properties: Option<Vec<Property>>,
    pub(crate) relationships: Option<Vec<Relationship>>,
    /// `additional_properties: true` allows keys that the class does not know.
    pub(crate) metadata: Option<Values>,
}

/// What of a class is to change: each field that is given replaces what was.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct ClassChange {
    pub(crate) label: Option<Text>,
    pub(crate) description: Option<Text>,
    pub(crate) parent_class: Option<String>,
    pub(crate) r#abstract: Option<bool>,
    pub(crate) properties: Option<Vec<Property>>,
    pub(crate) relationships: Option<Vec<Relationship>>,
    pub(crate) metadata: Option<Values>,
}

/// A text, or one by language.
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
    pub(crate) default: Option<Anything>,
    pub(crate) description: Option<Text>,
    /// `min`, `max`, `minLength`, `maxLength`, `pattern`, `enum`, `unique`, `format`, `minItems`,
    /// `maxItems`, `uniqueItems`.
    pub(crate) constraints: Option<Values>,
    /// The class that a `link` leads to.
    pub(crate) target: Option<String>,
    pub(crate) cardinality: Option<Cardinality>,
    /// What an `array` holds.
    pub(crate) items: Option<Anything>,
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
    /// `strict` refuses a reference to nothing.
    pub(crate) integrity: Option<String>,
}

/// How many refer to how many.
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
