//! Stopped before or after any call to the registry and started again, a worker ends in the same
//! state as an undisturbed one: with poison, discards, retries and refilled sinks.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use spice_core::{
    id::LogPosition,
    port::{
        StoreResult,
        graph::Version,
        registry::{Outcome, WorkerRegistry},
        sink::Sinks,
    },
};
use spice_testing::double::{Call, Double, Hook};
use spice_workers::engine::{Engine, Handler};
use support::{FaultyHandler, World, config};
use tokio_util::sync::CancellationToken;

/// The calls that count: the others are never made here, or change nothing that a crash could
/// split.
const COUNTED: &[&str] = &[
    "acquire",
    "join",
    "release",
    "leave",
    "recorded_position",
    "record",
    "dead_letters",
    "clear_dead_letters",
    "retries",
    "clear_retry",
];

/// Counts calls of the registry; the call that brings the count to zero never answers.
struct Crash {
    calls_left: AtomicI64,
    after_effect: bool,
    crashed: tokio::sync::Notify,
}

impl Crash {
    async fn hang(&self) {
        self.crashed.notify_one();
        std::future::pending::<()>().await;
    }
}

impl Hook for Crash {
    async fn around<T: Send>(
        &self,
        call: Call<'_>,
        effect: impl Future<Output = StoreResult<T>> + Send,
    ) -> StoreResult<T> {
        let is_last =
            COUNTED.contains(&call.method) && self.calls_left.fetch_sub(1, Ordering::SeqCst) == 1;
        if is_last && !self.after_effect {
            self.hang().await;
        }
        let answer = effect.await;
        if is_last {
            self.hang().await;
        }
        answer
    }
}

/// The state after a scenario.
#[derive(Debug, PartialEq)]
struct Ending {
    versions: Vec<Version>,
    letters: Vec<(u64, String)>,
    parked: Vec<u64>,
    discarded: Vec<u64>,
}

async fn ending(world: &World) -> Ending {
    let live = world.graph.sink(world.stream()).await.unwrap().generation;
    let mut parked = Vec::new();
    let mut discarded = Vec::new();
    for position in 0..world.story.end() {
        let rows = world
            .registry
            .outcomes_at(world.stream(), LogPosition(position));
        let rows = rows.await.unwrap().into_iter();
        for row in rows.filter(|row| row.sink == live) {
            match row.outcome {
                Outcome::Parked => parked.push(position),
                Outcome::Discarded => discarded.push(position),
                Outcome::Done => {}
            }
        }
    }
    let letters = world.letters().await;
    Ending {
        versions: world.versions().await,
        letters: letters.into_iter().map(|it| (it.0, it.1)).collect(),
        parked,
        discarded,
    }
}

/// Two aggregates with poison: the event of `a` is discarded later, that of `z` stays.
fn tell(world: &World) -> Arc<FaultyHandler> {
    world.story.put("a", json!({"n": 1}));
    let poison = world.story.put("a", json!({"n": 2}));
    world.story.put("b", json!({"n": 1}));
    world.story.put("a", json!({"n": 3}));
    let stays = world.story.put("z", json!({"n": 1}));
    world.story.put("a", json!({"n": 4}));
    world.story.discard("instance_worker", poison);
    world.story.put("a", json!({"n": 5}));
    world.story.put("z", json!({"n": 2}));
    let handler = world.graph_handler();
    handler.with(|faults| faults.refuse.extend([poison, stays]));
    handler
}

/// Runs an engine until the `stop`-th call to the registry; returns false if it never made that
/// many.
async fn crash(world: &World, handler: &Arc<FaultyHandler>, stop: i64, after: bool) -> bool {
    let crash = Crash {
        calls_left: stop.into(),
        after_effect: after,
        crashed: tokio::sync::Notify::new(),
    };
    let registry = Arc::new(Double::new(Arc::new(world.registry.clone()), crash));
    let mut ports = world.engine_ports();
    ports.registry = Arc::clone(&registry) as Arc<dyn WorkerRegistry>;
    let handler = Arc::clone(handler) as Arc<dyn Handler>;
    let mut small = config();
    small.batch_records = 3;
    let job = world.job(&*handler, world.lease(&*handler, "one"));
    let engine = Engine::new(ports, handler, job, small);
    let running = engine.run(CancellationToken::new());
    tokio::select! {
        _ = running => panic!("it has no reason to end"),
        () = registry.hook.crashed.notified() => true,
        () = tokio::time::sleep(Duration::from_secs(20)) => false,
    }
}

async fn ask_retry(world: &World) {
    world.request_retry("z").await;
    world.request();
}

async fn finish(world: &World, handler: &Arc<FaultyHandler>) -> Ending {
    let running = world.start(handler, "one");
    world.wait_for(handler).await;
    world.wait_for_retries().await;
    running.stop().await;
    ending(world).await
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_call_while_poison_is_parked_and_discarded() {
    let reference = World::new();
    let expected = finish(&reference, &tell(&reference)).await;
    assert_eq!(expected.letters.len(), 2);
    assert_eq!((expected.parked.len(), expected.discarded.len()), (2, 1));
    let mut crashes = 0;
    for after in [false, true] {
        for stop in 1.. {
            let world = World::new();
            let handler = tell(&world);
            if !crash(&world, &handler, stop, after).await {
                break;
            }
            crashes += 1;
            let found = finish(&world, &handler).await;
            assert_eq!(found, expected, "after call {stop} ({after})");
        }
    }
    assert!(crashes > 20, "{crashes}");
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_call_while_a_retry_is_carried_out() {
    let reference = World::new();
    let handler = tell(&reference);
    finish(&reference, &handler).await;
    handler.with(|faults| faults.refuse.clear());
    ask_retry(&reference).await;
    let expected = finish(&reference, &handler).await;
    assert!(expected.letters.is_empty() && expected.parked.is_empty());
    for after in [false, true] {
        for stop in 1.. {
            let world = World::new();
            let handler = tell(&world);
            finish(&world, &handler).await;
            handler.with(|faults| faults.refuse.clear());
            ask_retry(&world).await;
            if !crash(&world, &handler, stop, after).await {
                break;
            }
            let found = finish(&world, &handler).await;
            assert_eq!(found, expected, "after call {stop} ({after})");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_call_while_a_sink_is_filled_again() {
    let reference = World::new();
    let handler = tell(&reference);
    let expected = finish(&reference, &handler).await;
    for after in [false, true] {
        for stop in 1.. {
            let world = World::new();
            let handler = tell(&world);
            finish(&world, &handler).await;
            world.wipe(handler.sinks()).await;
            if !crash(&world, &handler, stop, after).await {
                break;
            }
            let found = finish(&world, &handler).await;
            assert_eq!(found, expected, "after call {stop} ({after})");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_call_while_a_repaired_sink_is_filled_again() {
    let refill = async |crash_at: Option<(i64, bool)>| {
        let world = World::new();
        let handler = tell(&world);
        finish(&world, &handler).await;
        world.wipe(handler.sinks()).await;
        handler.with(|faults| faults.refuse.clear());
        if let Some((stop, after)) = crash_at
            && !crash(&world, &handler, stop, after).await
        {
            return None;
        }
        Some(finish(&world, &handler).await)
    };
    let expected = refill(None).await.unwrap();
    assert!(expected.letters.is_empty() && expected.parked.is_empty());
    for after in [false, true] {
        for stop in 1.. {
            let Some(found) = refill(Some((stop, after))).await else {
                break;
            };
            assert_eq!(found, expected, "after call {stop} ({after})");
        }
    }
}
