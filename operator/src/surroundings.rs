//! What the watches and Kubernetes know about an object, and who holds what it declares.

use std::{sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::Namespace;
use kube::{
    api::{Api, ObjectMeta},
    runtime::reflector::{ObjectRef, Store},
};
use spice_crds::{Database, DatabaseRef};

use crate::{
    claims::{Claimed, Claims},
    client::{Api as _, Claim, Command, HandOver, Owner},
    context::Context,
    decide::owner,
    gather::{Heir, Reference, Surroundings},
    kind::Kind,
    watch::Guarded,
};

/// How long the deletion of a declared thing is tried while its namespace is being deleted.
const NAMESPACE_GRACE: Duration = Duration::from_secs(30);

/// What is known about an object before the api is asked.
pub(crate) async fn surroundings<K: Kind>(
    resource: &K,
    databases: &Store<Guarded<Database>>,
    claims: &Claims<K>,
    context: &Context,
) -> Surroundings {
    let is_deleting = resource.meta().deletion_timestamp.is_some();
    let (namespace_ends, is_overdue) = deletion(resource.meta(), context).await;
    Surroundings {
        database: resolve(resource, databases),
        cluster: Some(context.cluster.clone()),
        heirs: if is_deleting {
            let heirs = claims.heirs(resource).into_iter();
            heirs.map(|heir| as_heir::<K>(heir, context)).collect()
        } else {
            Vec::new()
        },
        namespace_ends,
        is_overdue,
    }
}

/// Of an object that is being deleted: whether its namespace is being deleted, too, and whether the
/// deletion takes longer than allowed.
pub(crate) async fn deletion(meta: &ObjectMeta, context: &Context) -> (bool, bool) {
    let Some(deleted_at) = &meta.deletion_timestamp else {
        return (false, false);
    };
    let namespace = meta.namespace.as_deref().unwrap_or_default();
    let namespace_ends = namespace_ends(namespace, context).await;
    let limit = if namespace_ends {
        NAMESPACE_GRACE.min(context.deletion_deadline)
    } else {
        context.deletion_deadline
    };
    let age = jiff::Timestamp::now().duration_since(deleted_at.0);
    let is_overdue = Duration::try_from(age).is_ok_and(|age| age >= limit);
    (namespace_ends, is_overdue)
}

fn as_heir<K: Kind>(heir: Claimed, context: &Context) -> Heir {
    Heir {
        owner: Owner {
            cluster: context.cluster.clone(),
            kind: K::KIND.to_owned(),
            namespace: heir.namespace,
            name: heir.name,
            uid: heir.uid,
        },
        things: heir.things,
    }
}

/// Whether the namespace of an object is being deleted. Without the right to read it: no.
async fn namespace_ends(name: &str, context: &Context) -> bool {
    let namespaces: Api<Namespace> = Api::all(context.client.clone());
    match namespaces.get_metadata(name).await {
        Ok(namespace) => namespace.metadata.deletion_timestamp.is_some(),
        Err(kube::Error::Api(status)) if status.is_not_found() => true,
        Err(error) => {
            tracing::debug!(namespace = name, %error, "cannot read the namespace");
            false
        }
    }
}

/// The database that the object refers to.
fn resolve<K: Kind>(resource: &K, databases: &Store<Guarded<Database>>) -> Reference {
    let Some(reference) = resource.database_ref() else {
        return Reference::Missing;
    };
    let object = find_database(databases, reference, resource.object_namespace());
    refer(
        resource,
        object.as_ref().and_then(|object| object.0.as_ref().ok()),
    )
}

/// The Database object that an object of the namespace `own` refers to.
pub(crate) fn find_database(
    databases: &Store<Guarded<Database>>,
    reference: &DatabaseRef,
    own: &str,
) -> Option<Arc<Guarded<Database>>> {
    let namespace = reference.namespace.as_deref().unwrap_or(own);
    let object = ObjectRef::<Guarded<Database>>::new(&reference.name).within(namespace);
    databases.get(&object)
}

/// The reference of an object to a Database object, if that exists. An object that is being deleted
/// may have outlived its Database: its status has the name.
pub(crate) fn refer<K: Kind>(resource: &K, declared: Option<&Database>) -> Reference {
    let known = resource.status().and_then(|status| status.database.clone());
    let is_deleting = resource.meta().deletion_timestamp.is_some();
    let referrer = Referrer {
        meta: resource.meta(),
        instance: resource.instance(),
        known: known.filter(|_| is_deleting),
    };
    referrer.refer(declared)
}

/// An object that refers to a Database.
pub(crate) struct Referrer<'a> {
    pub(crate) meta: &'a ObjectMeta,
    /// `spec.instance`.
    pub(crate) instance: Option<&'a str>,
    /// The database's name in the api, for an object that may outlive its Database.
    pub(crate) known: Option<String>,
}

impl Referrer<'_> {
    /// The reference to a Database object, if that exists.
    pub(crate) fn refer(self, declared: Option<&Database>) -> Reference {
        let Some(database) = declared.filter(|it| it.instance() == self.instance) else {
            return self.known.map_or(Reference::Missing, Reference::Found);
        };
        let own = self.meta.namespace.as_deref().unwrap_or_default();
        let allowed = database.spec.allowed_namespaces.clone().unwrap_or_default();
        let is_deleting = self.meta.deletion_timestamp.is_some();
        if is_deleting || allowed.allows(database.object_namespace(), own) {
            Reference::Found(database.database_name())
        } else {
            Reference::Forbidden
        }
    }
}

/// Takes over what `resource` declares from an owner of this cluster that no longer exists: an object
/// with the deletion policy `Retain` leaves its claims behind. Returns whether that was done.
pub(crate) async fn inherit<K: Kind>(
    resource: &K,
    holder: &Owner,
    generation: i64,
    claims: &Claims<K>,
    context: &Context,
) -> bool {
    let is_ours = holder.cluster == context.cluster && holder.kind == K::KIND;
    if !is_ours || claims.has(&holder.namespace, &holder.name, &holder.uid) {
        return false;
    }
    match exists::<K>(holder, context).await {
        Ok(false) => {}
        Ok(true) => return false,
        Err(error) => {
            tracing::debug!(%holder, %error, "cannot read the owner");
            return false;
        }
    }
    let Some(database) = database_of(resource, context).await else {
        return false;
    };
    let heir = owner(resource, context.cluster.clone());
    tracing::info!(%holder, %heir, "the owner no longer exists: its claims go to the next object");
    let command = Command::HandOver(Box::new(HandOver {
        claim: Claim {
            owner: holder.clone(),
            generation,
        },
        to: heir,
        only: resource.things(),
    }));
    let result = context.api.send(&database, &command).await;
    if let Err(error) = &result {
        tracing::warn!(%holder, %error, "cannot take over the claims");
    }
    result.is_ok()
}

/// Whether the owner exists, by the API server and not by the watch.
async fn exists<K: Kind>(owner: &Owner, context: &Context) -> Result<bool, kube::Error> {
    let objects: Api<K> = Api::namespaced(context.client.clone(), &owner.namespace);
    let found = objects.get_metadata_opt(&owner.name).await?;
    Ok(found.is_some_and(|found| found.metadata.uid.as_deref() == Some(&owner.uid)))
}

async fn database_of<K: Kind>(resource: &K, context: &Context) -> Option<String> {
    if resource.database_ref().is_none() {
        return Some(resource.external_id());
    }
    match resolve(resource, context.databases.complete().await?) {
        Reference::Found(name) => Some(name),
        Reference::Missing | Reference::Forbidden => None,
    }
}
