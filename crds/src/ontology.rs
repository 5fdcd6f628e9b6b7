//! `Ontology`: one class, declared without loss as in the api.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    DatabaseRef, DeletionPolicy, Exact, Fields, name,
    schema::{anything, object, property_type},
    status::ResourceStatus,
};

/// A class of a database's ontology.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "spiceharvester.dev",
    version = "v1alpha1",
    kind = "Ontology",
    plural = "ontologies",
    namespaced,
    status = "ResourceStatus",
    derive = "PartialEq",
    shortname = "onto",
    category = "spice",
    doc = "A class of a database's ontology.",
    selectable = ".spec.databaseRef.name",
    selectable = ".spec.branch",
    validation = Rule::new("has(self.spec.class) || size(self.metadata.name) <= 95").message("without spec.class, metadata.name must be a valid class id: at most 95 characters"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Database", type_ = "string", json_path = ".spec.databaseRef.name"),
    printcolumn(name = "Class", type_ = "string", json_path = ".status.externalId"),
    printcolumn(name = "Position", type_ = "integer", json_path = ".status.position"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].message", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(validation = Rule::new("has(self.class) == has(oldSelf.class) && (!has(self.class) || self.class == oldSelf.class)").message("class is immutable"))]
#[x_kube(validation = Rule::new("(has(self.branch) ? self.branch : 'main') == (has(oldSelf.branch) ? oldSelf.branch : 'main')").message("branch is immutable"))]
#[x_kube(validation = Rule::new("has(self.instance) == has(oldSelf.instance) && (!has(self.instance) || self.instance == oldSelf.instance)").message("instance is immutable"))]
#[x_kube(validation = Rule::new("!has(self.parentClass) || !has(self.class) || self.parentClass != self.class").message("a class cannot be its own parent"))]
#[serde(rename_all = "camelCase")]
pub struct OntologySpec {
    /// The Database object, in the same namespace. Immutable.
    #[x_kube(validation = Rule::new("self == oldSelf").message("databaseRef is immutable"))]
    pub database_ref: DatabaseRef,
    /// The branch's name in the API; default: main. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 100),
        regex(pattern = "^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$")
    )]
    #[x_kube(validation = Rule::new("!(self in ['refs', 'objects', 'info', 'hooks', 'HEAD'])").message("a branch cannot be called refs, objects, info, hooks or HEAD"))]
    pub branch: Option<String>,
    /// The class's id in the API; default: metadata.name in CamelCase. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 100),
        regex(pattern = "^[A-Za-z][A-Za-z0-9_:-]*$")
    )]
    pub class: Option<String>,
    /// A string, or a map of languages.
    #[schemars(schema_with = "anything")]
    pub label: Exact,
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
    /// The properties, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 500))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub properties: Vec<Property>,
    /// The relationships, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 500))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["predicate".into()]))]
    pub relationships: Vec<Relationship>,
    /// Any data; kept as written.
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    #[schemars(schema_with = "object")]
    pub metadata: Fields,
    /// What to do in the API when this object is deleted: Retain (default) or Delete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
    /// What to do about changes that others made in the API: Correct (default) or Report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift_policy: Option<DriftPolicy>,
    /// Stop reconciling this object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
    /// The operator installation that reconciles this object; default: the one without a name.
    /// Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub instance: Option<String>,
}

/// What to do when the class in the API differs from the declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DriftPolicy {
    /// Write the declaration again.
    Correct,
    /// Report it in the condition Drifted.
    Report,
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
    #[schemars(regex(pattern = "^(1:1|1:n|n:1|n:m|n:n)$"))]
    pub cardinality: Option<String>,
    /// Of a link: strict refuses references to missing instances; none (default) allows them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^(strict|none)$"))]
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
    #[schemars(regex(pattern = "^(1:1|1:n|n:1|n:m|n:n)$"))]
    pub cardinality: Option<String>,
    /// Whether every instance must have a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required: Option<bool>,
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
    #[schemars(regex(pattern = "^(strict|none)$"))]
    pub integrity: Option<String>,
    /// Any data; kept as written.
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    #[schemars(schema_with = "object")]
    pub metadata: Fields,
}

impl Ontology {
    /// The class's id in the API.
    pub fn class_id(&self) -> String {
        self.spec
            .class_id(self.metadata.name.as_deref().unwrap_or_default())
    }
}

impl OntologySpec {
    /// The id in the API of the class that an object with this name declares.
    pub fn class_id(&self, object: &str) -> String {
        self.class
            .clone()
            .unwrap_or_else(|| name::class_from_object(object))
    }

    /// The branch's name in the API.
    pub fn branch_name(&self) -> &str {
        self.branch.as_deref().unwrap_or("main")
    }

    /// The problems of the declaration, one sentence each. The rules are those of the schema.
    pub fn problems(&self, object: &str) -> Vec<String> {
        let mut problems = Vec::new();
        let class = self.class_id(object);
        if !name::is_class(&class) {
            problems.push(format!(
                "{class:?} is not a class id: 1 to 100 characters of A-Z, a-z, 0-9, _, : and -, starting with a letter"
            ));
        }
        if !name::is_branch(self.branch_name()) {
            problems.push(format!("{:?} is not a branch name", self.branch_name()));
        }
        if self.parent_class.as_ref() == Some(&class) {
            problems.push(format!("class {class} cannot be its own parent"));
        }
        let properties = self.properties.iter().map(|it| ("property", &it.name));
        let relationships = self.relationships.iter();
        let relationships = relationships.map(|it| ("relationship", &it.predicate));
        check_keys(properties.chain(relationships), &mut problems);
        problems
    }
}

/// Properties and relationships share one namespace.
fn check_keys<'a>(
    keys: impl Iterator<Item = (&'static str, &'a String)>,
    problems: &mut Vec<String>,
) {
    let mut seen = std::collections::BTreeMap::new();
    for (kind, key) in keys {
        if !name::is_property(key) {
            problems.push(format!(
                "invalid {kind} {key:?}: use 1 to 200 characters of A-Z, a-z, 0-9 and _, starting with a letter"
            ));
        }
        match seen.insert(key, kind) {
            Some(first) if first == kind => problems.push(format!("duplicate {kind} {key:?}")),
            Some(first) => problems.push(format!("{key:?} is a {first} and a {kind}")),
            None => {}
        }
    }
}
