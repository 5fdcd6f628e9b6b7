//! The engine: order, records, leases, restarts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde_json::json;
use spice_core::{
    error::StoreError,
    guard::{Guard, Guards},
    id::{BranchGeneration, LogPosition, StreamId},
    port::{
        Store,
        documents::{Document, Documents},
        graph::Entity,
        log::{Batch, Record},
        registry::{Outcome, Processing, WorkerRegistry},
    },
};
use spice_store_local::LocalHints;
use spice_testing::MemoryLog;
use spice_workers::{engine::End, engine::Handler, status::WorkerState};
use support::{ScriptBus, Scripted, Story, World, config, entity, within};

fn with_script() -> (World, Arc<ScriptBus>) {
    let bus = Arc::new(ScriptBus::default());
    let mut world = World::new();
    world.bus = Arc::new(Scripted(Arc::clone(&bus)));
    (world, bus)
}

#[tokio::test(start_paused = true)]
async fn every_event_has_one_effect_and_one_record() {
    let world = World::new();
    world.story.tell();
    world.project().await;
    let graph = world.graph_handler();
    let documents = world.documents_handler();
    assert_eq!(world.find_recorded(&graph).await, world.story.end());
    assert_eq!(world.find_recorded(&documents).await, world.story.end());
    assert_eq!(world.graph_sequence("p3").await, Some(3));
    let shelf = world.shelf().await;
    let deleted = shelf
        .iter()
        .find(|it| it.state.entity == entity("p4"))
        .unwrap();
    assert!(deleted.state.data.is_none(), "a delete leaves a tombstone");

    let rows = world.registry.outcomes_at(world.stream(), LogPosition(4));
    let rows = rows.await.unwrap();
    let workers: Vec<&str> = rows.iter().map(|row| row.worker.as_str()).collect();
    assert_eq!(workers, ["graph_worker", "projection_worker"]);
    let simply = |row: &Processing| row.handler.is_none() && row.outcome == Outcome::Done;
    assert!(
        rows.iter().all(simply),
        "a batch that took effect has no rows for its events"
    );
}

#[tokio::test(start_paused = true)]
async fn references_are_found_by_their_shape() {
    let world = World::new();
    let data = json!({"one": "Part/b", "many": ["Part/c", "Part/d", "x"], "url": "http://a/b",
                      "n": 1, "nested": {"no": "Part/e"}});
    world.story.put("a", data);
    world.run_through(&world.graph_handler()).await;
    let versions = world.versions().await;
    let found: Vec<String> = versions[0]
        .references
        .iter()
        .map(|(predicate, target)| format!("{predicate}>{target}"))
        .collect();
    // By its shape a URL may refer to `/a/b` of a class `http:`; readers ask only for declared
    // predicates.
    let expected = ["one>Part/b", "many>Part/c", "many>Part/d", "url>http://a/b"];
    assert_eq!(found, expected);
}

/// An instance on `main` that was changed after two branches were created.
async fn set_up_superseded() -> (World, [BranchGeneration; 2]) {
    let world = World::new();
    world.story.put("a", json!({"name": "old"}));
    let branches = ["what-if", "another"].map(|name| world.story.branch(name));
    let changed = Some(json!({"name": "new"}));
    let main = BranchGeneration::MAIN;
    world.story.put_on(main, "a", changed, &branches);
    world.run_through(&world.documents_handler()).await;
    (world, branches)
}

fn until(documents: &[Document]) -> Vec<Option<LogPosition>> {
    documents.iter().map(Document::until).collect()
}

#[tokio::test(start_paused = true)]
async fn a_superseded_version_is_kept_once_for_all_branches_that_show_it() {
    let (world, branches) = set_up_superseded().await;
    for branch in branches {
        let shown = world.read_on(branch, "a").await.unwrap();
        assert_eq!(shown.state.sequence.0, 1);
        assert_eq!(shown.state.data.unwrap().as_str(), r#"{"name":"old"}"#);
    }
    let shelf = world.shelf().await;
    let last = shelf[1].state.position.before();
    assert_eq!(until(&shelf), [Some(last), None], "once, and the latest");
    assert_eq!(shelf[1].state.sequence.0, 2);
    world.story.delete_branch(branches[0]);
    world.run_through(&world.documents_handler()).await;
    assert_eq!(world.shelf().await.len(), 2, "the other still shows it");
    world.story.delete_branch(branches[1]);
    world.run_through(&world.documents_handler()).await;
    assert_eq!(until(&world.shelf().await), [None]);
}

#[tokio::test(start_paused = true)]
async fn a_superseded_version_arrives_even_when_the_event_itself_is_stale() {
    let (world, _) = set_up_superseded().await;
    let handler = world.documents_handler();
    let main = BranchGeneration::MAIN;
    let sink = handler.sinks().sink(world.stream()).await.unwrap();
    let place = sink.position;
    let latest = world.document(main, &entity("a")).await.unwrap();
    let documents = &world.documents;
    world.remove_documents(main, &[entity("a")]).await;
    let (log, generation) = (world.stream(), &sink.generation);
    documents
        .apply(log, generation, place, place.into(), &[latest.into()])
        .await
        .unwrap();
    let records = world.records();
    let event = spice_workers::Event::read(records.last().unwrap(), log).unwrap();
    let effects = handler
        .apply(log, generation, place, place.into(), &[&event])
        .await
        .unwrap();
    assert_eq!(effects.stale, [0]);
    assert!(effects.refused.is_empty());
    assert_eq!(world.shelf().await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn gaps_repeats_and_disorder_change_nothing() {
    let (world, bus) = with_script();
    let handler = world.graph_handler();
    let running = world.start(&handler, "one");
    world.wait_for(&handler).await;
    world.story.tell();
    let records = world.records();
    let pick = |positions: &[usize]| -> Vec<Record> {
        positions.iter().map(|it| records[*it].clone()).collect()
    };
    bus.deliver(Ok(pick(&[3, 1, 2, 2, 3, 0])));
    bus.deliver(Ok(pick(&[9, 8])));
    bus.deliver(Ok(pick(&[4, 5, 1])));
    bus.deliver(Ok(pick(&[records.len() - 1])));
    world.wait_for(&handler).await;
    let applied = handler.list_applied();
    let mut once = applied.clone();
    once.dedup();
    assert!(applied.is_sorted(), "{applied:?}");
    assert_eq!(applied, once, "every event once");
    let domain = (0..world.story.end()).filter(|position| {
        let kind = world.story.envelope(*position).metadata.kind;
        kind == spice_core::envelope::Kind::Domain
    });
    assert_eq!(applied, domain.collect::<Vec<_>>(), "and none skipped");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_differs_from_the_log_is_ignored() {
    let (world, bus) = with_script();
    let handler = world.graph_handler();
    let mut running = world.start(&handler, "one");
    world.wait_for(&handler).await;
    world.story.put("a", json!({"n": 1}));
    let other = StreamId::first("demo".parse().unwrap()).next();
    let foreign = Story::of(MemoryLog::new(), LocalHints::new(), other.clone());
    foreign.put("ghost", json!({"n": 1}));
    let ghost = foreign.envelope(2).to_line().unwrap();
    let as_record = |position, line: String| Record {
        position: LogPosition(position),
        line: Bytes::from(line),
    };
    bus.deliver(Ok(vec![
        as_record(2, ghost),
        as_record(1, "{torn".to_owned()),
    ]));
    world.wait_for(&handler).await;
    assert_eq!(world.graph_sequence("ghost").await, None);
    assert_eq!(world.graph_sequence("a").await, Some(1));
    running.until(|state| *state == WorkerState::Running).await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn records_of_another_generation_are_dropped() {
    for guards in [Guards::default(), Guards::without(Guard::Generations)] {
        let (world, bus) = with_script();
        let mut config = config();
        config.guards = guards;
        let handler = world.graph_handler();
        let running = world.start_as(&handler, "one", config);
        world.wait_for(&handler).await;
        let earlier = StreamId::first("demo".parse().unwrap()).next();
        let foreign = Story::of(MemoryLog::new(), LocalHints::new(), earlier);
        let ghost = foreign.put_bulk("ghost", json!({"n": 1}), false);
        let record = Record {
            position: LogPosition(ghost),
            line: foreign.envelope(ghost).to_line().unwrap().into(),
        };
        bus.deliver(Ok(vec![record]));
        tokio::time::sleep(Duration::from_secs(1)).await;
        let resurrected = world.graph_sequence("ghost").await.is_some();
        assert_eq!(resurrected, !guards.has(Guard::Generations));
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_rejoins_a_lost_bus_and_the_log_fills_the_gap() {
    let (world, bus) = with_script();
    let handler = world.graph_handler();
    let running = world.start(&handler, "one");
    world.wait_for(&handler).await;
    world.story.put("a", json!({"n": 1}));
    let lost = StoreError::Unavailable {
        store: Store::Bus,
        reason: "connection reset".to_owned(),
    };
    bus.deliver(Err(lost));
    world.wait_for(&handler).await;
    assert_eq!(world.graph_sequence("a").await, Some(1));
    assert_eq!(*bus.subscriptions.lock().unwrap(), 2);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_damaged_log_stops_the_stream_and_skips_nothing() {
    let world = World::new();
    world.story.put("a", json!({"n": 1}));
    let batch = Batch {
        first: LogPosition(3),
        lines: vec![Bytes::from_static(b"{\"event_id\":\"torn")],
    };
    world.log.append_late(world.stream(), batch).unwrap();
    let handler = world.graph_handler();
    let running = world.start(&handler, "one");
    let mut status = running.status.clone();
    let error = within(running.task).await.unwrap().unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("position 3"), "{error}");
    let state = status.borrow_and_update().state.clone();
    assert!(matches!(state, WorkerState::Damaged { .. }), "{state:?}");
    assert!(handler.sinks().sink(world.stream()).await.unwrap().position <= LogPosition(3));
}

#[tokio::test(start_paused = true)]
async fn an_unavailable_store_pauses_the_worker_and_nothing_is_lost() {
    let world = World::new();
    world.story.tell();
    let handler = world.graph_handler();
    handler.with(|faults| faults.away = true);
    let mut running = world.start(&handler, "one");
    let many = |state: &WorkerState| matches!(state, WorkerState::Paused { retries, .. } if *retries >= 10);
    let state = running.until(many).await;
    let WorkerState::Paused { reason, .. } = state else {
        panic!("{state:?}");
    };
    assert!(reason.contains("away"), "{reason}");
    assert_eq!(world.find_recorded(&handler).await, 0);
    handler.with(|faults| faults.away = false);
    world.wait_for(&handler).await;
    running.until(|state| *state == WorkerState::Running).await;
    assert!(
        world.letters().await.is_empty(),
        "what is away parks nothing"
    );
    assert_eq!(world.graph_sequence("p3").await, Some(3));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_waits_for_a_store_can_be_ended() {
    let world = World::new();
    world.story.tell();
    let handler = world.graph_handler();
    handler.with(|faults| faults.away = true);
    let mut running = world.start(&handler, "one");
    running
        .until(|state| matches!(state, WorkerState::Paused { .. }))
        .await;
    assert_eq!(running.stop().await, End::Stopped);
}

#[tokio::test(start_paused = true)]
async fn no_call_to_a_sink_holds_two_events_of_one_aggregate() {
    let world = World::new();
    for number in 0..5 {
        world.story.put("a", json!({"n": number}));
        world.story.put(&format!("b{number}"), json!({"n": number}));
    }
    let handler = world.graph_handler();
    world.run_through(&handler).await;
    for call in handler.with(|faults| faults.calls.clone()) {
        let of_a = call.iter().filter(|position| {
            let aggregate = world.story.envelope(**position).aggregate.to_string();
            aggregate.ends_with(":a")
        });
        assert!(of_a.count() <= 1, "{call:?}");
    }
    assert_eq!(world.graph_sequence("a").await, Some(5));
}

#[tokio::test(start_paused = true)]
async fn stopped_at_any_call_to_the_sink_it_ends_the_same() {
    let reference = World::new();
    reference.story.tell();
    reference.project().await;
    let (versions, shelf) = (reference.versions().await, reference.shelf().await);
    for stop in 0..6 {
        let world = World::new();
        world.story.tell();
        for handler in [world.graph_handler(), world.documents_handler()] {
            let mut small = config();
            small.batch_records = 5;
            let crashed = world.start_as(&handler, "one", small);
            for _ in 0..stop {
                tokio::task::yield_now().await;
            }
            handler.with(|faults| faults.hang = true);
            tokio::time::sleep(Duration::from_millis(10)).await;
            crashed.task.abort();
            handler.with(|faults| faults.hang = false);
            world.run_through(&handler).await;
        }
        assert_eq!(world.versions().await, versions);
        assert_eq!(world.shelf().await, shelf);
    }
}

#[tokio::test(start_paused = true)]
async fn a_class_is_projected_as_it_was_written() {
    let world = World::new();
    let definition = json!({"id": "Part", "label": "Part", "properties": []});
    world.story.class("Part", definition.clone());
    world.project().await;
    let class = Entity::Class("Part".parse().unwrap());
    let document = world
        .document(BranchGeneration::MAIN, &class)
        .await
        .unwrap();
    assert_eq!(document.state.data.unwrap().to_value(), definition);
    let versions = world.versions().await;
    assert_eq!(versions[0].state.entity, class);
    assert_eq!(
        versions[0].state.data.as_ref().unwrap().to_value(),
        definition
    );
}

#[tokio::test(start_paused = true)]
async fn records_after_a_break_of_the_chain_are_not_projected() {
    let world = World::new();
    for name in ["a", "b", "c"] {
        world.story.put(name, json!({"n": 1}));
    }
    world.chain(Some(2));
    let handler = world.graph_handler();
    let running = world.start(&handler, "one");
    let error = within(running.task).await.unwrap().unwrap_err();
    assert!(matches!(error, StoreError::LogRefused(_)), "{error}");
    assert!(
        error.to_string().contains("position 3 carries chain"),
        "{error}"
    );
    let place = handler.sinks().sink(world.stream()).await.unwrap().position;
    assert_eq!(place, LogPosition::ZERO, "nothing of it was written");
    world.chain(None);
    world.run_through(&handler).await;
    assert_eq!(world.graph_sequence("c").await, Some(1));
}

#[tokio::test(start_paused = true)]
async fn deliveries_must_follow_the_chain() {
    for whole in [true, false] {
        let (world, bus) = with_script();
        world.chain(None);
        let handler = world.graph_handler();
        let running = world.start(&handler, "one");
        world.wait_for(&handler).await;
        let before = handler.sinks().sink(world.stream()).await.unwrap().position;
        for name in ["a", "b", "c"] {
            world.story.put(name, json!({"n": 1}));
        }
        world.chain(None);
        let mut records = world.records();
        let line = std::str::from_utf8(&records[2].line).unwrap();
        let changed = line.replacen("\"service\":\"test\"", "\"service\":\"tesT\"", 1);
        records[2].line = Bytes::from(changed);
        if whole {
            bus.deliver(Ok(records));
        } else {
            // The change and the link that shows it arrive in two deliveries.
            let rest = records.split_off(3);
            bus.deliver(Ok(records));
            bus.deliver(Ok(rest));
        }
        let error = within(running.task).await.unwrap().unwrap_err();
        assert!(
            error.to_string().contains("position 3 carries chain"),
            "{error}"
        );
        let place = handler.sinks().sink(world.stream()).await.unwrap().position;
        assert_eq!(place, if whole { before } else { LogPosition(3) });
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_remembers_the_chain_that_it_was_filled_from() {
    let world = World::new();
    world.chain(None);
    for handler in [world.graph_handler(), world.documents_handler()] {
        let running = world.start(&handler, "one");
        // From the log, from the bus, and again after a restart.
        for name in ["a", "b"] {
            world.story.put(name, json!({"n": 1}));
            world.chain(None);
            world.deliver().await;
            world.wait_for(&handler).await;
            let sink = handler.sinks().sink(world.stream()).await.unwrap();
            assert_eq!(sink.anchor, world.head().anchor());
        }
        assert_eq!(running.stop().await, End::Stopped);
        world.story.put("c", json!({"n": 1}));
        world.chain(None);
        world.run_through(&handler).await;
        let sink = handler.sinks().sink(world.stream()).await.unwrap();
        assert_eq!(sink.anchor, world.head().anchor());
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_that_a_sink_was_not_filled_from_is_refused() {
    let world = World::new();
    for name in ["a", "b"] {
        world.story.put(name, json!({"n": 1}));
    }
    world.chain(None);
    let whole = world.log.lines(world.stream());
    for handler in [world.graph_handler(), world.documents_handler()] {
        world.run_through(&handler).await;
        let before = handler.sinks().sink(world.stream()).await.unwrap();
        world.exchange_last();
        let running = world.start(&handler, "one");
        let error = within(running.task).await.unwrap().unwrap_err();
        assert!(error.to_string().contains("log_diverged"), "{error}");
        assert_eq!(handler.sinks().sink(world.stream()).await.unwrap(), before);
        world.log.put(world.stream(), whole.clone());
        world.run_through(&handler).await;
    }
}
