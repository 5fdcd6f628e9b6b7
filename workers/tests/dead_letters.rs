//! Events that a sink refuses for good: parked with the events behind them, retried, discarded.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::json;
use spice_core::{
    id::{BranchGeneration, LogPosition},
    port::registry::{Outcome, WorkerRegistry},
};
use spice_workers::engine::{End, EngineConfig, Handler};
use std::{sync::Arc, time::Duration};
use support::{FaultyHandler, World, config, entity, within};

const HANDLER: &str = "instance_worker";

/// Three events of `a` (the second is poison), with some of other aggregates in between.
fn set_up_poison() -> (World, Arc<FaultyHandler>, [u64; 3]) {
    let world = World::new();
    let first = world.story.put("a", json!({"n": 1}));
    world.story.put("b", json!({"n": 1}));
    let poison = world.story.put("a", json!({"n": 2}));
    world.story.put("b", json!({"n": 2}));
    let follower = world.story.put("a", json!({"n": 3}));
    world.story.put("c", json!({"n": 1}));
    let handler = world.graph_handler();
    handler.with(|faults| faults.refuse.insert(poison));
    (world, handler, [first, poison, follower])
}

async fn ask_retry(world: &World, id: &str) {
    world.request_retry(id).await;
    world.request();
}

#[tokio::test(start_paused = true)]
async fn poison_parks_its_aggregate_only() {
    let (world, handler, [_, poison, follower]) = set_up_poison();
    world.run_through(&handler).await;
    assert_eq!(world.graph_sequence("a").await, Some(1));
    assert_eq!(world.graph_sequence("b").await, Some(2));
    assert_eq!(world.graph_sequence("c").await, Some(1));
    let expected = [
        (poison, "permanent".to_owned(), 5),
        (follower, "behind".to_owned(), 0),
    ];
    assert_eq!(world.letters().await, expected);
    let letters = world.all_letters().await;
    assert!(letters[0].error.contains("poison"), "{}", letters[0].error);
    assert!(letters[1].error.contains(&poison.to_string()));
    let tries = handler.with(|faults| faults.refusals.len());
    assert_eq!(tries, 5, "the budget");
    for position in [poison, follower] {
        let rows = world
            .registry
            .outcomes_at(world.stream(), LogPosition(position));
        assert_eq!(rows.await.unwrap()[0].outcome, Outcome::Parked);
    }
    // The other sink still sees the event.
    world.run_through(&world.documents_handler()).await;
    let shelf = world.shelf().await;
    assert!(shelf.iter().any(|document| document.state.sequence.0 == 3));
}

#[tokio::test(start_paused = true)]
async fn an_event_whose_data_cannot_be_read_is_parked_in_the_sinks_that_need_it() {
    let world = World::new();
    world.story.put("a", json!({"n": 1}));
    let event = world.story.put_unreadable("a");
    let branch = world.story.put_unreadable_branch("trial");
    world.story.put("b", json!({"n": 1}));
    let graph =
        format!("graph refused: cannot read the data of INSTANCE_UPDATED at position {event}: ");
    world.run_through(&world.graph_handler()).await;
    let letters = world.all_letters().await;
    assert_eq!(letters.len(), 1);
    assert!(letters[0].error.starts_with(&graph), "{}", letters[0].error);
    world.run_through(&world.documents_handler()).await;
    let letters = world.all_letters().await;
    let of_documents = letters
        .iter()
        .filter(|it| it.error.starts_with("documents refused: "));
    let positions: Vec<u64> = of_documents.map(|it| it.position.0).collect();
    assert_eq!(positions, [event, branch]);
    assert_eq!(world.graph_sequence("a").await, Some(1));
    assert_eq!(world.graph_sequence("b").await, Some(1));
    let b = world.document(BranchGeneration::MAIN, &entity("b")).await;
    assert!(b.is_some(), "the documents go on");
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_refuses_whole_calls_gets_events_one_by_one() {
    let (world, handler, [_, poison, follower]) = set_up_poison();
    handler.with(|faults| faults.refuse_calls = true);
    world.run_through(&handler).await;
    assert_eq!(world.graph_sequence("a").await, Some(1));
    assert_eq!(world.graph_sequence("b").await, Some(2));
    assert_eq!(world.graph_sequence("c").await, Some(1));
    let positions: Vec<u64> = world.letters().await.into_iter().map(|it| it.0).collect();
    assert_eq!(positions, [poison, follower]);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_a_later_try_accepts_is_not_parked() {
    let (world, handler, _) = set_up_poison();
    handler.with(|faults| faults.gives_in_after = Some(3));
    world.run_through(&handler).await;
    assert_eq!(handler.with(|faults| faults.refusals.len()), 3);
    assert!(world.letters().await.is_empty());
    assert_eq!(world.graph_sequence("a").await, Some(3));
}

#[tokio::test(start_paused = true)]
async fn parked_aggregates_stay_parked_over_a_restart() {
    let (world, handler, [_, poison, follower]) = set_up_poison();
    world.run_through(&handler).await;
    let late = world.story.put("a", json!({"n": 4}));
    world.story.put("b", json!({"n": 3}));
    world.run_through(&world.graph_handler()).await;
    assert_eq!(world.graph_sequence("a").await, Some(1));
    assert_eq!(world.graph_sequence("b").await, Some(3));
    let positions: Vec<u64> = world.letters().await.into_iter().map(|it| it.0).collect();
    assert_eq!(positions, [poison, follower, late]);
}

/// Neither lost hints nor a stream of events that never ends keeps an engine from a retry.
#[tokio::test(start_paused = true)]
async fn a_busy_engine_carries_out_a_retry_with_and_without_a_hint() {
    for hinted in [true, false] {
        let (world, handler, _) = set_up_poison();
        let look_again = Duration::from_secs(if hinted { 3_600 } else { 1 });
        let config = EngineConfig {
            look_again,
            ..config()
        };
        let running = world.start_as(&handler, "one", config);
        world.wait_for(&handler).await;
        handler.with(|faults| faults.refuse.clear());
        let busy = async {
            for number in 2.. {
                world.story.put("busy", json!({"n": number}));
                world.deliver().await;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let retry = async {
            world.request_retry("a").await;
            if hinted {
                world.request();
            }
            world.wait_for_retries().await;
        };
        tokio::select! {
            () = busy => {}
            () = retry => {}
        }
        assert!(world.letters().await.is_empty());
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_drains_in_order() {
    let (world, handler, [_, poison, follower]) = set_up_poison();
    let running = world.start(&handler, "one");
    world.wait_for(&handler).await;
    ask_retry(&world, "a").await;
    world.wait_for_retries().await;
    let attempts: Vec<u32> = world.letters().await.into_iter().map(|it| it.2).collect();
    assert_eq!(
        attempts,
        [6, 0],
        "refused again: one attempt more, all kept"
    );
    assert_eq!(world.graph_sequence("a").await, Some(1));

    handler.with(|faults| faults.refuse.clear());
    let before = handler.list_applied().len();
    ask_retry(&world, "a").await;
    world.wait_for_retries().await;
    assert_eq!(handler.list_applied()[before..], [poison, follower]);
    assert!(world.letters().await.is_empty());
    assert_eq!(world.graph_sequence("a").await, Some(3));
    for position in [poison, follower] {
        let rows = world
            .registry
            .outcomes_at(world.stream(), LogPosition(position));
        assert_eq!(rows.await.unwrap()[0].outcome, Outcome::Done);
    }
    world.story.put("a", json!({"n": 4}));
    world.deliver().await;
    world.wait_for(&handler).await;
    assert_eq!(
        world.graph_sequence("a").await,
        Some(4),
        "and it flows again"
    );
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_retry_requested_while_no_worker_ran_is_carried_out() {
    let (world, handler, _) = set_up_poison();
    world.run_through(&handler).await;
    ask_retry(&world, "a").await;
    let healthy = world.graph_handler();
    let running = world.start(&healthy, "two");
    world.wait_for_retries().await;
    assert!(world.letters().await.is_empty());
    assert_eq!(world.graph_sequence("a").await, Some(3));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_retry_of_a_log_that_is_sealed_and_processed_is_carried_out() {
    let (world, handler, _) = set_up_poison();
    world.story.seal();
    let running = world.start(&handler, "one");
    assert_eq!(within(running.task).await.unwrap().unwrap(), End::Sealed);
    ask_retry(&world, "a").await;
    let again = world.start(&world.graph_handler(), "one");
    assert_eq!(within(again.task).await.unwrap().unwrap(), End::Sealed);
    assert!(world.letters().await.is_empty());
    assert_eq!(world.graph_sequence("a").await, Some(3));
}

#[tokio::test(start_paused = true)]
async fn a_discard_skips_one_event_in_one_sink() {
    let (world, handler, [_, poison, follower]) = set_up_poison();
    let running = world.start(&handler, "one");
    world.wait_for(&handler).await;
    world.story.discard(HANDLER, poison);
    world.story.put("a", json!({"n": 4}));
    world.deliver().await;
    world.wait_for(&handler).await;
    assert!(world.letters().await.is_empty());
    assert_eq!(world.graph_sequence("a").await, Some(4));
    let applied = handler.list_applied();
    assert!(applied.contains(&follower));
    assert!(!applied.contains(&poison));
    let rows = world
        .registry
        .outcomes_at(world.stream(), LogPosition(poison));
    assert_eq!(rows.await.unwrap()[0].outcome, Outcome::Discarded);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_discard_of_a_later_event_leaves_the_rest_parked() {
    let (world, handler, [_, poison, follower]) = set_up_poison();
    let late = world.story.put("a", json!({"n": 4}));
    world.story.discard(HANDLER, follower);
    world.run_through(&handler).await;
    let positions: Vec<u64> = world.letters().await.into_iter().map(|it| it.0).collect();
    assert_eq!(positions, [poison, late]);
    assert_eq!(world.graph_sequence("a").await, Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_discard_is_repeated_when_a_sink_is_filled_again() {
    let (world, handler, [_, poison, _]) = set_up_poison();
    world.story.discard(HANDLER, poison);
    world.story.put("a", json!({"n": 4}));
    world.run_through(&handler).await;
    let before = world.versions().await;
    world.wipe(handler.sinks()).await;
    world.run_through(&handler).await;
    assert_eq!(world.versions().await, before);
    assert!(world.letters().await.is_empty());
    assert!(!handler.list_applied().contains(&poison));
}

#[tokio::test(start_paused = true)]
async fn a_refilled_sink_decides_old_letters_again() {
    let (world, handler, _) = set_up_poison();
    world.run_through(&handler).await;
    assert_eq!(world.letters().await.len(), 2);
    world.wipe(handler.sinks()).await;
    let healthy = world.graph_handler();
    world.run_through(&healthy).await;
    assert!(world.letters().await.is_empty());
    assert_eq!(world.graph_sequence("a").await, Some(3));
}

#[tokio::test(start_paused = true)]
async fn a_reused_name_is_not_parked_with_its_predecessor() {
    let world = World::new();
    let old = world.story.branch("what-if");
    let poison = world.story.put_on(old, "a", Some(json!({"n": 1})), &[]);
    world.story.delete_branch(old);
    let new = world.story.branch("what-if");
    world.story.put_on(new, "a", Some(json!({"n": 2})), &[]);
    let handler = world.graph_handler();
    handler.with(|faults| faults.refuse.insert(poison));
    world.run_through(&handler).await;
    world.story.put_on(new, "a", Some(json!({"n": 3})), &[]);
    world.run_through(&handler).await;
    assert_eq!(world.letters().await.len(), 1);
    assert_eq!(world.graph_sequence_on(old, "a").await, None);
    assert!(world.graph_sequence_on(new, "a").await.is_some());
    assert_ne!(new, BranchGeneration::MAIN);
}
