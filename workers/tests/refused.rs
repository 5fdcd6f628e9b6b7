//! A log that is not the one that a store has seen is refused: nothing of it is projected.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::json;
use spice_core::{
    chain::{Anchor, KeptHead, LogFault},
    error::StoreError,
    id::LogPosition,
    port::{
        documents::Documents,
        log::Log,
        registry::WriteModel,
        sink::{SinkRole, Sinks},
    },
};
use spice_workers::{
    audit::check,
    status::WorkerState,
    supervisor::{Role, Workers, WorkersConfig},
};
use support::{World, until_state, within};

/// Waits until a role reports that it refuses the log.
async fn is_refused(world: &World, workers: &Workers, role: Role, reason: &str) {
    let stream = world.stream();
    let met = |it: &WorkerState| matches!(it, WorkerState::Damaged { reason: why, .. } if why.contains(reason));
    until_state(workers, stream, role, met).await;
}

fn chained_world() -> World {
    let world = World::new();
    for name in ["a", "b"] {
        world.story.put(name, json!({"n": 1}));
    }
    world.chain(None);
    world
}

#[tokio::test(start_paused = true)]
async fn a_log_that_differs_from_any_sinks_anchor_is_not_projected() {
    for (reason, seen_by) in [
        ("log_truncated", SinkRole::Live),
        ("log_diverged", SinkRole::Live),
        ("log_truncated", SinkRole::Shadow),
        ("log_diverged", SinkRole::Shadow),
    ] {
        let mut world = chained_world();
        if seen_by == SinkRole::Live {
            world.run_through(&world.documents_handler()).await;
        } else {
            let (documents, stream) = (&world.documents, world.stream());
            let shadow = documents.create_shadow(stream).await.unwrap().generation;
            let seen = world.head().anchor().unwrap().into();
            let filled = documents.apply(stream, &shadow, LogPosition::ZERO, seen, &[]);
            filled.await.unwrap();
        }
        if reason == "log_truncated" {
            let whole = world.log.lines(world.stream());
            world
                .log
                .put(world.stream(), whole[..whole.len() - 2].to_vec());
        } else {
            world.exchange_last();
        }
        world.registry = World::new().registry;
        let workers = Workers::start(world.ports(), WorkersConfig::default());
        for role in Role::FEEDERS {
            is_refused(&world, &workers, role, reason).await;
        }
        let graph = world.graph.sink(world.stream()).await.unwrap();
        assert_eq!(graph.position.0, 0, "nothing was projected");
        within(workers.shutdown()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_that_differs_from_the_registrys_anchor_is_not_projected() {
    let world = chained_world();
    let (stream, zero) = (world.stream(), LogPosition::ZERO);
    let seen = world.head().anchor().unwrap();
    let advanced = world.registry.advance(stream, zero, seen, vec![], vec![]);
    advanced.await.unwrap();
    world.exchange_last();
    let workers = Workers::start(world.ports(), WorkersConfig::default());
    for role in Role::FEEDERS {
        is_refused(&world, &workers, role, "log_diverged").await;
    }
    let graph = world.graph.sink(stream).await.unwrap();
    assert_eq!(graph.position, zero, "nothing was projected");
    within(workers.shutdown()).await;
}

/// There is something to accept, also when a person has kept a head that is lost, too.
#[tokio::test]
async fn the_last_position_that_a_store_has_seen_is_named_first() {
    let world = chained_world();
    let seen = world.head().anchor().unwrap();
    let (end, chain) = (seen.position, seen.chain);
    let beyond = |count| LogPosition(end.0 + count);
    let anchors = [1, 2].map(|count| Anchor {
        position: beyond(count),
        ..seen
    });
    let position = beyond(3);
    let kept = [KeptHead { position, chain }];
    let checked = check(&world.log, world.stream(), &anchors, &kept).await;
    let StoreError::LogRefused(fault) = checked.unwrap_err() else {
        panic!("another error");
    };
    let expected = LogFault::Truncated {
        stream: world.stream().clone(),
        end,
        seen: beyond(2),
    };
    assert_eq!(*fault, expected);
}

#[tokio::test(start_paused = true)]
async fn a_log_without_work_is_compared_too() {
    let world = chained_world();
    world.project().await;
    let end = world.log.end(world.stream()).await.unwrap();
    let moved = world
        .log
        .move_checkpoint(world.stream(), LogPosition::ZERO, end);
    assert!(moved.await.unwrap());
    world.exchange_last();
    let workers = Workers::start(world.ports(), WorkersConfig::default());
    for role in Role::FEEDERS {
        is_refused(&world, &workers, role, "log_diverged").await;
    }
    within(workers.shutdown()).await;
}
