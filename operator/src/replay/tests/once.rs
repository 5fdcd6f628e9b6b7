//! An object is one replay, whatever fails.

use proptest::prelude::*;

use super::*;

#[tokio::test]
async fn a_lost_answer_starts_nothing_twice() {
    let api = Memory::new("shop");
    let mut job = job(&json!({}));
    pass(&api, &mut job).await;
    fail_next(&api, Fault::AnswerLost);
    let outcome = pass(&api, &mut job).await;
    assert_eq!(outcome.next, Some(Next::Retry));
    assert_eq!(condition(&job, "Reconciling").unwrap().1, "ApiUnavailable");
    // The operator ends before it writes the status.
    let unwritten = job.clone();
    pass(&api, &mut job).await;
    job = unwritten;
    pass(&api, &mut job).await;
    assert_eq!(
        job.status.as_ref().unwrap().external_id.as_deref(),
        Some("replay-of-u1")
    );
    assert_eq!((api.count(), sent(&api).len()), (1, 3));
    assert!(condition(&job, "Reconciling").unwrap().1 == "Pending");
}

/// The api has lost its registry, or the database was deleted and created again.
#[tokio::test]
async fn a_lost_replay_fails_and_is_not_started_again() {
    let api = Memory::new("shop");
    let mut job = started(&api, &json!({})).await;
    api.state.lock().unwrap().is_gone = true;
    pass(&api, &mut job).await;
    assert_eq!(reason(&job), "RefNotFound");
    assert!(!job.is_finished(), "the database may come back");
    api.state.lock().unwrap().is_gone = false;
    api.forget_all();
    pass(&api, &mut job).await;
    assert_eq!(
        (reason(&job).as_str(), kstatus(&job)),
        ("ReplayLost", "Failed")
    );
    assert!(job.is_finished() && !is_held(&job));
    assert_eq!(pass(&api, &mut job).await.plan, Plan::Rest);
    assert_eq!(sent(&api), ["start"]);
}

#[tokio::test]
async fn an_outage_changes_the_status_once() {
    let api = Memory::new("shop");
    let mut job = started(&api, &json!({"approval": "Manual"})).await;
    set_state(&api, ReplayState::AwaitingApproval);
    pass(&api, &mut job).await;
    let before = job.status.clone();
    for _ in 0..3 {
        fail_next(&api, Fault::Away);
    }
    let outcome = pass(&api, &mut job).await;
    assert_eq!(outcome.next, Some(Next::Retry));
    let away = job.status.clone();
    assert_eq!(reason(&job), "AwaitingApproval", "what was known stays");
    for _ in 0..2 {
        pass(&api, &mut job).await;
        assert_eq!(job.status, away);
    }
    pass(&api, &mut job).await;
    assert_eq!(job.status, before);
}

/// What happens to a job.
#[derive(Debug, Clone, Copy)]
enum Step {
    Pass,
    /// The operator ends before it writes the status.
    Crash,
    Away,
    AnswerLost,
    Suspend(bool),
    Approve,
    Delete,
    NamespaceEnds,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => Just(Step::Pass),
        2 => Just(Step::Crash),
        2 => Just(Step::Away),
        2 => Just(Step::AnswerLost),
        2 => any::<bool>().prop_map(Step::Suspend),
        1 => Just(Step::Approve),
        1 => Just(Step::Delete),
        1 => Just(Step::NamespaceEnds),
    ];
    proptest::collection::vec(step, 1..40)
}

async fn run(steps: &[Step], spec: &Value) {
    let api = Memory::new("shop");
    api.state.lock().unwrap().is_running = true;
    let mut job = job(spec);
    let mut around = around();
    for step in steps {
        match step {
            Step::Pass => {
                pass_in(&api, &mut job, around.clone()).await;
            }
            Step::Crash => {
                let held = is_held(&job);
                let outcome = reconcile(&api, &job, around.clone(), NOW).await;
                if outcome.plan == Plan::Hold && !held {
                    apply(&mut job, &outcome);
                }
            }
            Step::Away => fail_next(&api, Fault::Away),
            Step::AnswerLost => fail_next(&api, Fault::AnswerLost),
            Step::Suspend(suspend) => job.spec.suspend = Some(*suspend),
            Step::Approve => annotate(&mut job, "approve", "replay-of-u1"),
            Step::Delete => delete(&mut job),
            Step::NamespaceEnds => {
                delete(&mut job);
                (around.namespace_ends, around.is_overdue) = (true, true);
            }
        }
        assert!(api.count() <= 1);
        let is_gone = job.metadata.deletion_timestamp.is_some() && !is_held(&job);
        if is_gone {
            break;
        }
        if job.status.is_some() {
            assert_whole(&job);
        }
    }
    // The end is reached once nothing fails any more.
    api.state.lock().unwrap().faults.clear();
    job.spec.suspend = None;
    annotate(&mut job, "approve", "replay-of-u1");
    let is_over = |job: &ReplayJob| {
        !is_held(job) && (job.is_finished() || job.metadata.deletion_timestamp.is_some())
    };
    for _ in 0..20 {
        if is_over(&job) {
            break;
        }
        pass_in(&api, &mut job, around.clone()).await;
    }
    assert!(is_over(&job), "{:?}", job.status);
    assert!(api.count() <= 1);
    let is_kept = around.is_overdue || api.count() == 0;
    if job.metadata.deletion_timestamp.is_some() && !job.is_finished() && !is_kept {
        let state = api.replay().state;
        let ends = [ReplayState::Dropping, ReplayState::Swapping];
        assert!(ends.contains(&state) || state.is_finished(), "{state:?}");
    }
}

proptest! {
    #[test]
    fn an_object_is_one_replay_whatever_happens(steps in steps(), is_manual in any::<bool>()) {
        let spec = if is_manual { json!({"approval": "Manual"}) } else { json!({}) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.unwrap().block_on(run(&steps, &spec));
    }
}
