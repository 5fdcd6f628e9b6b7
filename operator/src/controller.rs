//! The controller of a kind: runs a pass for each object that needs one.

use std::{sync::Arc, time::Duration};

use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Resource,
    api::{Api, ObjectMeta},
    runtime::{
        Controller,
        controller::{self, Action},
        reflector::{ObjectRef, Store},
        watcher,
    },
};
use spice_crds::{Database, DeletionPolicy, FINALIZER};
use tokio_util::sync::CancellationToken;

use crate::{
    backoff::NoPause,
    claims::Claims,
    context::Context,
    events::{Happening, happenings},
    gather::Surroundings,
    kind::Kind,
    observe::Next,
    publish::{publish, set_finalizer},
    reconcile::{Outcome, finalizer_missing, reconcile},
    watch::Guarded,
};

/// The number of objects of a kind that are reconciled at the same time.
const CONCURRENCY: u16 = 16;
/// The longest time for one pass.
const PASS: Duration = Duration::from_mins(2);
/// How long the deletion of a declared thing is tried while its namespace is being deleted.
const NAMESPACE_GRACE: Duration = Duration::from_secs(30);
/// The longest wait between two attempts to delete something.
const DELETION_PAUSE: Duration = Duration::from_secs(5);

/// Why a pass did not end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PassError {
    /// Kubernetes refused a request, or did not answer.
    #[error(transparent)]
    Kubernetes(#[from] kube::Error),
    /// The pass was stopped.
    #[error("the pass took more than {} s", PASS.as_secs())]
    Late,
}

/// Builds the controller of a kind over its watch. `heirs` are objects that got a claim from
/// another object.
pub(crate) fn controller<K: Kind>(
    stream: impl Stream<Item = Result<Guarded<K>, watcher::Error>> + Send + 'static,
    reader: Store<Guarded<K>>,
    heirs: impl Stream<Item = ObjectRef<Guarded<K>>> + Send + 'static,
    stop: &CancellationToken,
) -> Controller<Guarded<K>> {
    Controller::for_stream(stream, reader)
        .trigger_backoff(NoPause)
        .with_config(controller::Config::default().concurrency(CONCURRENCY))
        .reconcile_on(heirs)
        .graceful_shutdown_on(stop.clone().cancelled_owned())
}

/// Runs a controller until it is stopped.
pub(crate) async fn drive<K: Kind>(
    controller: Controller<Guarded<K>>,
    claims: Arc<Claims<K>>,
    context: Arc<Context>,
) {
    controller
        .run(
            move |object, context| run_pass::<K>(object, claims.clone(), context),
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

#[allow(clippy::needless_pass_by_value)] // the signature is the controller's
fn on_error<K: Kind>(object: Arc<Guarded<K>>, error: &PassError, context: Arc<Context>) -> Action {
    let next = match error {
        PassError::Kubernetes(kube::Error::Api(status)) if status.is_not_found() => {
            return Action::await_change();
        }
        PassError::Kubernetes(kube::Error::Api(status)) if status.is_conflict() => Next::Soon,
        _ => Next::Retry,
    };
    schedule(object.meta(), next, &context)
}

fn schedule(meta: &ObjectMeta, next: Next, context: &Context) -> Action {
    let uid = meta.uid.as_deref().unwrap_or_default();
    let generation = meta.generation.unwrap_or_default();
    let wait = context.backoff.after(uid, generation, next, context.resync);
    match wait {
        None => Action::await_change(),
        Some(wait) if meta.deletion_timestamp.is_some() => {
            Action::requeue(wait.min(DELETION_PAUSE))
        }
        Some(wait) => Action::requeue(wait),
    }
}

async fn run_pass<K: Kind>(
    object: Arc<Guarded<K>>,
    claims: Arc<Claims<K>>,
    context: Arc<Context>,
) -> Result<Action, PassError> {
    let mut leads = context.leads.clone();
    if !*leads.borrow() {
        // The object may have changed in the meantime: the next pass reads it again.
        let waited = leads.wait_for(|leads| *leads);
        return Ok(match context.stop.run_until_cancelled(waited).await {
            Some(Ok(_)) => Action::requeue(Duration::ZERO),
            Some(Err(_)) | None => Action::await_change(),
        });
    }
    let pass = reconcile_object(&object, &claims, &context);
    let result = tokio::time::timeout(PASS, pass).await;
    result.map_err(|_| PassError::Late)?.map_err(Into::into)
}

async fn reconcile_object<K: Kind>(
    object: &Guarded<K>,
    claims: &Claims<K>,
    context: &Context,
) -> Result<Action, kube::Error> {
    let mut resource = match &object.0 {
        Ok(resource) => resource.clone(),
        Err(invalid) => {
            let name = invalid.metadata.name.as_deref();
            let error = &invalid.error;
            tracing::warn!(kind = K::KIND, name, error, "cannot read an object");
            let warning = Happening::warning("Unreadable", "Read", error);
            context.events.send(&object.object_ref(&()), warning).await;
            return Ok(Action::await_change());
        }
    };
    if resource.instance() != context.instance.as_deref() {
        return Ok(Action::await_change());
    }
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
    let around = surroundings(&resource, databases, claims, context).await;
    let outcome = reconcile(&context.api, &resource, &around, &now()).await;
    let next = outcome.next;
    finish(&resource, &around, outcome, context).await?;
    Ok(schedule(&meta, next, context))
}

/// Publishes the outcome of a pass, and sends its events.
async fn finish<K: Kind>(
    resource: &K,
    around: &Surroundings,
    outcome: Outcome,
    context: &Context,
) -> Result<(), kube::Error> {
    let mut happened = happenings(resource, &outcome.status, outcome.sent);
    if outcome.next == Next::Release {
        set_finalizer(&context.client, resource, false).await?;
        if around.namespace_ends && around.is_overdue {
            let note = format!(
                "{} {} stays in the api: its namespace is being deleted, and it could not be deleted in time",
                K::NOUN,
                resource.external_id()
            );
            happened.push(Happening::warning("Kept", "Delete", note));
        }
    } else {
        publish(
            &context.client,
            &context.published,
            resource,
            outcome.status,
        )
        .await?;
    }
    let about = resource.object_ref(&());
    for happening in happened {
        context.events.send(&about, happening).await;
    }
    Ok(())
}

fn now() -> String {
    let now = jiff::Timestamp::now();
    let whole = jiff::Timestamp::from_second(now.as_second()).unwrap_or(now);
    whole.to_string()
}

/// What is known about an object before the api is asked.
async fn surroundings<K: Kind>(
    resource: &K,
    databases: &Store<Guarded<Database>>,
    claims: &Claims<K>,
    context: &Context,
) -> Surroundings {
    let deleted_at = resource.meta().deletion_timestamp.as_ref();
    let namespace_ends = deleted_at.is_some() && namespace_ends(resource, context).await;
    let limit = if namespace_ends {
        NAMESPACE_GRACE.min(context.deletion_deadline)
    } else {
        context.deletion_deadline
    };
    let is_overdue = deleted_at.is_some_and(|at| {
        let age = jiff::Timestamp::now().duration_since(at.0);
        Duration::try_from(age).is_ok_and(|age| age >= limit)
    });
    Surroundings {
        database: resolve(resource, databases),
        rival: claims.rival(resource),
        heir: claims.heir(resource),
        namespace_ends,
        is_overdue,
    }
}

/// Whether the namespace of an object is being deleted. Without the right to read it: no.
async fn namespace_ends<K: Kind>(resource: &K, context: &Context) -> bool {
    let namespaces: Api<Namespace> = Api::all(context.client.clone());
    let name = resource.meta().namespace.as_deref().unwrap_or_default();
    match namespaces.get_metadata(name).await {
        Ok(namespace) => namespace.metadata.deletion_timestamp.is_some(),
        Err(kube::Error::Api(status)) if status.is_not_found() => true,
        Err(error) => {
            tracing::debug!(namespace = name, %error, "cannot read the namespace");
            false
        }
    }
}

/// The name in the api of the database that the object refers to. An object that is being
/// deleted may have outlived its Database: its status has the name.
fn resolve<K: Kind>(resource: &K, databases: &Store<Guarded<Database>>) -> Option<String> {
    let name = resource.database_ref()?;
    let namespace = resource.meta().namespace.as_deref().unwrap_or_default();
    let reference = ObjectRef::<Guarded<Database>>::new(name).within(namespace);
    let object = databases.get(&reference);
    let declared = object.as_ref().and_then(|object| object.0.as_ref().ok());
    let declared = declared.filter(|database| database.instance() == resource.instance());
    let deleting = resource.meta().deletion_timestamp.is_some();
    match declared {
        Some(database) => Some(database.database_name()),
        None if deleting => resource.status().and_then(|status| status.database.clone()),
        None => None,
    }
}

/// The classes and branches that wait for a database or a branch, by what they refer to.
pub(crate) mod waiting {
    use kube::{
        Resource,
        runtime::reflector::{ObjectRef, Store},
    };
    use spice_crds::{Branch, Database, Ontology};

    use crate::{
        kind::Kind,
        watch::{Guarded, dependents},
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
