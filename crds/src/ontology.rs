//! `Ontology`: a set of classes of a branch, applied as a whole.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::{
    class::Class,
    name,
    policy::{Adopt, ChangePolicy, DatabaseRef, DeletionPolicy, DriftPolicy, ManagementPolicy},
    status::ResourceStatus,
};

/// A set of classes of a branch.
// The columns have the same types.
#[allow(clippy::duplicated_attributes)]
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
    doc = "A set of classes of a branch. All of them are applied in one transaction, so they may refer to each other in any order.",
    selectable = ".spec.databaseRef.name",
    selectable = ".spec.branch",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason"
    ),
    printcolumn(
        name = "Database",
        type_ = "string",
        json_path = ".spec.databaseRef.name"
    ),
    printcolumn(name = "Branch", type_ = "string", json_path = ".spec.branch"),
    printcolumn(name = "Classes", type_ = "integer", json_path = ".status.classes"),
    printcolumn(
        name = "Position",
        type_ = "integer",
        json_path = ".status.position",
        priority = 1
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        priority = 1
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[x_kube(validation = Rule::new("(has(self.branch) ? self.branch : 'main') == (has(oldSelf.branch) ? oldSelf.branch : 'main')").message("branch is immutable"))]
#[x_kube(validation = Rule::new("has(self.instance) == has(oldSelf.instance) && (!has(self.instance) || self.instance == oldSelf.instance)").message("instance is immutable"))]
#[serde(rename_all = "camelCase")]
pub struct OntologySpec {
    /// The Database object. Immutable.
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
    /// The classes. A class that is removed here is deleted in the API.
    #[schemars(length(min = 1, max = 200))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub classes: Vec<Class>,
    /// What happens to classes that exist already and have no owner: `IfEqual` (default), Never or
    /// Always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopt: Option<Adopt>,
    /// What happens to changes that lose or invalidate data: Safe (default) refuses them until they
    /// are approved, Unsafe applies them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_policy: Option<ChangePolicy>,
    /// What to do about changes that others made in the API: Correct (default) or Report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift_policy: Option<DriftPolicy>,
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

impl OntologySpec {
    /// The branch's name in the API.
    pub fn branch_name(&self) -> &str {
        self.branch.as_deref().unwrap_or("main")
    }

    /// The problems of the declaration, one sentence each. The rules are those of the schema, and
    /// those that are too expensive for it.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !name::is_branch(self.branch_name()) {
            problems.push(format!("{:?} is not a branch name", self.branch_name()));
        }
        let mut seen = std::collections::BTreeSet::new();
        for class in &self.classes {
            if !seen.insert(&class.name) {
                problems.push(format!("duplicate class {:?}", class.name));
            }
            problems.extend(class.problems());
        }
        problems
    }
}
