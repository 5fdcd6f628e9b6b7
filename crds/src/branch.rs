//! `Branch`: a branch of a database, starting at a position of its parent.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::{
    name,
    policy::{Adopt, DatabaseRef, DeletionPolicy, ManagementPolicy},
    status::ResourceStatus,
};

/// A branch of a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "spiceharvester.dev",
    version = "v1alpha1",
    kind = "Branch",
    plural = "branches",
    namespaced,
    status = "ResourceStatus",
    derive = "PartialEq",
    shortname = "sbr",
    category = "spice",
    doc = "A branch of a database: its own changes on top of its parent at a position. To merge it, call the API: an action is not a state.",
    selectable = ".spec.databaseRef.name",
    validation = Rule::new("has(self.spec.name) || self.metadata.name.matches('^[a-z0-9-]+$') && size(self.metadata.name) <= 100 && !(self.metadata.name in ['refs', 'objects', 'info', 'hooks', 'main'])").message("without spec.name, metadata.name must be a valid branch name: up to 100 characters of a-z, 0-9 and -, not refs, objects, info, hooks or main"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Database", type_ = "string", json_path = ".spec.databaseRef.name"),
    printcolumn(name = "Branch", type_ = "string", json_path = ".status.externalId"),
    printcolumn(name = "Base", type_ = "integer", json_path = ".status.basePosition"),
    printcolumn(name = "Changes", type_ = "integer", json_path = ".status.changes"),
    printcolumn(name = "Mergeable", type_ = "boolean", json_path = ".status.mergeable"),
    printcolumn(name = "Position", type_ = "integer", json_path = ".status.position", priority = 1),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].message", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(validation = Rule::new("has(self.name) == has(oldSelf.name) && (!has(self.name) || self.name == oldSelf.name)").message("name is immutable"))]
#[x_kube(validation = Rule::new("has(self.from) == has(oldSelf.from) && (!has(self.from) || self.from == oldSelf.from)").message("from is immutable"))]
#[x_kube(validation = Rule::new("has(self.instance) == has(oldSelf.instance) && (!has(self.instance) || self.instance == oldSelf.instance)").message("instance is immutable"))]
#[serde(rename_all = "camelCase")]
pub struct BranchSpec {
    /// The Database object. Immutable.
    #[x_kube(validation = Rule::new("self == oldSelf").message("databaseRef is immutable"))]
    pub database_ref: DatabaseRef,
    /// The name in the API; default: metadata.name. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 100),
        regex(pattern = "^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$")
    )]
    #[x_kube(validation = Rule::new("!(self in ['refs', 'objects', 'info', 'hooks', 'HEAD', 'main'])").message("a branch cannot be called refs, objects, info, hooks, HEAD or main"))]
    pub name: Option<String>,
    /// Where it starts; default: the end of main. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<BranchOrigin>,
    /// What happens if the branch exists already and has no owner: `IfEqual` (default), Never or
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

/// Where a branch starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct BranchOrigin {
    /// The parent's name in the API.
    #[schemars(
        length(min = 1, max = 100),
        regex(pattern = "^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$")
    )]
    pub branch: String,
    /// A position of the log; default: the end of the log when the branch is created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub position: Option<i64>,
}

impl Branch {
    /// The branch's name in the API.
    pub fn branch_name(&self) -> String {
        self.spec
            .branch_name(self.metadata.name.as_deref().unwrap_or_default())
    }
}

impl BranchSpec {
    /// The name in the API of the branch that an object with this name declares.
    pub fn branch_name(&self, object: &str) -> String {
        self.name.clone().unwrap_or_else(|| object.to_owned())
    }

    /// The parent's name in the API.
    pub fn parent(&self) -> &str {
        let origin = self.from.as_ref();
        origin.map_or("main", |origin| origin.branch.as_str())
    }

    /// The problems of the declaration, one sentence each. The rules are those of the schema.
    pub fn problems(&self, object: &str) -> Vec<String> {
        let name = self.branch_name(object);
        let mut problems = Vec::new();
        if !name::is_branch(&name) {
            problems.push(format!(
                "{name:?} is not a branch name: 1 to 100 characters of A-Z, a-z, 0-9, _ and -, in parts joined by single /; not refs, objects, info, hooks or HEAD"
            ));
        }
        if name == "main" {
            problems.push(
                "main exists from the creation of the database; it cannot be declared".into(),
            );
        }
        if let Some(origin) = &self.from {
            if !name::is_branch(&origin.branch) {
                problems.push(format!(
                    "from.branch {:?} is not a branch name",
                    origin.branch
                ));
            }
            if origin.position.is_some_and(i64::is_negative) {
                problems.push("from.position cannot be negative".into());
            }
        }
        problems
    }
}
