//! A class of an Ontology: everything that the api knows about a class, without loss.

use std::collections::BTreeSet;

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Exact, Fields, name,
    schema::{anything, cardinality, integrity, object, property_type},
};

/// A class.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.parentClass) || self.parentClass != self.name").message("a class cannot be its own parent"))]
pub struct Class {
    /// The class's id in the API.
    #[schemars(
        length(min = 1, max = 100),
        regex(pattern = "^[A-Za-z][A-Za-z0-9_:-]*$")
    )]
    pub name: String,
    /// A string, or a map of languages; default: the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "anything")]
    pub label: Option<Exact>,
    /// A string, or a map of languages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "anything")]
    pub description: Option<Exact>,
    /// The parent class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 100),
        regex(pattern = "^[A-Za-z][A-Za-z0-9_:-]*$")
    )]
    pub parent_class: Option<String>,
    /// Whether the class cannot have instances of its own.
    #[serde(default, rename = "abstract", skip_serializing_if = "Option::is_none")]
    pub is_abstract: Option<bool>,
    /// Whether the class should no longer be used. Kept as metadata.deprecated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<bool>,
    /// The properties, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 500))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub properties: Vec<Property>,
    /// The relationships, in order. A name is either a property or a relationship.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 500))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["predicate".into()]))]
    pub relationships: Vec<Relationship>,
    /// Any data; kept as written.
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    #[schemars(schema_with = "object")]
    pub metadata: Fields,
}

/// A property of a class.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Property {
    /// The name, used as key in instances.
    #[schemars(length(min = 1, max = 200), regex(pattern = "^[A-Za-z][A-Za-z0-9_]*$"))]
    pub name: String,
    /// The type, with or without the prefix xsd:.
    #[serde(rename = "type")]
    #[schemars(schema_with = "property_type")]
    pub kind: String,
    /// A string, or a map of languages; default: the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "anything")]
    pub label: Option<Exact>,
    /// Whether every instance must have a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required: Option<bool>,
    /// Whether the value determines the id of the instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary_key: Option<bool>,
    /// Whether the property should no longer be used. Kept as metadata.deprecated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<bool>,
    /// The value of instances that do not give one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "anything")]
    pub default: Option<Exact>,
    /// A string, or a map of languages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "anything")]
    pub description: Option<Exact>,
    /// min, max, minLength, maxLength, pattern, enum, unique, format, minItems, …
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    #[schemars(schema_with = "object")]
    pub constraints: Fields,
    /// The target class of a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub target: Option<String>,
    /// The target class of a link, under its older name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub link_target: Option<String>,
    /// Whether the property is a relationship.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_relationship: Option<bool>,
    /// The cardinality of a link: 1:1, 1:n (default), n:1 or n:m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "cardinality")]
    pub cardinality: Option<String>,
    /// Of a link: strict refuses references to missing instances; none (default) allows them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "integrity")]
    pub integrity: Option<String>,
    /// Of a link: the name of the relationship in the opposite direction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200))]
    pub inverse_predicate: Option<String>,
    /// Of a link: the label of the opposite direction; a string, or a map of languages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "anything")]
    pub inverse_label: Option<Exact>,
    /// The items of an array: a property without a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "anything")]
    pub items: Option<Exact>,
    /// Any data; kept as written.
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    #[schemars(schema_with = "object")]
    pub metadata: Fields,
}

/// A relationship of a class.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Relationship {
    /// The name, used as key in instances.
    #[schemars(length(min = 1, max = 200), regex(pattern = "^[A-Za-z][A-Za-z0-9_]*$"))]
    pub predicate: String,
    /// The target class.
    #[schemars(
        length(min = 1, max = 100),
        regex(pattern = "^[A-Za-z][A-Za-z0-9_:-]*$")
    )]
    pub target: String,
    /// A string, or a map of languages; default: the predicate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "anything")]
    pub label: Option<Exact>,
    /// The cardinality: 1:1, 1:n (default), n:1 or n:m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "cardinality")]
    pub cardinality: Option<String>,
    /// Whether every instance must have a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required: Option<bool>,
    /// Whether the relationship should no longer be used. Kept as metadata.deprecated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<bool>,
    /// minItems, maxItems.
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    #[schemars(schema_with = "object")]
    pub constraints: Fields,
    /// A string, or a map of languages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "anything")]
    pub description: Option<Exact>,
    /// The name of the relationship in the opposite direction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200))]
    pub inverse_predicate: Option<String>,
    /// A string, or a map of languages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "anything")]
    pub inverse_label: Option<Exact>,
    /// strict refuses references to missing instances; none (default) allows them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "integrity")]
    pub integrity: Option<String>,
    /// Any data; kept as written.
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    #[schemars(schema_with = "object")]
    pub metadata: Fields,
}

impl Class {
    /// The problems of the class, one sentence each.
    pub(crate) fn problems(&self) -> Vec<String> {
        let class = &self.name;
        let mut problems = Vec::new();
        if !name::is_class(class) {
            problems.push(format!(
                "{class:?} is not a class id: 1 to 100 characters of A-Z, a-z, 0-9, _, : and -, starting with a letter"
            ));
        }
        if self.parent_class.as_ref() == Some(class) {
            problems.push(format!("class {class}: a class cannot be its own parent"));
        }
        let mut seen = BTreeSet::new();
        let properties = self.properties.iter().map(|it| ("property", &it.name));
        let relationships = self.relationships.iter();
        let relationships = relationships.map(|it| ("relationship", &it.predicate));
        for (kind, key) in properties.chain(relationships) {
            if !name::is_property(key) {
                problems.push(format!(
                    "class {class}: invalid {kind} {key:?}: use 1 to 200 characters of A-Z, a-z, 0-9 and _, starting with a letter"
                ));
            }
            if !seen.insert(key) {
                problems.push(format!(
                    "class {class}: {kind} {key:?}: the name is already used in this class"
                ));
            }
        }
        problems
    }
}
