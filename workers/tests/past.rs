//! A branch at a past position: the worker takes what the branch shows from the write model, a page
//! at a time, and reads of the log only what the write model does not reflect yet.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::{
    ops::Range,
    sync::{Arc, Mutex},
};

use futures::FutureExt;
use serde_json::json;
use spice_core::{
    command::Action,
    error::StoreError,
    guard::Guards,
    id::{BranchGeneration, InstanceRef, LogPosition},
    port::{
        StoreResult,
        documents::Documents,
        registry::{Anchors, WriteModel},
        sink::{Applied, Sinks},
    },
    reflect,
};
use spice_testing::double::{Call, Double, Port};
use spice_workers::{
    Event,
    engine::Handler,
    projection_worker::ProjectionWorker,
    verify::{Projection, verify},
};
use support::{World, desk::Desk};

const MANY: usize = 600;

/// A page, and the changes of the branch's own event.
const PAGE: usize = 510;

fn instance(number: usize) -> InstanceRef {
    format!("Item/i{number}").parse().unwrap()
}

/// Many instances; then a branch point; then each is changed twice; then a branch at the point.
fn history(world: &World) -> Desk {
    let mut desk = Desk::new(world.stream().clone());
    let mut put_all = |price: u64| {
        for number in 0..MANY {
            let main = desk.state.live_branches().next().unwrap().clone();
            let instance = instance(number);
            let data = json!({"id": instance.id, "price": price});
            assert!(desk.put(&main, &instance, &data));
        }
        desk.end().before()
    };
    put_all(0);
    let point = put_all(1);
    put_all(2);
    put_all(3);
    assert!(desk.accept(Action::CreateBranch {
        branch: "past".parse().unwrap(),
        from_branch: "main".parse().unwrap(),
        from_position: Some(point),
    }));
    let lines = desk.records(0).into_iter().map(|record| record.line);
    world.log.put(world.stream(), lines.collect());
    desk
}

async fn reflect(world: &World) {
    let (log, model, stream) = (&world.log, &world.registry, world.stream());
    let seen = model.anchor(stream).await.unwrap();
    reflect::catch_up(log, model, stream, seen, Guards::default())
        .await
        .unwrap();
}

/// The calls of a worker: port, method, position and count.
type Calls = Arc<Mutex<Vec<(Port, &'static str, Option<LogPosition>, usize)>>>;

/// Delivers a part of the log in one batch, to a worker whose calls pass a hook.
async fn deliver(
    world: &World,
    desk: &Desk,
    part: Range<usize>,
    hook: impl Fn(Call<'_>) -> StoreResult<()> + Clone + Send + Sync + 'static,
) -> StoreResult<Applied> {
    let worker = ProjectionWorker::new(
        Arc::new(Double::new(Arc::clone(&world.documents), hook.clone())),
        Arc::new(Double::new(Arc::new(world.registry.clone()), hook.clone())),
        Arc::new(Double::new(Arc::new(world.log.clone()), hook)),
        Guards::default(),
    );
    let mut records = desk.records(part.start);
    records.truncate(part.len());
    let events = records
        .iter()
        .map(|record| Event::read(record, world.stream()).unwrap())
        .filter(|event| worker.name_of(event).is_some());
    let events: Vec<_> = events.collect();
    let events: Vec<_> = events.iter().collect();
    let sink = world.documents.sink(world.stream()).await.unwrap();
    let (stream, sink) = (world.stream(), &sink.generation);
    let [from, through] = [part.start, part.end].map(|at| LogPosition(at as u64));
    let through = through.into();
    worker.apply(stream, sink, from, through, &events).await
}

fn watch(calls: &Calls) -> impl Fn(Call<'_>) -> StoreResult<()> + Clone + Send + Sync + 'static {
    let calls = Arc::clone(calls);
    move |call| {
        let seen = (call.port, call.method, call.position, call.count);
        calls.lock().unwrap().push(seen);
        Ok(())
    }
}

/// What the worker wrote is what the log says.
async fn check(world: &World) {
    let report = verify(world.sources(), world.stream()).await.unwrap();
    let differences = report.differences.iter();
    let differences: Vec<_> = differences
        .filter(|difference| difference.projection == Projection::Documents)
        .collect();
    assert!(differences.is_empty(), "{differences:?}");
    let sink = world.documents.sink(world.stream()).await.unwrap();
    let (main, generation) = (BranchGeneration::MAIN, &sink.generation);
    let all = world
        .documents
        .all(world.stream(), generation, main, None, 10 * MANY)
        .await
        .unwrap();
    let superseded = all.iter().filter(|document| document.until().is_some());
    assert_eq!(superseded.count(), MANY);
}

#[tokio::test]
async fn a_branch_at_a_past_position_is_read_in_pages_and_not_from_the_log() {
    let world = World::new();
    let desk = history(&world);
    reflect(&world).await;
    let (end, calls) = (desk.log.len(), Calls::default());
    let branch = end - 1;
    deliver(&world, &desk, 0..branch, |_| Ok(())).await.unwrap();
    deliver(&world, &desk, branch..end, watch(&calls))
        .await
        .unwrap();
    check(&world).await;
    let calls = calls.lock().unwrap();
    let of_log = calls.iter().filter(|(port, ..)| *port == Port::Log);
    assert_eq!(of_log.count(), 0, "the write model has everything");
    let largest = calls.iter().map(|(.., count)| *count).max();
    assert!(largest <= Some(PAGE), "{largest:?}");
}

#[tokio::test]
async fn of_the_log_only_what_the_write_model_lacks_is_read() {
    let world = World::new();
    let desk = history(&world);
    world.chain(None);
    let lines: Vec<_> = world.records().into_iter().map(|it| it.line).collect();
    let (end, reflected) = (lines.len(), lines.len() - 40);
    world.log.put(world.stream(), lines[..reflected].to_vec());
    reflect(&world).await;
    world.log.put(world.stream(), lines);
    let calls = Calls::default();
    deliver(&world, &desk, 0..end, watch(&calls)).await.unwrap();
    check(&world).await;
    let known = world
        .registry
        .reflected_position(world.stream())
        .await
        .unwrap();
    assert_eq!(known, desk.end(), "the next one finds it there");
    let calls = calls.lock().unwrap();
    let reads = calls
        .iter()
        .filter(|(port, method, ..)| (*port, *method) == (Port::Log, "read"));
    let positions: Vec<_> = reads.map(|(_, _, position, _)| position.unwrap()).collect();
    // The anchor is checked: it is the last append that is reflected.
    let first = LogPosition(reflected as u64 - 1);
    assert_eq!(positions.iter().min(), Some(&first));
}

#[tokio::test]
async fn a_write_model_that_is_lost_meanwhile_fails_the_batch() {
    let world = World::new();
    let desk = history(&world);
    let end = desk.log.len();
    reflect(&world).await;
    let lose = {
        let (registry, stream) = (world.registry.clone(), world.stream().clone());
        move |call: Call<'_>| {
            if call.port == Port::Documents {
                registry.forget(&stream).now_or_never().unwrap().unwrap();
            }
            Ok(())
        }
    };
    let failed = deliver(&world, &desk, 0..end, lose).await;
    assert!(
        matches!(failed, Err(StoreError::Unavailable { .. })),
        "{failed:?}"
    );
    deliver(&world, &desk, 0..end, |_| Ok(())).await.unwrap();
    check(&world).await;
}
