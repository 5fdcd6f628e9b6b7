//! SQLite files that cannot be used are set aside, and nothing in them is read as data.
#![allow(clippy::unwrap_used)]

use std::{fs, path::Path};

use spice_core::{
    error::StoreError,
    guard::Guards,
    id::{BranchGeneration, EventId, LogPosition, Sequence},
    lineage::{Lineage, View},
    port::{
        graph::{Entity, Graph, State, Version},
        registry::WriteModel,
        sink::Sinks,
    },
};
use spice_store_sqlite::{Location, Mode, SqliteDocuments, SqliteGraph, SqliteRegistry};
use spice_testing::values::{anchor, at, block_on, json, stream};

fn open(path: &Path) -> SqliteGraph {
    let location = Location::File(path.to_owned());
    SqliteGraph::open(&location, Mode::Threads, Guards::default()).unwrap()
}

fn versions(count: u64) -> Vec<Version> {
    let version = |number: u64| Version {
        branch: BranchGeneration::MAIN,
        state: State {
            entity: Entity::Instance(format!("Flight/f{number:06}").parse().unwrap()),
            position: LogPosition(number),
            sequence: Sequence(1),
            event_id: EventId(uuid::Uuid::from_u128(u128::from(number))),
            occurred_at: at(number),
            created_at: at(number),
            data: Some(json(&format!(r#"{{"text":"{}"}}"#, "x".repeat(300)))),
        },
        references: Vec::new(),
    };
    (0..count).map(version).collect()
}

async fn fill(graph: &SqliteGraph, count: u64) {
    let demo = stream("demo");
    let sink = graph.sink(&demo).await.unwrap();
    let end = LogPosition(count);
    graph
        .apply(
            &demo,
            &sink.generation,
            sink.position,
            end.into(),
            &versions(count),
        )
        .await
        .unwrap();
}

async fn scan(graph: &SqliteGraph) -> Result<usize, StoreError> {
    let view = View {
        stream: stream("demo"),
        lineage: Lineage::main(),
    };
    let class = "Flight".parse().unwrap();
    let page = graph.scan(&view, &class, &[], None, 100_000).await?;
    Ok(page.versions.len())
}

/// A wrong address must not take a file from its user, nor a store from a running process.
#[test]
fn a_file_of_something_else_is_refused_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("some.sqlite");
    let location = Location::File(path.clone());
    let refuse_graph = |why: &str| {
        let before = fs::read(&path).unwrap();
        let opened = SqliteGraph::open(&location, Mode::Threads, Guards::default());
        let Err(StoreError::Rejected { reason, .. }) = opened.map(|_| ()) else {
            panic!("a file of something else was opened");
        };
        assert!(
            reason.contains(path.to_str().unwrap()) && reason.contains(why),
            "{reason}"
        );
        assert_eq!(fs::read(&path).unwrap(), before);
    };
    fs::write(&path, "id,name\n1,Tomato\n").unwrap();
    refuse_graph("not an SQLite file");
    fs::write(&path, "no database at all".repeat(2_000)).unwrap();
    refuse_graph("not an SQLite file");

    fs::remove_file(&path).unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE notes (text)").unwrap();
    drop(other);
    refuse_graph("something else created it");

    fs::remove_file(&path).unwrap();
    let documents = SqliteDocuments::open(&location, Mode::Threads, Guards::default()).unwrap();
    refuse_graph("something else created it");
    drop(documents);
    let names: Vec<_> = fs::read_dir(directory.path()).unwrap().collect();
    assert!(
        names.iter().all(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            !name.to_str().unwrap().contains("damaged")
        }),
        "{names:?}"
    );
}

#[tokio::test]
async fn a_file_that_begins_with_zeros_is_set_aside() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("graph.sqlite");
    for round in 1..=2 {
        fs::write(&path, vec![0; 8192]).unwrap();
        let graph = open(&path);
        assert_eq!(scan(&graph).await.unwrap(), 0);
        fill(&graph, 10).await;
        drop(graph);
        assert_eq!(scan(&open(&path)).await.unwrap(), 10);
        let aside = directory
            .path()
            .join(format!("graph.sqlite.damaged-{round}"));
        assert_eq!(fs::read(aside).unwrap(), vec![0; 8192]);
    }
}

#[tokio::test]
async fn another_version_is_set_aside() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("some.sqlite");
    fill(&open(&path), 3).await;
    for (number, version) in [(1, 0), (2, 99)] {
        let other = rusqlite::Connection::open(&path).unwrap();
        other.pragma_update(None, "user_version", version).unwrap();
        drop(other);
        let graph = open(&path);
        assert_eq!(scan(&graph).await.unwrap(), 0);
        fill(&graph, 3).await;
        let aside = format!("some.sqlite.damaged-{number}");
        assert!(directory.path().join(aside).exists());
    }
}

#[tokio::test]
async fn damage_within_a_file_is_reported_and_set_aside_at_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("graph.sqlite");
    let graph = open(&path);
    fill(&graph, 2_000).await;
    drop(graph);
    let mut bytes = fs::read(&path).unwrap();
    let length = bytes.len();
    bytes[length / 3..length / 2].fill(0);
    fs::write(&path, &bytes).unwrap();

    let graph = open(&path);
    let answer = scan(&graph).await;
    assert!(
        matches!(answer, Err(StoreError::Damaged { .. })),
        "{answer:?}"
    );
    drop(graph);
    let graph = open(&path);
    assert_eq!(scan(&graph).await.unwrap(), 0);
    assert!(directory.path().join("graph.sqlite.damaged-1").exists());
    drop(graph);
    open(&path);
    assert!(!directory.path().join("graph.sqlite.damaged-2").exists());
}

#[tokio::test]
async fn a_write_ahead_log_whose_file_is_gone_is_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("graph.sqlite");
    let graph = open(&path);
    fill(&graph, 100).await;
    let log = directory.path().join("graph.sqlite-wal");
    let left_behind = fs::read(&log).unwrap();
    drop(graph);
    fs::remove_file(&path).unwrap();
    fs::write(&log, left_behind).unwrap();
    let graph = open(&path);
    assert_eq!(scan(&graph).await.unwrap(), 0);
    fill(&graph, 5).await;
    assert_eq!(scan(&graph).await.unwrap(), 5);
}

#[test]
fn many_can_open_an_empty_file_at_the_same_time() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("registry.sqlite");
    let open = || {
        let location = Location::File(path.clone());
        SqliteRegistry::open(&location, Mode::Threads, Guards::default()).unwrap()
    };
    let all: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6).map(|_| scope.spawn(open)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    block_on(async {
        let demo = stream("demo");
        let (zero, end) = (LogPosition(0), LogPosition(4));
        all[0]
            .advance(&demo, zero, anchor(end), vec![], vec![])
            .await
            .unwrap();
        for registry in &all {
            assert_eq!(registry.reflected_position(&demo).await.unwrap(), end);
        }
    });
    assert!(!directory.path().join("registry.sqlite.damaged-1").exists());
}
