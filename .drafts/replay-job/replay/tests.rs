//! Passes over a job, with an api in memory.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{sync::Mutex, time::Duration};

use serde_json::{Value, json};
use spice_client::{Error, NewReplay, Replay, ReplayState};
use spice_crds::{ConditionStatus, ReplayJob};

use super::{
    api::{ReplayApi, Wish},
    decide::{Plan, decide},
    execute::execute,
    gather::gather,
    observe::{Learned, observe},
};

const NOW: &str = "2026-01-02T03:04:05Z";
const RESYNC: Duration = Duration::from_secs(30);

/// An api with at most one replay.
#[derive(Default)]
struct Memory {
    replay: Mutex<Option<Replay>>,
    asked: Mutex<Vec<Wish>>,
}

impl Memory {
    fn with(&self, change: impl FnOnce(&mut Replay)) {
        change(self.replay.lock().unwrap().as_mut().unwrap());
    }

    fn get(&self) -> Replay {
        self.replay.lock().unwrap().clone().unwrap()
    }
}

impl ReplayApi for Memory {
    async fn find(&self, _: &str, task: &str) -> Result<Option<Replay>, Error> {
        let found = self.replay.lock().unwrap().clone();
        Ok(found.filter(|replay| replay.task_id == task))
    }

    async fn start(&self, database: &str, new: &NewReplay, key: &str) -> Result<Replay, Error> {
        let mut replay = self.replay.lock().unwrap();
        let made = json!({
            "task_id": format!("task-of-{key}"), "database": database, "state": "pending",
            "suspended": new.suspend.unwrap_or_default(), "events_total": 0, "events_replayed": 0,
            "events_per_second": 0, "requested_at": NOW,
        });
        Ok(replay
            .get_or_insert_with(|| serde_json::from_value(made).unwrap())
            .clone())
    }

    async fn ask(&self, _: &str, _: &str, wish: Wish) -> Result<Replay, Error> {
        self.asked.lock().unwrap().push(wish);
        self.with(|replay| match wish {
            Wish::Approve => replay.state = ReplayState::Swapping,
            Wish::Cancel => replay.state = ReplayState::Dropping,
            Wish::Suspend => replay.suspended = true,
            Wish::Resume => replay.suspended = false,
        });
        Ok(self.get())
    }
}

fn job(spec: Value) -> ReplayJob {
    let mut spec = spec;
    spec["databaseRef"] = json!({"name": "shop"});
    spec["targets"] = json!(["Graph", "Documents"]);
    let object = json!({
        "apiVersion": "spiceharvester.dev/v1alpha1", "kind": "ReplayJob",
        "metadata": {"name": "r", "namespace": "n", "uid": "u1", "generation": 1},
        "spec": spec,
    });
    serde_json::from_value(object).unwrap()
}

/// One pass over a job that is held; returns what was decided.
async fn pass(api: &Memory, job: &mut ReplayJob) -> Plan {
    pass_at(api, job, true, NOW).await
}

async fn pass_at(api: &Memory, job: &mut ReplayJob, is_held: bool, now: &str) -> Plan {
    let database = Some("shop".to_owned());
    let world = gather(api, job, database.clone(), false, now.parse().unwrap()).await;
    let plan = decide(job, &world, is_held);
    let learned = match (execute(api, &plan).await.unwrap(), world.replay.unwrap()) {
        (Some(replay), _) => Learned::Replay(Box::new(replay)),
        (None, Some(replay)) if plan == Plan::Observe => Learned::Replay(Box::new(replay)),
        _ => Learned::Nothing,
    };
    let (status, _) = observe(job, database.as_deref(), &learned, RESYNC, now);
    job.status = Some(status);
    plan
}

fn condition(job: &ReplayJob, kind: &str) -> (ConditionStatus, String) {
    let status = job.status.as_ref().unwrap();
    let mut conditions = status.conditions.iter();
    let found = conditions.find(|condition| condition.kind == kind).unwrap();
    (found.status, found.reason.clone())
}

fn is_true(job: &ReplayJob, kind: &str) -> bool {
    condition(job, kind).0 == ConditionStatus::True
}

#[tokio::test]
async fn a_job_starts_one_replay_and_follows_it_to_the_end() {
    let (api, mut job) = (Memory::default(), job(json!({"ttlSecondsAfterFinished": 60})));
    assert_eq!(pass_at(&api, &mut job, false, NOW).await, Plan::Hold);
    let Plan::Start { key, request, .. } = pass(&api, &mut job).await else {
        panic!("nothing was started");
    };
    assert_eq!(key, "u1");
    assert_eq!(request.targets.unwrap(), ["graph", "documents"]);
    assert_eq!(request.strategy.unwrap(), "BlueGreen");
    assert_eq!(condition(&job, "Ready"), (ConditionStatus::False, "Pending".into()));
    api.with(|replay| {
        replay.state = ReplayState::Filling;
        (replay.events_total, replay.events_replayed) = (20, 5);
        replay.events_per_second = 3;
        replay.started_at = Some(NOW.into());
    });
    assert_eq!(pass(&api, &mut job).await, Plan::Observe);
    let status = job.status.clone().unwrap();
    assert_eq!((status.events_total, status.events_replayed), (Some(20), Some(5)));
    assert_eq!(status.events_per_second, Some(3));
    assert_eq!(status.start_time.as_deref(), Some(NOW));
    assert!(is_true(&job, "Reconciling") && !is_true(&job, "Complete"));
    assert_eq!(pass(&api, &mut job).await, Plan::Observe);
    assert_eq!(job.status, Some(status), "nothing is written when nothing has changed");

    api.with(|replay| {
        replay.state = ReplayState::Complete;
        replay.digests_match = Some(true);
        replay.ended_at = Some(NOW.into());
    });
    pass(&api, &mut job).await;
    assert!(is_true(&job, "Complete") && is_true(&job, "Ready") && !is_true(&job, "Failed"));
    let status = job.status.clone().unwrap();
    assert_eq!(status.digests_match, Some(true));
    assert_eq!(status.completion_time.as_deref(), Some(NOW));
    assert!(status.conditions.iter().all(|it| it.kind != "Reconciling"));
    assert_eq!(pass(&api, &mut job).await, Plan::Release);
    let later = "2026-01-02T03:04:50Z";
    assert_eq!(pass_at(&api, &mut job, false, later).await, Plan::Observe);
    let later = "2026-01-02T03:05:05Z";
    assert_eq!(pass_at(&api, &mut job, false, later).await, Plan::Expire);
    assert_eq!(job.status, Some(status), "the end stays as it is");
}

#[tokio::test]
async fn a_mismatch_fails_the_job() {
    let (api, mut job) = (Memory::default(), job(json!({})));
    pass(&api, &mut job).await;
    api.with(|replay| {
        replay.state = ReplayState::Failed;
        replay.digests_match = Some(false);
        replay.ended_at = Some(NOW.into());
        let error = json!({"code": "projection_differs", "message": "2 entities differ"});
        replay.error = serde_json::from_value(error).unwrap();
    });
    pass(&api, &mut job).await;
    let failed = (ConditionStatus::True, "ProjectionDiffers".to_owned());
    assert_eq!(condition(&job, "Failed"), failed);
    assert_eq!(condition(&job, "Stalled"), failed);
    assert!(!is_true(&job, "Ready") && !is_true(&job, "Complete"));
    assert_eq!(job.status.unwrap().digests_match, Some(false));
}

#[tokio::test]
async fn suspend_and_approval_are_passed_on_once() {
    let (api, mut job) = (Memory::default(), job(json!({"approval": "Manual"})));
    pass(&api, &mut job).await;
    job.spec.suspend = Some(true);
    pass(&api, &mut job).await;
    assert!(is_true(&job, "Suspended"));
    assert_eq!(pass(&api, &mut job).await, Plan::Observe);
    job.spec.suspend = None;
    pass(&api, &mut job).await;
    assert!(!is_true(&job, "Suspended"));
    let task = api.get().task_id;
    let annotate = |job: &mut ReplayJob, value: &str| {
        let annotations = job.metadata.annotations.get_or_insert_default();
        annotations.insert("spiceharvester.dev/approve".into(), value.to_owned());
    };
    annotate(&mut job, &task);
    assert_eq!(pass(&api, &mut job).await, Plan::Observe, "not compared yet");
    api.with(|replay| replay.state = ReplayState::AwaitingApproval);
    annotate(&mut job, "another");
    assert_eq!(pass(&api, &mut job).await, Plan::Observe);
    assert_eq!(condition(&job, "Ready").1, "AwaitingApproval");
    annotate(&mut job, &task);
    pass(&api, &mut job).await;
    assert_eq!(pass(&api, &mut job).await, Plan::Observe);
    let asked = api.asked.lock().unwrap().clone();
    assert_eq!(asked, [Wish::Suspend, Wish::Resume, Wish::Approve]);
}

#[tokio::test]
async fn a_deletion_cancels_before_the_swap_only() {
    for (state, cancels) in [
        (ReplayState::Pending, true),
        (ReplayState::Filling, true),
        (ReplayState::AwaitingApproval, true),
        (ReplayState::Swapping, false),
        (ReplayState::Dropping, false),
    ] {
        let (api, mut job) = (Memory::default(), job(json!({})));
        pass(&api, &mut job).await;
        api.with(|replay| replay.state = state);
        job.metadata.deletion_timestamp = serde_json::from_value(json!(NOW)).unwrap();
        let plan = pass(&api, &mut job).await;
        if cancels {
            assert!(matches!(plan, Plan::Ask { wish: Wish::Cancel, .. }), "{state:?}");
            assert_eq!(pass(&api, &mut job).await, Plan::Release, "{state:?}");
        } else {
            assert_eq!(plan, Plan::Release, "{state:?}");
        }
    }
}
