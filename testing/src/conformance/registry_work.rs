//! Conformance of [`WorkerRegistry`](spice_core::port::registry::WorkerRegistry).

use spice_core::{
    bucket::Bucket,
    error::StoreError,
    id::{EventId, LogPosition, StreamId},
    port::registry::{
        DeadLetter, DeadLetterCount, Lease, Outcome, Processed, Processing, WorkKey, WorkRecord,
        WorkerRegistry,
    },
};
use uuid::Uuid;

use super::{
    leases::{HOUR, WORKER},
    registry::Make,
};
use crate::values::{at, stream};

fn work_key(sink: &str) -> WorkKey {
    WorkKey {
        worker: WORKER.into(),
        stream: stream("demo"),
        sink: sink.into(),
    }
}

fn record_of(position: u64) -> Processed {
    Processed {
        handler: "instance_worker",
        position: LogPosition(position),
        outcome: Outcome::Done,
    }
}

fn batch(lease: &Lease, from: u64, through: u64) -> WorkRecord {
    WorkRecord {
        key: work_key("s1"),
        lease: lease.clone(),
        from: LogPosition(from),
        through: LogPosition(through),
        live: true,
        processed: Vec::new(),
        parked: Vec::new(),
        at: at(through),
    }
}

fn letter(handler: &str, log: &str, position: u64) -> DeadLetter {
    DeadLetter {
        handler: handler.into(),
        stream: stream(log),
        sink: "s1".into(),
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

/// The lease on the log of a key.
async fn lease(registry: &dyn WorkerRegistry, key: &WorkKey, owner: &str) -> Lease {
    let buckets = [Bucket::of(&key.stream)];
    let leases = registry.acquire(&key.worker, &buckets, owner, HOUR).await;
    leases.unwrap().remove(0)
}

/// An owner without the lease records nothing.
pub async fn a_zombie_records_nothing(make: Make<'_>) {
    let registry = make();
    let key = work_key("s1");
    let old = lease(&*registry, &key, "a").await;
    registry.record(batch(&old, 0, 3)).await.unwrap();
    registry.leave(WORKER, "a").await.unwrap();
    let new = lease(&*registry, &key, "b").await;
    let zombie = registry.record(batch(&old, 3, 6)).await;
    assert!(
        matches!(zombie, Err(StoreError::Fenced { .. })),
        "{zombie:?}"
    );
    assert_eq!(
        registry.recorded_position(&key).await.unwrap(),
        LogPosition(3)
    );
    let rows = registry.outcomes_at(&key.stream, LogPosition(4)).await;
    assert!(rows.unwrap().is_empty());
    let unknown = WorkRecord {
        key: WorkKey {
            worker: "another".into(),
            ..key.clone()
        },
        ..batch(&new, 0, 1)
    };
    let unknown = registry.record(unknown).await;
    assert!(
        matches!(unknown, Err(StoreError::Fenced { .. })),
        "{unknown:?}"
    );
    // Of an earlier lease of the same owner, and of a registry that was lost with its fences.
    let older = Lease {
        fence: old.fence,
        ..new.clone()
    };
    let other = Lease {
        owner: "a".into(),
        ..new.clone()
    };
    for lease in [older, other] {
        let zombie = registry.record(batch(&lease, 3, 6)).await;
        assert!(
            matches!(zombie, Err(StoreError::Fenced { .. })),
            "{zombie:?}"
        );
    }
    registry.record(batch(&new, 3, 6)).await.unwrap();
    registry.release(WORKER, &new).await.unwrap();
    let released = registry.record(batch(&new, 6, 7)).await;
    assert!(
        matches!(released, Err(StoreError::Fenced { .. })),
        "{released:?}"
    );
}

/// A record starts where the previous one ended; another sink starts at zero.
pub async fn records_follow_each_other(make: Make<'_>) {
    let registry = make();
    let key = work_key("s1");
    let lease = lease(&*registry, &key, "a").await;
    registry.record(batch(&lease, 0, 3)).await.unwrap();
    for from in [0, 2, 4] {
        let elsewhere = registry.record(batch(&lease, from, 6)).await;
        assert!(
            matches!(elsewhere, Err(StoreError::Fenced { .. })),
            "{elsewhere:?}"
        );
    }
    assert_eq!(
        registry.recorded_position(&key).await.unwrap(),
        LogPosition(3)
    );
    registry.record(batch(&lease, 3, 6)).await.unwrap();
    assert_eq!(
        registry.recorded_position(&key).await.unwrap(),
        LogPosition(6)
    );
    assert_eq!(
        registry.recorded_position(&work_key("s2")).await.unwrap(),
        LogPosition(0)
    );
}

/// The newest batches that took effect are known; the outcome of a single event is always known.
pub async fn single_outcomes_and_the_newest_batches_are_kept(make: Make<'_>) {
    let registry = make();
    let key = work_key("s1");
    let lease = lease(&*registry, &key, "a").await;
    let mut record = batch(&lease, 0, 100);
    record.processed.push(Processed {
        outcome: Outcome::Parked,
        ..record_of(7)
    });
    registry.record(record).await.unwrap();
    let known = async |stream: &StreamId, position| {
        let rows = registry.outcomes_at(stream, LogPosition(position)).await;
        rows.unwrap()
    };
    let row = |handler: Option<&str>, outcome, moment| Processing {
        worker: WORKER.into(),
        sink: "s1".into(),
        handler: handler.map(str::to_owned),
        outcome,
        at: at(moment),
    };
    let simply = row(None, Outcome::Done, 100);
    assert_eq!(known(&key.stream, 99).await, std::slice::from_ref(&simply));
    assert_eq!(known(&key.stream, 0).await, std::slice::from_ref(&simply));
    assert!(known(&key.stream, 100).await.is_empty());
    let parked = row(Some("instance_worker"), Outcome::Parked, 100);
    assert_eq!(known(&key.stream, 7).await, [parked, simply]);

    let mut drained = batch(&lease, 100, 100);
    drained.processed.push(record_of(7));
    registry.record(drained).await.unwrap();
    for position in 100..10_000 {
        let one = batch(&lease, position, position + 1);
        registry.record(one).await.unwrap();
    }
    let late = row(Some("instance_worker"), Outcome::Done, 100);
    assert_eq!(known(&key.stream, 7).await, [late]);
    assert!(known(&key.stream, 99).await.is_empty());
    let newest = row(None, Outcome::Done, 10_000);
    assert_eq!(known(&key.stream, 9_999).await, [newest]);
    assert!(known(&stream("demo.g2"), 9_999).await.is_empty());
}

/// The farthest position moves with the records of live sinks, and never back.
pub async fn the_farthest_position_never_goes_back(make: Make<'_>) {
    let registry = make();
    let lease = lease(&*registry, &work_key("s1"), "a").await;
    let farthest = async || registry.farthest_positions(&stream("demo")).await.unwrap();
    let of = |position| [(WORKER.to_owned(), LogPosition(position))];
    assert!(farthest().await.is_empty());
    registry.record(batch(&lease, 0, 5)).await.unwrap();
    assert_eq!(farthest().await, of(5));
    let other = |from, through, live| WorkRecord {
        key: work_key("s2"),
        live,
        ..batch(&lease, from, through)
    };
    registry.record(other(0, 3, true)).await.unwrap();
    assert_eq!(farthest().await, of(5), "another sink is filled anew");
    registry.record(other(3, 9, false)).await.unwrap();
    assert_eq!(farthest().await, of(5), "nobody sees a shadow");
    registry.record(other(9, 10, true)).await.unwrap();
    assert_eq!(farthest().await, of(10));
    registry.forget_sink(&work_key("s2")).await.unwrap();
    assert_eq!(farthest().await, of(10));
    assert!(
        registry
            .farthest_positions(&stream("demo.g2"))
            .await
            .unwrap()
            .is_empty()
    );
}

/// The records of a dropped sink are removed with its dead letters; those of other sinks stay.
pub async fn records_are_removed_with_their_sink(make: Make<'_>) {
    let registry = make();
    let lease = lease(&*registry, &work_key("s1"), "a").await;
    for sink in ["s1", "s2"] {
        let letter = DeadLetter {
            sink: sink.into(),
            ..letter("h", "demo", 3)
        };
        let record = WorkRecord {
            key: work_key(sink),
            parked: vec![letter],
            ..batch(&lease, 0, 4)
        };
        registry.record(record).await.unwrap();
    }
    assert_eq!(registry.dead_letters(None).await.unwrap().len(), 2);
    registry.forget_sink(&work_key("s1")).await.unwrap();
    let letters = registry.dead_letters(None).await.unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].sink, "s2");
    assert_eq!(
        registry.recorded_position(&work_key("s1")).await.unwrap(),
        LogPosition(0)
    );
    assert_eq!(
        registry.recorded_position(&work_key("s2")).await.unwrap(),
        LogPosition(4)
    );
    let rows = registry.outcomes_at(&stream("demo"), LogPosition(2)).await;
    assert_eq!(rows.unwrap().len(), 1);
}

/// Dead letters come with the record, in order, and are removed one by one.
pub async fn dead_letters_wait_in_order(make: Make<'_>) {
    let registry = make();
    let key = work_key("s1");
    let lease = lease(&*registry, &key, "a").await;
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
    let counted = |handler: &str, log: &str, count| DeadLetterCount {
        handler: handler.into(),
        stream: stream(log),
        sink: all[0].sink.clone(),
        count,
    };
    let expected = [
        counted("h", "demo.g2", 2),
        counted("h", "demo.g10", 1),
        counted("z", "demo", 1),
    ];
    assert_eq!(registry.count_dead_letters().await.unwrap(), expected);
    let second = stream("demo.g2");
    let second_work = |sink: &str| WorkKey {
        stream: second.clone(),
        ..work_key(sink)
    };
    registry
        .clear_dead_letters(&second_work("s1"), "h", &[LogPosition(5)])
        .await
        .unwrap();
    registry
        .clear_dead_letters(&second_work("s1"), "z", &[LogPosition(7)])
        .await
        .unwrap();
    registry
        .clear_dead_letters(&second_work("s2"), "h", &[LogPosition(7)])
        .await
        .unwrap();
    let left = registry.dead_letters(Some(&second)).await.unwrap();
    assert_eq!(left, [letter("h", "demo.g2", 7)]);
}

/// A retry is remembered until it is reported as carried out.
pub async fn retries_are_remembered(make: Make<'_>) {
    let registry = make();
    let (demo, other) = (stream("demo"), stream("other"));
    registry.request_retry("h", &demo, "x").await.unwrap();
    registry.request_retry("h", &demo, "x").await.unwrap();
    registry.request_retry("g", &demo, "y").await.unwrap();
    let pair = |handler: &str, aggregate: &str| (handler.to_owned(), aggregate.to_owned());
    assert_eq!(
        registry.retries(&demo).await.unwrap(),
        [pair("g", "y"), pair("h", "x")]
    );
    assert!(registry.retries(&other).await.unwrap().is_empty());
    registry.clear_retry("h", &demo, "x").await.unwrap();
    assert_eq!(registry.retries(&demo).await.unwrap(), [pair("g", "y")]);
}

/// Everything recorded about a log is forgotten, and nothing about another.
pub async fn work_is_forgotten_with_its_log(make: Make<'_>) {
    let registry = make();
    let (demo, other) = (stream("demo"), stream("other"));
    let lease = lease(&*registry, &work_key("s1"), "a").await;
    let mut record = batch(&lease, 0, 4);
    record.parked = vec![letter("h", "demo", 3), letter("h", "other", 3)];
    registry.record(record).await.unwrap();
    registry.request_retry("h", &demo, "x").await.unwrap();
    registry.request_retry("h", &other, "x").await.unwrap();
    assert_eq!(
        registry.recorded_position(&work_key("s1")).await.unwrap(),
        LogPosition(4)
    );
    assert_eq!(
        registry
            .outcomes_at(&demo, LogPosition(2))
            .await
            .unwrap()
            .len(),
        1
    );

    registry.forget_work(&demo).await.unwrap();
    assert_eq!(
        registry.recorded_position(&work_key("s1")).await.unwrap(),
        LogPosition(0)
    );
    assert!(
        registry
            .outcomes_at(&demo, LogPosition(2))
            .await
            .unwrap()
            .is_empty()
    );
    assert!(registry.retries(&demo).await.unwrap().is_empty());
    assert_eq!(registry.retries(&other).await.unwrap().len(), 1);
    let letters = registry.dead_letters(None).await.unwrap();
    assert_eq!(letters, [letter("h", "other", 3)]);
}
