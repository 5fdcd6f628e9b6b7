//! Repairs beside workers that write.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use serde_json::json;
use spice_core::{
    id::{BranchGeneration, LogPosition, Sequence, StreamId},
    lineage::{Lineage, View},
    port::{
        StoreResult,
        graph::{Graph, State, Version},
        sink::Sinks,
    },
};
use spice_store_sqlite::SqliteGraph;
use spice_testing::double::{Call, Double, Hook};
use spice_workers::verify::{Sources, repair, verify};
use support::{World, entity};

/// A worker that writes the next version of an instance before each of the first writes of a repair.
struct Overtakes {
    graph: Arc<SqliteGraph>,
    stream: StreamId,
    sample: Version,
    /// How often it still writes.
    left: AtomicU64,
}

impl Hook for Overtakes {
    async fn before(&self, call: Call<'_>) -> StoreResult<()> {
        let less = |left: u64| left.checked_sub(1);
        let (order, other) = (Ordering::SeqCst, Ordering::SeqCst);
        if call.method != "apply" || self.left.fetch_update(order, other, less).is_err() {
            return Ok(());
        }
        let sink = self.graph.sink(&self.stream).await?;
        // A put is a command and its event.
        let position = sink.position.next();
        let sequence = Sequence(position.0 / 2);
        let version = Version {
            state: State {
                position,
                sequence,
                ..self.sample.state.clone()
            },
            ..self.sample.clone()
        };
        let (from, through) = (sink.position, position.next().into());
        let versions = [version];
        let applied = self
            .graph
            .apply(&self.stream, &sink.generation, from, through, &versions);
        assert!(applied.await?.stale.is_empty());
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_repair_that_a_worker_overtakes_loses_no_version() {
    const BEFORE: u64 = 3;
    const MEANWHILE: u64 = 2;
    let world = World::new();
    for number in 1..=BEFORE {
        world.story.put("a", json!({"n": number}));
    }
    world.project().await;
    let sample = world.versions().await.remove(0);
    assert_eq!(sample.state.sequence.0, BEFORE);
    world
        .remove_versions(BranchGeneration::MAIN, &[entity("a")])
        .await;
    let report = verify(world.sources(), world.stream()).await.unwrap();
    assert_eq!(report.surprises().count(), 1);
    for number in 1..=MEANWHILE {
        world.story.put("a", json!({"n": BEFORE + number}));
    }
    let hook = Overtakes {
        graph: Arc::clone(&world.graph),
        stream: world.stream().clone(),
        sample,
        left: AtomicU64::new(MEANWHILE),
    };
    let graph = Double::new(Arc::clone(&world.graph), hook);
    let sources = Sources {
        graph: &graph,
        ..world.sources()
    };
    repair(sources, &report).await.unwrap();
    let end = world.graph.sink(world.stream()).await.unwrap().position;
    assert_eq!(
        end,
        LogPosition(world.story.end()),
        "the worker has written"
    );
    let view = View {
        stream: world.stream().clone(),
        lineage: Lineage::main(),
    };
    let history = world.graph.history(&view, &entity("a")).await.unwrap();
    let sequences: Vec<u64> = history
        .iter()
        .map(|version| version.state.sequence.0)
        .collect();
    assert_eq!(sequences, (1..=BEFORE + MEANWHILE).collect::<Vec<_>>());
    let report = verify(world.sources(), world.stream()).await.unwrap();
    assert!(report.is_clean(), "{:?}", report.differences);
}
