//! The registry on SQLite passes the conformance suite, in a file and in memory.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use common::{at, registry::Make, stream};
use spice_core::{
    guard::Guards,
    id::LogPosition,
    port::registry::{WorkKey, WorkerRegistry, WriteModel},
};
use spice_stores::sqlite::{Location, Mode, SqliteRegistry};

fn in_memory(run: impl FnOnce(Make<'_>)) {
    run(&|| {
        let guards = Guards::default();
        Arc::new(SqliteRegistry::open(&Location::Memory, Mode::Inline, guards).unwrap())
    });
}

fn in_files(run: impl FnOnce(Make<'_>)) {
    let directory = tempfile::tempdir().unwrap();
    let number = std::cell::Cell::new(0);
    run(&|| {
        number.set(number.get() + 1);
        let path = directory
            .path()
            .join(format!("registry-{}.sqlite", number.get()));
        let guards = Guards::default();
        Arc::new(SqliteRegistry::open(&Location::File(path), Mode::Threads, guards).unwrap())
    });
}

macro_rules! conforms {
    ($($suite:ident::$property:ident),* $(,)?) => {
        mod memory {
            $(#[test]
            fn $property() {
                super::in_memory(|make| {
                    super::common::block_on(super::common::$suite::$property(make));
                });
            })*
        }
        mod file {
            $(#[test]
            fn $property() {
                super::in_files(|make| {
                    super::common::block_on(super::common::$suite::$property(make));
                });
            })*
        }
    };
}

conforms!(
    registry::advance_lets_one_win,
    registry::commands_are_found_and_forgotten,
    registry::an_anchor_moves_with_the_model,
    registry::a_value_released_and_claimed_anew_is_claimed,
    registry_work::leases_change_hands_with_a_new_fence,
    registry_work::a_free_lease_goes_to_one,
    registry_work::a_zombie_records_nothing,
    registry_work::records_follow_each_other,
    registry_work::processed_rows_are_told_and_pruned,
    registry_work::dead_letters_wait_in_order,
    registry_work::retries_are_remembered_and_wake,
    registry_work::work_is_forgotten_with_its_log,
);

#[test]
fn lookups_are_what_a_naive_reader_says() {
    in_memory(common::registry::lookups_are_what_a_naive_reader_says);
}

#[tokio::test]
async fn a_change_by_another_process_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let location = Location::File(directory.path().join("registry.sqlite"));
    let open = || SqliteRegistry::open(&location, Mode::Threads, Guards::default()).unwrap();
    let (ours, theirs) = (open(), open());
    let demo = stream("demo");
    let waiting = {
        let (ours, demo) = (ours.clone(), demo.clone());
        tokio::spawn(async move { ours.wait_change(&demo, 0).await })
    };
    ours.retries(&demo).await.unwrap();
    theirs.request_retry("h", &demo, "x").await.unwrap();
    waiting.await.unwrap();
    assert_eq!(ours.retries(&demo).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_was_recorded_is_there_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let location = Location::File(directory.path().join("registry.sqlite"));
    let open = || SqliteRegistry::open(&location, Mode::Threads, Guards::default()).unwrap();
    let demo = stream("demo");
    let key = WorkKey {
        worker: "graph_worker".into(),
        stream: demo.clone(),
        sink: "s".into(),
    };
    let before = open();
    let (zero, end) = (LogPosition(0), LogPosition(4));
    before
        .advance(&demo, zero, common::anchor(end), vec![], vec![])
        .await
        .unwrap();
    let lease = before.acquire(&key, "a", at(5), at(0)).await.unwrap();
    drop(before);
    let after = open();
    assert_eq!(after.reflected(&demo).await.unwrap(), end);
    assert_eq!(after.acquire(&key, "b", at(6), at(5)).await.unwrap(), None);
    assert_eq!(after.acquire(&key, "a", at(6), at(5)).await.unwrap(), lease);
}
