//! `Ontology`: one class, declared as the api has it, losslessly.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    DatabaseRef, DeletionPolicy, Exact, Fields, name,
    schema::{anything, object},
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
    validation = Rule::new("has(self.spec.class) || size(self.metadata.name) <= 95").message("without spec.class, metadata.name has to make a class id: 95 characters at most"),
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
#[serde(rename_all = "camelCase")]
pub struct OntologySpec {
    /// The Database object, in the same namespace. Immutable.
    #[x_kube(validation = Rule::new("self == oldSelf").message("databaseRef is immutable"))]
    pub database_ref: DatabaseRef,
    /// The branch's name in the api; main when left out. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 100),
        regex(pattern = "^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$")
    )]
    #[x_kube(validation = Rule::new("!(self in ['refs', 'objects', 'info', 'hooks', 'HEAD'])").message("a branch cannot be called refs, objects, info, hooks or HEAD"))]
    pub branch: Option<String>,
    /// The class's id in the api; metadata.name in CamelCase when left out. Immutable.
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
    /// The class that this one extends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 100),
        regex(pattern = "^[A-Za-z][A-Za-z0-9_:-]*$")
    )]
    pub parent_class: Option<String>,
    /// Whether it can have no instances of its own.
    #[serde(default, rename = "abstract", skip_serializing_if = "Option::is_none")]
    pub is_abstract: Option<bool>,
    /// Its properties, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 500))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub properties: Vec<Property>,
    /// Its relationships, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 500))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["predicate".into()]))]
    pub relationships: Vec<Relationship>,
    /// Kept as written.
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    #[schemars(schema_with = "object")]
    pub metadata: Fields,
    /// Retain (default) or Delete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
    /// Correct (default) what others changed in the api, or Report it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift_policy: Option<DriftPolicy>,
    /// Leave it alone for now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
}

/// What to do when the class in the api is no longer what is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DriftPolicy {
    /// Write the declaration again.
    Correct,
    /// Say so in the condition Drifted.
    Report,
}

/// A property of a class.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Property {
    /// Its key.
    #[schemars(length(min = 1, max = 200), regex(pattern = "^[A-Za-z][A-Za-z0-9_]*$"))]
    pub name: String,
    /// string, integer, money, …; with or without xsd:.
    #[serde(rename = "type")]
    #[schemars(length(min = 1, max = 50))]
    pub kind: String,
    /// A string, or a map of languages; the name when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "anything")]
    pub label: Option<Exact>,
    /// Whether every instance has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required: Option<bool>,
    /// Whether its value is the instance's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary_key: Option<bool>,
    /// The value of those who give none.
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
    /// The class that a link leads to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub target: Option<String>,
    /// The class that a link leads to, by its older name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub link_target: Option<String>,
    /// Whether it is a relationship.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_relationship: Option<bool>,
    /// 1:1, 1:n, n:1 or n:m, of a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 10))]
    pub cardinality: Option<String>,
    /// The items of an array, a property without a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "anything")]
    pub items: Option<Exact>,
}

/// A relationship of a class.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Relationship {
    /// Its key.
    #[schemars(length(min = 1, max = 200), regex(pattern = "^[A-Za-z][A-Za-z0-9_]*$"))]
    pub predicate: String,
    /// The class that it leads to.
    #[schemars(
        length(min = 1, max = 100),
        regex(pattern = "^[A-Za-z][A-Za-z0-9_:-]*$")
    )]
    pub target: String,
    /// A string, or a map of languages; the predicate when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "anything")]
    pub label: Option<Exact>,
    /// 1:1, 1:n (default), n:1 or n:m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^(1:1|1:n|n:1|n:m|n:n)$"))]
    pub cardinality: Option<String>,
    /// A string, or a map of languages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "anything")]
    pub description: Option<Exact>,
    /// The predicate seen from the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200))]
    pub inverse_predicate: Option<String>,
    /// A string, or a map of languages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "anything")]
    pub inverse_label: Option<Exact>,
    /// strict: a reference to nothing is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 50))]
    pub integrity: Option<String>,
}

impl Ontology {
    /// The class's id in the api.
    pub fn class_id(&self) -> String {
        self.spec
            .class_id(self.metadata.name.as_deref().unwrap_or_default())
    }
}

impl OntologySpec {
    /// The id in the api of the class that an object of this name declares.
    pub fn class_id(&self, object: &str) -> String {
        self.class
            .clone()
            .unwrap_or_else(|| name::class_from_object(object))
    }

    /// The branch's name in the api.
    pub fn branch_name(&self) -> &str {
        self.branch.as_deref().unwrap_or("main")
    }

    /// What is wrong with it, a sentence each; the rules are those of the schema.
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
        let properties = self.properties.iter().map(|property| &property.name);
        check_keys("property", properties, &mut problems);
        let predicates = self
            .relationships
            .iter()
            .map(|relationship| &relationship.predicate);
        check_keys("relationship", predicates, &mut problems);
        problems
    }
}

fn check_keys<'a>(kind: &str, keys: impl Iterator<Item = &'a String>, problems: &mut Vec<String>) {
    let mut seen = std::collections::BTreeSet::new();
    for key in keys {
        if !name::is_property(key) {
            problems.push(format!(
                "{kind} {key:?}: 1 to 200 characters of A-Z, a-z, 0-9 and _, starting with a letter"
            ));
        }
        if !seen.insert(key) {
            problems.push(format!("{kind} {key:?} is there twice"));
        }
    }
}
