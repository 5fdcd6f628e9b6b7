//! `Database`: a knowledge graph with its own log.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::{
    name,
    policy::{Adopt, AllowedNamespaces, DeletionPolicy, ManagementPolicy},
    status::ResourceStatus,
};

/// A knowledge graph.
#[derive(
    Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, CustomResource, KubeSchema,
)]
#[kube(
    group = "spiceharvester.dev",
    version = "v1alpha1",
    kind = "Database",
    namespaced,
    status = "ResourceStatus",
    derive = "PartialEq",
    shortname = "sdb",
    category = "spice",
    doc = "A knowledge graph with its own log. Use the short name sdb: other operators also have databases.",
    validation = Rule::new("has(self.spec.name) || self.metadata.name.matches('^[a-z][a-z0-9]*(-[a-z0-9]+)*$') && size(self.metadata.name) >= 3 && size(self.metadata.name) <= 50").message("without spec.name, metadata.name must be a valid database name: 3 to 50 characters of a-z, 0-9 and single -, starting with a letter"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Database", type_ = "string", json_path = ".status.externalId"),
    printcolumn(name = "Position", type_ = "integer", json_path = ".status.position", priority = 1),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].message", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(validation = Rule::new("has(self.name) == has(oldSelf.name) && (!has(self.name) || self.name == oldSelf.name)").message("name is immutable"))]
#[x_kube(validation = Rule::new("has(self.instance) == has(oldSelf.instance) && (!has(self.instance) || self.instance == oldSelf.instance)").message("instance is immutable"))]
#[serde(rename_all = "camelCase")]
pub struct DatabaseSpec {
    /// The name in the API; default: metadata.name with _ instead of -. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 3, max = 50),
        regex(pattern = "^[a-z][a-z0-9]*([_-][a-z0-9]+)*$")
    )]
    pub name: Option<String>,
    /// The purpose of the database; default: the description in the API stays as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 5000))]
    pub description: Option<String>,
    /// The namespaces whose Ontologies, Branches and `ReplayJobs` may refer to this object; default:
    /// its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_namespaces: Option<AllowedNamespaces>,
    /// What happens if the database exists already and has no owner: `IfEqual` (default), Never or
    /// Always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopt: Option<Adopt>,
    /// What to do in the API when this object is deleted: Retain (default) or Delete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
    /// Full (default) applies the declaration; Observe only compares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub management_policy: Option<ManagementPolicy>,
    /// Stop reconciling this object; default: false. Deleting it then deletes nothing in the API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
    /// The operator installation that reconciles this object; default: the one without a name.
    /// Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub instance: Option<String>,
}

impl Database {
    /// The database's name in the API.
    pub fn database_name(&self) -> String {
        self.spec
            .database_name(self.metadata.name.as_deref().unwrap_or_default())
    }
}

impl DatabaseSpec {
    /// The name in the API of the database that an object with this name declares.
    pub fn database_name(&self, object: &str) -> String {
        self.name
            .clone()
            .unwrap_or_else(|| object.replace('-', "_"))
    }

    /// The problems of the declaration, one sentence each. The rules are those of the schema.
    pub fn problems(&self, object: &str) -> Vec<String> {
        let name = self.database_name(object);
        let mut problems = Vec::new();
        if !name::is_database(&name) {
            problems.push(format!(
                "{name:?} is not a database name: 3 to 50 characters of a-z, 0-9, _ and -, starting with a letter, no _ or - at the end or twice in a row"
            ));
        }
        problems
    }
}
