//! One controller per kind: watches, runs the passes, manages the finalizer, publishes the status.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{StreamExt, TryStreamExt};
use kube::{
    Client, Resource,
    api::{Api, ObjectMeta, Patch, PatchParams},
    core::DeserializeGuard,
    runtime::{
        Controller, WatchStreamExt,
        controller::{self, Action},
        predicates,
        reflector::{self, ObjectRef, Store},
        utils::{Predicate, PredicateConfig},
        watcher,
    },
};
use serde_json::json;
use spice_crds::{
    API_VERSION, Branch, Database, DeletionPolicy, FINALIZER, Ontology, ResourceStatus,
};
use tokio::sync;
use tokio_util::sync::CancellationToken;

use crate::{
    backoff::{Backoff, NoPause, WatchBackoff},
    client::ApiClient,
    gather::Surroundings,
    kind::Kind,
    observe::Next,
    reconcile::{finalizer_missing, reconcile},
};

const FIELD_MANAGER: &str = "spice-operator/status";
/// The number of objects of a kind that are reconciled at the same time.
const CONCURRENCY: u16 = 16;
const CACHED_STATUSES: usize = 10_000;

/// An object of the watch. One that cannot be read does not affect the others.
pub(crate) type Guarded<K> = DeserializeGuard<K>;

/// The state that all controllers share.
pub(crate) struct Context {
    pub(crate) client: Client,
    pub(crate) api: ApiClient,
    pub(crate) resync: Duration,
    pub(crate) databases: Listed<Database>,
    pub(crate) backoff: Backoff,
    pub(crate) published: Published,
}

/// A store, and whether its first list is complete.
///
/// `Store::wait_until_ready` keeps the waker of only one waiter: if several passes wait, one
/// continues and the others wait forever. Any number of passes can wait here.
pub(crate) struct Listed<K: Kind> {
    store: Store<Guarded<K>>,
    complete: sync::watch::Receiver<bool>,
}

impl<K: Kind> Clone for Listed<K> {
    fn clone(&self) -> Self {
        Self {
            store: self.store.clone(),
            complete: self.complete.clone(),
        }
    }
}

impl<K: Kind> Listed<K> {
    /// The store, which may still be filling.
    pub(crate) fn store(&self) -> Store<Guarded<K>> {
        self.store.clone()
    }

    /// The store, once its first list is complete; none if the watch ended before.
    async fn complete(&self) -> Option<&Store<Guarded<K>>> {
        let mut complete = self.complete.clone();
        complete.wait_for(|complete| *complete).await.ok()?;
        Some(&self.store)
    }
}

/// The last written statuses, until the watch shows them.
#[derive(Debug, Default)]
pub(crate) struct Published {
    statuses: Mutex<HashMap<String, (u64, ResourceStatus)>>,
}

impl Published {
    fn newer_than(&self, uid: &str, version: Option<&str>) -> Option<ResourceStatus> {
        let version: u64 = version?.parse().ok()?;
        let statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        statuses
            .get(uid)
            .filter(|(newer, _)| *newer > version)
            .map(|(_, status)| status.clone())
    }

    fn remember(&self, uid: &str, version: Option<&str>, status: ResourceStatus) {
        let Some(version) = version.and_then(|version| version.parse().ok()) else {
            return;
        };
        let mut statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        if statuses.len() >= CACHED_STATUSES {
            statuses.clear();
        }
        statuses.insert(uid.to_owned(), (version, status));
    }
}

fn events<K: Kind>(
    api: Api<Guarded<K>>,
) -> impl futures::Stream<Item = Result<watcher::Event<Guarded<K>>, watcher::Error>> + Send {
    watcher(api, watcher::Config::default().page_size(100)).backoff(WatchBackoff::default())
}

/// A watch of a kind that other kinds depend on: all events of its objects.
pub(crate) fn watch_all<K: Kind>(
    api: Api<Guarded<K>>,
) -> impl futures::Stream<Item = Result<Guarded<K>, watcher::Error>> + Send + 'static {
    events(api).touched_objects()
}

/// A watch of a kind: its store, and the objects with changes other than in their status.
pub(crate) fn watch<K: Kind>(
    api: Api<Guarded<K>>,
) -> (
    Listed<K>,
    impl futures::Stream<Item = Result<Guarded<K>, watcher::Error>> + Send + 'static,
) {
    let (store, writer) = reflector::store();
    let (listed, complete) = sync::watch::channel(false);
    let changes = predicates::generation
        .combine(predicates::annotations)
        .combine(predicates::finalizers);
    let stream = events(api)
        .modify(|object| object.meta_mut().managed_fields = None)
        .reflect(writer)
        .inspect_ok(move |event| {
            if matches!(event, watcher::Event::InitDone) {
                listed.send_replace(true);
            }
        })
        .applied_objects()
        .predicate_filter(changes, PredicateConfig::default());
    (Listed { store, complete }, stream)
}

/// Builds the controller of a kind over its watch.
pub(crate) fn controller<K: Kind>(
    stream: impl futures::Stream<Item = Result<Guarded<K>, watcher::Error>> + Send + 'static,
    reader: Store<Guarded<K>>,
    stop: &CancellationToken,
) -> Controller<Guarded<K>> {
    Controller::for_stream(stream, reader)
        .trigger_backoff(NoPause)
        .with_config(controller::Config::default().concurrency(CONCURRENCY))
        .graceful_shutdown_on(stop.clone().cancelled_owned())
}

/// Runs a controller until it is stopped.
pub(crate) async fn drive<K: Kind>(controller: Controller<Guarded<K>>, context: Arc<Context>) {
    let all = controller.store();
    controller
        .run(
            move |object, context| reconcile_object::<K>(object, all.clone(), context),
            on_error::<K>,
            context,
        )
        .for_each(|result| async move {
            if let Err(error) = result {
                tracing::warn!(kind = K::KIND, %error, "a pass failed");
            }
        })
        .await;
}

/// The objects of a namespace that `select` names, out of a store.
pub(crate) fn dependents<K: Kind>(
    store: &Store<Guarded<K>>,
    namespace: Option<&str>,
    select: impl Fn(&K) -> bool,
) -> Vec<ObjectRef<Guarded<K>>> {
    store
        .state()
        .into_iter()
        .filter(|object| object.meta().namespace.as_deref() == namespace)
        .filter(|object| object.0.as_ref().is_ok_and(&select))
        .map(|object| ObjectRef::from_obj(&*object))
        .collect()
}

#[allow(clippy::needless_pass_by_value)] // the signature is the controller's
fn on_error<K: Kind>(
    object: Arc<Guarded<K>>,
    error: &kube::Error,
    context: Arc<Context>,
) -> Action {
    let next = match error {
        kube::Error::Api(status) if status.is_not_found() => return Action::await_change(),
        kube::Error::Api(status) if status.is_conflict() => Next::Soon,
        _ => Next::Retry,
    };
    schedule(object.meta(), next, &context)
}

fn schedule(meta: &ObjectMeta, next: Next, context: &Context) -> Action {
    let uid = meta.uid.as_deref().unwrap_or_default();
    let generation = meta.generation.unwrap_or_default();
    context
        .backoff
        .after(uid, generation, next, context.resync)
        .map_or_else(Action::await_change, Action::requeue)
}

async fn reconcile_object<K: Kind>(
    object: Arc<Guarded<K>>,
    all: Store<Guarded<K>>,
    context: Arc<Context>,
) -> Result<Action, kube::Error> {
    let mut resource = match &object.0 {
        Ok(resource) => resource.clone(),
        Err(invalid) => {
            let name = invalid.metadata.name.as_deref();
            tracing::warn!(
                kind = K::KIND,
                name,
                error = invalid.error,
                "cannot read an object"
            );
            return Ok(Action::await_change());
        }
    };
    let meta = resource.meta().clone();
    let uid = meta.uid.as_deref().unwrap_or_default();
    if let Some(status) = context
        .published
        .newer_than(uid, meta.resource_version.as_deref())
    {
        resource.set_status(status);
    }
    let carried = meta.finalizers.iter().flatten().any(|f| f == FINALIZER);
    if meta.deletion_timestamp.is_some() && !carried {
        return Ok(Action::await_change());
    }
    if finalizer_missing(&resource) {
        set_finalizer(&context.client, &resource, true).await?;
        return Ok(Action::await_change());
    }
    if carried && resource.deletion_policy() == DeletionPolicy::Retain {
        set_finalizer(&context.client, &resource, false).await?;
        return Ok(Action::await_change());
    }
    let Some(databases) = context.databases.complete().await else {
        // The operator ends: nothing is known, so nothing is published.
        return Ok(Action::await_change());
    };
    let around = Surroundings {
        database: resolve(&resource, databases),
        rival: rival(&resource, &all),
    };
    let outcome = reconcile(&context.api, &resource, &around, &now()).await;
    if outcome.next == Next::Release {
        set_finalizer(&context.client, &resource, false).await?;
    } else {
        publish(&context, &resource, outcome.status).await?;
    }
    Ok(schedule(&meta, outcome.next, &context))
}

fn now() -> String {
    let now = jiff::Timestamp::now();
    let whole = jiff::Timestamp::from_second(now.as_second()).unwrap_or(now);
    whole.to_string()
}

/// The older object of the namespace that declares the same thing.
fn rival<K: Kind>(resource: &K, all: &Store<Guarded<K>>) -> Option<String> {
    let age = |object: &K| {
        let meta = object.meta();
        (meta.creation_timestamp.clone(), meta.name.clone())
    };
    let (declares, own) = (resource.declares(), age(resource));
    all.state()
        .iter()
        .filter_map(|object| object.0.as_ref().ok())
        .filter(|other| other.meta().namespace == resource.meta().namespace)
        .filter(|other| other.declares() == declares && age(other) < own)
        .min_by_key(|other| age(other))
        .map(|older| format!("{} {}", K::KIND, older.object_name()))
}

/// The name in the api of the database that the object refers to. An object that is being
/// deleted may have outlived its Database: it remembers.
fn resolve<K: Kind>(resource: &K, databases: &Store<Guarded<Database>>) -> Option<String> {
    let name = resource.database_ref()?;
    let namespace = resource.meta().namespace.as_deref().unwrap_or_default();
    let reference = ObjectRef::<Guarded<Database>>::new(name).within(namespace);
    let object = databases.get(&reference);
    let declared = object.as_ref().and_then(|object| object.0.as_ref().ok());
    let deleting = resource.meta().deletion_timestamp.is_some();
    match declared {
        Some(database) => Some(database.database_name()),
        None if deleting => resource.status().and_then(|status| status.database.clone()),
        None => None,
    }
}

/// Writes the status, if it is another one.
async fn publish<K: Kind>(
    context: &Context,
    resource: &K,
    status: ResourceStatus,
) -> Result<(), kube::Error> {
    if resource.status() == Some(&status) {
        return Ok(());
    }
    let meta = resource.meta();
    let body = json!({
        "apiVersion": API_VERSION,
        "kind": K::KIND,
        "metadata": {"name": meta.name, "namespace": meta.namespace, "uid": meta.uid},
        "status": status,
    });
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    let written = objects::<K>(&context.client, resource)
        .patch_status(resource.object_name(), &parameters, &Patch::Apply(&body))
        .await?;
    let uid = meta.uid.as_deref().unwrap_or_default();
    let version = written.meta().resource_version.as_deref();
    context.published.remember(uid, version, status);
    Ok(())
}

/// Puts the finalizer on or takes it off; fails with a conflict when the object is not as seen.
async fn set_finalizer<K: Kind>(
    client: &Client,
    resource: &K,
    present: bool,
) -> Result<(), kube::Error> {
    let meta = resource.meta();
    let others = meta
        .finalizers
        .iter()
        .flatten()
        .filter(|finalizer| *finalizer != FINALIZER);
    let mut finalizers: Vec<&str> = others.map(String::as_str).collect();
    if present {
        finalizers.push(FINALIZER);
    }
    let patch = json!({"metadata": {
        "finalizers": finalizers,
        "resourceVersion": meta.resource_version,
        "uid": meta.uid,
    }});
    objects::<K>(client, resource)
        .patch_metadata(
            resource.object_name(),
            &PatchParams::default(),
            &Patch::Merge(&patch),
        )
        .await?;
    Ok(())
}

fn objects<K: Kind>(client: &Client, resource: &K) -> Api<K> {
    let namespace = resource.meta().namespace.as_deref().unwrap_or_default();
    Api::namespaced(client.clone(), namespace)
}

/// The classes and branches that wait for a database or a branch, by what they refer to.
pub(crate) mod waiting {
    use super::{
        Branch, Database, Guarded, Kind, ObjectRef, Ontology, Resource, Store, dependents,
    };

    /// Those of a kind that refer to a database.
    pub(crate) fn on_database<K: Kind>(
        store: &Store<Guarded<K>>,
        database: &Guarded<Database>,
    ) -> Vec<ObjectRef<Guarded<K>>> {
        let name = database.meta().name.as_deref();
        let namespace = database.meta().namespace.as_deref();
        dependents(store, namespace, |object| object.database_ref() == name)
    }

    /// The classes that are declared on a branch.
    pub(crate) fn on_branch(
        store: &Store<Guarded<Ontology>>,
        branch: &Guarded<Branch>,
    ) -> Vec<ObjectRef<Guarded<Ontology>>> {
        let Ok(declared) = &branch.0 else {
            return Vec::new();
        };
        let name = declared.branch_name();
        dependents(store, branch.meta().namespace.as_deref(), |object| {
            object.database_ref() == declared.database_ref() && object.spec.branch_name() == name
        })
    }
}
