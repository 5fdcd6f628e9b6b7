//! The custom resources of SPICE Harvester, group `spiceharvester.dev/v1alpha1`: their types, their
//! schemas, and the rules that can be checked without a server. No IO, no calls of the api.

// The derive of KubeSchema copies each struct into a function.
#![allow(unreachable_pub)]

pub mod branch;
pub mod class;
pub mod crdgen;
pub mod database;
pub mod exact;
pub mod name;
pub mod ontology;
pub mod policy;
pub mod replay_job;
pub mod schema;
pub mod status;
pub mod yaml;

pub use branch::{Branch, BranchOrigin, BranchSpec};
pub use class::{Class, Property, Relationship};
pub use database::{Database, DatabaseSpec};
pub use exact::{Exact, Fields};
pub use ontology::{Ontology, OntologySpec};
pub use policy::{
    Adopt, AllowedNamespaces, ChangePolicy, DatabaseRef, DeletionPolicy, DriftPolicy,
    ManagementPolicy, NamespacesFrom,
};
pub use replay_job::{
    ReplayApproval, ReplayJob, ReplayJobSpec, ReplayJobStatus, ReplayStrategy, ReplayTarget,
};
pub use status::{CommandRecord, Condition, ConditionStatus, Finding, Plan, ResourceStatus};

/// The API group of all resources.
pub const GROUP: &str = "spiceharvester.dev";
/// The one served and stored version.
pub const VERSION: &str = "v1alpha1";
/// `group/version`, the value of `apiVersion`.
pub const API_VERSION: &str = "spiceharvester.dev/v1alpha1";

/// Annotations that people set.
pub mod annotation {
    /// `"true"`: remove the finalizer even if the declared thing could not be deleted.
    pub const FORCE_RELEASE: &str = "spiceharvester.dev/force-release";
    /// The hash of `status.plan`: lets exactly this change through. On a `ReplayJob`: its
    /// `status.externalId`, which lets the result through.
    pub const APPROVE: &str = "spiceharvester.dev/approve";
    /// Any new value, for example the time: reconcile the object now. `status.lastHandledReconcileAt`
    /// shows the value after that.
    pub const RECONCILE_AT: &str = "spiceharvester.dev/reconcile-at";
    /// Any new value, for example the time: create a database or branch again that was deleted in
    /// the api. What was in it is lost.
    pub const RECREATE: &str = "spiceharvester.dev/recreate";
}

/// The finalizer of objects whose deletion policy is `Delete`.
pub const FINALIZER: &str = "spiceharvester.dev/deletion";
