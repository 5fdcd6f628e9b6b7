//! From the request to the end.

use super::*;

#[tokio::test]
async fn a_job_starts_one_replay_and_follows_it_to_the_end() {
    let api = Memory::new("shop");
    let mut job = job(&json!({"ttlSecondsAfterFinished": 60, "verify": true}));
    assert_eq!(pass(&api, &mut job).await.plan, Plan::Hold);
    assert_eq!(
        sent(&api),
        [""; 0],
        "nothing is sent before a deletion would cancel it"
    );
    let outcome = pass(&api, &mut job).await;
    let Plan::Start { key, request, .. } = outcome.plan else {
        panic!("{:?}", outcome.plan);
    };
    assert_eq!(key, "u1");
    assert_eq!(request.targets.unwrap(), ["graph", "documents"]);
    assert_eq!(request.strategy.unwrap(), "BlueGreen");
    assert_eq!((request.verify, request.suspend), (Some(true), None));
    assert_eq!(outcome.next, Some(Next::Soon));
    assert_eq!(
        (reason(&job).as_str(), kstatus(&job)),
        ("Pending", "InProgress")
    );
    api.change(|replay| {
        replay.state = ReplayState::Filling;
        (replay.events_total, replay.events_replayed) = (20, 5);
        replay.events_per_second = 3;
        replay.started_at = Some(NOW.into());
    });
    assert_eq!(pass(&api, &mut job).await.plan, Plan::Observe);
    let status = job.status.clone().unwrap();
    assert_eq!(
        (status.events_total, status.events_replayed),
        (Some(20), Some(5))
    );
    assert_eq!(status.events_per_second, Some(3));
    assert_eq!(status.start_time.as_deref(), Some(NOW));
    assert_eq!(status.external_id.as_deref(), Some("replay-of-u1"));
    let endpoint = "/api/v1/databases/shop/replays/replay-of-u1";
    assert_eq!(status.endpoint.as_deref(), Some(endpoint));
    assert_eq!(
        (reason(&job).as_str(), kstatus(&job)),
        ("Filling", "InProgress")
    );
    pass(&api, &mut job).await;
    assert_eq!(
        job.status,
        Some(status),
        "nothing is written when nothing has changed"
    );

    set_state(&api, ReplayState::Complete);
    api.change(|replay| replay.digests_match = Some(true));
    let outcome = pass(&api, &mut job).await;
    assert_eq!(outcome.next, None);
    assert_whole(&job);
    assert!(is_true(&job, "Complete") && !is_true(&job, "Failed"));
    assert_eq!((is_held(&job), kstatus(&job)), (false, "Current"));
    let status = job.status.clone().unwrap();
    assert_eq!(status.digests_match, Some(true));
    assert_eq!(status.completion_time.as_deref(), Some(NOW));

    let reads = api.state.lock().unwrap().reads;
    assert_eq!(pass(&api, &mut job).await.plan, Plan::Rest);
    let expired = Surroundings {
        has_expired: true,
        ..around()
    };
    assert_eq!(pass_in(&api, &mut job, expired).await.plan, Plan::Expire);
    assert_eq!(job.status, Some(status), "the end stays as it is");
    assert_eq!(
        api.state.lock().unwrap().reads,
        reads,
        "an ended job costs no request"
    );
    assert_eq!(sent(&api), ["start"]);
}

#[tokio::test]
async fn a_mismatch_fails_the_job() {
    let api = Memory::new("shop");
    for (code, expected) in [
        ("projection_differs", "ProjectionDiffers"),
        ("events_refused", "EventsRefused"),
        ("shadow_dropped", "ShadowDropped"),
        ("log_refused", "LogRefused"),
        ("store_damaged", "StoreDamaged"),
        ("store_refused", "StoreRefused"),
        ("of_a_newer_api", "ReplayFailed"),
    ] {
        api.forget_all();
        let mut job = started(&api, &json!({})).await;
        set_state(&api, ReplayState::Failed);
        api.change(|replay| {
            replay.digests_match = Some(false);
            let error = json!({"code": code, "message": "2 entities differ"});
            replay.error = serde_json::from_value(error).unwrap();
        });
        pass(&api, &mut job).await;
        let failed = Some((ConditionStatus::True, expected.to_owned()));
        assert_eq!(condition(&job, "Failed"), failed);
        assert_eq!(condition(&job, "Stalled"), failed);
        assert_eq!(message(&job, "Ready"), "2 entities differ");
        assert_eq!((is_held(&job), kstatus(&job)), (false, "Failed"));
        assert_whole(&job);
        assert_eq!(job.status.unwrap().digests_match, Some(false));
    }
}

#[tokio::test]
async fn a_suspended_job_pauses_and_goes_on() {
    let api = Memory::new("shop");
    let mut job = job(&json!({"suspend": true}));
    let outcome = pass(&api, &mut job).await;
    assert_eq!((outcome.plan, outcome.next), (Plan::Rest, None));
    assert!(is_true(&job, "Suspended") && !is_held(&job) && api.count() == 0);
    job.spec.suspend = None;
    pass(&api, &mut job).await;
    pass(&api, &mut job).await;
    set_state(&api, ReplayState::Filling);
    job.spec.suspend = Some(true);
    job.metadata.generation = Some(2);
    let outcome = pass(&api, &mut job).await;
    assert_eq!(
        outcome.next,
        Some(Next::Resync),
        "a person is waited for without haste"
    );
    assert!(is_true(&job, "Suspended"));
    assert_eq!(job.status.as_ref().unwrap().observed_generation, Some(2));
    assert_whole(&job);
    let before = job.status.clone();
    api.change(|replay| replay.events_per_second = 2);
    pass(&api, &mut job).await;
    assert_eq!(job.status, before, "the average of a paused replay falls");
    job.spec.suspend = Some(false);
    pass(&api, &mut job).await;
    assert!(!is_true(&job, "Suspended") && is_true(&job, "Reconciling"));
    // Somebody else pauses it in the api.
    api.change(|replay| replay.suspended = true);
    pass(&api, &mut job).await;
    assert_eq!(sent(&api), ["start", "suspend", "resume", "resume"]);
    // Too late.
    set_state(&api, ReplayState::Swapping);
    job.spec.suspend = Some(true);
    assert_eq!(pass(&api, &mut job).await.plan, Plan::Observe);
    assert_eq!(reason(&job), "Swapping");
}

#[tokio::test]
async fn only_the_id_of_the_replay_approves_it() {
    let api = Memory::new("shop");
    let mut job = started(&api, &json!({"approval": "Manual"})).await;
    let id = api.replay().task_id;
    annotate(&mut job, "approve", &id);
    assert_eq!(
        pass(&api, &mut job).await.plan,
        Plan::Observe,
        "not compared yet"
    );
    set_state(&api, ReplayState::AwaitingApproval);
    for other in ["true", "another"] {
        annotate(&mut job, "approve", other);
        let outcome = pass(&api, &mut job).await;
        assert_eq!(
            (outcome.plan, outcome.next),
            (Plan::Observe, Some(Next::Resync))
        );
    }
    assert_eq!(
        (reason(&job).as_str(), kstatus(&job)),
        ("AwaitingApproval", "InProgress")
    );
    assert!(message(&job, "Ready").contains(&id));
    assert_whole(&job);
    annotate(&mut job, "approve", &id);
    pass(&api, &mut job).await;
    assert_eq!(reason(&job), "Swapping", "the approval counts at once");
    assert_eq!(pass(&api, &mut job).await.plan, Plan::Observe);
    assert_eq!(sent(&api), ["start", "approve"]);

    // A job that swaps by itself does not need it.
    let api = Memory::new("shop");
    let mut job = started(&api, &json!({})).await;
    set_state(&api, ReplayState::AwaitingApproval);
    annotate(&mut job, "approve", &id);
    assert_eq!(pass(&api, &mut job).await.plan, Plan::Observe);
}

#[tokio::test]
async fn a_cancelled_replay_is_a_failed_job() {
    let api = Memory::new("shop");
    let mut job = started(&api, &json!({})).await;
    set_state(&api, ReplayState::Cancelled);
    pass(&api, &mut job).await;
    assert_eq!(
        (reason(&job).as_str(), kstatus(&job)),
        ("Cancelled", "Failed")
    );
    assert!(is_true(&job, "Failed"));
}

#[tokio::test]
async fn a_job_waits_for_its_database_and_for_other_jobs() {
    let api = Memory::new("shop");
    let mut waits = job(&json!({}));
    let missing = Surroundings::default();
    let outcome = pass_in(&api, &mut waits, missing.clone()).await;
    assert_eq!((outcome.plan, outcome.next), (Plan::Observe, None));
    assert_eq!(message(&waits, "Ready"), "waits for Database shop");
    assert_eq!(
        (reason(&waits).as_str(), kstatus(&waits)),
        ("RefNotFound", "InProgress")
    );
    let forbidden = Surroundings {
        database: Reference::Forbidden,
        ..Surroundings::default()
    };
    pass_in(&api, &mut waits, forbidden).await;
    assert_eq!(
        (reason(&waits).as_str(), kstatus(&waits)),
        ("RefNotAllowed", "Failed")
    );
    assert!(!is_held(&waits) && sent(&api).is_empty());

    pass(&api, &mut waits).await;
    api.state.lock().unwrap().is_gone = true;
    let outcome = pass(&api, &mut waits).await;
    assert_eq!(outcome.next, Some(Next::Soon));
    assert_eq!(message(&waits, "Ready"), "waits for database shop");
    api.state.lock().unwrap().is_gone = false;

    let mut first = job(&json!({}));
    first.metadata.uid = Some("u0".into());
    pass(&api, &mut first).await;
    pass(&api, &mut first).await;
    for _ in 0..2 {
        let outcome = pass(&api, &mut waits).await;
        assert_eq!(outcome.next, Some(Next::Resync));
        assert_eq!(
            (reason(&waits).as_str(), kstatus(&waits)),
            ("Conflict", "InProgress")
        );
        assert!(message(&waits, "Ready").contains("replay-of-u0"));
    }
    set_state(&api, ReplayState::Complete);
    pass(&api, &mut waits).await;
    assert_eq!((reason(&waits).as_str(), api.count()), ("Pending", 2));

    // A replay goes on without its Database object, as long as its name is known.
    let known = waits.status.clone().unwrap().database;
    assert_eq!(known.as_deref(), Some("shop"));
}

#[tokio::test]
async fn a_refused_request_is_reported_and_repeated_slowly() {
    let api = Memory::new("shop");
    let mut job = started(&api, &json!({})).await;
    job.status = None;
    job.spec.verify = Some(false);
    let outcome = pass(&api, &mut job).await;
    assert_eq!(outcome.next, Some(Next::Retry));
    assert_eq!(
        (reason(&job).as_str(), kstatus(&job)),
        ("CommandRejected", "Failed")
    );
    assert!(message(&job, "Ready").starts_with("event_id_reused"));
    assert!(!is_true(&job, "Failed"), "the job has not run");
}
