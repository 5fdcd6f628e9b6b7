//! The speed of the graph.

use serde_json::json;
use spice_core::{
    guard::Guards,
    id::{BranchGeneration, LogPosition, Sequence},
    ontology::PropertyType,
    port::{
        graph::{Entity, Graph, State, Version},
        sink::Sinks,
    },
    query::Operator,
};
use spice_store_sqlite::{Location, Mode, SqliteGraph};

use crate::{
    data::{BATCH, COUNT, branch_view, data, demo, drop_live, event, filter, flight, moment, view},
    watch::Watch,
};

fn version(number: u64) -> Version {
    let airport = |number: u64| format!("Airport/a{}", number % 3_000).parse().unwrap();
    Version {
        branch: BranchGeneration::MAIN,
        state: State {
            entity: Entity::Instance(flight(number)),
            position: LogPosition(number),
            sequence: Sequence(1),
            event_id: event(number),
            occurred_at: moment(number),
            created_at: moment(number),
            data: Some(data(number)),
        },
        references: vec![
            ("origin".parse().unwrap(), airport(number)),
            ("destination".parse().unwrap(), airport(number * 7)),
        ],
    }
}

pub(crate) async fn bench_graph(location: &Location) {
    let graph = SqliteGraph::open(location, Mode::Threads, Guards::default()).unwrap();
    let sink = graph.sink(&demo()).await.unwrap();
    let batches: Vec<Vec<_>> = (0..COUNT / BATCH)
        .map(|batch| (batch * BATCH..(batch + 1) * BATCH).map(version).collect())
        .collect();
    println!("graph, {} bytes an instance", data(5).as_str().len());
    let watch = Watch::start("apply, batches of 1,000 with 2 references each");
    for (number, batch) in (0_u64..).zip(&batches) {
        let (from, through) = (
            LogPosition(number * BATCH),
            LogPosition((number + 1) * BATCH),
        );
        graph
            .apply(&demo(), &sink.generation, from, through.into(), batch)
            .await
            .unwrap();
    }
    watch.rate(COUNT);
    bench_graph_reads(&graph).await;
}

/// The second version of a flight.
fn next_version(number: u64, flight: u64) -> Version {
    let version = version(flight);
    let state = State {
        position: LogPosition(COUNT + number),
        sequence: Sequence(2),
        ..version.state
    };
    Version { state, ..version }
}

async fn bench_graph_reads(graph: &SqliteGraph) {
    let class = flight(0).class;
    for view in [view(), branch_view()] {
        let watch = Watch::start("get, 500 at a time");
        for batch in 0..200_u64 {
            let entities: Vec<_> = (0..500)
                .map(|number| Entity::Instance(flight((batch * 7_919 + number * 31) % COUNT)))
                .collect();
            graph.get(&view, &entities).await.unwrap();
        }
        watch.rate(100_000);
        let watch = Watch::start("scan of the class, pages of 1,000");
        let mut after: Option<String> = None;
        let mut seen = 0;
        loop {
            let page = graph
                .scan(&view, &class, &[], after.as_deref(), 1_000)
                .await
                .unwrap();
            seen += page.versions.len() as u64;
            if !page.more {
                break;
            }
            after = page.versions.last().map(|last| match &last.state.entity {
                Entity::Instance(instance) => instance.id.as_str().to_owned(),
                Entity::Class(_) => unreachable!("a scan lists instances"),
            });
        }
        watch.rate(seen);
    }
    let predicate = "origin".parse().unwrap();
    let watch = Watch::start("referrers of one (33 each)");
    for number in 0..1_000_u64 {
        let target = format!("Airport/a{}", number * 3).parse().unwrap();
        let found = graph
            .referrers(&view(), &class, &predicate, &[target], None, 1_000)
            .await;
        assert!(found.unwrap().versions.len() > 10);
    }
    watch.rate(1_000);
    let remark = |number: u64| {
        let value = json!(format!("Carrier {number}")).into();
        filter("carrier", PropertyType::String, Operator::Eq(value))
    };
    let distance = |number: u64| {
        filter(
            "distance",
            PropertyType::Integer,
            Operator::Eq(json!(number).into()),
        )
    };
    for filter in [remark(5), distance(77)] {
        let watch = Watch::start(format!("first filtered scan, by {}", filter.property));
        graph
            .scan(&view(), &class, &[filter], None, 2_000)
            .await
            .unwrap();
        watch.rate(1);
    }
    let watch = Watch::start("the write behind two indexes being made");
    let sink = graph.sink(&demo()).await.unwrap().generation;
    graph
        .remove(&demo(), &sink, BranchGeneration::MAIN, &[])
        .await
        .unwrap();
    watch.rate(1);
    for round in 0..3_u64 {
        let filters = [remark(round), distance(round * 100)];
        let watch = Watch::start("filtered scan, by carrier (1,031 pass)");
        graph
            .scan(&view(), &class, &filters[..1], None, 2_000)
            .await
            .unwrap();
        watch.rate(1);
        let watch = Watch::start("filtered scan, by distance (10 pass)");
        graph
            .scan(&view(), &class, &filters[1..], None, 2_000)
            .await
            .unwrap();
        watch.rate(1);
    }
    let sink = graph.sink(&demo()).await.unwrap();
    let batch: Vec<_> = (0..BATCH)
        .map(|number| next_version(number, number * 37))
        .collect();
    let watch = Watch::start("apply of 1,000 updates with two indexes");
    let (from, through) = (sink.position, LogPosition(COUNT + BATCH).into());
    graph
        .apply(&demo(), &sink.generation, from, through, &batch)
        .await
        .unwrap();
    watch.rate(BATCH);
    let watch = Watch::start("reset of 101,000");
    drop_live(graph).await;
    watch.rate(COUNT + BATCH);
}
