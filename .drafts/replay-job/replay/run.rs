//! The controller of ReplayJobs: watches them, runs the passes, manages the finalizer, publishes the
//! status.

use std::{sync::Arc, time::Duration};

use futures::{Stream, StreamExt};
use kube::{
    Resource, ResourceExt,
    api::{Api, DeleteParams, Patch, PatchParams, Preconditions},
    runtime::{
        Controller, WatchStreamExt,
        controller::{self, Action},
        predicates,
        reflector::{self, ObjectRef},
        utils::{Predicate, PredicateConfig},
        watcher,
    },
};
use serde_json::json;
use spice_crds::{API_VERSION, Database, FINALIZER, ReplayJob, ReplayJobStatus};
use tokio_util::sync::CancellationToken;

use super::{
    decide::{Plan, decide},
    execute::execute,
    gather::gather,
    observe::{Learned, observe},
};
use crate::{
    backoff::{NoPause, WatchBackoff},
    context::Context,
    events::Happening,
    kind::Kind,
    watch::{Guarded, dependents_of},
};

const FIELD_MANAGER: &str = "spice-operator/status";
/// The number of jobs that are reconciled at the same time.
const CONCURRENCY: u16 = 16;
/// The objects per page of a list.
const PAGE: u32 = 100;
/// How soon a pass is repeated that Kubernetes refused.
const RETRY: Duration = Duration::from_secs(5);

/// Runs the controller until it is stopped.
pub(crate) async fn drive_replays(
    jobs: Api<Guarded<ReplayJob>>,
    databases: impl Stream<Item = Result<Guarded<Database>, watcher::Error>> + Send + 'static,
    context: Arc<Context>,
    stop: &CancellationToken,
) {
    let (store, writer) = reflector::store();
    let changes = predicates::generation
        .combine(predicates::annotations)
        .combine(predicates::finalizers);
    let stream = watcher(jobs, watcher::Config::default().page_size(PAGE))
        .backoff(WatchBackoff::default())
        .modify(|object| object.meta_mut().managed_fields = None)
        .reflect(writer)
        .applied_objects()
        .predicate_filter(changes, PredicateConfig::default());
    let waiting = store.clone();
    Controller::for_stream(stream, store)
        .trigger_backoff(NoPause)
        .with_config(controller::Config::default().concurrency(CONCURRENCY))
        .watches_stream(databases, move |database| {
            let name = database.meta().name.as_deref();
            dependents_of(&waiting, database.meta().namespace.as_deref(), |job| {
                Some(job.spec.database_ref.name.as_str()) == name
            })
        })
        .graceful_shutdown_on(stop.clone().cancelled_owned())
        .run(run_pass, on_error, context)
        .for_each(|result| async move {
            if let Err(error) = result {
                tracing::warn!(kind = "ReplayJob", %error, "a pass failed");
            }
        })
        .await;
}

#[allow(clippy::needless_pass_by_value)] // the signature is the controller's
fn on_error(_: Arc<Guarded<ReplayJob>>, error: &kube::Error, _: Arc<Context>) -> Action {
    match error {
        kube::Error::Api(status) if status.is_not_found() => Action::await_change(),
        _ => Action::requeue(RETRY),
    }
}

async fn run_pass(
    object: Arc<Guarded<ReplayJob>>,
    context: Arc<Context>,
) -> Result<Action, kube::Error> {
    let mut leads = context.leads.clone();
    if !*leads.borrow() {
        let waited = leads.wait_for(|leads| *leads);
        return Ok(match context.stop.run_until_cancelled(waited).await {
            Some(Ok(_)) => Action::requeue(Duration::ZERO),
            Some(Err(_)) | None => Action::await_change(),
        });
    }
    let job = match &object.0 {
        Ok(job) => job,
        Err(invalid) => {
            let warning = Happening::warning("Unreadable", "Read", &invalid.error);
            context.events.send(&object.object_ref(&()), warning).await;
            return Ok(Action::await_change());
        }
    };
    if job.spec.instance.as_deref() != context.instance.as_deref() {
        return Ok(Action::await_change());
    }
    // The cache may be older than what the last pass wrote.
    let jobs: Api<ReplayJob> = Api::namespaced(
        context.client.clone(),
        &job.namespace().unwrap_or_default(),
    );
    match jobs.get_opt(&job.name_any()).await? {
        Some(job) if job.metadata.uid == object.meta().uid => reconcile(&job, &jobs, &context).await,
        _ => Ok(Action::await_change()),
    }
}

async fn reconcile(
    job: &ReplayJob,
    jobs: &Api<ReplayJob>,
    context: &Context,
) -> Result<Action, kube::Error> {
    let is_held = job.finalizers().iter().any(|it| it == FINALIZER);
    let deleted_at = job.metadata.deletion_timestamp.as_ref();
    if deleted_at.is_some() && !is_held {
        return Ok(Action::await_change());
    }
    let now = jiff::Timestamp::now();
    let is_overdue = deleted_at.is_some_and(|at| {
        let age = Duration::try_from(now.duration_since(at.0));
        age.is_ok_and(|age| age >= context.deletion_deadline)
    });
    let database = resolve(job, context).await;
    let world = gather(&context.api, job, database.clone(), is_overdue, now).await;
    let plan = decide(job, &world, is_held);
    match &plan {
        Plan::Hold => set_finalizer(jobs, job, true).await?,
        Plan::Release => set_finalizer(jobs, job, false).await?,
        Plan::Expire => return expire(jobs, job).await,
        _ => {}
    }
    let learned = match execute(&context.api, &plan).await {
        Err(error) => Learned::Failure(error),
        Ok(Some(replay)) => Learned::Replay(Box::new(replay)),
        Ok(None) => match (plan, world.replay) {
            (Plan::AwaitDatabase, _) => Learned::NoDatabase,
            (Plan::Observe, Ok(Some(replay))) => Learned::Replay(Box::new(replay)),
            (Plan::Observe, Err(error)) => Learned::Failure(error),
            _ => Learned::Nothing,
        },
    };
    let seconds = jiff::Timestamp::from_second(now.as_second()).unwrap_or(now);
    let (status, next) = observe(
        job,
        database.as_deref(),
        &learned,
        context.resync,
        &seconds.to_string(),
    );
    publish(jobs, job, status, context).await?;
    let expires = job.spec.ttl_seconds_after_finished.zip(world.finished_for);
    let expires = expires.and_then(|(ttl, age)| u64::try_from((ttl - age).max(1)).ok());
    let next = next.or(expires.map(Duration::from_secs));
    Ok(next.map_or_else(Action::await_change, Action::requeue))
}

/// The name in the api of the database that the job refers to. A job may outlive its Database.
async fn resolve(job: &ReplayJob, context: &Context) -> Option<String> {
    let databases = context.databases.complete().await?;
    let namespace = job.namespace().unwrap_or_default();
    let reference =
        ObjectRef::<Guarded<Database>>::new(&job.spec.database_ref.name).within(&namespace);
    let object = databases.get(&reference);
    let declared = object.as_ref().and_then(|object| object.0.as_ref().ok());
    let declared = declared.filter(|it| it.instance() == job.spec.instance.as_deref());
    let known = job.status.as_ref().and_then(|status| status.database.clone());
    declared.map(Database::database_name).or(known)
}

async fn expire(jobs: &Api<ReplayJob>, job: &ReplayJob) -> Result<Action, kube::Error> {
    let parameters = DeleteParams {
        preconditions: Some(Preconditions {
            uid: job.metadata.uid.clone(),
            resource_version: job.metadata.resource_version.clone(),
        }),
        ..DeleteParams::default()
    };
    jobs.delete(&job.name_any(), &parameters).await?;
    Ok(Action::await_change())
}

/// Writes the status if it changed, and sends an event when the job has ended.
async fn publish(
    jobs: &Api<ReplayJob>,
    job: &ReplayJob,
    status: ReplayJobStatus,
    context: &Context,
) -> Result<(), kube::Error> {
    let old = job.status.as_ref();
    if old == Some(&status) {
        return Ok(());
    }
    let body = json!({
        "apiVersion": API_VERSION,
        "kind": "ReplayJob",
        "metadata": {"name": job.name_any(), "uid": job.metadata.uid},
        "status": status,
    });
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    jobs.patch_status(&job.name_any(), &parameters, &Patch::Apply(&body)).await?;
    let was_open = old.is_none_or(|old| old.completion_time.is_none());
    if status.completion_time.is_some() && was_open {
        let ready = status.conditions.iter().find(|condition| condition.kind == "Ready");
        let (reason, note) = ready.map_or(("Ended", ""), |it| (&it.reason, &it.message));
        let mut happening = Happening::warning(reason, "Replay", note);
        happening.is_warning = reason != "Complete";
        context.events.send(&job.object_ref(&()), happening).await;
    }
    Ok(())
}

/// Adds or removes the finalizer. Fails with a conflict if the object has changed.
async fn set_finalizer(
    jobs: &Api<ReplayJob>,
    job: &ReplayJob,
    present: bool,
) -> Result<(), kube::Error> {
    let others = job.finalizers().iter().filter(|it| *it != FINALIZER);
    let mut finalizers: Vec<&str> = others.map(String::as_str).collect();
    if present {
        finalizers.push(FINALIZER);
    }
    let patch = json!({"metadata": {
        "finalizers": finalizers,
        "resourceVersion": job.metadata.resource_version,
        "uid": job.metadata.uid,
    }});
    let parameters = PatchParams::default();
    jobs.patch_metadata(&job.name_any(), &parameters, &Patch::Merge(&patch)).await?;
    Ok(())
}
