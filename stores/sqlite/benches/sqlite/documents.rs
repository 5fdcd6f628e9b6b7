//! The speed of the documents.

use serde_json::json;
use spice_core::{
    guard::Guards,
    id::{BranchGeneration, LogPosition, Sequence},
    name::BranchName,
    ontology::PropertyType,
    port::{
        documents::{Change, Document, Documents, Search, Shown},
        graph::{Entity, State},
        sink::Sinks,
    },
    query::{Filter, Operator, Order},
};
use spice_store_sqlite::{Location, Mode, SqliteDocuments};

use crate::{
    data::{BATCH, COUNT, branch_view, data, demo, drop_live, event, filter, flight, moment, view},
    watch::Watch,
};

fn document(number: u64, sequence: u64) -> Document {
    Document {
        branch: (BranchName::main(), BranchGeneration::MAIN),
        state: State {
            entity: Entity::Instance(flight(number)),
            sequence: Sequence(sequence),
            position: LogPosition(number),
            event_id: event(number),
            occurred_at: moment(number),
            created_at: moment(number),
            data: Some(data(number)),
        },
        shown: Shown::Latest,
    }
}

pub(crate) async fn bench_documents(location: &Location) {
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
