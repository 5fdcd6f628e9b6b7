//! What the three kinds have in common, and what each must implement.

use std::{fmt::Debug, future::Future};

use kube::{Resource, core::NamespaceResourceScope};
use serde::{Serialize, de::DeserializeOwned};
use spice_crds::{DeletionPolicy, Exact, Fields, ResourceStatus, annotation};
use uuid::Uuid;

use crate::client::{Api, ApiError, Command, Stored, Verb};

/// The state of a declaration in the api.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// A missing thing that the declaration needs, in words.
    pub missing: Option<String>,
    /// The thing itself.
    pub stored: Option<Stored>,
    /// The projections show everything before this position; none if unknown.
    pub projected: Option<u64>,
}

impl Found {
    /// A state with a missing thing that the declaration needs.
    pub fn without(missing: String) -> Self {
        Self {
            missing: Some(missing),
            ..Self::default()
        }
    }

    /// Whether the projections may not show it yet.
    pub fn is_late(&self) -> bool {
        let written = self.stored.as_ref().and_then(|stored| stored.position);
        written
            .zip(self.projected)
            .is_some_and(|(written, projected)| written >= projected)
    }
}

/// A custom resource that declares something in the api.
pub trait Kind:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + Debug
    + DeserializeOwned
    + Serialize
    + Send
    + Sync
    + 'static
{
    /// The kind, as in YAML.
    const KIND: &'static str;
    /// The noun for messages.
    const NOUN: &'static str;
    /// Whether a thing that was deleted in the api stays deleted until a person asks for it: what
    /// was in it is lost.
    const KEEPS_DELETED: bool;

    /// The declared thing's name in the api.
    fn external_id(&self) -> String;
    /// The Database object that it refers to; none for a Database.
    fn database_ref(&self) -> Option<&str>;
    /// `spec.instance`.
    fn instance(&self) -> Option<&str>;
    /// `status`.
    fn status(&self) -> Option<&ResourceStatus>;
    /// Sets `status`.
    fn set_status(&mut self, status: ResourceStatus);
    /// `spec.suspend`.
    fn suspended(&self) -> bool;
    /// `spec.deletionPolicy`.
    fn deletion_policy(&self) -> DeletionPolicy;
    /// Whether drift is only reported.
    fn reports_drift(&self) -> bool {
        false
    }
    /// The rules that the spec breaks.
    fn problems(&self) -> Vec<String>;
    /// Reads the state in the api.
    fn find<A: Api>(
        &self,
        api: &A,
        database: &str,
    ) -> impl Future<Output = Result<Found, ApiError>> + Send;
    /// An identity of the declared thing. Two objects with the same identity declare the same thing.
    fn claim(&self) -> String {
        let namespace = self.meta().namespace.as_deref().unwrap_or_default();
        let database = self.database_ref().unwrap_or_default();
        format!("{namespace}/{database}/{}", self.external_id())
    }
    /// The changes that turn `stored` into the declared state; none if there are no changes.
    fn difference(&self, stored: &Stored) -> Option<Fields> {
        let _ = stored;
        None
    }
    /// The differences between `stored` and the declaration that cannot be changed, in words.
    fn immutable_difference(&self, stored: &Stored) -> Option<String> {
        let _ = stored;
        None
    }
    /// The location: path and query.
    fn location(&self, database: &str) -> Location;
    /// The body of the create command.
    fn creation(&self, database: &str) -> Exact;

    /// `metadata.name`.
    fn object_name(&self) -> &str {
        self.meta().name.as_deref().unwrap_or_default()
    }
    /// Whether a person wants the object deleted even if the declared thing cannot be deleted.
    fn force_release(&self) -> bool {
        annotation_of(self, annotation::FORCE_RELEASE) == Some("true")
    }
    /// The value of the annotation that asks to create a deleted thing again, if no pass has handled
    /// it yet.
    fn new_recreation(&self) -> Option<&str> {
        let handled = self
            .status()
            .and_then(|it| it.last_handled_recreation.as_deref());
        annotation_of(self, annotation::RECREATE).filter(|value| Some(*value) != handled)
    }
    /// Whether the current generation was already applied.
    fn was_synced(&self) -> bool {
        let generation = self.meta().generation;
        generation.is_some()
            && self.status().and_then(|status| status.synced_generation) == generation
    }
}

/// The value of an annotation.
pub fn annotation_of<'a, K: Kind>(resource: &'a K, key: &str) -> Option<&'a str> {
    let annotations = resource.meta().annotations.as_ref()?;
    annotations.get(key).map(String::as_str)
}

/// Paths and query of a thing in the api.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The path to create it.
    pub collection: Vec<String>,
    /// The path to change and delete it.
    pub item: Vec<String>,
    /// The query for all of them.
    pub query: Vec<(&'static str, String)>,
    /// Whether a change passes the sequence that it was decided on.
    pub sequenced: bool,
}

/// The command for `verb`. Its key is derived from the object, its generation, the verb and the
/// observed state (the sequence or, for a missing thing, the last command). So a retry is the same
/// command, and a correction of drift is a new one.
pub fn command<K: Kind>(
    resource: &K,
    database: &str,
    verb: Verb,
    stored: Option<&Stored>,
    body: Option<Exact>,
) -> Command {
    let location = resource.location(database);
    let sequence = stored.and_then(|stored| stored.sequence);
    let last = || {
        let record = resource.status().and_then(|status| status.command.as_ref());
        record.map_or("none", |record| record.id.as_str())
    };
    let observed = sequence.map_or_else(|| format!("after {}", last()), |n| n.to_string());
    let mut query = location.query;
    if let (true, Some(sequence)) = (location.sequenced && verb != Verb::Create, sequence) {
        query.push(("expected_seq", sequence.to_string()));
    }
    Command {
        verb,
        path: if verb == Verb::Create {
            location.collection
        } else {
            location.item
        },
        query,
        body,
        key: command_key(
            resource.meta().uid.as_deref().unwrap_or_default(),
            resource.meta().generation.unwrap_or_default(),
            verb,
            &observed,
        ),
    }
}

/// The idempotency key of a command.
pub fn command_key(uid: &str, generation: i64, verb: Verb, observed: &str) -> Uuid {
    let text = format!(
        "spice-operator:{uid}:{generation}:{}:{observed}",
        verb.as_str()
    );
    Uuid::new_v5(&Uuid::NAMESPACE_URL, text.as_bytes())
}
