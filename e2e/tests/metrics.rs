//! `/metrics` of a running process: well-formed, and exactly what the table of `spice-telemetry`
//! promises. The alert rules of the documentation use nothing else.

#[path = "metrics/text.rs"]
mod text;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    time::Duration,
};

use reqwest::Method;
use serde_json::{Value, json};
use spice_e2e::embedded::{Embedded, Options};
use spice_telemetry::table;

use self::text::Scraped;

const LIMIT: Duration = Duration::from_secs(30);

/// Scrapes one listener.
async fn scrape(server: &Embedded, listener: &str) -> Scraped {
    let url = format!("{}/metrics", server.url(listener).unwrap());
    let response = reqwest::get(url).await.unwrap();
    assert_eq!(response.status(), 200);
    let kind = response.headers()["content-type"].to_str().unwrap();
    assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
    Scraped::parse(&response.text().await.unwrap())
}

/// A database with one instance, all of it projected.
async fn fill(server: &Embedded, database: &str) {
    let gateway = server.gateway().unwrap();
    gateway.create_database(database).await.unwrap();
    let class = json!({"id": "Item", "label": "Item", "properties": [
        {"name": "sku", "type": "string", "primaryKey": true},
    ]});
    gateway.create_class(database, &class).await.unwrap();
    let path = format!("/api/v1/databases/{database}/instances/Item/create");
    let body = json!({"data": {"sku": "a"}});
    let waits = [("Prefer", "wait=20")];
    let answer = gateway.send(Method::POST, &path, &waits, Some(&body)).await;
    answer.unwrap().ok().unwrap();
}

/// A server on which everything that has a metric has happened.
async fn busy() -> Embedded {
    let mut server = Embedded::start(Options::default()).await.unwrap();
    fill(&server, "shop").await;
    fill(&server, "broken").await;
    server.terminate(LIMIT).await.unwrap();
    let log = server.directory().join("log/broken");
    let segments = fs::read_dir(&log)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let newest = segments
        .filter(|path| path.extension().is_some_and(|it| it == "zst"))
        .max();
    fs::remove_file(newest.unwrap()).unwrap();
    server.restart().await.unwrap();
    let gateway = server.gateway().unwrap();
    let broken = gateway
        .send::<Value>(Method::GET, "/api/v1/databases/broken", &[], None)
        .await;
    assert_eq!(broken.unwrap().status, 503);
    fill(&server, "other").await;
    let refused = gateway
        .post("/api/v1/databases", &json!({"name": "other"}))
        .await;
    assert_eq!(refused.unwrap().status, 409);
    server
}

#[tokio::test]
async fn a_process_reports_exactly_the_metrics_of_the_table() {
    let server = busy().await;
    let scraped = scrape(&server, "gateway").await;
    let promised: BTreeMap<&str, &str> =
        table::ALL.iter().map(|row| (row.name, row.kind)).collect();
    let reported: BTreeMap<&str, &str> = scraped.kinds();
    assert_eq!(reported, promised, "reported, and in the table");
    for row in table::ALL {
        let of_row: BTreeSet<&str> = row.labels.iter().copied().collect();
        let samples = scraped.samples(row.name);
        assert!(!samples.is_empty(), "{} has no series", row.name);
        for sample in samples {
            let labels: BTreeSet<&str> = sample.labels.keys().map(String::as_str).collect();
            assert_eq!(labels, of_row, "the labels of {}", row.name);
        }
    }
    let names = scraped
        .kinds()
        .into_keys()
        .map(str::to_owned)
        .collect::<Vec<_>>();
    for listener in ["oms", "funnel"] {
        let other = scrape(&server, listener).await;
        let others: Vec<&str> = other.kinds().into_keys().collect();
        assert_eq!(others, names, "{listener} and gateway report the same");
    }
    assert_eq!(
        scraped.value("spice_commands_total", &[("code", "already_exists")]),
        1.0
    );
    assert_eq!(
        scraped.value(
            "spice_databases_refused",
            &[("database", "broken"), ("reason", "log_truncated")]
        ),
        1.0
    );
    assert_eq!(
        scraped.value(
            "spice_waits_total",
            &[("kind", "command"), ("outcome", "done")]
        ),
        1.0
    );
    assert_eq!(
        scraped.value("spice_waits_open", &[("kind", "command")]),
        0.0
    );
    let accepted = scraped.value("spice_commands_total", &[("outcome", "accepted")]);
    assert_eq!(accepted, 3.0);
    assert!(scraped.value("spice_appends_total", &[("outcome", "done")]) >= 1.0);
}
