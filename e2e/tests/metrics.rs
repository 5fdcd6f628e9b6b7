//! `/metrics` of a running process: well-formed, and exactly what the table of `spice-telemetry`
//! promises. The alert rules of the documentation use nothing else.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::float_cmp
)]

#[path = "metrics/text.rs"]
mod text;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
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

/// Replays a projection as far as a state.
async fn replay(server: &Embedded, target: &str, approval: &str, state: &str) {
    let gateway = server.gateway().unwrap();
    let path = "/api/v1/databases/other/replays";
    let body = json!({"targets": [target], "approval": approval});
    let started = gateway.post_ok(path, &body).await.unwrap();
    let id = started["data"]["task_id"].as_str().unwrap();
    let reached = async {
        let path = format!("{path}/{id}");
        while gateway.get(&path).await.unwrap()["data"]["state"] != state {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LIMIT, reached).await.unwrap();
}

fn with_metrics_listener() -> Options {
    Options {
        arguments: vec!["--metrics-listen=127.0.0.1:0".to_owned()],
        ..Options::default()
    }
}

/// A server on which everything that has a metric has happened.
async fn busy() -> Embedded {
    let mut server = Embedded::start(with_metrics_listener()).await.unwrap();
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
    replay(&server, "graph", "None", "complete").await;
    replay(&server, "documents", "Manual", "awaiting_approval").await;
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
    // The operator is a process of its own: `operator_front_door` compares what it reports.
    let rows = || {
        table::ALL
            .iter()
            .filter(|row| !row.name.starts_with("spice_operator_"))
    };
    let promised: BTreeMap<&str, &str> = rows().map(|row| (row.name, row.kind)).collect();
    let reported: BTreeMap<&str, &str> = scraped.kinds();
    assert_eq!(reported, promised, "reported, and in the table");
    for row in rows() {
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
    for listener in ["oms", "funnel", "metrics"] {
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
    let leases = scraped.value("spice_leases_held", &[("worker", "graph_worker")]);
    assert_eq!(leases, 64.0);
    let letters = [
        ("database", "shop"),
        ("handler", "instance_worker"),
        ("sink", "live"),
    ];
    assert_eq!(scraped.value("spice_dead_letters", &letters), 0.0);
    let accepted = scraped.value("spice_commands_total", &[("outcome", "accepted")]);
    assert_eq!(accepted, 3.0);
    assert!(scraped.value("spice_appends_total", &[("outcome", "done")]) >= 1.0);
}

#[tokio::test]
async fn metrics_and_health_have_a_listener_of_their_own_on_request() {
    let server = Embedded::start(Options::default()).await.unwrap();
    assert!(server.url("metrics").is_err(), "off by default");
    let server = Embedded::start(with_metrics_listener()).await.unwrap();
    let url = server.url("metrics").unwrap();
    let paths = [
        ("/livez", 200),
        ("/readyz", 200),
        ("/health", 200),
        ("/metrics", 200),
        ("/api/v1/databases", 404),
    ];
    for (path, status) in paths {
        let response = reqwest::get(format!("{url}{path}")).await.unwrap();
        assert_eq!(response.status(), status, "{path}");
    }
    let health = reqwest::get(format!("{url}/health")).await.unwrap();
    let health: Value = health.json().await.unwrap();
    assert_eq!(health["data"]["service"], "metrics");
}

/// The names of metrics in a text; series of a histogram count as the histogram.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let is_part = |character: char| character.is_ascii_lowercase() || character == '_';
    let words = text.split(|character| !is_part(character));
    let named = words.filter(|word| word.len() > 6 && word.starts_with("spice_"));
    let endings = ["_bucket", "_sum", "_count"];
    named
        .map(|name| {
            let stripped = endings.iter().find_map(|ending| name.strip_suffix(ending));
            let is_histogram = |stripped: &&str| {
                table::ALL
                    .iter()
                    .any(|row| row.name == *stripped && row.kind == "histogram")
            };
            stripped.filter(is_histogram).unwrap_or(name).to_owned()
        })
        .collect()
}

fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with("decisions") {
            // These name crates of this workspace too.
            continue;
        }
        if path.is_dir() {
            pages(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn documents_name_only_metrics_that_exist() {
    let mut files = Vec::new();
    let root = spice_e2e::workspace();
    pages(&root.join("docs"), &mut files);
    pages(&root.join("charts/spice-harvester/files"), &mut files);
    let known: BTreeSet<String> = table::ALL.iter().map(|row| row.name.to_owned()).collect();
    let mut seen = BTreeSet::new();
    for file in files {
        let named = metrics_in(&fs::read_to_string(&file).unwrap());
        let unknown: Vec<&String> = named.difference(&known).collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", file.display());
        seen.extend(named);
    }
    assert!(seen.contains("spice_dead_letters"));
}

#[test]
fn alerts_use_metrics_and_labels_of_the_table() {
    let root = spice_e2e::workspace();
    let text = fs::read_to_string(root.join("docs/operations/alerts.yaml")).unwrap();
    let of_chart = fs::read_to_string(root.join("charts/spice-harvester/files/alerts.yaml"));
    assert_eq!(of_chart.unwrap(), text, "just gen");
    let rules: Value = serde_yaml_ng::from_str(&text).unwrap();
    let rules = rules["groups"][0]["rules"].as_array().unwrap();
    assert!(rules.iter().any(|rule| rule["alert"] == "SpiceDeadLetters"));
    for rule in rules {
        let expression = rule["expr"].as_str().unwrap();
        let metrics = metrics_in(expression);
        assert!(!metrics.is_empty(), "{expression}");
        let rows = table::ALL.iter().filter(|row| metrics.contains(row.name));
        let rows: Vec<_> = rows.collect();
        assert_eq!(rows.len(), metrics.len(), "{expression}");
        let labels: BTreeSet<&str> = rows.iter().flat_map(|row| row.labels).copied().collect();
        let matchers = expression.split('{').skip(1);
        let matchers = matchers.flat_map(|rest| rest.split('}').next().unwrap().split(','));
        for matcher in matchers {
            let label = matcher.split(['=', '!']).next().unwrap().trim();
            assert!(labels.contains(label), "{expression}: {label}");
        }
        assert!(rule["annotations"]["summary"].is_string());
        let runbook = rule["annotations"]["runbook"].as_str().unwrap();
        let page = spice_e2e::workspace().join(runbook.split('#').next().unwrap());
        assert!(page.is_file(), "{runbook}");
    }
}
