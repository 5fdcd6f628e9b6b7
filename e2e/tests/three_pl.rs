//! A logistics business of 15 files and 35,296 rows: composite keys, JSON columns, numbers that
//! repeat although they should not. All of it is declared and loaded over HTTP, and the graph's
//! answers over several hops are compared with a join of the files.
//!
//! The files are not part of the repository (their licence is not stated): `SPICE_3PL_DIR` names
//! their folder, by default `../shared/data/3pl` next to the workspace. Without the files the test
//! says so and passes, also with `CI=true`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod three_pl {
    pub(crate) mod business;
    pub(crate) mod join;
}

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::{Value, json};
use spice_e2e::embedded::{Embedded, Options, setting};
use three_pl::{
    business::{self, Business, CLASSES},
    join::{Hop, Question},
};
use tokio::time::Instant;

const DATABASE: &str = "three_pl";
const ROWS: usize = 35_296;
const A_CALL: usize = 1_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_multi_hop_answers_match_the_files() {
    let folder = setting("SPICE_3PL_DIR").map_or_else(
        || spice_e2e::workspace().join("../shared/data/3pl"),
        std::path::PathBuf::from,
    );
    if !folder.is_dir() {
        println!(
            "skipped: five_multi_hop_answers_match_the_files: no folder {} (the files are not part of the clone; SPICE_3PL_DIR names another)",
            folder.display()
        );
        return;
    }
    let business = Business::read(&folder);
    assert_eq!(business.rows(), ROWS);

    let spice = Embedded::start(Options::default()).await.unwrap();
    load(&spice, &business).await;
    for (name, question) in questions(&business) {
        ask(&spice, &business, name, &question).await;
    }
    values_match_the_files(&spice, &business).await;
}

async fn load(spice: &Embedded, business: &Business) {
    let client = spice.gateway().unwrap();
    client.create_database(DATABASE).await.unwrap();
    for class in CLASSES {
        client
            .create_class(DATABASE, &class.definition())
            .await
            .unwrap();
    }
    let started = Instant::now();
    let mut last = 0;
    for class in CLASSES {
        let rows = business.instances(class);
        for chunk in rows.chunks(A_CALL) {
            let answer = client
                .bulk_create(DATABASE, class.name, chunk)
                .await
                .unwrap();
            assert_eq!(answer["result"]["instance_count"], chunk.len(), "{answer}");
            last = answer["result"]["position"].as_u64().unwrap();
        }
    }
    let accepted = started.elapsed().as_secs_f64();
    let limit = Duration::from_mins(5);
    let shown = client.wait_position(DATABASE, last, limit).await.unwrap();
    let projected = started.elapsed().as_secs_f64();
    let rows = f64::from(u32::try_from(ROWS).unwrap());
    println!(
        "{ROWS} rows: accepted {:.0}/s, accepted and projected {:.0}/s",
        rows / accepted,
        rows / projected
    );
    let counts = &shown["data"]["counts"];
    assert_eq!(counts["instances"], ROWS, "{counts}");
    for class in CLASSES {
        assert_eq!(
            counts["by_class"][class.name],
            business.of(class.name).len(),
            "{}",
            class.name
        );
    }
}

/// The questions; their constants are chosen from the files.
fn questions(business: &Business) -> Vec<(&'static str, Question)> {
    let start = |class, filters| Question {
        class,
        filters,
        hops: Vec::new(),
    };
    let repeated = business.repeated_values("Tracking", "tracking_number");
    assert!(repeated.len() > 20, "tracking numbers repeat on purpose");
    vec![
        (
            "the SKUs of a client",
            start("Client", json!({"client_id": "CL-001"}))
                .hop(Hop::inward("OWNED_BY", "Product"))
                .hop(Hop::inward("BELONGS_TO", "SKU")),
        ),
        (
            "the warehouses that ship a SKU",
            start("SKU", json!({"sku_id": "SKU-000106"}))
                .hop(Hop::inward("SKU_OF", "OrderItem"))
                .hop(Hop::outward("ITEM_OF", "Order"))
                .hop(Hop::outward("SHIP_FROM", "Warehouse")),
        ),
        (
            "the suppliers of what was put on a shelf",
            start("Location", json!({"location_id": "WH-YO-1-A01-B002"}))
                .hop(Hop::inward("PUTAWAY_TO", "Receipt"))
                .hop(Hop::outward("OF_INBOUND", "Inbound"))
                .hop(Hop::outward("FOR_SKU", "SKU"))
                .hop(Hop::outward("SUPPLIED_BY", "Supplier")),
        ),
        (
            "the orders behind tracking numbers that repeat",
            start("Tracking", json!({"tracking_number": {"in": repeated}}))
                .hop(Hop::outward("TRACKS", "Order"))
                .hop(Hop::outward("SHIP_FROM", "Warehouse")),
        ),
        (
            "the owners of health products in declined orders to the Emirates",
            start(
                "Order",
                json!({
                    "ship_to_country": "AE",
                    "payment_status": "DECLINED",
                    "order_datetime": {"gte": "2025-05-15T00:00:00"},
                }),
            )
            .hop(Hop::inward("ITEM_OF", "OrderItem"))
            .hop(Hop::outward("SKU_OF", "SKU"))
            .hop(Hop::outward("BELONGS_TO", "Product").with_filters(json!({"category": "Health"})))
            .hop(Hop::outward("OWNED_BY", "Client")),
        ),
    ]
}

async fn ask(spice: &Embedded, business: &Business, name: &str, question: &Question) {
    let expected = question.answer(business);
    assert!(expected.nodes.len() > 2, "{name}: the files have an answer");
    let query = question.body();
    let client = spice.gateway().unwrap();
    let answer = client.graph_query(DATABASE, "main", &query).await.unwrap();
    assert_eq!(answer["warnings"], json!([]), "{name}");

    let nodes_of_answer = answer["nodes"].as_array().unwrap();
    let nodes: BTreeSet<String> = nodes_of_answer
        .iter()
        .map(|node| text(&node["id"]))
        .collect();
    assert_eq!(
        nodes.len(),
        nodes_of_answer.len(),
        "{name}: nodes once each"
    );
    assert_eq!(nodes, expected.nodes, "{name}");
    let edges: BTreeSet<[String; 3]> = answer["edges"]
        .as_array()
        .unwrap()
        .iter()
        .map(|edge| ["from_node", "predicate", "to_node"].map(|key| text(&edge[key])))
        .collect();
    assert_eq!(edges, expected.edges, "{name}");
    for node in nodes_of_answer {
        assert_eq!(node["data_status"], "FULL", "{name}: {node}");
    }
    println!("{name}: {} nodes, {} edges", nodes.len(), edges.len());
}

async fn values_match_the_files(spice: &Embedded, business: &Business) {
    let client = spice.gateway().unwrap();
    for class in CLASSES {
        let instances = client
            .instances(DATABASE, class.name, "main")
            .await
            .unwrap();
        let by_id: BTreeMap<String, &Value> = instances
            .iter()
            .map(|document| (text(&document["instance_id"]), document))
            .collect();
        let expected: BTreeMap<String, Value> = business
            .of(class.name)
            .iter()
            .map(|row| (class.id_of(row), business::instance(class, row)))
            .collect();
        assert_eq!(by_id.len(), expected.len(), "{}", class.name);
        for (id, data) in &expected {
            let document = by_id
                .get(id)
                .unwrap_or_else(|| panic!("{}/{id}", class.name));
            assert_eq!(document["data"], *data, "{}/{id}", class.name);
            assert_eq!(document["event_sequence"], 1);
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
