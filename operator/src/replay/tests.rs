//! Passes over a job, with an api in memory.
#![allow(clippy::unwrap_used, clippy::panic)]

mod ends;
mod once;
mod steps;

use serde_json::{Value, json};
use spice_client::ReplayState;
use spice_crds::{ConditionStatus, FINALIZER, ReplayJob};

use super::{
    decide::{Plan, is_held},
    gather::Surroundings,
    memory::{Fault, Memory, NOW},
    pass::{Outcome, reconcile},
};
use crate::{gather::Reference, observe::Next};

/// A job with these fields in addition to those that it must have.
fn job(spec: &Value) -> ReplayJob {
    let mut spec = spec.clone();
    spec["databaseRef"] = json!({"name": "shop"});
    spec["targets"] = json!(["Graph", "Documents"]);
    let object = json!({
        "apiVersion": "spiceharvester.dev/v1alpha1", "kind": "ReplayJob",
        "metadata": {"name": "r", "namespace": "n", "uid": "u1", "generation": 1},
        "spec": spec,
    });
    serde_json::from_value(object).unwrap()
}

fn around() -> Surroundings {
    Surroundings {
        database: Reference::Found("shop".to_owned()),
        ..Surroundings::default()
    }
}

/// One pass, and what the controller makes of it.
async fn pass(api: &Memory, job: &mut ReplayJob) -> Outcome {
    pass_in(api, job, around()).await
}

async fn pass_in(api: &Memory, job: &mut ReplayJob, around: Surroundings) -> Outcome {
    let outcome = reconcile(api, job, around, NOW).await;
    apply(job, &outcome);
    outcome
}

fn apply(job: &mut ReplayJob, outcome: &Outcome) {
    if outcome.plan == Plan::Hold {
        job.metadata.finalizers = Some(vec![FINALIZER.to_owned()]);
        return;
    }
    job.status = Some(outcome.status.clone());
    if outcome.next == Some(Next::Release) || job.is_finished() {
        job.metadata.finalizers = None;
    }
}

/// A job whose replay was requested.
async fn started(api: &Memory, spec: &Value) -> ReplayJob {
    let mut job = job(spec);
    assert_eq!(pass(api, &mut job).await.plan, Plan::Hold);
    assert!(matches!(pass(api, &mut job).await.plan, Plan::Start { .. }));
    job
}

/// A condition: its status and its reason.
fn condition(job: &ReplayJob, kind: &str) -> Option<(ConditionStatus, String)> {
    let mut conditions = job.status.as_ref().unwrap().conditions.iter();
    let found = conditions.find(|condition| condition.kind == kind)?;
    Some((found.status, found.reason.clone()))
}

fn is_true(job: &ReplayJob, kind: &str) -> bool {
    condition(job, kind).is_some_and(|(status, _)| status == ConditionStatus::True)
}

fn reason(job: &ReplayJob) -> String {
    condition(job, "Ready").unwrap().1
}

fn message(job: &ReplayJob, kind: &str) -> String {
    let mut conditions = job.status.as_ref().unwrap().conditions.iter();
    conditions
        .find(|it| it.kind == kind)
        .unwrap()
        .message
        .clone()
}

fn sent(api: &Memory) -> Vec<&'static str> {
    api.state.lock().unwrap().sent.clone()
}

fn fail_next(api: &Memory, fault: Fault) {
    api.state.lock().unwrap().faults.push_back(fault);
}

fn set_state(api: &Memory, state: ReplayState) {
    api.change(|replay| {
        replay.state = state;
        if state.is_finished() {
            replay.ended_at = Some(NOW.to_owned());
        }
    });
}

fn annotate(job: &mut ReplayJob, key: &str, value: &str) {
    let annotations = job.metadata.annotations.get_or_insert_default();
    annotations.insert(format!("spiceharvester.dev/{key}"), value.to_owned());
}

fn delete(job: &mut ReplayJob) {
    job.metadata.deletion_timestamp = serde_json::from_value(json!(NOW)).unwrap();
}

/// What kstatus computes of an object (its documented rules).
fn kstatus(job: &ReplayJob) -> &'static str {
    let status = job.status.as_ref().unwrap();
    if job.metadata.deletion_timestamp.is_some() {
        "Terminating"
    } else if status.observed_generation != job.metadata.generation || is_true(job, "Reconciling") {
        "InProgress"
    } else if is_true(job, "Stalled") {
        "Failed"
    } else if is_true(job, "Ready") {
        "Current"
    } else {
        "InProgress"
    }
}

/// The conditions of a job are whole: some always, one phase at most, and none is left over.
fn assert_whole(job: &ReplayJob) {
    let conditions = &job.status.as_ref().unwrap().conditions;
    let kinds: Vec<&str> = conditions.iter().map(|it| it.kind.as_str()).collect();
    assert_eq!(kinds[..4], ["Ready", "Complete", "Failed", "Suspended"]);
    let phases = ["Complete", "Failed", "Suspended"];
    let phases: Vec<&&str> = phases.iter().filter(|kind| is_true(job, kind)).collect();
    assert!(phases.len() <= 1, "{phases:?}");
    assert!(!job.is_finished() || !is_true(job, "Reconciling"));
    assert_eq!(is_true(job, "Ready"), is_true(job, "Complete"));
}
