//! The supervisor: finds logs, contains what fails, ends cleanly.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::{sync::Arc, time::Duration};

use serde_json::json;
use spice_core::{
    id::StreamId,
    port::{graph::Graph, log::Log, registry::WorkerRegistry},
};
use spice_workers::{
    status::WorkerState,
    supervisor::{Role, Workers, WorkersConfig},
};
use support::{Story, World, config, within};

fn workers_config() -> WorkersConfig {
    WorkersConfig {
        engine: config("process"),
        ..WorkersConfig::default()
    }
}

async fn settled(world: &World, story: &Story) {
    let end = world.log.end(&story.stream).await.unwrap();
    for handler in [world.graph_handler(), world.documents_handler()] {
        let waiting =
            spice_workers::rebuild::wait_caught_up(&*handler, &world.registry, &story.stream, end);
        within(waiting).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn logs_are_found_and_projected_end_to_end() {
    let world = World::new();
    world.story.tell();
    let workers = Workers::start(world.ports(), workers_config());
    settled(&world, &world.story).await;
    let second = Story::of(
        world.log.clone(),
        StreamId::first("second".parse().unwrap()),
    );
    second.put("x", json!({"n": 1}));
    settled(&world, &second).await;
    second.put("x", json!({"n": 2}));
    settled(&world, &second).await;
    let statuses = workers.statuses();
    assert_eq!(statuses.len(), 6);
    let running =
        |status: &spice_workers::status::WorkerStatus| status.state == WorkerState::Running;
    assert!(statuses.values().all(running), "{statuses:?}");

    workers.rebuild(world.stream(), Role::Graph).await.unwrap();
    settled(&world, &world.story).await;
    assert_eq!(world.graph_sequence("p3").await, Some(3));

    within(workers.shutdown()).await;
    let key = world.key(&world.graph_handler()).await;
    let [now, before] = [2, 1].map(spice_core::time::Timestamp::from_micros);
    let taken = world.registry.acquire(&key, "another", now, before).await;
    assert!(taken.unwrap().is_some(), "leases are given back");
}

#[tokio::test(start_paused = true)]
async fn a_sealed_log_ends_its_tasks_and_no_others() {
    let world = World::new();
    world.story.tell();
    let second = Story::of(
        world.log.clone(),
        StreamId::first("second".parse().unwrap()),
    );
    let workers = Workers::start(world.ports(), workers_config());
    settled(&world, &world.story).await;
    world.story.seal();
    for role in Role::ALL {
        let mut status = workers.status(world.stream(), role).unwrap();
        let ended = status.wait_for(|status| status.state == WorkerState::Ended);
        within(ended).await.unwrap();
    }
    second.put("x", json!({"n": 1}));
    settled(&world, &second).await;
    within(workers.shutdown()).await;
}

#[tokio::test(start_paused = true)]
async fn a_broken_log_is_told_of_and_holds_up_no_other() {
    let world = World::new();
    world.story.tell();
    let broken = StreamId::first("broken".parse().unwrap());
    let line = bytes::Bytes::from_static(b"not an envelope");
    let batch = spice_core::port::log::Batch {
        first: spice_core::id::LogPosition::ZERO,
        lines: vec![line],
    };
    world.log.land(&broken, batch).unwrap();
    let workers = Workers::start(world.ports(), workers_config());
    settled(&world, &world.story).await;
    let mut status = workers.status(&broken, Role::Graph).unwrap();
    let damaged = status.wait_for(|it| matches!(it.state, WorkerState::Damaged { .. }));
    within(damaged).await.unwrap();
    within(workers.shutdown()).await;
}

/// A graph that panics once.
struct Fragile(Arc<dyn Graph>, std::sync::atomic::AtomicBool);

#[tokio::test(start_paused = true)]
async fn a_panic_is_contained_and_the_task_restarted() {
    let world = World::new();
    world.story.tell();
    let inner = Arc::clone(&world.graph) as Arc<dyn Graph>;
    let mut ports = world.ports();
    ports.graph = Arc::new(Fragile(inner, true.into()));
    let workers = Workers::start(ports, workers_config());
    let mut status = loop {
        if let Some(status) = workers.status(world.stream(), Role::Graph) {
            break status;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    };
    let told = status.wait_for(|it| match &it.state {
        WorkerState::Damaged { reason, .. } => reason.contains("fragile"),
        _ => false,
    });
    within(told).await.unwrap();
    settled(&world, &world.story).await;
    assert_eq!(world.graph_sequence("p3").await, Some(3));
    within(workers.shutdown()).await;
}

mod fragile {
    use async_trait::async_trait;
    use spice_core::{
        id::{BranchGeneration, InstanceRef, LogPosition, StreamId},
        lineage::View,
        name::{ClassName, PropertyName},
        port::{
            StoreResult,
            graph::{Applied, Entity, Graph, Page, Sink, Version},
        },
        query::Filter,
    };

    use super::Fragile;

    #[async_trait]
    impl Graph for Fragile {
        async fn sink(&self, stream: &StreamId) -> StoreResult<Sink> {
            self.0.sink(stream).await
        }

        async fn apply(
            &self,
            stream: &StreamId,
            generation: &str,
            from: LogPosition,
            through: LogPosition,
            versions: &[Version],
        ) -> StoreResult<Applied> {
            let breaks = self.1.swap(false, std::sync::atomic::Ordering::SeqCst);
            assert!(!breaks, "fragile");
            self.0
                .apply(stream, generation, from, through, versions)
                .await
        }

        async fn get(&self, _: &View, _: &[Entity]) -> StoreResult<Vec<Option<Version>>> {
            unimplemented!()
        }

        async fn scan(
            &self,
            _: &View,
            _: &ClassName,
            _: &[Filter],
            _: Option<&str>,
            _: usize,
        ) -> StoreResult<Page> {
            unimplemented!()
        }

        async fn classes(&self, _: &View) -> StoreResult<Vec<Version>> {
            unimplemented!()
        }

        async fn referrers(
            &self,
            _: &View,
            _: &ClassName,
            _: &PropertyName,
            _: &[InstanceRef],
            _: Option<&str>,
            _: usize,
        ) -> StoreResult<Page> {
            unimplemented!()
        }

        async fn history_before(
            &self,
            _: &View,
            _: &Entity,
            _: LogPosition,
            _: usize,
        ) -> StoreResult<Vec<Version>> {
            unimplemented!()
        }

        async fn latest(
            &self,
            _: &StreamId,
            _: BranchGeneration,
            _: Option<&Entity>,
            _: usize,
        ) -> StoreResult<Vec<Version>> {
            unimplemented!()
        }

        async fn remove(&self, _: &StreamId, _: BranchGeneration, _: &[Entity]) -> StoreResult<()> {
            unimplemented!()
        }

        async fn reset(&self, stream: &StreamId) -> StoreResult<Sink> {
            self.0.reset(stream).await
        }
    }
}
