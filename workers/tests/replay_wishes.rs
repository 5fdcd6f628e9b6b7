//! What people wish of a replay: suspend, resume, cancel, approve; and rewriting in place.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::time::Duration;

use serde_json::json;
use spice_core::{
    handler::Projection,
    id::{BranchGeneration, LogPosition},
    port::{
        hints::{Hints, Topic},
        replays::{Replays, change},
        sink::SinkRole,
    },
    replay::{Approval, Replay, ReplayId, ReplayRequest, ReplayState, Scope},
};
use spice_workers::supervisor::{Role, Workers, WorkersConfig};
use support::{World, entity, within};

/// Workers that carry out replays and feed nothing.
fn replayers() -> WorkersConfig {
    WorkersConfig {
        roles: vec![Role::Replay],
        ..WorkersConfig::default()
    }
}

async fn until(world: &World, id: ReplayId, state: ReplayState) -> Replay {
    let reached = async {
        loop {
            let replay = world.registry.replay(id).await.unwrap().unwrap();
            if replay.state == state {
                return replay;
            }
            assert!(!replay.state.is_finished(), "{replay:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    within(reached).await
}

async fn wish(
    world: &World,
    id: ReplayId,
    wish: impl Fn(&mut Replay) -> Result<bool, spice_core::error::Refusal>,
) {
    let changed = change(&world.registry, id, wish).await.unwrap();
    assert!(changed.is_some());
    world.hints.give(&Topic::Request(world.stream().clone()));
}

async fn roles(world: &World, projection: Projection) -> Vec<(SinkRole, u64)> {
    let sinks = world.sources().sinks(projection).sinks(world.stream());
    let sinks = sinks.await.unwrap();
    sinks
        .into_iter()
        .map(|sink| (sink.role, sink.position.0))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_suspended_replay_fills_nothing_and_loses_nothing() {
    let world = World::new();
    world.story.tell();
    world.project().await;
    let end = world.story.end();
    let replayers = Workers::start(world.ports(), replayers());
    let id = world
        .start_replay(ReplayRequest::blue_green(Projection::ALL))
        .await;
    until(&world, id, ReplayState::Filling).await;
    wish(&world, id, |replay| replay.suspend(true)).await;
    let workers = Workers::start(world.ports(), support::feeders());
    world.story.put("later", json!({"n": 1}));
    for handler in [world.graph_handler(), world.documents_handler()] {
        world.wait_for(&handler).await;
    }
    tokio::time::sleep(Duration::from_hours(1)).await;
    for projection in Projection::ALL {
        let held = [(SinkRole::Live, world.story.end()), (SinkRole::Shadow, 0)];
        assert_eq!(roles(&world, projection).await, held, "{projection:?}");
    }
    assert!(world.story.end() > end);
    wish(&world, id, |replay| replay.suspend(false)).await;
    let replay = until(&world, id, ReplayState::Complete).await;
    assert_eq!(replay.digests_match, Some(true));
    for projection in Projection::ALL {
        let one = [(SinkRole::Live, world.story.end())];
        assert_eq!(roles(&world, projection).await, one);
    }
    within(workers.shutdown()).await;
    within(replayers.shutdown()).await;
}

/// The engine of the shadow does not end by itself.
#[tokio::test(start_paused = true)]
async fn a_full_shadow_is_not_fed_while_its_replay_is_suspended() {
    let world = World::new();
    world.story.tell();
    let mut config = WorkersConfig::default();
    config.engine.idle = Duration::from_hours(24);
    let workers = Workers::start(world.ports(), config);
    let request = ReplayRequest {
        approval: Approval::Manual,
        ..ReplayRequest::blue_green([Projection::Graph])
    };
    let id = world.start_replay(request).await;
    until(&world, id, ReplayState::AwaitingApproval).await;
    let full = world.story.end();
    wish(&world, id, |replay| replay.suspend(true)).await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    world.story.put("later", json!({"n": 1}));
    world.wait_for(&world.graph_handler()).await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    let held = [
        (SinkRole::Live, world.story.end()),
        (SinkRole::Shadow, full),
    ];
    assert_eq!(roles(&world, Projection::Graph).await, held);
    within(workers.shutdown()).await;
}

#[tokio::test(start_paused = true)]
async fn a_replay_waits_for_its_approval_after_the_comparison() {
    let world = World::new();
    world.story.tell();
    let workers = Workers::start(world.ports(), WorkersConfig::default());
    let id = world
        .start_replay(ReplayRequest {
            approval: Approval::Manual,
            ..ReplayRequest::blue_green([Projection::Documents])
        })
        .await;
    let replay = until(&world, id, ReplayState::AwaitingApproval).await;
    assert_eq!(replay.digests_match, Some(true));
    tokio::time::sleep(Duration::from_hours(1)).await;
    let waits = world.registry.replay(id).await.unwrap().unwrap();
    assert_eq!(waits, replay, "nothing happens before");
    wish(&world, id, |replay| replay.approve(replay.requested_at)).await;
    until(&world, id, ReplayState::Complete).await;
    within(workers.shutdown()).await;
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_replay_drops_its_shadow() {
    let world = World::new();
    world.story.tell();
    let workers = Workers::start(world.ports(), WorkersConfig::default());
    let request = ReplayRequest {
        approval: Approval::Manual,
        ..ReplayRequest::blue_green(Projection::ALL)
    };
    let id = world.start_replay(request.clone()).await;
    until(&world, id, ReplayState::AwaitingApproval).await;
    // A suspended one can be cancelled, too.
    wish(&world, id, |replay| replay.suspend(true)).await;
    wish(&world, id, Replay::cancel).await;
    until(&world, id, ReplayState::Cancelled).await;
    for projection in Projection::ALL {
        let one = [(SinkRole::Live, world.story.end())];
        assert_eq!(roles(&world, projection).await, one);
    }
    let next = world.start_replay(request).await;
    assert_ne!(next, id, "a cancelled one blocks no other");
    within(workers.shutdown()).await;
}

#[tokio::test(start_paused = true)]
async fn what_differs_is_rewritten_in_place_within_the_scope() {
    let world = World::new();
    world.story.tell();
    let late = world.story.put("late", json!({"n": 1}));
    let workers = Workers::start(world.ports(), WorkersConfig::default());
    for handler in [world.graph_handler(), world.documents_handler()] {
        world.wait_for(&handler).await;
    }
    let (versions, shelf) = (world.versions().await, world.shelf().await);
    let lost = [entity("p1"), entity("late")];
    world.remove_versions(BranchGeneration::MAIN, &lost).await;
    world.remove_documents(BranchGeneration::MAIN, &lost).await;

    let scope = Scope {
        from: Some(LogPosition(late)),
        ..Scope::default()
    };
    let request = ReplayRequest {
        approval: Approval::Manual,
        ..ReplayRequest::in_place(Projection::ALL, scope)
    };
    let id = world.start_replay(request).await;
    let replay = until(&world, id, ReplayState::AwaitingApproval).await;
    assert_eq!(replay.count_differences(), Some(2), "one in each");
    assert_eq!(replay.digests_match, Some(false));
    assert_eq!(world.graph_sequence("late").await, None, "not yet");
    wish(&world, id, |replay| replay.approve(replay.requested_at)).await;
    let replay = until(&world, id, ReplayState::Complete).await;
    assert_eq!(replay.digests_match, Some(true));
    assert!(replay.targets.iter().all(|target| target.rewritten == 1));
    assert!(world.graph_sequence("late").await.is_some());
    assert_eq!(
        world.graph_sequence("p1").await,
        None,
        "outside of the scope"
    );

    let everything = ReplayRequest::in_place(Projection::ALL, Scope::default());
    let id = world.start_replay(everything.clone()).await;
    until(&world, id, ReplayState::Complete).await;
    assert_eq!(world.versions().await, versions);
    assert_eq!(world.shelf().await, shelf);
    let id = world.start_replay(everything).await;
    let replay = until(&world, id, ReplayState::Complete).await;
    assert_eq!(replay.count_differences(), Some(0));
    within(workers.shutdown()).await;
}
