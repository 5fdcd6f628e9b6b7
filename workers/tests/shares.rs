//! What a process does when its leases change hands.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::time::Duration;

use serde_json::json;
use spice_core::{
    bucket::Bucket,
    port::{log::Log, registry::WorkerRegistry},
};
use spice_workers::{
    engine::EngineConfig,
    replay::wait_caught_up,
    status::WorkerState,
    supervisor::{LeaseConfig, Role, Workers, WorkersConfig},
};
use support::{LEASE, World, until_state, within};

const OWNER: &str = "one";
const WORKER: &str = "graph_worker";

fn config(alone: bool) -> WorkersConfig {
    WorkersConfig {
        lease: LeaseConfig {
            owner: OWNER.to_owned(),
            alone,
            ..LeaseConfig::default()
        },
        ..WorkersConfig::default()
    }
}

async fn wait_settled(world: &World) {
    let stream = world.stream();
    let end = world.log.end(stream).await.unwrap();
    let (graph, live) = (&*world.graph, (stream, None));
    within(wait_caught_up(
        graph,
        &world.registry,
        &world.hints,
        live,
        end,
    ))
    .await
    .unwrap();
}

/// Another process takes every bucket of the graph worker.
async fn take_all(world: &World, owner: &str) {
    let buckets: Vec<Bucket> = Bucket::all().collect();
    world.registry.join(WORKER, owner, LEASE).await.unwrap();
    let taken = world.registry.acquire(WORKER, &buckets, owner, LEASE).await;
    assert_eq!(taken.unwrap().len(), buckets.len());
}

#[tokio::test(start_paused = true)]
async fn the_logs_of_a_lost_lease_are_left_to_its_new_owner() {
    let idle = EngineConfig::default().idle;
    for (idle, before, after) in [
        (
            Duration::from_hours(24),
            WorkerState::Running,
            WorkerState::Ended,
        ),
        (idle, WorkerState::Resting, WorkerState::Resting),
    ] {
        let world = World::new();
        world.story.put("a", json!({"n": 1}));
        let mut config = config(false);
        config.engine.idle = idle;
        let workers = Workers::start(world.ports(), config);
        wait_settled(&world).await;
        until_state(&workers, world.stream(), Role::Graph, |it| *it == before).await;
        let status = workers.status(world.stream(), Role::Graph).unwrap();
        world.clock.advance(LEASE);
        take_all(&world, "another").await;
        let left = async {
            while workers.status(world.stream(), Role::Graph).is_some() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        within(left).await;
        assert_eq!(status.borrow().state, after);
        assert!(workers.status(world.stream(), Role::Relay).is_some());
        within(workers.shutdown()).await;
    }
}

/// Another process took this one for dead. The lease comes back with another fence, and no task
/// works under the former one.
#[tokio::test(start_paused = true)]
async fn a_lease_that_was_replaced_is_used_with_its_new_fence() {
    let world = World::new();
    world.story.put("a", json!({"n": 1}));
    let workers = Workers::start(world.ports(), config(false));
    wait_settled(&world).await;
    tokio::time::sleep(LEASE).await;
    world.registry.leave(WORKER, OWNER).await.unwrap();
    for number in 0..LEASE.as_secs() {
        tokio::time::sleep(Duration::from_secs(1)).await;
        world.story.put("a", json!({"n": number}));
    }
    wait_settled(&world).await;
    within(workers.shutdown()).await;
}

#[tokio::test(start_paused = true)]
async fn a_process_that_is_alone_takes_the_leases_of_a_dead_one_at_once() {
    let world = World::new();
    world.story.put("a", json!({"n": 1}));
    // Nothing expires: the clock of the registry stands still.
    take_all(&world, "dead").await;
    let workers = Workers::start(world.ports(), config(true));
    wait_settled(&world).await;
    within(workers.shutdown()).await;
}
