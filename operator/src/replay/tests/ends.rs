//! Deletions.

use super::*;

#[tokio::test]
async fn a_deletion_cancels_before_the_swap_only() {
    for (state, cancels) in [
        (ReplayState::Pending, true),
        (ReplayState::Filling, true),
        (ReplayState::Comparing, true),
        (ReplayState::AwaitingApproval, true),
        (ReplayState::Swapping, false),
        (ReplayState::Dropping, false),
        (ReplayState::Complete, false),
    ] {
        let api = Memory::new("shop");
        let mut job = started(&api, &json!({})).await;
        set_state(&api, state);
        delete(&mut job);
        let outcome = pass(&api, &mut job).await;
        assert_eq!(outcome.next, Some(Next::Release), "{state:?}");
        assert!(!is_held(&job) && !outcome.is_abandoned);
        let expected: &[&str] = if cancels {
            &["start", "cancel"]
        } else {
            &["start"]
        };
        assert_eq!(sent(&api), expected, "{state:?}");
        if cancels {
            assert_eq!(api.replay().state, ReplayState::Dropping);
        }
    }
}

#[tokio::test]
async fn a_deletion_cancels_a_request_whose_answer_was_lost() {
    let api = Memory::new("shop");
    let mut job = job(&json!({}));
    pass(&api, &mut job).await;
    fail_next(&api, Fault::AnswerLost);
    pass(&api, &mut job).await;
    delete(&mut job);
    pass(&api, &mut job).await;
    assert!(is_held(&job));
    pass(&api, &mut job).await;
    assert!(!is_held(&job));
    assert_eq!(
        (api.count(), api.replay().state),
        (1, ReplayState::Dropping)
    );
}

#[tokio::test]
async fn a_job_that_could_not_start_goes_at_once() {
    let api = Memory::new("shop");
    let _first = started(&api, &json!({})).await;
    let mut waits = job(&json!({}));
    waits.metadata.uid = Some("u2".into());
    pass(&api, &mut waits).await;
    pass(&api, &mut waits).await;
    delete(&mut waits);
    pass(&api, &mut waits).await;
    assert!(!is_held(&waits) && api.count() == 1);

    // Neither the database nor its object is left.
    for around in [around(), Surroundings::default()] {
        let api = Memory::new("shop");
        let mut job = started(&api, &json!({})).await;
        api.state.lock().unwrap().is_gone = true;
        delete(&mut job);
        pass_in(&api, &mut job, around).await;
        assert!(!is_held(&job));
    }
}

#[tokio::test]
async fn a_deletion_waits_for_the_api_but_not_in_a_namespace_that_ends() {
    let api = Memory::new("shop");
    let mut job = started(&api, &json!({})).await;
    delete(&mut job);
    for _ in 0..5 {
        fail_next(&api, Fault::Away);
    }
    let mut around = around();
    let outcome = pass_in(&api, &mut job, around.clone()).await;
    assert_eq!(outcome.next, Some(Next::Soon));
    assert!(is_held(&job) && !is_true(&job, "DeletionBlocked"));
    around.is_overdue = true;
    pass_in(&api, &mut job, around.clone()).await;
    let blocked = (ConditionStatus::True, "ApiUnavailable".to_owned());
    assert_eq!(condition(&job, "DeletionBlocked"), Some(blocked));
    let before = job.status.clone();
    pass_in(&api, &mut job, around.clone()).await;
    assert_eq!(
        job.status, before,
        "the deletion stays blocked without a write"
    );

    let mut forced = job.clone();
    annotate(&mut forced, "force-release", "true");
    let outcome = pass_in(&api, &mut forced, around.clone()).await;
    assert!(!is_held(&forced) && outcome.is_abandoned);
    around.namespace_ends = true;
    let outcome = pass_in(&api, &mut job, around).await;
    assert!(!is_held(&job) && outcome.is_abandoned);
    assert_eq!(outcome.next, Some(Next::Release));
}

#[tokio::test]
async fn an_ended_job_and_one_that_never_started_cost_nothing() {
    let api = Memory::new("shop");
    let mut job = started(&api, &json!({})).await;
    set_state(&api, ReplayState::Complete);
    pass(&api, &mut job).await;
    let reads = api.state.lock().unwrap().reads;
    delete(&mut job);
    assert_eq!(pass(&api, &mut job).await.plan, Plan::Release);
    assert_eq!(api.state.lock().unwrap().reads, reads);
    assert_eq!(sent(&api), ["start"]);
}
