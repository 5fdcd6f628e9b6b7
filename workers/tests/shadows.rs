//! What becomes of a shadow beside the other sinks of its log.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::{sync::Arc, time::Duration};

use serde_json::json;
use spice_core::{
    port::{
        graph::Graph,
        log::Log,
        registry::WorkerRegistry,
        sink::{SinkRole, Sinks},
    },
    replay::{ReplayFault, ReplayState},
};
use spice_testing::NoHints;
use spice_workers::{
    replay::wait_caught_up,
    status::WorkerState,
    supervisor::{Ports, Role, Workers, WorkersConfig},
    verify::Projection,
};
use support::{FaultyHandler, World, feeders, until_state, within};

/// Fills a shadow of the graph with a handler, and ends its engine.
async fn fill_shadow(world: &World, handler: &Arc<FaultyHandler>) -> String {
    let stream = world.stream();
    let shadow = world.graph.create_shadow(stream).await.unwrap().generation;
    let mut job = world.job(&**handler, world.lease(&**handler, "one"));
    job.sink.clone_from(&shadow);
    let running = world.start_job(handler, job);
    let end = world.log.end(stream).await.unwrap();
    let place = (stream, Some(shadow.as_str()));
    let filled = wait_caught_up(&*world.graph, &world.registry, &world.hints, place, end);
    within(filled).await.unwrap();
    running.stop().await;
    shadow
}

#[tokio::test(start_paused = true)]
async fn the_farthest_position_follows_a_swap_before_the_record_of_a_batch() {
    let world = World::new();
    world.story.put("a", json!({"n": 1}));
    world.project().await;
    let stream = world.stream();
    world.story.put("a", json!({"n": 2}));
    let end = world.log.end(stream).await.unwrap();
    // The process of the live sink applies the batch, and ends before it records it.
    let live = world.graph.sink(stream).await.unwrap();
    let (from, through) = (live.position, end.into());
    let applied = world
        .graph
        .apply(stream, &live.generation, from, through, &[]);
    applied.await.unwrap();
    let shadow = fill_shadow(&world, &world.graph_handler()).await;
    assert!(world.graph.swap(stream, &shadow).await.unwrap());

    let workers = Workers::start(world.ports(), feeders());
    let worker = Projection::Graph.worker();
    let confirmed = async {
        loop {
            let farthest = world.registry.farthest_positions(stream).await.unwrap();
            if farthest.contains(&(worker.to_owned(), end)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    within(confirmed).await;
    within(workers.shutdown()).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_former_live_sink_has_parked_hides_no_refusal_of_a_shadow() {
    let world = World::new();
    let poison = world.story.put("a", json!({"n": 1}));
    world.story.put("b", json!({"n": 1}));
    let (stream, refusing) = (world.stream(), world.graph_handler());
    refusing.with(|faults| faults.refuse.insert(poison));
    world.run_through(&refusing).await;
    let better = fill_shadow(&world, &world.graph_handler()).await;
    assert!(world.graph.swap(stream, &better).await.unwrap());

    let shadow = fill_shadow(&world, &refusing).await;
    let letters = world.registry.dead_letters(None).await.unwrap();
    assert_eq!(
        letters.len(),
        2,
        "of the former live sink, and of the shadow"
    );
    let replay = within(world.replay(Projection::Graph)).await;
    let failure = replay.failure.expect("it was swapped in");
    assert_eq!(failure.code, ReplayFault::EventsRefused, "{shadow}");
    assert!(
        failure.message.ends_with(&format!("at position {poison}")),
        "{}",
        failure.message
    );
    assert_eq!(world.graph_sequence("a").await, Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_log_that_was_sealed_meanwhile_is_replayed_and_its_retries_are_carried_out() {
    let world = World::new();
    let poison = world.story.put("a", json!({"n": 1}));
    let refusing = world.graph_handler();
    refusing.with(|faults| faults.refuse.insert(poison));
    world.run_through(&refusing).await;
    let workers = Workers::start(world.ports(), feeders());
    world.story.seal();
    for role in Role::FEEDERS {
        let is_ended = |state: &WorkerState| *state == WorkerState::Ended;
        until_state(&workers, world.stream(), role, is_ended).await;
    }

    world.request_retry("a").await;
    world.request();
    world.wait_for_retries().await;
    assert!(world.letters().await.is_empty());
    assert_eq!(world.graph_sequence("a").await, Some(1));

    for projection in Projection::ALL {
        let replay = within(world.replay(projection)).await;
        assert_eq!(replay.state, ReplayState::Complete);
        let sinks = world.sources().sinks(projection).sinks(world.stream());
        let roles: Vec<SinkRole> = sinks.await.unwrap().iter().map(|sink| sink.role).collect();
        assert_eq!(roles, [SinkRole::Live, SinkRole::Old]);
    }
    within(workers.shutdown()).await;
}

/// Every hint is lost, and the engine of the live sink does not end.
#[tokio::test(start_paused = true)]
async fn a_shadow_is_found_without_a_hint_beside_a_busy_live_sink() {
    let world = World::new();
    world.story.put("a", json!({"n": 1}));
    let mut config = WorkersConfig::default();
    config.engine.idle = Duration::from_hours(24);
    let ports = Ports {
        hints: Arc::new(NoHints),
        ..world.ports()
    };
    let workers = Workers::start(ports, config);
    let stream = world.stream();
    let end = world.log.end(stream).await.unwrap();
    let hints = &NoHints;
    let (graph, registry) = (&*world.graph, &world.registry);
    let filled = wait_caught_up(graph, registry, hints, (stream, None), end);
    within(filled).await.unwrap();
    let shadow = graph.create_shadow(stream).await.unwrap().generation;
    let place = (stream, Some(&*shadow));
    let filled = wait_caught_up(graph, registry, hints, place, end);
    within(filled).await.unwrap();
    within(workers.shutdown()).await;
}
