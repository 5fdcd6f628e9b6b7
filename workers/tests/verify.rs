//! Checks and repairs of the sinks.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::{
    any::Any,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use serde_json::json;
use spice_core::{
    chain::{Anchor, ChainHead},
    envelope::{Envelope, Kind},
    error::StoreError,
    id::{BranchGeneration, LogPosition, Sequence},
    json::Json,
    model::CommandEntry,
    port::{
        StoreResult,
        graph::{Entity, Graph, State, Version},
        registry::{Anchors, WriteModel},
        sink::Sinks,
    },
    replay::DifferenceKind,
};
use spice_testing::double::{Call, Double, Hook};
use spice_workers::{
    audit::{Followers, accept, loss},
    engine::Handler,
    verify::{Known, Projection, Repaired, repair, verify},
};
use support::{World, entity};

const MAIN: BranchGeneration = BranchGeneration::MAIN;

async fn set_up_projected() -> World {
    let world = World::new();
    world.story.tell();
    world.project().await;
    world
}

/// Puts a version into the graph that no event wrote.
async fn forge(world: &World, entity: Entity, sequence: u64) {
    let sample = world.versions().await.remove(1);
    let forged = Version {
        state: State {
            entity,
            sequence: Sequence(sequence),
            data: Some(Json::parse(r#"{"name":"forged"}"#).unwrap()),
            ..sample.state
        },
        references: Vec::new(),
        ..sample
    };
    let sink = world.graph.sink(world.stream()).await.unwrap();
    let place = sink.position;
    let applied = world
        .graph
        .apply(
            world.stream(),
            &sink.generation,
            place,
            place.into(),
            &[forged],
        )
        .await
        .unwrap();
    assert!(applied.stale.is_empty() && applied.refused.is_empty());
}

#[tokio::test(start_paused = true)]
async fn sinks_that_match_the_log_are_clean() {
    let world = set_up_projected().await;
    let report = verify(world.sources(), world.stream()).await.unwrap();
    assert!(report.differences.is_empty(), "{:?}", report.differences);
    assert!(report.is_clean());
    for projection in Projection::ALL {
        assert_eq!(report.positions[&projection].0, world.story.end());
    }
    assert_eq!(
        report.entities[&Projection::Graph],
        10,
        "with the branch's own"
    );
    assert_eq!(report.entities[&Projection::Documents], 11, "and a copy");
    let nothing = repair(world.sources(), &report).await.unwrap();
    assert_eq!(nothing, Repaired::default());
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_difference_is_reported_and_repaired() {
    let world = set_up_projected().await;
    let before = (world.versions().await, world.shelf().await);
    let stream = world.stream();
    world.remove_versions(MAIN, &[entity("p3")]).await;
    forge(&world, entity("nobody"), 1).await;
    world.remove_versions(MAIN, &[entity("p5")]).await;
    forge(&world, entity("p5"), 9).await;
    world
        .remove_documents(MAIN, &[entity("p2"), entity("p4")])
        .await;

    let report = verify(world.sources(), stream).await.unwrap();
    let mut found: Vec<_> = report
        .differences
        .iter()
        .map(|it| {
            let sequences = (it.expected.map(|seq| seq.0), it.found.map(|seq| seq.0));
            (
                it.projection,
                it.branch,
                it.entity.clone(),
                it.kind,
                sequences,
            )
        })
        .collect();
    found.sort_by_key(|it| (it.0, it.1, it.2.clone()));
    let expected = [
        (
            Projection::Graph,
            MAIN,
            entity("nobody"),
            DifferenceKind::Unexpected,
            (None, Some(1)),
        ),
        (
            Projection::Graph,
            MAIN,
            entity("p3"),
            DifferenceKind::Missing,
            (Some(3), None),
        ),
        (
            Projection::Graph,
            MAIN,
            entity("p5"),
            DifferenceKind::Differs,
            (Some(1), Some(9)),
        ),
        (
            Projection::Documents,
            MAIN,
            entity("p2"),
            DifferenceKind::Missing,
            (Some(2), None),
        ),
        // The previous version, which a branch shows.
        (
            Projection::Documents,
            MAIN,
            entity("p2"),
            DifferenceKind::Missing,
            (Some(1), None),
        ),
        (
            Projection::Documents,
            MAIN,
            entity("p4"),
            DifferenceKind::Missing,
            (Some(2), None),
        ),
    ];
    assert_eq!(found, expected);
    assert!(!report.is_clean());

    let repaired = repair(world.sources(), &report).await.unwrap();
    assert_eq!(repaired.entities, 5);
    let again = verify(world.sources(), stream).await.unwrap();
    assert!(again.differences.is_empty(), "{:?}", again.differences);
    assert_eq!((world.versions().await, world.shelf().await), before);
    let lineage = spice_core::lineage::Lineage::main();
    let view = spice_core::lineage::View {
        stream: stream.clone(),
        lineage,
    };
    let history = world.graph.history(&view, &entity("p3")).await.unwrap();
    assert_eq!(
        history.len(),
        3,
        "all versions are back, not the newest alone"
    );
}

#[tokio::test(start_paused = true)]
async fn parked_and_discarded_events_are_known_differences() {
    let world = World::new();
    world.story.tell();
    let poison = world.story.put("p5", json!({"name": "bad"}));
    let given_up = world.story.put("p6", json!({"name": "bad"}));
    world.story.discard("instance_worker", given_up);
    let graph = world.graph_handler();
    graph.with(|faults| faults.refuse.extend([poison, given_up]));
    world.run_through(&graph).await;
    world.run_through(&world.documents_handler()).await;
    let report = verify(world.sources(), world.stream()).await.unwrap();
    let mut found: Vec<_> = report
        .differences
        .iter()
        .map(|it| (it.entity.clone(), it.known))
        .collect();
    found.sort_by_key(|it| it.0.clone());
    assert_eq!(
        found,
        [
            (entity("p5"), Some(Known::Parked)),
            (entity("p6"), Some(Known::Discarded)),
        ]
    );
    assert!(report.is_clean(), "known differences need no mending");
    let mut known: Vec<u64> = report.known.iter().map(|it| it.position.0).collect();
    known.sort_unstable();
    assert_eq!(known, [poison, given_up]);
    let nothing = repair(world.sources(), &report).await.unwrap();
    assert_eq!(nothing, Repaired::default());
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_is_behind_is_checked_up_to_its_position() {
    let world = set_up_projected().await;
    world.story.put("p1", json!({"name": "later"}));
    world.story.put("later", json!({"name": "later"}));
    let report = verify(world.sources(), world.stream()).await.unwrap();
    assert!(report.differences.is_empty(), "{:?}", report.differences);
    world.run_through(&world.graph_handler()).await;
    let report = verify(world.sources(), world.stream()).await.unwrap();
    assert!(report.differences.is_empty(), "{:?}", report.differences);
    assert!(report.positions[&Projection::Documents] < report.positions[&Projection::Graph]);
}

#[tokio::test(start_paused = true)]
async fn a_running_system_can_be_checked_and_repaired() {
    let world = set_up_projected().await;
    let handler = world.graph_handler();
    let running = world.start(&handler, "one");
    for number in 0..50 {
        world.story.put("p1", json!({"n": number}));
        world.deliver().await;
        let report = verify(world.sources(), world.stream()).await.unwrap();
        assert!(report.differences.is_empty(), "{:?}", report.differences);
        tokio::task::yield_now().await;
    }
    world.remove_versions(MAIN, &[entity("p1")]).await;
    let report = verify(world.sources(), world.stream()).await.unwrap();
    world.story.put("p1", json!({"n": "after"}));
    world.deliver().await;
    repair(world.sources(), &report).await.unwrap();
    world.wait_for(&handler).await;
    let report = verify(world.sources(), world.stream()).await.unwrap();
    assert!(report.is_clean(), "{:?}", report.differences);
    assert_eq!(world.graph_sequence("p1").await, Some(52));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_emptied_sink_misses_everything_until_it_is_filled() {
    let world = set_up_projected().await;
    let graph = world.graph_handler();
    let all = [entity("p0"), entity("p1"), entity("p7")];
    world.remove_versions(MAIN, &all).await;
    let report = verify(world.sources(), world.stream()).await.unwrap();
    assert_eq!(report.differences.len(), 3);
    world.wipe(graph.sinks()).await;
    world.run_through(&graph).await;
    let report = verify(world.sources(), world.stream()).await.unwrap();
    assert!(report.differences.is_empty(), "{:?}", report.differences);
}

/// Extends the log, and projects it, immediately after a read.
struct Growing<'w> {
    world: &'w World,
    growths: AtomicI64,
}

impl Hook for Growing<'_> {
    async fn after(&self, call: Call<'_>, _: &(dyn Any + Send + Sync)) -> StoreResult<()> {
        if call.method == "read" && self.growths.fetch_sub(1, Ordering::SeqCst) > 0 {
            let branch = self.world.story.branches()[1];
            let data = Some(json!({"name": "while it was checked"}));
            self.world.story.put_on(MAIN, "p1", data.clone(), &[]);
            self.world.story.put_on(MAIN, "p6", data, &[branch]);
            self.world.project().await;
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_during_the_check_is_not_a_difference() {
    let world = set_up_projected().await;
    world.remove_versions(MAIN, &[entity("p5")]).await;
    let growing = Growing {
        world: &world,
        growths: 3.into(),
    };
    let log = Double::new(Arc::new(world.log.clone()), growing);
    let mut sources = world.sources();
    sources.log = &log;
    let report = verify(sources, world.stream()).await.unwrap();
    assert!(log.hook.growths.load(Ordering::SeqCst) <= 0);
    let named: Vec<_> = report
        .differences
        .iter()
        .map(|it| it.entity.clone())
        .collect();
    assert_eq!(named, [entity("p5")], "the real one, and nothing else");
}

#[tokio::test(start_paused = true)]
async fn a_sink_is_not_checked_against_a_broken_chain() {
    let world = set_up_projected().await;
    world.chain(None);
    let report = verify(world.sources(), world.stream()).await.unwrap();
    assert!(report.is_clean());
    world.chain(Some(3));
    let error = verify(world.sources(), world.stream()).await.unwrap_err();
    assert!(matches!(error, StoreError::LogRefused(_)), "{error}");
}

/// A registry that has seen the whole log, commands included.
async fn reflect_all(world: &World) -> Anchor {
    let mut head = ChainHead::at(world.stream(), LogPosition::ZERO);
    let mut commands: Vec<CommandEntry> = Vec::new();
    for record in world.records() {
        head.take(record.position, &record.line).unwrap();
        let envelope = Envelope::from_line(&record.line).unwrap();
        if envelope.metadata.kind == Kind::Command {
            commands.push(CommandEntry {
                id: envelope.metadata.command_id,
                stream: world.stream().clone(),
                position: record.position,
                last: record.position.next(),
                payload_digest: String::new(),
            });
        }
    }
    let anchor = head.anchor().unwrap();
    let (registry, zero) = (&world.registry, LogPosition::ZERO);
    let advance = registry.advance(world.stream(), zero, anchor, Vec::new(), commands);
    advance.await.unwrap();
    anchor
}

#[tokio::test(start_paused = true)]
async fn the_loss_of_a_log_is_reported_and_accepted() {
    let world = World::new();
    for name in ["a", "b", "c"] {
        world.story.put(name, json!({"n": 1}));
    }
    world.chain(None);
    world.project().await;
    let anchor = reflect_all(&world).await;
    let end = anchor.position.0;
    let followers = Followers {
        model: &world.registry,
        work: &world.registry,
        graph: &*world.graph,
        documents: &*world.documents,
    };
    let lost = async || loss(&world.log, followers, world.stream()).await.unwrap();
    assert_eq!(lost().await, None);

    let whole = world.log.lines(world.stream());
    let cut = usize::try_from(end - 4).unwrap();
    world.log.put(world.stream(), whole[..cut].to_vec());
    let truncated = lost().await.unwrap();
    assert_eq!(truncated.fault.as_str(), "log_truncated");
    let places = (truncated.from.0, truncated.seen.0, truncated.end.0);
    assert_eq!(places, (end - 4, end, end - 4));

    // As long as before, but with another last command.
    let mut other = whole.clone();
    let mut head = ChainHead::at(world.stream(), LogPosition::ZERO);
    for (position, line) in (0..).zip(&mut other) {
        if position >= end - 2 {
            let mut envelope = Envelope::from_line(line).unwrap();
            envelope.event_id.0 = uuid::Uuid::from_u128(4_711);
            envelope.chain = head.next();
            *line = envelope.to_line().unwrap().into();
        }
        head.take(LogPosition(position), line).unwrap();
    }
    world.log.put(world.stream(), other);
    let diverged = lost().await.unwrap();
    assert_eq!(diverged.fault.as_str(), "log_diverged");
    assert_eq!((diverged.from.0, diverged.seen.0), (end - 2, end));

    // Without a registry the sinks report it.
    world.registry.forget(world.stream()).await.unwrap();
    let diverged = lost().await.unwrap();
    assert_eq!(diverged.fault.as_str(), "log_diverged");
    assert_eq!((diverged.from.0, diverged.seen.0), (end, end));
    world.log.put(world.stream(), whole[..cut].to_vec());
    let truncated = lost().await.unwrap();
    assert_eq!(truncated.fault.as_str(), "log_truncated");
    assert_eq!((truncated.from.0, truncated.seen.0), (end - 4, end));

    // A shadow reports it as well.
    let (graph, stream) = (&world.graph, world.stream());
    let shadow = graph.create_shadow(stream).await.unwrap().generation;
    let filled = graph.apply(stream, &shadow, LogPosition::ZERO, anchor.into(), &[]);
    filled.await.unwrap();
    world.wipe(&**graph).await;
    world.wipe(&*world.documents).await;
    let truncated = lost().await.unwrap();
    assert_eq!(truncated.fault.as_str(), "log_truncated");
    assert_eq!((truncated.from.0, truncated.seen.0), (end - 4, end));

    accept(followers, world.stream()).await.unwrap();
    assert_eq!(lost().await, None);
    assert_eq!(world.registry.anchored_logs().await.unwrap(), []);
    world.project().await;
    let report = verify(world.sources(), world.stream()).await.unwrap();
    assert!(report.is_clean(), "{:?}", report.differences);
}
