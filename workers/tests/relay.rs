//! The relay: in order, without a gap, with checkpoints only after confirmed deliveries.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use spice_core::{
    error::StoreError,
    id::LogPosition,
    port::{Store, StoreResult, clock::Clock, log::Log},
};
use spice_testing::{
    MemoryLog,
    double::{Call, Double, Hook, unavailable},
};
use spice_workers::{
    engine::End,
    relay::{Relay, RelayConfig},
    status::WorkerState,
};
use support::{ScriptBus, Scripted, World, within};
use tokio_util::sync::CancellationToken;

fn relay(world: &World, bus: &Arc<ScriptBus>, batch: usize) -> Relay {
    let config = RelayConfig {
        batch_records: batch,
        ..RelayConfig::default()
    };
    Relay::new(
        Arc::new(world.log.clone()),
        Arc::new(Scripted(Arc::clone(bus))),
        Arc::new(world.hints.clone()),
        Arc::clone(&world.clock) as Arc<dyn Clock>,
        world.stream().clone(),
        config,
    )
}

/// A relay of the story that sees its log through a double.
fn relay_of(world: &World, bus: &Arc<ScriptBus>, log: Arc<dyn Log>) -> Relay {
    Relay::new(
        log,
        Arc::new(Scripted(Arc::clone(bus))),
        Arc::new(world.hints.clone()),
        Arc::clone(&world.clock) as Arc<dyn Clock>,
        world.stream().clone(),
        RelayConfig::default(),
    )
}

async fn wait_published(bus: &ScriptBus, count: usize) -> Vec<u64> {
    for _ in 0..100_000 {
        let published = bus.published.lock().unwrap().clone();
        if published.len() >= count {
            return published;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("not published");
}

async fn checkpoint(world: &World) -> u64 {
    world.log.checkpoint(world.stream()).await.unwrap().0
}

#[tokio::test(start_paused = true)]
async fn the_log_is_copied_in_order_and_followed() {
    let world = World::new();
    world.story.tell();
    let bus = Arc::new(ScriptBus::default());
    let relay = relay(&world, &bus, 7);
    let token = CancellationToken::new();
    let task = tokio::spawn(relay.run(token.clone()));
    let end = world.story.end();
    let first = wait_published(&bus, usize::try_from(end).unwrap()).await;
    assert_eq!(first, (0..end).collect::<Vec<_>>());
    world.story.put("late", json!({"n": 1}));
    let all = wait_published(&bus, usize::try_from(end + 2).unwrap()).await;
    assert_eq!(all, (0..end + 2).collect::<Vec<_>>());
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(
        checkpoint(&world).await,
        end + 2,
        "written though nothing more came"
    );
    token.cancel();
    assert_eq!(within(task).await.unwrap().unwrap(), End::Stopped);
}

#[tokio::test(start_paused = true)]
async fn the_relay_waits_for_an_unavailable_bus_and_skips_nothing() {
    let world = World::new();
    world.story.tell();
    let bus = Arc::new(ScriptBus::default());
    bus.failures
        .lock()
        .unwrap()
        .extend([false, true, false, true]);
    let relay = relay(&world, &bus, 1_000);
    let mut status = relay.status();
    let token = CancellationToken::new();
    let task = tokio::spawn(relay.run(token.clone()));
    let paused = status.wait_for(|it| matches!(it.state, WorkerState::Paused { .. }));
    within(paused).await.unwrap();
    assert_eq!(checkpoint(&world).await, 0, "nothing is confirmed yet");
    let end = world.story.end();
    let times = 3 * usize::try_from(end).unwrap();
    let published = wait_published(&bus, times).await;
    let last = &published[published.len() - usize::try_from(end).unwrap()..];
    assert_eq!(last, (0..end).collect::<Vec<_>>(), "the same batch, whole");
    token.cancel();
    within(task).await.unwrap().unwrap();
    assert_eq!(checkpoint(&world).await, end);
}

#[tokio::test(start_paused = true)]
async fn a_restart_may_repeat_but_never_skips() {
    let world = World::new();
    world.story.tell();
    let bus = Arc::new(ScriptBus::default());
    for round in 0..10 {
        let token = CancellationToken::new();
        let task = tokio::spawn(relay(&world, &bus, 3).run(token));
        for _ in 0..round * 2 {
            tokio::task::yield_now().await;
        }
        task.abort();
        let _crashed = task.await;
        let seen = bus.published.lock().unwrap().clone();
        let confirmed = checkpoint(&world).await;
        for position in 0..confirmed {
            assert!(seen.contains(&position), "{position} was skipped");
        }
        world.story.put("more", json!({"n": round}));
    }
    let token = CancellationToken::new();
    let task = tokio::spawn(relay(&world, &bus, 3).run(token.clone()));
    tokio::time::sleep(Duration::from_secs(5)).await;
    token.cancel();
    within(task).await.unwrap().unwrap();
    let seen = bus.published.lock().unwrap().clone();
    assert!((0..world.story.end()).all(|position| seen.contains(&position)));
    assert_eq!(checkpoint(&world).await, world.story.end());
}

#[tokio::test(start_paused = true)]
async fn a_relay_continues_where_another_one_moved_the_checkpoint() {
    let world = World::new();
    world.story.tell();
    let bus = Arc::new(ScriptBus::default());
    let token = CancellationToken::new();
    let task = tokio::spawn(relay(&world, &bus, 100).run(token.clone()));
    tokio::time::sleep(Duration::from_secs(5)).await;
    let before = world.story.end();
    assert_eq!(checkpoint(&world).await, before);
    world.story.put("more", json!({"n": 1}));
    let (from, to) = (LogPosition(before), LogPosition(before + 1));
    let moved = world.log.move_checkpoint(world.stream(), from, to);
    assert!(moved.await.unwrap(), "by another relay");
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(checkpoint(&world).await, world.story.end());
    token.cancel();
    within(task).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_gets_on_counts_its_failures_anew() {
    let world = World::new();
    let bus = Arc::new(ScriptBus::default());
    let relay = relay(&world, &bus, 100);
    let mut status = relay.status();
    let token = CancellationToken::new();
    let task = tokio::spawn(relay.run(token.clone()));
    for number in 0..3 {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let before = world.story.end();
        assert_eq!(checkpoint(&world).await, before);
        world.story.put("a", json!({"n": number}));
        let (from, to) = (LogPosition(before), LogPosition(before + 1));
        let moved = world.log.move_checkpoint(world.stream(), from, to);
        assert!(moved.await.unwrap(), "by another relay");
        let paused = status.wait_for(|it| matches!(it.state, WorkerState::Paused { .. }));
        let state = within(paused).await.unwrap().state.clone();
        let WorkerState::Paused { retries, .. } = state else {
            unreachable!("it is paused");
        };
        assert_eq!(retries, 1, "after {number} failures before");
    }
    token.cancel();
    within(task).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_checkpoint_is_written_about_once_a_second() {
    let world = World::new();
    let bus = Arc::new(ScriptBus::default());
    let token = CancellationToken::new();
    let task = tokio::spawn(relay(&world, &bus, 10).run(token.clone()));
    tokio::time::sleep(Duration::from_millis(10)).await;
    let mut seen = std::collections::BTreeSet::new();
    for number in 0..100 {
        world.story.put("a", json!({"n": number}));
        tokio::time::sleep(Duration::from_millis(50)).await;
        seen.insert(checkpoint(&world).await);
    }
    assert!((4..=8).contains(&seen.len()), "{seen:?}");
    token.cancel();
    within(task).await.unwrap().unwrap();
    assert_eq!(
        checkpoint(&world).await,
        world.story.end(),
        "and at the end"
    );
}

#[tokio::test(start_paused = true)]
async fn the_seal_is_delivered_and_ends_the_relay() {
    let world = World::new();
    world.story.tell();
    world.story.seal();
    let bus = Arc::new(ScriptBus::default());
    let token = CancellationToken::new();
    let end = relay(&world, &bus, 4).run(token.clone());
    assert_eq!(within(end).await.unwrap(), End::Sealed);
    assert_eq!(
        bus.published.lock().unwrap().len() as u64,
        world.story.end()
    );
    let again = relay(&world, &bus, 4).run(token);
    assert_eq!(within(again).await.unwrap(), End::Sealed);
    assert_eq!(
        bus.published.lock().unwrap().len() as u64,
        world.story.end()
    );
    assert_eq!(
        world.log.end(world.stream()).await.unwrap(),
        LogPosition(checkpoint(&world).await)
    );
}

#[tokio::test(start_paused = true)]
async fn the_last_checkpoint_of_a_sealed_log_is_written_immediately() {
    let world = World::new();
    world.story.tell();
    world.story.seal();
    let bus = Arc::new(ScriptBus::default());
    let failures = AtomicU32::new(4);
    let no_checkpoint = move |call: Call<'_>| {
        let left = |left: u32| left.checked_sub(1);
        let (order, other) = (Ordering::SeqCst, Ordering::SeqCst);
        if call.method == "move_checkpoint" && failures.fetch_update(order, other, left).is_ok() {
            return Err(unavailable(Store::Log));
        }
        Ok(())
    };
    let log = Double::new(Arc::new(world.log.clone()), no_checkpoint);
    let relay = relay_of(&world, &bus, Arc::new(log));
    let ended = within(relay.run(CancellationToken::new())).await;
    assert_eq!(ended.unwrap(), End::Sealed);
    assert_eq!(checkpoint(&world).await, world.story.end());
}

/// The first checkpoint cannot be written; before the second one another relay moves it.
struct Overtaken {
    log: MemoryLog,
    calls: AtomicU32,
}

impl Hook for Overtaken {
    async fn before(&self, call: Call<'_>) -> StoreResult<()> {
        if call.method != "move_checkpoint" {
            return Ok(());
        }
        match self.calls.fetch_add(1, Ordering::SeqCst) {
            0 => Err(unavailable(Store::Log)),
            1 => {
                let (stream, to) = (call.stream.unwrap(), LogPosition(1));
                let moved = self.log.move_checkpoint(stream, LogPosition::ZERO, to);
                moved.await.map(drop)
            }
            _ => Ok(()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_sealed_log_gets_its_last_checkpoint_also_when_another_relay_moved_it() {
    let world = World::new();
    world.story.tell();
    world.story.seal();
    let bus = Arc::new(ScriptBus::default());
    let hook = Overtaken {
        log: world.log.clone(),
        calls: AtomicU32::default(),
    };
    let relay = relay_of(
        &world,
        &bus,
        Arc::new(Double::new(Arc::new(world.log.clone()), hook)),
    );
    let ended = within(relay.run(CancellationToken::new())).await;
    assert_eq!(ended.unwrap(), End::Sealed);
    assert_eq!(checkpoint(&world).await, world.story.end());
}

#[tokio::test(start_paused = true)]
async fn records_after_a_break_of_the_chain_are_not_published() {
    let world = World::new();
    world.story.tell();
    world.chain(Some(9));
    let bus = Arc::new(ScriptBus::default());
    let relay = relay(&world, &bus, 4);
    let ran = tokio::spawn(relay.run(CancellationToken::new()));
    let error = within(ran).await.unwrap().unwrap_err();
    assert!(matches!(error, StoreError::LogRefused(_)), "{error}");
    // The changed line may or may not end its batch; the lines after it are not delivered.
    let published = bus.published.lock().unwrap().clone();
    assert!(
        published.iter().all(|position| *position < 10),
        "{published:?}"
    );
}
