//! What the kinds have in common, and what each must implement.

use std::fmt::Debug;

use kube::{Resource, core::NamespaceResourceScope};
use serde::{Serialize, de::DeserializeOwned};
use spice_crds::{
    Adopt, ChangePolicy, DatabaseRef, DeletionPolicy, DriftPolicy, ManagementPolicy,
    ResourceStatus, annotation,
};

use crate::client::{Subject, Thing};

/// The settings of a declaration that are not about the declared thing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Policies {
    /// `spec.suspend`.
    pub is_suspended: bool,
    /// `spec.managementPolicy`.
    pub management: ManagementPolicy,
    /// `spec.driftPolicy`.
    pub drift: DriftPolicy,
    /// Whether things that others deleted are created again without asking.
    pub recreates: bool,
    /// `spec.adopt`.
    pub adopt: Adopt,
    /// `spec.changePolicy`.
    pub change: ChangePolicy,
    /// `spec.deletionPolicy`.
    pub deletion: DeletionPolicy,
}

/// A custom resource of a namespace.
pub trait Object:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + Debug
    + DeserializeOwned
    + Serialize
    + Send
    + Sync
    + 'static
{
}

impl<K> Object for K where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned
        + Serialize
        + Send
        + Sync
        + 'static
{
}

/// A custom resource that declares something in the api.
pub trait Kind: Object {
    /// The kind, as in YAML.
    const KIND: &'static str;
    /// The noun for messages.
    const NOUN: &'static str;

    /// The declared thing's name in the api.
    fn external_id(&self) -> String;
    /// The path of the declared thing in the api.
    fn endpoint(&self, database: &str) -> String;
    /// The Database object that it refers to; none for a Database.
    fn database_ref(&self) -> Option<&DatabaseRef>;
    /// `spec.instance`.
    fn instance(&self) -> Option<&str>;
    /// `status`.
    fn status(&self) -> Option<&ResourceStatus>;
    /// Sets `status`.
    fn set_status(&mut self, status: ResourceStatus);
    /// The settings.
    fn policies(&self) -> Policies;
    /// The rules that the spec breaks.
    fn problems(&self) -> Vec<String>;
    /// The branch that is compared with its parent.
    fn compared_branch(&self) -> Option<String> {
        None
    }
    /// The declared things.
    fn things(&self) -> Vec<Thing>;
    /// What is declared. `over` is the last generation of the database's name that is over.
    fn subject(&self, over: Option<u64>) -> Subject;

    /// `metadata.name`.
    fn object_name(&self) -> &str {
        self.meta().name.as_deref().unwrap_or_default()
    }
    /// `metadata.namespace`.
    fn object_namespace(&self) -> &str {
        self.meta().namespace.as_deref().unwrap_or_default()
    }
    /// The namespace of the Database object that it refers to.
    fn database_namespace(&self) -> &str {
        let other = self.database_ref().and_then(|it| it.namespace.as_deref());
        other.unwrap_or_else(|| self.object_namespace())
    }
    /// What identifies the database among objects of the same kind: its name, or the Database object.
    fn place(&self) -> String {
        match self.database_ref() {
            None => self.external_id(),
            Some(reference) => format!("{}/{}", self.database_namespace(), reference.name),
        }
    }
    /// The value of an annotation.
    fn annotation(&self, key: &str) -> Option<&str> {
        let annotations = self.meta().annotations.as_ref()?;
        annotations.get(key).map(String::as_str)
    }
    /// Whether a person wants the object deleted even if the declared thing cannot be deleted.
    fn force_release(&self) -> bool {
        self.annotation(annotation::FORCE_RELEASE) == Some("true")
    }
    /// The value of the annotation that asks to create a deleted thing again, if no pass has handled
    /// it yet.
    fn new_recreation(&self) -> Option<&str> {
        let handled = self
            .status()
            .and_then(|it| it.last_handled_recreation.as_deref());
        self.annotation(annotation::RECREATE)
            .filter(|value| Some(*value) != handled)
    }
    /// Whether any generation was applied.
    fn was_applied(&self) -> bool {
        self.status()
            .is_some_and(|status| status.synced_generation.is_some())
    }
    /// Whether the current generation was already applied.
    fn was_synced(&self) -> bool {
        let generation = self.meta().generation;
        generation.is_some()
            && self.status().and_then(|status| status.synced_generation) == generation
    }
}
