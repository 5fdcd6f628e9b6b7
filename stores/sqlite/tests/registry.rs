//! The registry on SQLite passes the conformance suite, in a file and in memory.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use spice_core::{
    bucket::Bucket,
    guard::Guards,
    id::LogPosition,
    port::registry::{LogDirectory, WorkerRegistry, WriteModel},
};
use spice_store_sqlite::{Location, Mode, SqliteRegistry};
use spice_testing::{
    clock::HandClock,
    conformance::{registry::Registry, registry_naive},
    values::{anchor, in_new_files, stream},
};

const WORKER: &str = "graph_worker";

fn in_memory() -> impl Fn() -> Arc<dyn Registry> {
    || {
        let guards = Guards::default();
        Arc::new(SqliteRegistry::open(&Location::Memory, Mode::Inline, guards).unwrap())
    }
}

fn in_files() -> impl Fn() -> Arc<dyn Registry> {
    in_new_files(|path| -> Arc<dyn Registry> {
        let guards = Guards::default();
        Arc::new(SqliteRegistry::open(&Location::File(path), Mode::Threads, guards).unwrap())
    })
}

mod memory {
    spice_testing::registry_suite!(super::in_memory());
}

mod file {
    spice_testing::registry_suite!(super::in_files());
}

#[test]
fn lookups_match_a_naive_reader() {
    registry_naive::lookups_match_a_naive_reader(&in_memory());
}

#[tokio::test]
async fn records_survive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let location = Location::File(directory.path().join("registry.sqlite"));
    let open = || SqliteRegistry::open(&location, Mode::Threads, Guards::default()).unwrap();
    let demo = stream("demo");
    let before = open();
    let (zero, end) = (LogPosition(0), LogPosition(4));
    before
        .advance(&demo, zero, anchor(end), vec![], vec![])
        .await
        .unwrap();
    let (buckets, hour) = ([Bucket::of(&demo)], std::time::Duration::from_hours(1));
    let lease = before.acquire(WORKER, &buckets, "a", hour).await.unwrap();
    drop(before);
    let after = open();
    assert_eq!(after.reflected_position(&demo).await.unwrap(), end);
    let other = after.acquire(WORKER, &buckets, "b", hour).await.unwrap();
    assert!(other.is_empty());
    let again = after.acquire(WORKER, &buckets, "a", hour).await.unwrap();
    assert_eq!(again, lease);
}

/// A process that is gone leaves its mark; the next one that clears the log removes it, but not the
/// mark of a process that may still write.
#[tokio::test]
async fn marks_of_dead_processes_are_removed() {
    let clock = Arc::new(HandClock::default());
    let registry = SqliteRegistry::open(&Location::Memory, Mode::Inline, Guards::default());
    let registry = registry.unwrap().with_clock(clock.clone());
    let demo = stream("demo");
    registry.mark_active(&demo, "dead").await.unwrap();
    for (minutes, marks) in [(9, vec![demo.clone()]), (2, vec![])] {
        clock.advance(std::time::Duration::from_mins(minutes));
        registry.clear_active(&demo, "").await.unwrap();
        assert_eq!(registry.active_logs().await.unwrap(), marks);
    }
}

/// Else nobody could take the bucket until the time of the lease came again.
#[tokio::test]
async fn a_lease_from_before_the_clock_was_set_back_has_ended() {
    let registry = SqliteRegistry::open(&Location::Memory, Mode::Inline, Guards::default());
    let registry = registry.unwrap();
    let clock = Arc::new(HandClock::default());
    clock.advance(std::time::Duration::from_hours(24));
    let (buckets, minute) = (
        [Bucket::all().next().unwrap()],
        std::time::Duration::from_mins(1),
    );
    let before = registry.clone().with_clock(clock);
    let old = before.acquire(WORKER, &buckets, "a", minute).await.unwrap();
    let after = registry.with_clock(Arc::new(HandClock::default()));
    let heir = after.acquire(WORKER, &buckets, "b", minute).await.unwrap();
    assert_eq!(heir[0].fence, old[0].fence + 1);
}
