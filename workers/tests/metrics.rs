//! What the workers of a process report at a scrape.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::float_cmp, clippy::cast_precision_loss)]

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use spice_core::{
    id::{LogPosition, StreamId},
    port::{clock::Clock, graph::Graph, log::Log, sink::Sinks},
    replay::ReplayState,
};
use spice_store_local::LocalHints;
use spice_telemetry::render;
use spice_workers::{
    replay::{drop_old, wait_caught_up},
    status::WorkerState,
    supervisor::{Role, Workers, WorkersConfig},
    verify::Projection,
};
use support::{Story, World, feeders, until_state, within};

async fn scrape(workers: &Workers) -> String {
    render(&[&*workers.source()]).await.unwrap()
}

/// The value of the series that begins with this; none when there is no such series.
fn value(text: &str, series: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.starts_with(series))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

/// Waits until the relay or a worker is in such a state.
async fn until(world: &World, workers: &Workers, role: Role, met: impl Fn(&WorkerState) -> bool) {
    until_state(workers, world.stream(), role, met).await;
}

/// Waits until there is nothing to do.
async fn rest(world: &World, workers: &Workers) {
    let end = world.log.end(world.stream()).await.unwrap();
    for role in Role::FEEDERS {
        let rests = async {
            loop {
                until(world, workers, role, |state| *state == WorkerState::Resting).await;
                let status = workers.status(world.stream(), role).unwrap();
                if status.borrow().position >= end {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        within(rests).await;
    }
}

const WORKERS: [(&str, &str); 3] = [
    ("relay", "bus"),
    ("graph_worker", "live"),
    ("projection_worker", "live"),
];

#[tokio::test(start_paused = true)]
async fn every_worker_reports_how_far_it_is_until_its_database_is_gone() {
    let world = World::new();
    world.story.put("a", json!({"n": 1}));
    let away = Arc::new(AtomicBool::new(false));
    let ports = world.ports_with_graph_away(&away);
    let workers = Workers::start(ports, WorkersConfig::default());
    rest(&world, &workers).await;
    let end = world.log.end(world.stream()).await.unwrap();
    let text = scrape(&workers).await;
    for (worker, sink) in WORKERS {
        let labels = format!("{{database=\"demo\",worker=\"{worker}\",sink=\"{sink}\"");
        let of = |name: &str| value(&text, &format!("spice_worker_{name}{labels}"));
        assert_eq!(of("position"), Some(end.0 as f64), "{text}");
        assert_eq!(
            (of("lag_positions"), of("lag_seconds")),
            (Some(0.0), Some(0.0))
        );
        assert!(of("batches_total") >= Some(1.0), "{text}");
        assert_eq!(of("retries_total"), Some(0.0));
        let resting = format!("spice_worker_state{labels},state=\"resting\"}}");
        assert_eq!(value(&text, &resting), Some(1.0));
        let leases = format!("spice_leases_held{{worker=\"{worker}\"}}");
        assert_eq!(value(&text, &leases), Some(64.0));
    }

    away.store(true, Ordering::SeqCst);
    world.story.put("a", json!({"n": 2}));
    let is_paused = |state: &WorkerState| matches!(state, WorkerState::Paused { .. });
    until(&world, &workers, Role::Graph, is_paused).await;
    let longer = world.log.end(world.stream()).await.unwrap();
    let text = scrape(&workers).await;
    let labels = "{database=\"demo\",worker=\"graph_worker\",sink=\"live\"";
    let of = |name: &str| value(&text, &format!("spice_worker_{name}{labels}"));
    assert_eq!(of("position"), Some(end.0 as f64));
    assert_eq!(of("lag_positions"), Some((longer.0 - end.0) as f64));
    let oldest = world.log.read(world.stream(), end, 1).await.unwrap();
    let accepted = oldest[0].envelope().unwrap().occurred_at.as_micros();
    let age = (world.clock.now().as_micros() - accepted).max(0) as f64 / 1e6;
    assert_eq!(of("lag_seconds"), Some(age));
    assert!(of("retries_total") >= Some(1.0));
    let paused = format!("spice_worker_state{labels},state=\"paused\"}}");
    assert_eq!(value(&text, &paused), Some(1.0));

    away.store(false, Ordering::SeqCst);
    world.graph.create_shadow(world.stream()).await.unwrap();
    world.request();
    let shadow =
        "spice_worker_batches_total{database=\"demo\",worker=\"graph_worker\",sink=\"shadow\"}";
    let filled = async {
        while value(&scrape(&workers).await, shadow) < Some(1.0) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    within(filled).await;

    world.story.seal();
    for role in Role::FEEDERS {
        until(&world, &workers, role, |state| *state == WorkerState::Ended).await;
    }
    let gone = async {
        while scrape(&workers).await.contains("database=\"demo\"") {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    within(gone).await;
}

#[tokio::test(start_paused = true)]
async fn parked_events_are_counted_for_each_handler() {
    let world = World::new();
    let poison = world.story.put("a", json!({"n": 1}));
    world.story.put("a", json!({"n": 2}));
    world.story.put("b", json!({"n": 1}));
    let handler = world.graph_handler();
    handler.with(|faults| faults.refuse.insert(poison));
    world.run_through(&handler).await;
    let workers = Workers::start(world.ports(), WorkersConfig::default());
    rest(&world, &workers).await;
    let text = scrape(&workers).await;
    for (handler, count) in [
        ("instance_worker", 2.0),
        ("branch_worker", 0.0),
        ("ontology_worker", 0.0),
        ("projection_worker:instance_events", 0.0),
        ("projection_worker:ontology_events", 0.0),
    ] {
        let series =
            format!("spice_dead_letters{{database=\"demo\",handler=\"{handler}\",sink=\"live\"}}");
        assert_eq!(value(&text, &series), Some(count), "{text}");
    }
    assert!(LogPosition(poison) > LogPosition::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_misses_a_hint_reports_its_lag() {
    let world = World::new();
    let stream = StreamId::first("quiet".parse().unwrap());
    let quiet = Story::of(world.log.clone(), LocalHints::new(), stream);
    let workers = Workers::start(world.ports(), WorkersConfig::default());
    let rests = async {
        loop {
            let statuses = workers.statuses();
            let of_quiet = statuses
                .iter()
                .filter(|((stream, _), _)| *stream == quiet.stream);
            let resting = of_quiet.filter(|(_, status)| status.state == WorkerState::Resting);
            if resting.count() == Role::FEEDERS.len() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    within(rests).await;
    quiet.put("a", json!({"n": 1}));
    let text = scrape(&workers).await;
    for (worker, sink) in WORKERS {
        let labels = format!("{{database=\"quiet\",worker=\"{worker}\",sink=\"{sink}\"}}");
        let lag = value(&text, &format!("spice_worker_lag_positions{labels}"));
        assert_eq!(lag, Some(2.0), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_deleted_database_is_not_reported_after_a_restart() {
    let world = World::new();
    world.story.put("a", json!({"n": 1}));
    world.story.seal();
    for _ in 0..2 {
        let workers = Workers::start(world.ports(), WorkersConfig::default());
        for role in Role::FEEDERS {
            until(&world, &workers, role, |state| *state == WorkerState::Ended).await;
        }
        let text = scrape(&workers).await;
        assert!(!text.contains("database=\"demo\""), "{text}");
        within(workers.shutdown()).await;
    }
}

/// The sinks of a worker that are shown with a state, in the order of the text.
async fn sinks_of(workers: &Workers, worker: &str) -> Vec<String> {
    let series = format!("spice_worker_state{{database=\"demo\",worker=\"{worker}\",sink=\"");
    let text = scrape(workers).await;
    let found = text.lines().filter_map(|line| line.strip_prefix(&series));
    found
        .map(|line| line.split('"').next().unwrap().to_owned())
        .collect()
}

/// Waits until a scrape shows these sinks.
async fn show_sinks(workers: &Workers, projection: Projection, expected: &[&str]) {
    within(async {
        while sinks_of(workers, projection.worker()).await != expected {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn sinks_are_reported_by_their_role_of_now_until_they_are_dropped() {
    let world = World::new();
    world.story.put("a", json!({"n": 1}));
    let workers = Workers::start(world.ports(), WorkersConfig::default());
    rest(&world, &workers).await;
    let (sources, stream) = (world.sources(), world.stream());
    for projection in Projection::ALL {
        let shown = async |expected: &[&str]| show_sinks(&workers, projection, expected).await;
        shown(&["live"]).await;
        let replay = within(world.replay(projection)).await;
        assert_eq!(replay.state, ReplayState::Complete);
        shown(&["live", "old"]).await;
        let dropped = drop_old(sources, &world.hints, projection, stream).await;
        assert_eq!(dropped.unwrap(), 1);
        shown(&["live"]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_is_dropped_while_its_worker_waits_is_not_reported() {
    let world = World::new();
    world.story.put("a", json!({"n": 1}));
    let away = Arc::new(AtomicBool::new(false));
    let ports = world.ports_with_graph_away(&away);
    let workers = Workers::start(ports, feeders());
    rest(&world, &workers).await;
    let (sources, stream) = (world.sources(), world.stream());
    let replay = within(world.replay(Projection::Graph)).await;
    assert_eq!(replay.state, ReplayState::Complete);
    away.store(true, Ordering::SeqCst);
    world.story.put("a", json!({"n": 2}));
    let is_paused = |state: &WorkerState| matches!(state, WorkerState::Paused { .. });
    until(&world, &workers, Role::Graph, is_paused).await;
    let shown = async |expected: &[&str]| show_sinks(&workers, Projection::Graph, expected).await;
    shown(&["live", "old"]).await;
    let dropped = drop_old(sources, &world.hints, Projection::Graph, stream).await;
    assert_eq!(dropped.unwrap(), 1);
    shown(&["live"]).await;
    let state = workers
        .status(stream, Role::Graph)
        .unwrap()
        .borrow()
        .clone();
    assert!(is_paused(&state.state), "it still waits");
}

/// Two swaps between two looks of the worker.
#[tokio::test(start_paused = true)]
async fn a_shadow_that_was_live_in_between_is_reported_as_old() {
    let world = World::new();
    world.story.put("a", json!({"n": 1}));
    let workers = Workers::start(world.ports(), WorkersConfig::default());
    rest(&world, &workers).await;
    let (graph, stream) = (&world.graph, world.stream());
    let shown = async |expected: &[&str]| show_sinks(&workers, Projection::Graph, expected).await;
    let first = graph.create_shadow(stream).await.unwrap().generation;
    world.request();
    let end = world.log.end(stream).await.unwrap();
    let place = (stream, Some(&*first));
    let filled = wait_caught_up(&**graph, &world.registry, &world.hints, place, end);
    within(filled).await.unwrap();
    shown(&["live", "shadow"]).await;
    assert!(graph.swap(stream, &first).await.unwrap());
    let second = graph.create_shadow(stream).await.unwrap().generation;
    let filled = graph.apply(stream, &second, LogPosition::ZERO, end.into(), &[]);
    filled.await.unwrap();
    assert!(graph.swap(stream, &second).await.unwrap());
    world.request();
    shown(&["live", "old"]).await;
}

/// The engines do not end by themselves.
#[tokio::test(start_paused = true)]
async fn a_swap_beside_busy_sinks_is_reported() {
    let world = World::new();
    world.story.put("a", json!({"n": 1}));
    let mut config = feeders();
    config.engine.idle = Duration::from_hours(24);
    let workers = Workers::start(world.ports(), config);
    let replay = within(world.replay(Projection::Graph)).await;
    assert_eq!(replay.state, ReplayState::Complete);
    show_sinks(&workers, Projection::Graph, &["live", "old"]).await;
    within(workers.shutdown()).await;
}
