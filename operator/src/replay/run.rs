//! The controller of `ReplayJob`s: watches them, runs the passes, and publishes what comes of them.

use std::{sync::Arc, time::Duration};

use futures::{
    Stream, StreamExt,
    channel::mpsc::{self, UnboundedSender},
};
use kube::{
    Resource, ResourceExt,
    api::{Api, DeleteParams, Preconditions},
    runtime::{
        controller::Action,
        reflector::{ObjectRef, Store},
        watcher,
    },
};
use serde_json::json;
use spice_crds::{Database, ReplayJob};
use tokio_util::sync::CancellationToken;

use super::{
    decide::{Plan, is_held},
    gather::Surroundings,
    pass::{Outcome, reconcile},
    report::{abandonment, happenings},
};
use crate::{
    context::Context,
    controller::{
        PassError, controller, now, on_error, report_unreadable, schedule, wait_to_lead, within,
    },
    observe::Next,
    publish::{objects, set_finalizer, write_status},
    surroundings::{Referrer, deletion, find_database},
    watch::{Guarded, dependents, watch},
};

/// The longest wait until an object is looked at that expires later.
const DAY: Duration = Duration::from_hours(24);

/// What all passes share.
struct Jobs {
    context: Arc<Context>,
    store: Store<Guarded<ReplayJob>>,
    /// Takes the objects that can go on because another job has ended.
    woken: UnboundedSender<ObjectRef<Guarded<ReplayJob>>>,
}

/// Runs the controller until it is stopped.
pub(crate) async fn drive_replays(
    api: Api<Guarded<ReplayJob>>,
    databases: impl Stream<Item = Result<Guarded<Database>, watcher::Error>> + Send + 'static,
    context: Arc<Context>,
    stop: &CancellationToken,
) {
    let backoff = context.backoff.clone();
    let (listed, changes) = watch(api, |_| {}, move |uid| backoff.forget(uid));
    let (woken, waking) = mpsc::unbounded();
    let jobs = Arc::new(Jobs {
        context,
        store: listed.store(),
        woken,
    });
    let waiting = listed.store();
    controller(changes, listed.store(), waking, stop)
        .watches_stream(databases, move |database| {
            let (name, namespace) = (database.name_any(), database.namespace());
            list_unfinished(&waiting, &name, namespace.as_deref())
        })
        .run(
            run_pass,
            |object, error, jobs| on_error(object, error, jobs.context.clone()),
            jobs,
        )
        .for_each(|result| async move {
            if let Err(error) = result {
                tracing::warn!(kind = "ReplayJob", %error, "a pass failed");
            }
        })
        .await;
}

/// The unfinished jobs that refer to a Database.
fn list_unfinished(
    store: &Store<Guarded<ReplayJob>>,
    name: &str,
    namespace: Option<&str>,
) -> Vec<ObjectRef<Guarded<ReplayJob>>> {
    dependents(store, |job: &ReplayJob| {
        let reference = &job.spec.database_ref;
        let own = job.metadata.namespace.as_deref();
        !job.is_finished()
            && reference.name == name
            && reference.namespace.as_deref().or(own) == namespace
    })
}

async fn run_pass(object: Arc<Guarded<ReplayJob>>, jobs: Arc<Jobs>) -> Result<Action, PassError> {
    if let Some(action) = wait_to_lead(&jobs.context).await {
        return Ok(action);
    }
    within(reconcile_object(&object, &jobs)).await
}

async fn reconcile_object(object: &Guarded<ReplayJob>, jobs: &Jobs) -> Result<Action, kube::Error> {
    let cached = match &object.0 {
        Ok(job) => job,
        Err(invalid) => {
            report_unreadable(object, &invalid.error, &jobs.context).await;
            return Ok(Action::await_change());
        }
    };
    let is_foreign = cached.spec.instance != jobs.context.instance;
    if is_foreign || is_settled(cached) {
        return Ok(Action::await_change());
    }
    // The cache may be older than what the last pass wrote.
    let newest = objects(&jobs.context.client, cached)
        .get_opt(&cached.name_any())
        .await?;
    let Some(job) = newest.filter(|job| job.uid() == cached.uid()) else {
        return Ok(Action::await_change());
    };
    if is_settled(&job) {
        return Ok(Action::await_change());
    }
    reconcile_job(job, jobs).await
}

/// Whether nothing is left to do for an object: it costs no request.
fn is_settled(job: &ReplayJob) -> bool {
    let is_deleting = job.metadata.deletion_timestamp.is_some();
    let stays = job.spec.ttl_seconds_after_finished.is_none();
    !is_held(job) && (is_deleting || job.is_finished() && stays)
}

async fn reconcile_job(mut job: ReplayJob, jobs: &Jobs) -> Result<Action, kube::Error> {
    let context = &*jobs.context;
    let Some(around) = surroundings(&job, context).await else {
        return Ok(Action::await_change());
    };
    let outcome = reconcile(&context.api.api, &job, around, &now()).await;
    match outcome.plan {
        Plan::Hold => {
            set_finalizer(&context.client, &job, true).await?;
            return Ok(Action::await_change());
        }
        Plan::Expire => {
            expire(&job, context).await?;
            return Ok(Action::await_change());
        }
        _ => {}
    }
    publish(&mut job, &outcome, context).await?;
    let is_released = outcome.next == Some(Next::Release) || job.is_finished();
    if is_released && is_held(&job) {
        set_finalizer(&context.client, &job, false).await?;
        wake_others(&job, jobs);
    }
    Ok(match outcome.next {
        _ if job.is_finished() => {
            context.backoff.forget(&job.uid().unwrap_or_default());
            remaining(&job).map_or_else(Action::await_change, Action::requeue)
        }
        Some(next) => schedule(&job.metadata, next, context),
        None => Action::await_change(),
    })
}

/// What is known before the api is asked; none while the operator ends.
async fn surroundings(job: &ReplayJob, context: &Context) -> Option<Surroundings> {
    let databases = context.databases.complete().await?;
    let (namespace_ends, is_overdue) = deletion(&job.metadata, context).await;
    let status = job.status.as_ref();
    let referrer = Referrer {
        meta: &job.metadata,
        instance: job.spec.instance.as_deref(),
        // A replay goes on when its Database object is deleted.
        known: status.and_then(|status| status.database.clone()),
    };
    let own = job.metadata.namespace.as_deref().unwrap_or_default();
    let database = find_database(databases, &job.spec.database_ref, own);
    let declared = database.as_ref().and_then(|it| it.0.as_ref().ok());
    Some(Surroundings {
        database: referrer.refer(declared),
        namespace_ends,
        is_overdue,
        has_expired: remaining(job).is_some_and(|remaining| remaining.is_zero()),
    })
}

/// The time until a finished job is deleted; none: it stays.
fn remaining(job: &ReplayJob) -> Option<Duration> {
    let ended = job.status.as_ref()?.completion_time.as_deref()?;
    let ended: jiff::Timestamp = ended.parse().ok()?;
    let lifetime = u64::try_from(job.spec.ttl_seconds_after_finished?).ok()?;
    let age = jiff::Timestamp::now().duration_since(ended);
    let age = Duration::try_from(age).unwrap_or_default();
    Some(Duration::from_secs(lifetime).saturating_sub(age).min(DAY))
}

async fn expire(job: &ReplayJob, context: &Context) -> Result<(), kube::Error> {
    let parameters = DeleteParams {
        preconditions: Some(Preconditions {
            uid: job.uid(),
            resource_version: job.resource_version(),
        }),
        ..DeleteParams::default()
    };
    let jobs = objects(&context.client, job);
    jobs.delete(&job.name_any(), &parameters).await?;
    Ok(())
}

/// Writes the status if it changed, and sends its events. A status that is about an older state of
/// the object is refused as a conflict: the pass is repeated.
async fn publish(
    job: &mut ReplayJob,
    outcome: &Outcome,
    context: &Context,
) -> Result<(), kube::Error> {
    let about = job.object_ref(&());
    if outcome.is_abandoned {
        context.events.send(&about, abandonment(job)).await;
    }
    if job.status.as_ref() == Some(&outcome.status) {
        return Ok(());
    }
    let meta = &job.metadata;
    let identity = json!({
        "name": meta.name, "namespace": meta.namespace, "uid": meta.uid,
        "resourceVersion": meta.resource_version,
    });
    let written = write_status(&context.client, job, &identity, &outcome.status).await?;
    let before = job.status.clone().unwrap_or_default();
    for happening in happenings(&before, &outcome.status) {
        context.events.send(&about, happening).await;
    }
    *job = written;
    job.status = Some(outcome.status.clone());
    Ok(())
}

/// Lets jobs of the same database look again whether they can start.
fn wake_others(job: &ReplayJob, jobs: &Jobs) {
    let reference = &job.spec.database_ref;
    let namespace = reference.namespace.clone().or_else(|| job.namespace());
    for other in list_unfinished(&jobs.store, &reference.name, namespace.as_deref()) {
        // It ends with the controller.
        let _ = jobs.woken.unbounded_send(other);
    }
}
