//! Lost leases, restarts, wiped stores, sealed logs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::{sync::Arc, time::Duration};

use serde_json::json;
use spice_core::{
    error::StoreError,
    id::LogPosition,
    port::registry::{WorkRecord, WorkerRegistry},
};
use spice_testing::MemoryLog;
use spice_workers::{
    engine::{End, Handler},
    status::WorkerState,
};
use support::{FaultyHandler, LEASE, Story, World, within};

#[tokio::test(start_paused = true)]
async fn a_zombie_can_neither_record_nor_do_harm() {
    let world = World::new();
    world.story.put("a", json!({"n": 1}));
    let zombie = world.graph_handler();
    zombie.with(|faults| faults.slow = Duration::from_secs(25));
    let mut sleeping = world.start(&zombie, "zombie");
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.clock.advance(LEASE);
    let heir = world.graph_handler();
    let working = world.start(&heir, "heir");
    world.wait_for(&heir).await;
    world.story.put("a", json!({"n": 2}));
    world.deliver().await;
    world.wait_for(&heir).await;
    let worked = world.find_recorded(&heir).await;
    let is_fenced = |state: &WorkerState| matches!(state, WorkerState::Paused { reason, .. } if reason.contains("no longer holds"));
    sleeping.until(is_fenced).await;
    assert!(!zombie.list_applied().is_empty(), "it woke and wrote");
    assert_eq!(world.find_recorded(&heir).await, worked);
    assert_eq!(world.graph_sequence("a").await, Some(2));
    working.stop().await;
    sleeping.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_begins_at_the_lower_position_of_sink_and_registry() {
    let world = World::new();
    world.story.put("a", json!({"n": 1}));
    let handler = world.graph_handler();
    world.run_through(&handler).await;
    let recorded = world.find_recorded(&handler).await;
    world.story.put("b", json!({"n": 1}));
    let crashing = world.graph_handler();
    crashing.with(|faults| faults.hang = true);
    let crashed = world.start(&crashing, "one");
    tokio::time::sleep(Duration::from_secs(1)).await;
    crashed.task.abort();
    let sink = handler.sinks().sink(world.stream()).await.unwrap().position;
    assert!(sink.0 > recorded, "applied, not recorded");
    assert_eq!(world.find_recorded(&handler).await, recorded);

    let again = world.graph_handler();
    world.run_through(&again).await;
    assert_eq!(
        again.list_applied(),
        [world.story.end() - 1],
        "from the registry's position"
    );
    assert_eq!(world.find_recorded(&again).await, world.story.end());
}

/// Records ten positions that the sink does not have.
async fn record_ahead(world: &World, handler: &Arc<FaultyHandler>) {
    let ahead = WorkRecord {
        key: world.key(handler).await,
        lease: world.lease(&**handler, "one"),
        from: LogPosition::ZERO,
        through: LogPosition(10),
        processed: Vec::new(),
        live: true,
        parked: Vec::new(),
        at: spice_core::time::Timestamp::from_micros(1),
    };
    world.registry.record(ahead).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_lost_its_last_batches_gets_them_again() {
    let world = World::new();
    world.story.tell();
    let handler = world.graph_handler();
    record_ahead(&world, &handler).await;
    world.run_through(&handler).await;
    assert_eq!(
        handler.list_applied().first(),
        Some(&2),
        "from the sink's position"
    );
    assert_eq!(world.find_recorded(&handler).await, world.story.end());
}

#[tokio::test(start_paused = true)]
async fn a_wiped_registry_is_refilled_without_a_second_effect() {
    let mut world = World::new();
    world.story.tell();
    world.project().await;
    let versions = world.versions().await;
    let shelf = world.shelf().await;
    world.registry = World::new().registry;
    world.project().await;
    assert_eq!(world.versions().await, versions);
    assert_eq!(world.shelf().await, shelf);
    assert_eq!(
        world.find_recorded(&world.graph_handler()).await,
        world.story.end()
    );
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_gets_on_counts_its_failures_anew() {
    let world = World::new();
    let handler = world.graph_handler();
    let mut running = world.start(&handler, "one");
    for number in 0..3 {
        world.wait_for(&handler).await;
        let from = LogPosition(world.find_recorded(&handler).await);
        world.story.put("a", json!({"n": number}));
        // Another process records a part of the batch.
        let ahead = WorkRecord {
            key: world.key(&handler).await,
            lease: world.lease(&*handler, "one"),
            from,
            through: from.next(),
            processed: Vec::new(),
            live: true,
            parked: Vec::new(),
            at: spice_core::time::Timestamp::from_micros(1),
        };
        world.registry.record(ahead).await.unwrap();
        world.deliver().await;
        let is_paused = |state: &WorkerState| matches!(state, WorkerState::Paused { .. });
        let WorkerState::Paused { retries, .. } = running.until(is_paused).await else {
            unreachable!("it is paused");
        };
        assert_eq!(retries, 1, "after {number} failures before");
    }
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_engine_of_a_sink_that_is_gone_ends() {
    let world = World::new();
    world.story.tell();
    let graph = world.graph_handler();
    let running = world.start(&graph, "one");
    world.wait_for(&graph).await;
    world.wipe(&*world.graph).await;
    world.story.put("a", json!({"n": 1}));
    world.deliver().await;
    assert_eq!(within(running.task).await.unwrap().unwrap(), End::Gone);
    assert!(
        world.versions().await.is_empty(),
        "nothing is written to another sink"
    );
}

#[tokio::test(start_paused = true)]
async fn a_sealed_log_is_finished() {
    let world = World::new();
    world.story.tell();
    world.story.seal();
    let handler = world.graph_handler();
    let running = world.start(&handler, "one");
    assert_eq!(within(running.task).await.unwrap().unwrap(), End::Sealed);
    assert_eq!(world.find_recorded(&handler).await, world.story.end());
    let again = world.start(&handler, "one");
    assert_eq!(within(again.task).await.unwrap().unwrap(), End::Sealed);
}

#[tokio::test(start_paused = true)]
async fn the_bus_keeps_nothing_of_a_finished_sealed_log() {
    let world = World::new();
    world.story.tell();
    world.story.seal();
    // It is delivered before the workers read it, and again when they are done.
    world.deliver().await;
    for handler in [world.graph_handler(), world.documents_handler()] {
        let running = world.start(&handler, "one");
        assert_eq!(within(running.task).await.unwrap().unwrap(), End::Sealed);
    }
    world.deliver().await;
    let mut new = world.bus.subscribe("new", world.stream()).await.unwrap();
    let kept = tokio::time::timeout(Duration::from_secs(1), new.next(1)).await;
    assert!(kept.is_err(), "{kept:?}");
}

#[tokio::test(start_paused = true)]
async fn a_sink_ahead_of_its_log_is_damage() {
    let mut world = World::new();
    world.story.tell();
    world.run_through(&world.graph_handler()).await;
    let younger = MemoryLog::new();
    world.story = Story::new(younger.clone(), world.hints.clone());
    world.log = younger;
    let running = world.start(&world.graph_handler(), "one");
    let error = within(running.task).await.unwrap().unwrap_err();
    assert!(matches!(error, StoreError::LogRefused(_)), "{error}");
    assert!(error.to_string().contains("ends at position 1"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_record_ahead_of_its_log_is_damage() {
    let world = World::new();
    let handler = world.graph_handler();
    record_ahead(&world, &handler).await;
    let running = world.start(&handler, "one");
    let error = within(running.task).await.unwrap().unwrap_err();
    assert!(matches!(error, StoreError::LogRefused(_)), "{error}");
    assert!(error.to_string().contains("up to position 10"), "{error}");
}
