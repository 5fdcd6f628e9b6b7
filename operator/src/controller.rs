//! The controller of a kind: runs a pass for each object that needs one.

use std::{sync::Arc, time::Duration};

use futures::{Stream, StreamExt};
use kube::{
    Resource,
    api::ObjectMeta,
    runtime::{
        Controller,
        controller::{self, Action},
        reflector::{ObjectRef, Store},
        watcher,
    },
};
use spice_crds::{DeletionPolicy, FINALIZER};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    backoff::NoPause,
    claims::Claims,
    context::Context,
    events::{Happening, happenings, is_correction},
    gather::Surroundings,
    kind::{Kind, Object},
    metrics::Ending,
    observe::Next,
    publish::{publish, set_finalizer},
    reconcile::{Outcome, finalizer_missing, reconcile},
    surroundings::{inherit, surroundings},
    watch::Guarded,
};

/// The number of objects of a kind that are reconciled at the same time.
const CONCURRENCY: u16 = 16;
/// The longest time for one pass.
const PASS: Duration = Duration::from_mins(2);
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

impl PassError {
    /// The reason in metrics.
    fn reason(&self) -> &'static str {
        match self {
            Self::Kubernetes(_) => "KubernetesUnavailable",
            Self::Late => "Late",
        }
    }
}

/// Builds the controller of a kind over its watch. `heirs` are objects that got a claim from
/// another object.
pub(crate) fn controller<K: Object>(
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

/// When to repeat a pass that did not end.
#[allow(clippy::needless_pass_by_value)] // the signature is the controller's
pub(crate) fn on_error<K: Object>(
    object: Arc<Guarded<K>>,
    error: &PassError,
    context: Arc<Context>,
) -> Action {
    let next = match error {
        PassError::Kubernetes(kube::Error::Api(status)) if status.is_not_found() => {
            return Action::await_change();
        }
        PassError::Kubernetes(kube::Error::Api(status)) if status.is_conflict() => Next::Soon,
        _ => Next::Retry,
    };
    schedule(object.meta(), next, &context)
}

/// When to run the next pass.
pub(crate) fn schedule(meta: &ObjectMeta, next: Next, context: &Context) -> Action {
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
    if let Some(action) = wait_to_lead(&context).await {
        return Ok(action);
    }
    let (metrics, started) = (&context.metrics, Instant::now());
    metrics.begin::<K>(object.meta().uid.as_deref().unwrap_or_default());
    let result = within(reconcile_object(&object, &claims, &context)).await;
    let ending = match &result {
        Ok((_, ending)) => *ending,
        Err(error) => {
            metrics.error::<K>(error.reason());
            Ending::Failed
        }
    };
    metrics.end::<K>(ending, started.elapsed());
    result.map(|(action, _)| action)
}

/// Waits until this process leads. Returns what to do then, if it did not lead at first: the object
/// may have changed in the meantime, so the next pass reads it again.
pub(crate) async fn wait_to_lead(context: &Context) -> Option<Action> {
    let mut leads = context.leads.clone();
    if *leads.borrow() {
        return None;
    }
    let waited = leads.wait_for(|leads| *leads);
    Some(match context.stop.run_until_cancelled(waited).await {
        Some(Ok(_)) => Action::requeue(Duration::ZERO),
        Some(Err(_)) | None => Action::await_change(),
    })
}

/// The result of a pass; an error if it takes too long.
pub(crate) async fn within<T>(
    pass: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, PassError> {
    let result = tokio::time::timeout(PASS, pass).await;
    result.map_err(|_| PassError::Late)?.map_err(Into::into)
}

/// Reports an object that cannot be read.
pub(crate) async fn report_unreadable<K: Object>(
    object: &Guarded<K>,
    error: &str,
    context: &Context,
) {
    let (kind, name) = (K::kind(&()), object.meta().name.as_deref());
    tracing::warn!(%kind, name, error, "cannot read an object");
    let warning = Happening::warning("Unreadable", "Read", error);
    context.events.send(&object.object_ref(&()), warning).await;
}

async fn reconcile_object<K: Kind>(
    object: &Guarded<K>,
    claims: &Claims<K>,
    context: &Context,
) -> Result<(Action, Ending), kube::Error> {
    let skipped = (Action::await_change(), Ending::Skipped);
    let mut resource = match &object.0 {
        Ok(resource) => resource.clone(),
        Err(invalid) => {
            report_unreadable(object, &invalid.error, context).await;
            return Ok(skipped);
        }
    };
    if resource.instance() != context.instance.as_deref() {
        return Ok(skipped);
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
        return Ok(skipped);
    }
    if finalizer_missing(&resource) {
        set_finalizer(&context.client, &resource, true).await?;
        return Ok(skipped);
    }
    if carried && resource.policies().deletion == DeletionPolicy::Retain {
        set_finalizer(&context.client, &resource, false).await?;
        return Ok(skipped);
    }
    let Some(databases) = context.databases.complete().await else {
        // The operator ends: nothing is known, so nothing is published.
        return Ok(skipped);
    };
    let around = surroundings(&resource, databases, claims, context).await;
    let idle = &context.idle;
    let max_age = context.resync / 2;
    if idle
        .is_settled(&context.api, &resource, &around, max_age)
        .await
    {
        return Ok((schedule(&meta, Next::Resync, context), Ending::Idle));
    }
    let outcome = reconcile(&context.api, &resource, &around, &now()).await;
    let inherits = match &outcome.held_by {
        Some((holder, generation)) => {
            inherit(&resource, holder, *generation, claims, context).await
        }
        None => false,
    };
    let next = if inherits { Next::Soon } else { outcome.next };
    let (status, settled) = (outcome.status.clone(), outcome.settled.clone());
    let ending = finish(&resource, &around, outcome, context).await?;
    if let (Some(status), Some(settled)) = (status, settled) {
        resource.set_status(status);
        idle.settle(&resource, &around, settled);
    }
    Ok((schedule(&meta, next, context), ending))
}

/// Publishes the outcome of a pass, and sends its events.
async fn finish<K: Kind>(
    resource: &K,
    around: &Surroundings,
    outcome: Outcome,
    context: &Context,
) -> Result<Ending, kube::Error> {
    let Some(status) = outcome.status else {
        return Ok(Ending::Skipped);
    };
    let ending = if outcome.next == Next::Release {
        Ending::Released
    } else {
        context.metrics.status(resource, &status)
    };
    if is_correction(resource) && !outcome.changes.is_empty() {
        context.metrics.drift::<K>();
    }
    let mut happened = happenings(resource, &status, &outcome.changes);
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
        publish(&context.client, &context.published, resource, status).await?;
    }
    let about = resource.object_ref(&());
    for happening in happened {
        context.events.send(&about, happening).await;
    }
    Ok(ending)
}

/// The time, in whole seconds.
pub(crate) fn now() -> String {
    let now = jiff::Timestamp::now();
    let whole = jiff::Timestamp::from_second(now.as_second()).unwrap_or(now);
    whole.to_string()
}

/// The Ontologies and Branches that wait for a database or a branch, by what they refer to.
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
        let namespace = database.meta().namespace.as_deref().unwrap_or_default();
        dependents(store, |object| {
            object.database_ref().map(|it| it.name.as_str()) == name
                && object.database_namespace() == namespace
        })
    }

    /// The Ontologies that are declared on a branch.
    pub(crate) fn on_branch(
        store: &Store<Guarded<Ontology>>,
        branch: &Guarded<Branch>,
    ) -> Vec<ObjectRef<Guarded<Ontology>>> {
        let Ok(declared) = &branch.0 else {
            return Vec::new();
        };
        let name = declared.branch_name();
        let database = &declared.spec.database_ref.name;
        dependents(store, |object| {
            object.spec.database_ref.name == *database
                && object.database_namespace() == declared.database_namespace()
                && object.spec.branch_name() == name
        })
    }
}
