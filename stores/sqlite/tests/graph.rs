//! The graph on SQLite passes the conformance suite, in a file and in memory.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use spice_core::{
    guard::Guards,
    id::LogPosition,
    port::{
        graph::Graph,
        registry::Anchors,
        sink::{SinkRole, Sinks},
    },
};
use spice_store_sqlite::{Location, Mode, SqliteGraph};
use spice_testing::{
    conformance::graph_naive,
    values::{anchor, in_new_files, stream},
};

fn in_memory(indexes_from: usize) -> impl Fn() -> Arc<dyn Graph> {
    move || {
        let graph = SqliteGraph::open(&Location::Memory, Mode::Inline, Guards::default()).unwrap();
        Arc::new(graph.with_indexes_from(indexes_from))
    }
}

fn in_files() -> impl Fn() -> Arc<dyn Graph> {
    in_new_files(|path| -> Arc<dyn Graph> {
        let guards = Guards::default();
        Arc::new(SqliteGraph::open(&Location::File(path), Mode::Threads, guards).unwrap())
    })
}

mod memory {
    spice_testing::graph_suite!(super::in_memory(1));
}

mod file {
    spice_testing::graph_suite!(super::in_files());
}

#[test]
fn reads_match_a_naive_reader() {
    for from in [1, 1_000] {
        graph_naive::reads_match_a_naive_reader(&in_memory(from));
    }
}

#[test]
fn long_histories_read_the_same() {
    for from in [1, 1_000] {
        graph_naive::long_histories_read_the_same(&in_memory(from));
    }
}

/// The farthest sink of a log decides what the store has seen of it.
#[tokio::test]
async fn a_store_has_the_anchor_of_its_farthest_sink() {
    let graph = SqliteGraph::open(&Location::Memory, Mode::Inline, Guards::default()).unwrap();
    let demo = stream("demo");
    let live = graph.sink(&demo).await.unwrap().generation;
    let shadow = graph.create_shadow(&demo).await.unwrap().generation;
    let logs = [demo.clone()];
    assert_eq!(graph.anchored_logs().await.unwrap(), []);
    for (sink, position, farthest) in [(&live, 5, 5), (&shadow, 3, 5), (&shadow, 7, 7)] {
        let seen = anchor(LogPosition(position)).into();
        let applied = graph.apply(&demo, sink, LogPosition::ZERO, seen, &[]);
        applied.await.unwrap();
        let found = graph.anchor(&demo).await.unwrap();
        assert_eq!(found, Some(anchor(LogPosition(farthest))));
        assert_eq!(graph.anchored_logs().await.unwrap(), logs);
        let of_database = graph.anchored_generations(&demo.database).await.unwrap();
        assert_eq!(of_database, logs);
    }
    for (sink, role) in [(&shadow, SinkRole::Shadow), (&live, SinkRole::Live)] {
        let dropped = graph.drop_sink(&demo, sink, role);
        dropped.await.unwrap();
        let left = graph.anchor(&demo).await.unwrap();
        let expected = (role == SinkRole::Shadow).then(|| anchor(LogPosition(5)));
        assert_eq!(left, expected);
    }
    assert_eq!(graph.anchored_logs().await.unwrap(), []);
}

#[tokio::test]
async fn applied_batches_survive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let location = Location::File(directory.path().join("deep/er/graph.sqlite"));
    let open = || SqliteGraph::open(&location, Mode::Threads, Guards::default()).unwrap();
    let demo = stream("demo");
    let before = open().sink(&demo).await.unwrap();
    let (second, first) = (open(), open());
    let through = LogPosition(7);
    first
        .apply(
            &demo,
            &before.generation,
            before.position,
            through.into(),
            &[],
        )
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
