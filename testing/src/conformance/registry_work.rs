//! Conformance of [`WorkerRegistry`](spice_core::port::registry::WorkerRegistry).

use std::{sync::Arc, time::Duration};

use spice_core::{
    error::StoreError,
    id::{EventId, LogPosition, Sequence},
    port::registry::{DeadLetter, Lease, Outcome, Processed, WorkKey, WorkRecord},
};
use uuid::Uuid;

use super::registry::Make;
use crate::values::{at, stream};

fn work(sink: &str) -> WorkKey {
    WorkKey {
        worker: "graph_worker".into(),
        stream: stream("demo"),
        sink: sink.into(),
    }
}

fn done(position: u64) -> Processed {
    Processed {
        handler: "instance_worker",
        event_id: EventId(Uuid::from_u128(u128::from(position))),
        position: LogPosition(position),
        aggregate_id: "demo:main:Airport:a".into(),
        sequence: Some(Sequence(position)),
        outcome: Outcome::Done,
    }
}

fn batch(lease: &Lease, from: u64, through: u64) -> WorkRecord {
    WorkRecord {
        key: work("s1"),
        lease: lease.clone(),
        from: LogPosition(from),
        through: LogPosition(through),
        processed: (from..through).map(done).collect(),
        parked: Vec::new(),
        at: at(through),
    }
}

fn letter(handler: &str, log: &str, position: u64) -> DeadLetter {
    DeadLetter {
        handler: handler.into(),
        stream: stream(log),
        position: LogPosition(position),
        event_id: EventId(Uuid::from_u128(u128::from(position))),
        aggregate_id: "demo:main:Airport:a".into(),
        error: "no".into(),
        class: "permanent".into(),
        attempts: 5,
        first_at: at(position),
        last_at: at(position + 1),
    }
}

/// One owner at a time; one more fence at each change of hands, and only then.
pub async fn leases_change_hands_with_a_new_fence(make: Make<'_>) {
    let registry = make();
    let key = work("s1");
    let first = registry
        .acquire(&key, "a", at(10), at(0))
        .await
        .unwrap()
        .unwrap();
    let again = registry
        .acquire(&key, "a", at(11), at(0))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(first, again);
    assert_eq!(
        registry.acquire(&key, "b", at(12), at(11)).await.unwrap(),
        None
    );
    assert!(registry.renew(&key, &first, at(20)).await.unwrap());
    assert_eq!(
        registry.acquire(&key, "b", at(21), at(20)).await.unwrap(),
        None
    );
    let second = registry
        .acquire(&key, "b", at(30), at(21))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (second.fence, second.owner.as_str()),
        (first.fence + 1, "b")
    );
    assert!(!registry.renew(&key, &first, at(31)).await.unwrap());
    registry.release(&key, &first).await.unwrap();
    assert!(
        registry.renew(&key, &second, at(32)).await.unwrap(),
        "only the holder gives back"
    );
    registry.release(&key, &second).await.unwrap();
    assert!(!registry.renew(&key, &second, at(33)).await.unwrap());
    let third = registry
        .acquire(&key, "c", at(34), at(0))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(third.fence, second.fence + 1);
    let other = registry
        .acquire(&work("s2"), "z", at(34), at(0))
        .await
        .unwrap();
    assert_eq!(other.unwrap().fence, 1, "another sink is other work");
}

/// Of eight that reach for a free lease one gets it.
pub async fn a_free_lease_goes_to_one(make: Make<'_>) {
    let registry = make();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..8 {
        let registry = Arc::clone(&registry);
        tasks.spawn(async move {
            let owner = format!("owner-{number}");
            registry
                .acquire(&work("s1"), &owner, at(5), at(0))
                .await
                .unwrap()
        });
    }
    assert_eq!(tasks.join_all().await.into_iter().flatten().count(), 1);
}

/// Who has lost the lease, or never had it, records nothing.
pub async fn a_zombie_records_nothing(make: Make<'_>) {
    let registry = make();
    let key = work("s1");
    let lease = registry.acquire(&key, "a", at(1), at(0)).await;
    let old = lease.unwrap().unwrap();
    registry.record(batch(&old, 0, 3)).await.unwrap();
    let lease = registry.acquire(&key, "b", at(9), at(5)).await;
    let new = lease.unwrap().unwrap();
    let zombie = registry.record(batch(&old, 3, 6)).await;
    assert!(
        matches!(zombie, Err(StoreError::Fenced { .. })),
        "{zombie:?}"
    );
    assert_eq!(registry.worked(&key).await.unwrap(), LogPosition(3));
    let rows = registry.processed(&key.stream, LogPosition(4)).await;
    assert!(rows.unwrap().is_empty());
    let unknown = WorkRecord {
        key: work("never acquired"),
        ..batch(&new, 0, 1)
    };
    let unknown = registry.record(unknown).await;
    assert!(
        matches!(unknown, Err(StoreError::Fenced { .. })),
        "{unknown:?}"
    );
    registry.record(batch(&new, 3, 6)).await.unwrap();
    registry.release(&key, &new).await.unwrap();
    let released = registry.record(batch(&new, 6, 7)).await;
    assert!(
        matches!(released, Err(StoreError::Fenced { .. })),
        "{released:?}"
    );
}

/// A record begins where the one before ended; another sink begins at zero.
pub async fn records_follow_each_other(make: Make<'_>) {
    let registry = make();
    let key = work("s1");
    let lease = registry.acquire(&key, "a", at(1), at(0)).await;
    let lease = lease.unwrap().unwrap();
    registry.record(batch(&lease, 0, 3)).await.unwrap();
    for from in [0, 2, 4] {
        let elsewhere = registry.record(batch(&lease, from, 6)).await;
        assert!(
            matches!(elsewhere, Err(StoreError::Fenced { .. })),
            "{elsewhere:?}"
        );
    }
    assert_eq!(registry.worked(&key).await.unwrap(), LogPosition(3));
    registry.record(batch(&lease, 3, 6)).await.unwrap();
    assert_eq!(registry.worked(&key).await.unwrap(), LogPosition(6));
    assert_eq!(registry.worked(&work("s2")).await.unwrap(), LogPosition(0));
}

/// Each event's outcome is told by its position; pruning keeps the newest of each log.
pub async fn processed_rows_are_told_and_pruned(make: Make<'_>) {
    let registry = make();
    let key = work("s1");
    let lease = registry
        .acquire(&key, "a", at(1), at(0))
        .await
        .unwrap()
        .unwrap();
    let mut record = batch(&lease, 0, 100);
    record.processed.push(Processed {
        handler: "branch_worker",
        outcome: Outcome::SkippedStale,
        ..done(99)
    });
    registry.record(record).await.unwrap();
    let told = registry
        .processed(&key.stream, LogPosition(99))
        .await
        .unwrap();
    let expected = [
        ("branch_worker".to_owned(), Outcome::SkippedStale, at(100)),
        ("instance_worker".to_owned(), Outcome::Done, at(100)),
    ];
    assert_eq!(told, expected);
    assert_eq!(registry.prune(1_000).await.unwrap(), 0);
    assert_eq!(registry.prune(10).await.unwrap(), 90);
    assert_eq!(registry.prune(10).await.unwrap(), 0);
    assert!(
        registry
            .processed(&key.stream, LogPosition(89))
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        registry
            .processed(&key.stream, LogPosition(90))
            .await
            .unwrap()
            .len(),
        1
    );
    let other = stream("demo.g2");
    assert!(
        registry
            .processed(&other, LogPosition(90))
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(registry.worked(&key).await.unwrap(), LogPosition(100));
}

/// Dead letters come with the record, in order, and go one by one.
pub async fn dead_letters_wait_in_order(make: Make<'_>) {
    let registry = make();
    let key = work("s1");
    let lease = registry
        .acquire(&key, "a", at(1), at(0))
        .await
        .unwrap()
        .unwrap();
    let mut record = batch(&lease, 0, 9);
    record.parked = vec![
        letter("z", "demo", 1),
        letter("h", "demo.g10", 2),
        letter("h", "demo.g2", 7),
        letter("h", "demo.g2", 5),
    ];
    let lost = WorkRecord {
        from: LogPosition(5),
        ..record.clone()
    };
    assert!(registry.record(lost).await.is_err());
    assert!(registry.dead_letters(None).await.unwrap().is_empty());
    registry.record(record).await.unwrap();
    let all = registry.dead_letters(None).await.unwrap();
    let expected = [
        letter("h", "demo.g2", 5),
        letter("h", "demo.g2", 7),
        letter("h", "demo.g10", 2),
        letter("z", "demo", 1),
    ];
    assert_eq!(all, expected);
    let second = stream("demo.g2");
    registry
        .clear_dead_letters("h", &second, &[LogPosition(5)])
        .await
        .unwrap();
    registry
        .clear_dead_letters("z", &second, &[LogPosition(7)])
        .await
        .unwrap();
    let left = registry.dead_letters(Some(&second)).await.unwrap();
    assert_eq!(left, [letter("h", "demo.g2", 7)]);
}

/// A retry is remembered until it is said to be carried out, and wakes who waits.
pub async fn retries_are_remembered_and_wake(make: Make<'_>) {
    let registry = make();
    let (demo, other) = (stream("demo"), stream("other"));
    let seen = registry.wait_change(&demo, u64::MAX).await;
    let waiting = {
        let (registry, demo) = (Arc::clone(&registry), demo.clone());
        tokio::spawn(async move { registry.wait_change(&demo, seen).await })
    };
    tokio::task::yield_now().await;
    registry.request_retry("h", &demo, "x").await.unwrap();
    registry.request_retry("h", &demo, "x").await.unwrap();
    registry.request_retry("g", &demo, "y").await.unwrap();
    let woken = tokio::time::timeout(Duration::from_secs(20), waiting).await;
    assert!(woken.unwrap().unwrap() > seen);
    let pair = |handler: &str, aggregate: &str| (handler.to_owned(), aggregate.to_owned());
    assert_eq!(
        registry.retries(&demo).await.unwrap(),
        [pair("g", "y"), pair("h", "x")]
    );
    assert!(registry.retries(&other).await.unwrap().is_empty());
    registry.clear_retry("h", &demo, "x").await.unwrap();
    assert_eq!(registry.retries(&demo).await.unwrap(), [pair("g", "y")]);
    let now = registry.wait_change(&demo, seen).await;
    let lease = registry
        .acquire(&work("s1"), "a", at(1), at(0))
        .await
        .unwrap()
        .unwrap();
    registry.record(batch(&lease, 0, 1)).await.unwrap();
    assert!(registry.wait_change(&demo, now).await > now);
}

/// All that was recorded of a log goes, and nothing of another.
pub async fn work_is_forgotten_with_its_log(make: Make<'_>) {
    let registry = make();
    let (demo, other) = (stream("demo"), stream("other"));
    let lease = registry
        .acquire(&work("s1"), "a", at(1), at(0))
        .await
        .unwrap()
        .unwrap();
    let mut record = batch(&lease, 0, 4);
    record.parked = vec![letter("h", "demo", 3), letter("h", "other", 3)];
    registry.record(record).await.unwrap();
    registry.request_retry("h", &demo, "x").await.unwrap();
    registry.request_retry("h", &other, "x").await.unwrap();
    assert_eq!(registry.worked(&work("s1")).await.unwrap(), LogPosition(4));
    assert_eq!(
        registry
            .processed(&demo, LogPosition(2))
            .await
            .unwrap()
            .len(),
        1
    );

    registry.forget_work(&demo).await.unwrap();
    assert_eq!(registry.worked(&work("s1")).await.unwrap(), LogPosition(0));
    assert!(
        registry
            .processed(&demo, LogPosition(2))
            .await
            .unwrap()
            .is_empty()
    );
    assert!(registry.retries(&demo).await.unwrap().is_empty());
    assert_eq!(registry.retries(&other).await.unwrap().len(), 1);
    let letters = registry.dead_letters(None).await.unwrap();
    assert_eq!(letters, [letter("h", "other", 3)]);
}
