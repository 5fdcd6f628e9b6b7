//! Replay by shadow: reads never see the shadow before it is complete, and the replay may be
//! stopped anywhere.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use serde_json::json;
use spice_core::{
    guard::Guards,
    id::{BranchGeneration, InstanceRef, LogPosition},
    lineage::{Lineage, View},
    port::{
        StoreResult,
        documents::{Documents, Search},
        graph::{Entity, Graph},
        hints::{Hints, Topic},
        registry::WorkerRegistry,
        sink::{SinkRole, Sinks},
    },
    replay::{DifferenceKind, ReplayFault, ReplayState},
};
use spice_store_local::LocalHints;
use spice_store_sqlite::{Location, Mode, SqliteDocuments, SqliteGraph, SqliteRegistry};
use spice_testing::double::{Call, Double, Hook};
use spice_workers::{
    replay::{abandon, drop_old, wait_caught_up},
    status::WorkerState,
    supervisor::{Role, Workers},
    verify::{Projection, Sources, verify},
};
use support::{Running, World, entity, feeders, within};

const MANY: u64 = 300;

async fn roles(world: &World, projection: Projection) -> Vec<SinkRole> {
    let sinks = world.sources().sinks(projection).sinks(world.stream());
    let sinks = sinks.await.unwrap();
    sinks.into_iter().map(|sink| sink.role).collect()
}

/// Replays both projections, beside workers that run.
async fn replay_all(world: &World) {
    for projection in Projection::ALL {
        let replay = within(world.replay(projection)).await;
        assert_eq!(replay.state, ReplayState::Complete);
        assert_eq!(replay.digests_match, Some(true));
    }
}

/// Hints whose first request is lost.
struct LosesTheFirst {
    hints: LocalHints,
    lost: AtomicBool,
}

#[async_trait]
impl Hints for LosesTheFirst {
    fn give(&self, topic: &Topic) -> u64 {
        let is_request = matches!(topic, Topic::Request(_));
        if is_request && !self.lost.swap(true, Ordering::SeqCst) {
            return 0;
        }
        self.hints.give(topic)
    }

    async fn wait(&self, topic: &Topic, seen: u64) -> u64 {
        self.hints.wait(topic, seen).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_replay_whose_first_request_is_lost_requests_again() {
    let world = World::new();
    world.story.tell();
    let mut config = feeders();
    config.engine.look_again = Duration::from_hours(24);
    let workers = Workers::start(world.ports(), config);
    let stream = world.stream();
    let end = LogPosition(world.story.end());
    let live = wait_caught_up(
        &*world.graph,
        &world.registry,
        &world.hints,
        (stream, None),
        end,
    );
    within(live).await.unwrap();
    // From here on only a request wakes the worker.
    let mut graph = workers.status(stream, Role::Graph).unwrap();
    let rests = graph.wait_for(|status| status.state == WorkerState::Resting);
    within(rests).await.unwrap();
    let hints = LosesTheFirst {
        hints: world.hints.clone(),
        lost: AtomicBool::new(false),
    };
    // The request itself gives a hint, too, when the replay creates its shadow.
    let id = world.request_replay(Projection::Graph).await;
    let mut graph = workers.status(stream, Role::Graph).unwrap();
    let rests = graph.wait_for(|status| status.state == WorkerState::Resting);
    within(rests).await.unwrap();
    let replay = within(world.carry_out(id, &hints)).await;
    assert_eq!(replay.state, ReplayState::Complete);
    within(workers.shutdown()).await;
}

/// A world whose stores are files, used by threads.
fn in_files(folder: &std::path::Path) -> World {
    let guards = Guards::default();
    let file = |name: &str| Location::File(folder.join(name));
    let mode = Mode::Threads;
    let registry = SqliteRegistry::open(&file("registry"), mode, guards).unwrap();
    World {
        registry,
        graph: Arc::new(SqliteGraph::open(&file("graph"), mode, guards).unwrap()),
        documents: Arc::new(SqliteDocuments::open(&file("documents"), mode, guards).unwrap()),
        ..World::new()
    }
}

/// Reads everything until it is stopped: nothing is ever missing, nothing goes back. Returns the
/// number of reads.
async fn read_without_end(
    (graph, documents): (Arc<SqliteGraph>, Arc<SqliteDocuments>),
    view: View,
    stop: Arc<AtomicBool>,
) -> usize {
    let hot: InstanceRef = "Part/hot".parse().unwrap();
    let entities = [Entity::Instance(hot.clone())];
    let class = hot.class.clone();
    let search = Search {
        class: class.clone(),
        text: None,
        filters: Vec::new(),
        order: None,
        cursor: None,
        offset: 0,
        limit: 10,
    };
    let (mut looks, mut last) = (0, [0, 0]);
    while !stop.load(Ordering::SeqCst) {
        let version = graph.get(&view, &entities).await.unwrap().remove(0);
        let document = documents.get(&view, std::slice::from_ref(&hot)).await;
        let document = document.unwrap().remove(0);
        let seen = [
            version.unwrap().state.sequence.0,
            document.unwrap().state.sequence.0,
        ];
        for (last, seen) in last.iter_mut().zip(seen) {
            assert!(*last <= seen, "from {last} back to {seen}");
            *last = seen;
        }
        let page = documents.search(&view, &search).await.unwrap();
        assert_eq!((page.total, page.documents.len()), (MANY + 1, 10));
        let counts = documents.counts(&view).await.unwrap();
        assert_eq!(counts, [(class.clone(), MANY + 1)]);
        let scan = graph.scan(&view, &class, &[], None, 1_000).await.unwrap();
        assert_eq!(scan.versions.len() as u64, MANY + 1);
        looks += 1;
    }
    looks
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_continuous_reader_sees_no_missing_and_no_wrong_answer() {
    let folder = tempfile::tempdir().unwrap();
    let world = in_files(folder.path());
    for number in 0..MANY {
        world.story.put(&format!("p{number}"), json!({"n": number}));
    }
    world.story.put("hot", json!({"n": 0}));
    let workers = Workers::start(world.ports(), feeders());
    for handler in [world.graph_handler(), world.documents_handler()] {
        world.wait_for(&handler).await;
    }
    let stop = Arc::new(AtomicBool::new(false));
    let view = View {
        stream: world.stream().clone(),
        lineage: Lineage::main(),
    };
    let stores = (Arc::clone(&world.graph), Arc::clone(&world.documents));
    let reader = tokio::spawn(read_without_end(stores, view, Arc::clone(&stop)));
    let writing = async {
        for number in 1.. {
            world.story.put("hot", json!({"n": number}));
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::select! {
        () = replay_all(&world) => {}
        () = writing => {}
    }
    stop.store(true, Ordering::SeqCst);
    let looks = within(reader).await.unwrap();
    assert!(looks > 0);
    for projection in Projection::ALL {
        let expected = [SinkRole::Live, SinkRole::Old];
        assert_eq!(roles(&world, projection).await, expected);
        let dropped = drop_old(world.sources(), &world.hints, projection, world.stream()).await;
        assert_eq!(dropped.unwrap(), 1);
        assert_eq!(roles(&world, projection).await, [SinkRole::Live]);
    }
    for handler in [world.graph_handler(), world.documents_handler()] {
        world.wait_for(&handler).await;
    }
    let report = verify(world.sources(), world.stream()).await.unwrap();
    assert!(report.differences.is_empty(), "{:?}", report.differences);
    within(workers.shutdown()).await;
}

#[tokio::test(start_paused = true)]
async fn a_stopped_replay_continues_or_is_dropped() {
    let world = World::new();
    world.story.tell();
    let workers = Workers::start(world.ports(), feeders());
    for handler in [world.graph_handler(), world.documents_handler()] {
        world.wait_for(&handler).await;
    }
    let (versions, shelf) = (world.versions().await, world.shelf().await);
    for (count, projection) in [Projection::Graph, Projection::Documents, Projection::Graph]
        .into_iter()
        .enumerate()
    {
        let stream = world.stream();
        let sinks = world.sources().sinks(projection);
        // Stopped before anything was filled, and after a part of it was.
        for time in [
            Duration::ZERO,
            Duration::from_millis(1),
            Duration::from_mins(1),
        ] {
            let stopped = world.replay(projection);
            let stopped = tokio::time::timeout(time, stopped).await;
            if count == 1 && stopped.is_err() {
                let dropped = abandon(world.sources(), &world.hints, projection, stream).await;
                let replay = within(world.replay(projection)).await;
                let fault = replay.failure.map(|failure| failure.code);
                // Stopped before anything was done, it creates its shadow now.
                let expected = (dropped.unwrap() > 0).then_some(ReplayFault::ShadowDropped);
                assert_eq!(fault, expected, "{:?}", replay.state);
            }
            assert_eq!(world.versions().await, versions);
            assert_eq!(world.shelf().await, shelf);
        }
        within(world.replay(projection)).await;
        assert!(
            drop_old(world.sources(), &world.hints, projection, stream)
                .await
                .unwrap()
                > 0
        );
        let left = sinks.sinks(stream).await.unwrap();
        assert_eq!(left.len(), 1, "{left:?}");
        assert_eq!(world.versions().await, versions);
        assert_eq!(world.shelf().await, shelf);
    }
    within(workers.shutdown()).await;
}

#[tokio::test(start_paused = true)]
async fn a_replay_says_that_its_shadow_was_abandoned() {
    let world = World::new();
    world.story.tell();
    let (sources, stream) = (world.sources(), world.stream());
    // No worker fills the shadow: the replay waits.
    let waiting = world.replay(Projection::Graph);
    let abandoning = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        abandon(sources, &world.hints, Projection::Graph, stream).await
    };
    let (replay, dropped) = within(futures::future::join(waiting, abandoning)).await;
    assert_eq!(dropped.unwrap(), 1);
    assert_eq!(replay.state, ReplayState::Failed);
    assert_eq!(replay.failure.unwrap().code, ReplayFault::ShadowDropped);
}

/// A shadow of the graph that has lost two entities, and its engine.
async fn shadow_that_differs(world: &World) -> (String, Running) {
    world.story.tell();
    world.project().await;
    let stream = world.stream();
    let end = world.graph.sink(stream).await.unwrap().position;
    let shadow = world.graph.create_shadow(stream).await.unwrap().generation;
    let handler = world.graph_handler();
    let mut job = world.job(&*handler, world.lease(&*handler, "one"));
    job.sink.clone_from(&shadow);
    let running = world.start_job(&handler, job);
    let place = (stream, Some(&*shadow));
    let filled = wait_caught_up(&*world.graph, &world.registry, &world.hints, place, end);
    within(filled).await.unwrap();
    let lost = [entity("p1"), entity("p2")];
    let removed = world
        .graph
        .remove(stream, &shadow, BranchGeneration::MAIN, &lost);
    removed.await.unwrap();
    (shadow, running)
}

#[tokio::test(start_paused = true)]
async fn a_shadow_that_differs_from_the_log_is_not_swapped_in() {
    let world = World::new();
    let (_, running) = shadow_that_differs(&world).await;
    let stream = world.stream();
    let before = world.graph.sink(stream).await.unwrap();
    let replay = within(world.replay(Projection::Graph)).await;
    assert_eq!(replay.state, ReplayState::Failed);
    let failure = replay.failure.as_ref().unwrap();
    assert_eq!(failure.code, ReplayFault::ProjectionDiffers);
    assert_eq!(replay.count_differences(), Some(2));
    assert_eq!(replay.digests_match, Some(false));
    let mut found: Vec<_> = replay
        .findings
        .iter()
        .map(|it| (&*it.entity, it.kind))
        .collect();
    found.sort_unstable();
    let missing = DifferenceKind::Missing;
    assert_eq!(found, [("Part/p1", missing), ("Part/p2", missing)]);
    assert_eq!(world.graph.sinks(stream).await.unwrap(), [before]);
    running.stop().await;
}

/// Another process, which drops the shadow once it was compared.
struct Abandons {
    graph: Arc<SqliteGraph>,
    shadow: String,
    is_compared: AtomicBool,
}

impl Hook for Abandons {
    async fn before(&self, call: Call<'_>) -> StoreResult<()> {
        if call.method == "latest" {
            self.is_compared.store(true, Ordering::SeqCst);
        }
        if call.method != "sinks" || !self.is_compared.load(Ordering::SeqCst) {
            return Ok(());
        }
        let stream = call.stream.unwrap();
        let dropped = self.graph.drop_sink(stream, &self.shadow, SinkRole::Shadow);
        dropped.await
    }
}

#[tokio::test(start_paused = true)]
async fn a_difference_of_a_shadow_that_another_process_dropped_is_no_answer() {
    let world = World::new();
    let (shadow, running) = shadow_that_differs(&world).await;
    let hook = Abandons {
        graph: Arc::clone(&world.graph),
        shadow,
        is_compared: AtomicBool::new(false),
    };
    let graph = Double::new(Arc::clone(&world.graph), hook);
    let sources = Sources {
        graph: &graph,
        ..world.sources()
    };
    let id = world.request_replay(Projection::Graph).await;
    let replay = within(world.carry_out_over(sources, id, &world.hints)).await;
    assert_eq!(replay.state, ReplayState::Failed);
    assert_eq!(replay.failure.unwrap().code, ReplayFault::ShadowDropped);
    drop(running);
}

/// What a shadow has parked is known once its batch is recorded.
#[tokio::test(start_paused = true)]
async fn a_shadow_is_not_compared_before_its_batches_are_recorded() {
    let world = World::new();
    world.story.tell();
    let stream = world.stream();
    let end = LogPosition(world.story.end());
    let shadow = world.graph.create_shadow(stream).await.unwrap().generation;
    let (zero, through) = (LogPosition::ZERO, end.into());
    let applied = world.graph.apply(stream, &shadow, zero, through, &[]);
    applied.await.unwrap();
    let replay = world.replay(Projection::Graph);
    let replay = tokio::time::timeout(Duration::from_mins(10), replay).await;
    assert!(replay.is_err(), "{replay:?}");
}

#[tokio::test(start_paused = true)]
async fn a_shadow_that_refuses_events_of_the_live_sink_is_not_swapped_in() {
    let world = World::new();
    let poison = world.story.put("a", json!({"n": 1}));
    world.story.put("b", json!({"n": 1}));
    world.project().await;
    let stream = world.stream();
    let shadow = world.graph.create_shadow(stream).await.unwrap().generation;
    let handler = world.graph_handler();
    handler.with(|faults| faults.refuse.insert(poison));
    let mut job = world.job(&*handler, world.lease(&*handler, "one"));
    job.sink = shadow;
    let running = world.start_job(&handler, job);
    let replay = within(world.replay(Projection::Graph)).await;
    assert_eq!(replay.state, ReplayState::Failed);
    let failure = replay.failure.unwrap();
    assert_eq!(failure.code, ReplayFault::EventsRefused);
    assert!(
        failure.message.ends_with(&format!("at position {poison}")),
        "{}",
        failure.message
    );
    assert_eq!(world.graph_sequence("a").await, Some(1));
    assert!(world.registry.dead_letters(None).await.unwrap().is_empty());
    running.stop().await;
}
