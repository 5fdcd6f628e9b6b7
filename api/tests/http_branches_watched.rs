//! The cost of branch calls in log and registry: only what the answer needs, and nothing that could
//! delay the answer of an accepted command.

#![allow(clippy::unwrap_used)]

mod http_support;

use std::sync::{Arc, atomic::Ordering};

use http_support::{Server, hooks::Watch, product};
use serde_json::{Value, json};
use spice_api::http::Settings;
use spice_core::port::{Store, graph::Graph};
use spice_testing::double::{Call, Double, unavailable};

const DEMO: &str = "/databases/demo/branches";

/// `demo` with products; nothing is projected.
async fn with_products(watch: &Arc<Watch>, count: usize) -> Server {
    let server = Server::start_watched(watch).await;
    prepare(&server).await;
    for number in 0..count {
        put_in(&server, "main", &format!("p{number:03}")).await;
    }
    server
}

async fn prepare(server: &Server) {
    let database = json!({"name": "demo", "description": "a demo"});
    server.post("/databases", database).await.expect(202);
    let path = "/databases/demo/ontology";
    server.post(path, product()).await.expect(202);
}

async fn put_in(server: &Server, branch: &str, id: &str) {
    let path = format!("/databases/demo/instances/Product/create?branch={branch}");
    let body = json!({"data": {"product_id": id, "name": id}});
    server.post(&path, body).await.expect(202);
}

async fn make(server: &Server, branch: &str) {
    server.post(DEMO, json!({"name": branch})).await.expect(200);
}

/// Returns kind, aggregate, class and instance of each change.
fn outline(answer: &Value) -> Vec<Value> {
    let changes = answer["changes"].as_array().unwrap().iter();
    let fields = ["change", "aggregate_id", "class_id", "instance_id"];
    changes
        .map(|change| fields.map(|field| change[field].clone()).into())
        .collect()
}

#[tokio::test]
async fn a_history_reads_only_the_part_of_the_log_that_it_shows() {
    let watch = Arc::new(Watch::default());
    let server = with_products(&watch, 30).await;
    let page = |query: &'static str| {
        let server = &server;
        async move {
            let path = format!("oms:/version/demo/history{query}");
            server.get(&path).await.expect(200).body["data"].clone()
        }
    };
    let whole = page("").await;
    assert_eq!(whole["count"], 32);
    for (query, count) in [("?limit=1", 1), ("?limit=5", 5)] {
        let before = watch.records.load(Ordering::SeqCst);
        let some = page(query).await;
        let read = watch.records.load(Ordering::SeqCst) - before;
        assert_eq!(some["count"], count);
        assert_eq!(some["history"][0], whole["history"][0]);
        assert!(some["cursor"].is_string());
        assert!(read <= count + 1, "{query}: {read} envelopes were read");
    }
}

#[tokio::test]
async fn a_history_shows_a_bulk_without_its_rows_and_each_message() {
    let watch = Arc::new(Watch::default());
    let server = with_products(&watch, 0).await;
    let rows: Vec<Value> = (0..50)
        .map(|number| json!({"product_id": format!("b{number}"), "name": "x".repeat(1_000)}))
        .collect();
    let bulk = "/databases/demo/instances/Product/bulk-create";
    let body = json!({"instances": rows, "metadata": {"message": "\"many\" of them"}});
    server.post(bulk, body).await.expect(202);
    let body = json!({"data": {"product_id": "p", "name": "p"}, "metadata": {"message": 7}});
    let create = "/databases/demo/instances/Product/create";
    server.post(create, body).await.expect(202);
    let history = server.get("oms:/version/demo/history").await.expect(200);
    let entries = history.body["data"]["history"].as_array().unwrap();
    let (single, many) = (&entries[0], &entries[1]);
    assert_eq!(single["message"], "CREATE_INSTANCE demo:main:Product:p");
    assert_eq!(single["sequence"], 1);
    assert_eq!(many["message"], "\"many\" of them");
    assert_eq!(many["command_type"], "BULK_CREATE_INSTANCES");
    assert!(many["sequence"].is_null() && many["command_id"].is_string());
    assert!(many["occurred_at"].is_string() && many["position"].is_u64());
}

#[tokio::test]
async fn later_pages_of_a_diff_compare_only_what_they_show() {
    const CHANGED: usize = 60;
    const LIMIT: usize = 6;
    let watch = Arc::new(Watch::default());
    let server = with_products(&watch, 0).await;
    make(&server, "x").await;
    for number in 0..CHANGED {
        put_in(&server, "x", &format!("n{number:03}")).await;
    }
    let path = format!("{DEMO}/x/diff?limit={LIMIT}");
    let first = server.get(&path).await.expect(200).body;
    assert_eq!(first["summary"]["added"], CHANGED);
    let mut entries = outline(&first);
    let mut next = first["cursor"].as_str().map(str::to_owned);
    while let Some(cursor) = next {
        let before = watch.lookups.load(Ordering::SeqCst);
        let page = server
            .get(&format!("{path}&cursor={cursor}"))
            .await
            .expect(200);
        let lookups = watch.lookups.load(Ordering::SeqCst) - before;
        assert!(lookups < CHANGED, "a page looked up {lookups} entries");
        assert_eq!(page.body["summary"], first["summary"], "all are counted");
        entries.extend(outline(&page.body));
        next = page.body["cursor"].as_str().map(str::to_owned);
    }
    let whole = server.get(&format!("{DEMO}/x/diff")).await.expect(200);
    assert_eq!(
        entries,
        outline(&whole.body),
        "each once, and none left out"
    );
    assert_eq!(entries.len(), CHANGED);
}

#[tokio::test]
async fn an_accepted_command_is_answered_while_the_registry_is_unavailable() {
    let cases = [
        ("x/merge", json!({"into": "main"}), ["added", "demo:main"]),
        ("x/rebase", json!({}), ["added", "demo:x"]),
        (
            "x/rollback",
            json!({"to_position": 5}),
            ["deleted", "demo:x"],
        ),
    ];
    for (path, body, [change, place]) in cases {
        for wait in [None, Some("wait=1")] {
            let watch = Arc::new(Watch::default());
            let server = with_products(&watch, 1).await;
            make(&server, "x").await;
            let end = server.get("/databases/demo").await.body["data"]["data"]["position"].clone();
            put_in(&server, "x", "new").await;
            put_in(&server, "main", "beside").await;
            let path = format!("{DEMO}/{path}");
            let mut body = body.clone();
            if body["to_position"].is_u64() {
                body["to_position"] = end;
            }
            let mut dry = body.clone();
            dry["dry_run"] = json!(true);
            let tried = server.post(&path, dry).await.expect(200).body;
            watch.go_away_after_append();
            let send = || {
                let request = server.request("POST", &path).json(&body);
                let request = request.header("idempotency-key", "once");
                let request = wait
                    .iter()
                    .fold(request, |request, wait| request.header("prefer", *wait));
                server.send(request)
            };
            let done = send().await.expect(200);
            assert_eq!(done.body["merged"], true);
            let expected = json!([change, format!("{place}:Product:new"), "Product", "new"]);
            assert_eq!(outline(&done.body), [expected], "{path}");
            assert_eq!(outline(&done.body), outline(&tried));
            assert_eq!(done.body["summary"], tried["summary"]);
            // A client that asks again gets the first answer, then and later.
            if wait.is_none() {
                watch.come_back();
                assert_eq!(send().await.text, done.text);
            }
        }
    }
}

#[tokio::test]
async fn an_accepted_command_is_pending_while_its_progress_is_unknown() {
    let settings = Settings::default();
    let is_away = |graph| -> Arc<dyn Graph> {
        Arc::new(Double::new(graph, |_: Call<'_>| {
            Err(unavailable(Store::Graph))
        }))
    };
    let server = Server::start_over(settings, false, is_away).await;
    prepare(&server).await;
    let create = "/databases/demo/instances/Product/create";
    let body = json!({"data": {"product_id": "p1", "name": "p1"}});
    let request = server.request("POST", create).header("prefer", "wait=5");
    let accepted = server.send(request.json(&body)).await.expect(202);
    assert_eq!(accepted.body["status"], "PENDING");
    assert_eq!(accepted.body["result"]["instance_id"], "p1");
    assert_eq!(accepted.body["result"]["sequence"], 1);
    assert_eq!(accepted.header("preference-applied"), "");
    let request = server.request("POST", DEMO).header("prefer", "wait=5");
    let made = server.send(request.json(&json!({"name": "x"}))).await;
    assert_eq!(made.expect(200).body["name"], "x");
}
