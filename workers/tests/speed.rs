//! How fast a rebuild is. Not run by default; meant for an optimised build.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]
#![allow(clippy::cast_precision_loss)]

mod support;

use std::sync::Arc;

use serde_json::json;
use spice_core::guard::Guards;
use spice_stores::sqlite::{Location, Mode, SqliteDocuments, SqliteGraph, SqliteRegistry};
use support::{World, config};
use tokio::time::Instant;

const EVENTS: u64 = 60_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn a_rebuild_of_both_projections() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| Location::File(directory.path().join(name));
    let (mode, guards) = (Mode::Threads, Guards::default());
    let mut world = World::new();
    world.registry = SqliteRegistry::open(&file("registry"), mode, guards).unwrap();
    world.graph = Arc::new(SqliteGraph::open(&file("graph"), mode, guards).unwrap());
    world.documents = Arc::new(SqliteDocuments::open(&file("documents"), mode, guards).unwrap());
    for number in 0..EVENTS {
        let data = json!({"name": format!("part number {number}"), "price": number,
                          "madeOf": format!("Part/p{}", number / 2), "colour": "red"});
        world
            .story
            .put_bulk(&format!("p{number}"), data, number % 1_000 == 0);
    }
    let (graph, documents) = (world.graph_handler(), world.documents_handler());
    let began = Instant::now();
    let one = world.start(&graph, config("one"));
    let two = world.start(&documents, config("one"));
    tokio::join!(
        async {
            world.caught_up(&graph).await;
            println!("graph {:?}", began.elapsed());
        },
        async {
            world.caught_up(&documents).await;
            println!("documents {:?}", began.elapsed());
        }
    );
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{:.0} events/s in both projections",
        EVENTS as f64 / seconds
    );
    let spent = [&graph, &documents].map(|it| it.with(|faults| faults.spent));
    println!("of this in the sinks {spent:?}");
    one.stop().await;
    two.stop().await;
    let began = Instant::now();
    let report = spice_workers::verify::verify(world.sources(), world.stream())
        .await
        .unwrap();
    assert!(report.is_clean());
    println!("verified in {:?}", began.elapsed());
}
