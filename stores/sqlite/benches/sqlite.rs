//! The speed of each SQLite store alone, on files: `cargo bench -p spice-store-sqlite --bench
//! sqlite [graph] [documents] [registry]`.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::cast_precision_loss)]

use std::time::Duration;

use serde_json::json;
use spice_core::{
    bucket::Bucket,
    chain::{Anchor, Chain},
    guard::Guards,
    id::{BranchGeneration, CommandId, EventId, InstanceRef, LogPosition, Sequence, StreamId},
    json::Json,
    lineage::{Lineage, View},
    model::{CommandEntry, ModelEntry, ModelKey},
    name::BranchName,
    ontology::PropertyType,
    port::{
        documents::{Change, Document, Documents, Search, Shown},
        graph::{Entity, Graph, Version},
        registry::{Lookup, WorkKey, WorkRecord, WorkerRegistry, WriteModel},
        sink::{SinkRole, Sinks},
    },
    query::{Filter, Operator, Order},
    time::Timestamp,
};
use spice_store_sqlite::{Location, Mode, SqliteDocuments, SqliteGraph, SqliteRegistry};
use tokio::time::Instant;
use uuid::Uuid;

fn anchor(position: LogPosition) -> Anchor {
    Anchor {
        position,
        append: LogPosition::ZERO,
        chain: Chain::from_bytes([7; 32]),
    }
}

const COUNT: u64 = 100_000;
const BATCH: u64 = 1_000;

#[tokio::main]
async fn main() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| Location::File(directory.path().join(name));
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let runs = |name: &str| {
        let named = wanted.iter().any(|argument| argument == name);
        named || wanted.iter().all(|argument| argument.starts_with('-'))
    };
    if runs("graph") {
        bench_graph(&file("graph.sqlite")).await;
    }
    if runs("documents") {
        bench_documents(&file("documents.sqlite")).await;
    }
    if runs("registry") {
        bench_registry(&file("registry.sqlite")).await;
    }
}

struct Watch {
    what: String,
    started: Instant,
    processor: f64,
}

/// Returns the processor time of this process in seconds, to 10 ms; zero where the system does not
/// report it.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace();
    let ticks = fields
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

impl Watch {
    fn start(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            started: Instant::now(),
            processor: processor_seconds(),
        }
    }

    fn rate(self, count: u64) {
        let seconds = self.started.elapsed().as_secs_f64();
        let rate = count as f64 / seconds;
        let processor = processor_seconds() - self.processor;
        println!(
            "{:<56} {rate:>10.0}/s {:>9.2} ms, processor {:>6.0} ms",
            self.what,
            seconds * 1e3,
            processor * 1e3
        );
    }
}

fn demo() -> StreamId {
    "demo".parse().unwrap()
}

fn view() -> View {
    View {
        stream: demo(),
        lineage: Lineage::main(),
    }
}

fn branch_view() -> View {
    let generation = BranchGeneration(LogPosition(COUNT / 2));
    let name = "what-if".parse().unwrap();
    View {
        lineage: Lineage::main().branch(name, generation, LogPosition(COUNT / 2)),
        ..view()
    }
}

fn flight(number: u64) -> InstanceRef {
    let spread = number.wrapping_mul(2_654_435_761) % 1_000_000_007;
    format!("Flight/f-{spread:010}").parse().unwrap()
}

fn data(number: u64) -> Json {
    let text = format!(
        r#"{{"flight_id":"f-{number}","carrier":"Carrier {}","origin":"Airport/a{}","destination":"Airport/a{}","departure":"2026-01-02T{:02}:{:02}:00Z","distance":{},"status":"scheduled","remarks":"gate {} boarding from door number {} with priority","cost":{{"amount":"{}.50","currency":"KRW"}}}}"#,
        number % 97,
        number % 3_000,
        (number * 7) % 3_000,
        number % 24,
        number % 60,
        number % 10_000,
        number % 211,
        number % 13,
        number
    );
    Json::parse(&text).unwrap()
}

fn event(number: u64) -> EventId {
    EventId(Uuid::from_u128(
        u128::from(number) * 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835,
    ))
}

fn moment(number: u64) -> Timestamp {
    Timestamp::from_micros(i64::try_from(number).unwrap())
}

fn version(number: u64) -> Version {
    let airport = |number: u64| format!("Airport/a{}", number % 3_000).parse().unwrap();
    Version {
        branch: BranchGeneration::MAIN,
        entity: Entity::Instance(flight(number)),
        position: LogPosition(number),
        sequence: Sequence(1),
        event_id: event(number),
        occurred_at: moment(number),
        created_at: moment(number),
        data: Some(data(number)),
        references: vec![
            ("origin".parse().unwrap(), airport(number)),
            ("destination".parse().unwrap(), airport(number * 7)),
        ],
    }
}

fn filter(property: &str, property_type: PropertyType, operator: Operator) -> Filter {
    Filter {
        property: property.parse().unwrap(),
        property_type,
        operator,
    }
}

async fn bench_graph(location: &Location) {
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
            after = page.versions.last().map(|last| match &last.entity {
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
        .map(|number| Version {
            position: LogPosition(COUNT + number),
            sequence: Sequence(2),
            ..version(number * 37)
        })
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

fn document(number: u64, sequence: u64) -> Document {
    Document {
        branch: (BranchName::main(), BranchGeneration::MAIN),
        entity: Entity::Instance(flight(number)),
        sequence: Sequence(sequence),
        position: LogPosition(number),
        event_id: event(number),
        occurred_at: moment(number),
        created_at: moment(number),
        data: Some(data(number)),
        shown: Shown::Latest,
    }
}

async fn bench_documents(location: &Location) {
    let documents = SqliteDocuments::open(location, Mode::Threads, Guards::default()).unwrap();
    let sink = documents.sink(&demo()).await.unwrap();
    println!("documents");
    for sequence in 1..=2 {
        let batches: Vec<Vec<Change>> = (0..COUNT / BATCH)
            .map(|batch| {
                let numbers = batch * BATCH..(batch + 1) * BATCH;
                numbers
                    .map(|number| document(number, sequence).into())
                    .collect()
            })
            .collect();
        let what = ["new", "again"][usize::try_from(sequence - 1).unwrap()];
        let watch = Watch::start(format!("apply, batches of 1,000, {what}, words included"));
        for batch in &batches {
            let zero = LogPosition(0);
            documents
                .apply(&demo(), &sink.generation, zero, zero.into(), batch)
                .await
                .unwrap();
        }
        watch.rate(COUNT);
    }
    bench_searches(&documents).await;
    let watch = Watch::start("reset of 100,000");
    drop_live(&documents).await;
    watch.rate(COUNT);
}

async fn bench_searches(documents: &SqliteDocuments) {
    let plain = Search {
        class: flight(0).class,
        text: None,
        filters: Vec::new(),
        order: None,
        cursor: None,
        offset: 0,
        limit: 50,
    };
    let with = |text: Option<&str>, filters: Vec<Filter>, order: Option<&str>| Search {
        text: text.map(str::to_owned),
        filters,
        order: order.map(|property| Order {
            property: property.parse().unwrap(),
            property_type: PropertyType::Integer,
            descending: true,
        }),
        ..plain.clone()
    };
    let carrier = Operator::Eq(json!("Carrier 5").into());
    let carrier = filter("carrier", PropertyType::String, carrier);
    let searches = [
        ("list, first page", plain.clone()),
        (
            "text, 470 have the words",
            with(Some("gate 105 boarding"), vec![], None),
        ),
        (
            "text and filter",
            with(Some("gate 105"), vec![carrier.clone()], None),
        ),
        ("filter", with(None, vec![carrier], None)),
        ("order", with(None, vec![], Some("distance"))),
    ];
    for (what, search) in searches {
        for (on, view) in [("main", view()), ("branch", branch_view())] {
            documents.search(&view, &search).await.unwrap();
            let watch = Watch::start(format!("{what}, {on}"));
            let page = documents.search(&view, &search).await.unwrap();
            assert!(page.total > 0);
            watch.rate(1);
        }
    }
    let watch = Watch::start("get, 500 at a time");
    for batch in 0..100_u64 {
        let instances: Vec<_> = (0..500)
            .map(|number| flight((batch * 7_919 + number * 31) % COUNT))
            .collect();
        documents.get(&view(), &instances).await.unwrap();
    }
    watch.rate(50_000);
}

async fn bench_registry(location: &Location) {
    let registry = SqliteRegistry::open(location, Mode::Threads, Guards::default()).unwrap();
    println!("registry");
    bench_write_model(&registry).await;
    let key = WorkKey {
        worker: "graph_worker".into(),
        stream: demo(),
        sink: "s".into(),
    };
    let (buckets, ttl) = ([Bucket::of(&key.stream)], Duration::from_hours(24));
    let leases = registry.acquire(&key.worker, &buckets, "a", ttl).await;
    let lease = leases.unwrap().remove(0);
    let mut at = 0;
    for total in [50_u64, 5_000, 5_050] {
        let record = |first: u64| WorkRecord {
            key: key.clone(),
            lease: lease.clone(),
            from: LogPosition(first),
            through: LogPosition(first + BATCH),
            live: true,
            processed: Vec::new(),
            parked: Vec::new(),
            at: moment(first),
        };
        let first = at;
        let watch = Watch::start(format!("record of batches of 1,000, up to {total} batches"));
        while at < total * BATCH {
            registry.record(record(at)).await.unwrap();
            at += BATCH;
        }
        watch.rate(at - first);
    }
}

async fn bench_write_model(registry: &SqliteRegistry) {
    let key = |number: u64| {
        let instance = flight(number);
        ModelKey::instance(&instance.class, &instance.id)
    };
    let entries = |first: u64| {
        (first..first + BATCH)
            .map(|number| ModelEntry {
                branch: BranchGeneration::MAIN,
                key: key(number),
                position: LogPosition(number),
                value: data(number),
            })
            .collect::<Vec<_>>()
    };
    let commands = |first: u64| {
        (first..first + BATCH)
            .map(|number| CommandEntry {
                id: CommandId(event(number).0),
                stream: demo(),
                position: LogPosition(number),
                last: LogPosition(number),
                payload_digest: format!("{number:064x}"),
            })
            .collect::<Vec<_>>()
    };
    let batches: Vec<_> = (0..COUNT / BATCH)
        .map(|batch| (entries(batch * BATCH), commands(batch * BATCH)))
        .collect();
    let watch = Watch::start("advance, batches of 1,000 entries and commands");
    for (number, (entries, commands)) in (0_u64..).zip(batches) {
        let (from, to) = (
            LogPosition(number * BATCH),
            LogPosition((number + 1) * BATCH),
        );
        registry
            .advance(&demo(), from, anchor(to), entries, commands)
            .await
            .unwrap();
    }
    watch.rate(COUNT);
    let watch = Watch::start("get, 500 at a time");
    for batch in 0..100_u64 {
        let lookups: Vec<_> = (0..500)
            .map(|number| Lookup {
                lineage: Lineage::main(),
                key: key((batch * 7_919 + number * 31) % COUNT),
            })
            .collect();
        registry.get(&demo(), &lookups).await.unwrap();
    }
    watch.rate(50_000);
    let watch = Watch::start("get, one at a time");
    for number in 0..5_000 {
        let lookup = Lookup {
            lineage: Lineage::main(),
            key: key(number * 17 % COUNT),
        };
        registry.get(&demo(), &[lookup]).await.unwrap();
    }
    watch.rate(5_000);
}

async fn drop_live(sinks: &dyn Sinks) {
    let demo = demo();
    let live = sinks.sink(&demo).await.unwrap().generation;
    let dropped = sinks.drop_sink(&demo, &live, SinkRole::Live);
    dropped.await.unwrap();
}
