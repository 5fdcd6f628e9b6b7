//! The supervisor: finds logs, contains failures, ends cleanly.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use spice_core::{
    bucket::Bucket,
    id::StreamId,
    port::{
        StoreResult,
        hints::{Hints, Topic},
        log::Log,
        registry::WorkerRegistry,
        sink::Sinks,
    },
};
use spice_testing::{
    NoHints,
    double::{Call, Double, Hook},
};
use spice_workers::{
    engine::{EngineConfig, Handler},
    replay::wait_caught_up,
    status::WorkerState,
    supervisor::{LeaseConfig, Ports, Role, Workers, WorkersConfig},
};
use support::{LEASE, Story, World, until_state, within};

fn workers_config(owner: &str) -> WorkersConfig {
    WorkersConfig {
        lease: LeaseConfig {
            owner: owner.to_owned(),
            ..LeaseConfig::default()
        },
        engine: EngineConfig {
            seed: 7,
            ..EngineConfig::default()
        },
        ..WorkersConfig::default()
    }
}

async fn until(workers: &Workers, stream: &StreamId, role: Role, state: WorkerState) {
    until_state(workers, stream, role, |it| *it == state).await;
}

async fn wait_settled(world: &World, story: &Story) {
    let end = world.log.end(&story.stream).await.unwrap();
    for handler in [world.graph_handler(), world.documents_handler()] {
        let sinks = handler.sinks();
        let live = (&story.stream, None);
        let waiting = wait_caught_up(sinks, &world.registry, &world.hints, live, end);
        within(waiting).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn logs_are_found_and_projected_end_to_end() {
    let world = World::new();
    world.story.tell();
    let workers = Workers::start(world.ports(), workers_config("one"));
    wait_settled(&world, &world.story).await;
    let second = Story::of(
        world.log.clone(),
        world.hints.clone(),
        StreamId::first("second".parse().unwrap()),
    );
    second.put("x", json!({"n": 1}));
    wait_settled(&world, &second).await;
    second.put("x", json!({"n": 2}));
    wait_settled(&world, &second).await;
    let statuses = workers.statuses();
    assert_eq!(statuses.len(), 6);
    let running =
        |status: &spice_workers::status::WorkerStatus| status.state == WorkerState::Running;
    assert!(statuses.values().all(running), "{statuses:?}");

    world.wipe(&*world.graph).await;
    world.request();
    wait_settled(&world, &world.story).await;
    assert_eq!(world.graph_sequence("p3").await, Some(3));

    within(workers.shutdown()).await;
    let buckets: Vec<Bucket> = Bucket::all().collect();
    for role in Role::FEEDERS {
        let taken = world
            .registry
            .acquire(role.as_str(), &buckets, "another", LEASE);
        let taken = taken.await.unwrap();
        assert_eq!(taken.len(), buckets.len(), "leases are given back");
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_whose_sinks_are_at_its_end_has_no_task() {
    let world = World::new();
    world.story.tell();
    let workers = Workers::start(world.ports(), workers_config("one"));
    wait_settled(&world, &world.story).await;
    for role in Role::FEEDERS {
        until(&workers, world.stream(), role, WorkerState::Resting).await;
    }
    world.story.put("a", json!({"n": 1}));
    wait_settled(&world, &world.story).await;
    for role in Role::FEEDERS {
        until(&workers, world.stream(), role, WorkerState::Resting).await;
    }
    // A request by a person counts as work.
    world.request_retry("a").await;
    world.request();
    world.wait_for_retries().await;
    within(workers.shutdown()).await;
}

#[tokio::test(start_paused = true)]
async fn work_of_a_resting_log_is_found_without_a_hint() {
    let world = World::new();
    world.story.tell();
    let ports = Ports {
        hints: Arc::new(NoHints),
        ..world.ports()
    };
    let workers = Workers::start(ports, workers_config("one"));
    wait_settled(&world, &world.story).await;
    for role in Role::FEEDERS {
        until(&workers, world.stream(), role, WorkerState::Resting).await;
    }
    world.story.put("a", json!({"n": 1}));
    wait_settled(&world, &world.story).await;
    within(workers.shutdown()).await;
}

/// A hint that there are more logs may be wrong, and several may come in a row.
#[tokio::test(start_paused = true)]
async fn wrong_hints_do_not_delay_the_next_log() {
    let world = World::new();
    world.story.tell();
    // Longer than any test waits, however the waits are drawn.
    let long = Duration::from_hours(10_000);
    let mut config = workers_config("one");
    config.engine.look_again = long;
    (config.restart.first, config.restart.longest) = (long, long);
    let workers = Workers::start(world.ports(), config);
    wait_settled(&world, &world.story).await;
    for _ in 0..5 {
        world.hints.give(&Topic::Logs);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let second = Story::of(
        world.log.clone(),
        world.hints.clone(),
        StreamId::first("second".parse().unwrap()),
    );
    second.put("x", json!({"n": 1}));
    wait_settled(&world, &second).await;
    within(workers.shutdown()).await;
}

/// The logs that a process works on as the graph worker.
fn share(workers: &Workers) -> BTreeSet<StreamId> {
    let statuses = workers.statuses().into_keys();
    statuses
        .filter(|(_, role)| *role == Role::Graph)
        .map(|(stream, _)| stream)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn processes_share_the_logs_and_hand_them_over() {
    let world = World::new();
    let stories: Vec<Story> = (0..24)
        .map(|number| {
            let name = format!("database-{number}").parse().unwrap();
            let story = Story::of(
                world.log.clone(),
                world.hints.clone(),
                StreamId::first(name),
            );
            story.put("x", json!({"n": 1}));
            story
        })
        .collect();
    let all: BTreeSet<StreamId> = world.log.streams().await.unwrap().into_iter().collect();
    let first = Workers::start(world.ports(), workers_config("one"));
    for story in &stories {
        wait_settled(&world, story).await;
    }
    assert_eq!(share(&first), all);

    let second = Workers::start(world.ports(), workers_config("two"));
    let divided = async {
        while share(&second).is_empty() || !share(&first).is_disjoint(&share(&second)) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    within(divided).await;
    tokio::time::sleep(LEASE).await;
    let (ours, theirs) = (share(&first), share(&second));
    assert!(ours.is_disjoint(&theirs));
    assert_eq!(ours.union(&theirs).cloned().collect::<BTreeSet<_>>(), all);
    assert!(ours.len() > 4 && theirs.len() > 4, "{ours:?} {theirs:?}");
    for story in &stories {
        story.put("x", json!({"n": 2}));
        wait_settled(&world, story).await;
    }

    within(first.shutdown()).await;
    for story in &stories {
        story.put("x", json!({"n": 3}));
        wait_settled(&world, story).await;
    }
    assert_eq!(share(&second), all);
    within(second.shutdown()).await;
}

/// Takes ten minutes for each batch.
struct Slow;

impl Hook for Slow {
    async fn before(&self, call: Call<'_>) -> StoreResult<()> {
        if call.method == "apply" {
            tokio::time::sleep(Duration::from_mins(10)).await;
        }
        Ok(())
    }
}

/// A batch takes ten minutes; its process keeps renewing the lease.
#[tokio::test(start_paused = true)]
async fn the_lease_is_kept_while_a_batch_is_slow() {
    let world = World::new();
    world.story.put("a", json!({"n": 1}));
    let mut ports = world.ports();
    ports.graph = Arc::new(Double::new(Arc::clone(&world.graph), Slow));
    let first = Workers::start(ports, workers_config("one"));
    until(&first, world.stream(), Role::Graph, WorkerState::Running).await;
    let started = tokio::time::Instant::now();
    let end = within(first.shutdown());
    let second = Workers::start(world.ports(), workers_config("two"));
    let (mut end, mut elapsed) = (std::pin::pin!(end), Duration::ZERO);
    while elapsed < Duration::from_mins(9) {
        world.clock.advance(Duration::from_secs(10));
        let waited = tokio::time::timeout(Duration::from_secs(10), &mut end).await;
        assert!(waited.is_err(), "the batch in hand is finished first");
        elapsed = started.elapsed();
        let worked = world.find_recorded(&world.graph_handler()).await;
        assert_eq!(worked, 0, "nobody else works on it");
    }
    end.await;
    wait_settled(&world, &world.story).await;
    within(second.shutdown()).await;
}

#[tokio::test(start_paused = true)]
async fn a_sealed_log_ends_its_tasks_and_no_others() {
    let world = World::new();
    world.story.tell();
    let second = Story::of(
        world.log.clone(),
        world.hints.clone(),
        StreamId::first("second".parse().unwrap()),
    );
    let workers = Workers::start(world.ports(), workers_config("one"));
    wait_settled(&world, &world.story).await;
    world.story.seal();
    for role in Role::FEEDERS {
        until(&workers, world.stream(), role, WorkerState::Ended).await;
    }
    second.put("x", json!({"n": 1}));
    wait_settled(&world, &second).await;
    within(workers.shutdown()).await;
}

#[tokio::test(start_paused = true)]
async fn a_broken_log_is_reported_and_delays_no_other() {
    let world = World::new();
    world.story.tell();
    let broken = StreamId::first("broken".parse().unwrap());
    let line = bytes::Bytes::from_static(b"not an envelope");
    let batch = spice_core::port::log::Batch {
        first: spice_core::id::LogPosition::ZERO,
        lines: vec![line],
    };
    world.log.append_late(&broken, batch).unwrap();
    let workers = Workers::start(world.ports(), workers_config("one"));
    wait_settled(&world, &world.story).await;
    let is_damaged = |it: &WorkerState| matches!(it, WorkerState::Damaged { .. });
    until_state(&workers, &broken, Role::Graph, is_damaged).await;
    within(workers.shutdown()).await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_contained_and_the_task_restarted() {
    let world = World::new();
    world.story.tell();
    let breaks = AtomicBool::new(true);
    let panic_once = move |call: Call<'_>| {
        let now = call.method == "apply" && breaks.swap(false, Ordering::SeqCst);
        assert!(!now, "fragile");
        Ok(())
    };
    let mut ports = world.ports();
    ports.graph = Arc::new(Double::new(Arc::clone(&world.graph), panic_once));
    let workers = Workers::start(ports, workers_config("one"));
    let is_reported = |it: &WorkerState| matches!(it, WorkerState::Damaged { reason, .. } if reason.contains("fragile"));
    until_state(&workers, world.stream(), Role::Graph, is_reported).await;
    wait_settled(&world, &world.story).await;
    assert_eq!(world.graph_sequence("p3").await, Some(3));
    within(workers.shutdown()).await;
}

/// The shadow may deal with the seal first, while the live sink still waits for the store. The log is
/// done when both have the seal. The seeds draw other waits, and with them another order.
#[tokio::test(start_paused = true)]
async fn a_seal_reaches_a_live_sink_beside_a_shadow() {
    for seed in 0..20 {
        let world = World::new();
        world.story.put("a", json!({"n": 1}));
        let away = Arc::new(AtomicBool::new(false));
        let ports = world.ports_with_graph_away(&away);
        let mut config = workers_config("one");
        config.engine.seed = seed;
        let workers = Workers::start(ports, config);
        wait_settled(&world, &world.story).await;
        away.store(true, Ordering::SeqCst);
        world.story.put("a", json!({"n": 2}));
        let is_paused = |it: &WorkerState| matches!(it, WorkerState::Paused { .. });
        until_state(&workers, world.stream(), Role::Graph, is_paused).await;
        away.store(false, Ordering::SeqCst);
        let shadow = world.graph.create_shadow(world.stream()).await.unwrap();
        world.request();
        let end = world.log.end(world.stream()).await.unwrap();
        let of_shadow = (world.stream(), Some(shadow.generation.as_str()));
        let filled = wait_caught_up(&*world.graph, &world.registry, &world.hints, of_shadow, end);
        within(filled).await.unwrap();
        world.story.seal();
        until(&workers, world.stream(), Role::Graph, WorkerState::Ended).await;
    }
}
