//! The graph on SQLite passes the conformance suite, in a file and in memory.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use common::{graph::Make, stream};
use spice_core::{guard::Guards, port::graph::Graph};
use spice_stores::sqlite::{Location, Mode, SqliteGraph};

fn in_memory(run: impl FnOnce(Make<'_>)) {
    in_memory_with_indexes_from(1, run);
}

fn in_memory_with_indexes_from(versions: usize, run: impl FnOnce(Make<'_>)) {
    run(&|| {
        let graph = SqliteGraph::open(&Location::Memory, Mode::Inline, Guards::default()).unwrap();
        Arc::new(graph.with_indexes_from(versions))
    });
}

fn in_files(run: impl FnOnce(Make<'_>)) {
    let directory = tempfile::tempdir().unwrap();
    let number = std::cell::Cell::new(0);
    run(&|| {
        number.set(number.get() + 1);
        let path = directory
            .path()
            .join(format!("graph-{}.sqlite", number.get()));
        let guards = Guards::default();
        Arc::new(SqliteGraph::open(&Location::File(path), Mode::Threads, guards).unwrap())
    });
}

macro_rules! conforms {
    ($($property:ident),* $(,)?) => {
        mod memory {
            $(#[test]
            fn $property() {
                super::in_memory(|make| {
                    super::common::block_on(super::common::graph::$property(make));
                });
            })*
        }
        mod file {
            $(#[test]
            fn $property() {
                super::in_files(|make| {
                    super::common::block_on(super::common::graph::$property(make));
                });
            })*
        }
    };
}

conforms!(
    repeats_change_nothing,
    stale_versions_are_left_out,
    nothing_resurrects,
    sinks_fence_off_holes,
    sinks_fence_off_other_generations,
    logs_and_generations_are_apart,
    repair_removes_and_writes_anew,
);

#[test]
fn reads_are_what_a_naive_reader_says() {
    for from in [1, 1_000] {
        in_memory_with_indexes_from(
            from,
            common::graph_naive::reads_are_what_a_naive_reader_says,
        );
    }
}

#[test]
fn long_histories_read_the_same() {
    for from in [1, 1_000] {
        in_memory_with_indexes_from(from, common::graph_naive::long_histories_read_the_same);
    }
}

#[tokio::test]
async fn what_was_applied_is_there_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let location = Location::File(directory.path().join("deep/er/graph.sqlite"));
    let open = || SqliteGraph::open(&location, Mode::Threads, Guards::default()).unwrap();
    let demo = stream("demo");
    let before = open().sink(&demo).await.unwrap();
    let (second, first) = (open(), open());
    let through = spice_core::id::LogPosition(7);
    first
        .apply(&demo, &before.generation, before.position, through, &[])
        .await
        .unwrap();
    drop(first);
    let after = open().sink(&demo).await.unwrap();
    assert_eq!(after.generation, before.generation);
    assert_eq!(after.position, through);
    assert_eq!(
        second.sink(&demo).await.unwrap(),
        after,
        "two may have it open"
    );
}
