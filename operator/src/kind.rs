//! What the three kinds have in common, and what each must tell.

use std::{fmt::Debug, future::Future};

use kube::{Resource, core::NamespaceResourceScope};
use serde::{Serialize, de::DeserializeOwned};
use spice_crds::{DeletionPolicy, Exact, Fields, ResourceStatus, annotation};
use uuid::Uuid;

use crate::{
    client::{Api, ApiError, Command, Stored, Verb},
    declared::Databases,
};

/// What the api has of a declaration.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// What it needs and what is not there, in words.
    pub missing: Option<String>,
    /// The thing itself.
    pub stored: Option<Stored>,
    /// The projections show what was written before this position; none: not known.
    pub projected: Option<u64>,
}

impl Found {
    /// Something that it needs is not there.
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
    /// The kind, as YAML has it.
    const KIND: &'static str;
    /// What people call it.
    const NOUN: &'static str;

    /// The name in the api of what is declared.
    fn external_id(&self) -> String;
    /// The Database object that it refers to; none: it is one.
    fn database_ref(&self) -> Option<&str>;
    /// `status`.
    fn status(&self) -> Option<&ResourceStatus>;
    /// Sets `status`.
    fn set_status(&mut self, status: ResourceStatus);
    /// `spec.suspend`.
    fn suspended(&self) -> bool;
    /// `spec.deletionPolicy`.
    fn deletion_policy(&self) -> DeletionPolicy;
    /// Whether drift is reported, not corrected.
    fn reports_drift(&self) -> bool {
        false
    }
    /// The rules that the spec breaks.
    fn problems(&self) -> Vec<String>;
    /// Reads what the api has.
    fn find<A: Api>(
        &self,
        api: &A,
        database: &str,
    ) -> impl Future<Output = Result<Found, ApiError>> + Send;
    /// What it declares, so that two objects of a namespace that declare the same are seen.
    fn declares(&self) -> String {
        let database = self.database_ref().unwrap_or_default();
        format!("{database}/{}", self.external_id())
    }
    /// What has to change for `stored` to be what is declared; none: nothing.
    fn difference(&self, stored: &Stored) -> Option<Fields> {
        let _ = stored;
        None
    }
    /// What of `stored` differs from the declaration and cannot be changed, in words.
    fn immutable_difference(&self, stored: &Stored) -> Option<String> {
        let _ = stored;
        None
    }
    /// Where it is: path and query.
    fn location(&self, database: &str) -> Location;
    /// The body that creates it.
    fn creation(&self, database: &str) -> Exact;

    /// `metadata.name`.
    fn object_name(&self) -> &str {
        self.meta().name.as_deref().unwrap_or_default()
    }
    /// Whether a person wants it gone whatever becomes of what it declares.
    fn force_release(&self) -> bool {
        let annotations = self.meta().annotations.as_ref();
        annotations
            .and_then(|all| all.get(annotation::FORCE_RELEASE))
            .is_some_and(|v| v == "true")
    }
    /// Whether the declaration of this very generation was in force before.
    fn was_synced(&self) -> bool {
        let generation = self.meta().generation;
        generation.is_some()
            && self.status().and_then(|status| status.synced_generation) == generation
    }
}

/// Paths and query of a thing in the api.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// Where it is created.
    pub collection: Vec<String>,
    /// Where it is changed and deleted.
    pub item: Vec<String>,
    /// On all of them.
    pub query: Vec<(&'static str, String)>,
    /// Whether a change names the sequence that it was decided on.
    pub sequenced: bool,
}

/// The name in the api of the database that a resource refers to: of one that is not declared, the
/// name that its object would give it.
pub(crate) fn database_of<K: Kind>(resource: &K, databases: &Databases) -> Option<String> {
    let name = resource.database_ref()?;
    let namespace = resource.meta().namespace.clone().unwrap_or_default();
    let known = databases.get(&(namespace, name.to_owned())).cloned();
    Some(known.unwrap_or_else(|| name.replace('-', "_")))
}

/// The command that does `verb`. Its key follows from the object, its generation, the verb and
/// what was observed (the sequence; of what is not there the last command), so that a retry is
/// the same command, and a correction of drift is a new one.
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
