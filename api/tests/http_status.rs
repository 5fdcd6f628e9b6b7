//! The status of commands and branches in critical moments: between a sink and its record, after a
//! discard, through a chain of branches, and for retries.

#![allow(clippy::unwrap_used)]

mod http_support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http_support::{
    Answer, Server,
    events::Events,
    hooks::count_looks,
    outcomes::{clear, record},
};
use serde_json::{Value, json};
use spice_api::http::Settings;
use spice_core::{
    id::{LogPosition, StreamId},
    port::registry::Outcome,
};
use spice_testing::double::Double;

fn stream() -> StreamId {
    StreamId::first("demo".parse().unwrap())
}

async fn status(server: &Server, command: &str) -> Value {
    let path = format!("/commands/{command}/status");
    server.get(&path).await.expect(200).body
}

async fn log_end(server: &Server) -> LogPosition {
    server.ports.log.end(&stream()).await.unwrap()
}

/// Sends the same request with the same key each time.
async fn keyed(server: &Server, path: &str, body: &Value, wait: Option<u8>) -> Answer {
    let mut request = server
        .request("POST", path)
        .header("idempotency-key", "the-key")
        .json(body);
    if let Some(seconds) = wait {
        request = request.header("prefer", format!("wait={seconds}"));
    }
    server.send(request).await
}

/// A sink that refuses an event still moves past it; the outcome is unknown before the record.
#[tokio::test]
async fn a_position_without_a_record_is_not_complete() {
    let mut server = Server::start_with(Settings::default(), false).await;
    let made = server
        .post("/databases", json!({"name": "demo"}))
        .await
        .expect(202);
    let command = made.body["data"]["command_id"].as_str().unwrap().to_owned();
    let (graph, documents) = (&server.ports.graph, &server.ports.documents);
    let end = log_end(&server).await;
    let sink = graph.sink(&stream()).await.unwrap();
    graph
        .apply(
            &stream(),
            &sink.generation,
            LogPosition::ZERO,
            end.into(),
            &[],
        )
        .await
        .unwrap();
    let sink = documents.sink(&stream()).await.unwrap();
    documents
        .apply(
            &stream(),
            &sink.generation,
            LogPosition::ZERO,
            end.into(),
            &[],
        )
        .await
        .unwrap();
    assert_eq!(documents.sink(&stream()).await.unwrap().position, end);

    assert_eq!(status(&server, &command).await["status"], "PENDING");
    for read in [
        format!("/databases/demo?at_least={command}&timeout=0"),
        format!(
            "/databases/demo/ontology/list?as_of={}&timeout=0",
            end.0 - 1
        ),
    ] {
        assert_eq!(server.get(&read).await.expect(504).code(), "timeout");
    }
    server.start_workers();
    server
        .get(&format!("/databases/demo?at_least={command}"))
        .await
        .expect(200);
    assert_eq!(status(&server, &command).await["status"], "COMPLETED");
}

/// For any of its events.
#[tokio::test]
async fn a_discarded_command_stays_failed() {
    let mut server = Server::start().await.with_demo().await;
    let rows: Vec<Value> = (0..80)
        .map(|number| json!({"customer_id": format!("c{number}")}))
        .collect();
    let bulk = "/database/demo/instances/Customer/bulk-create";
    let body = json!({"instances": rows});
    let made = keyed(&server, bulk, &body, None).await.expect(202);
    let command = made.body["command_id"].as_str().unwrap().to_owned();
    let first = made.body["result"]["position"].as_u64().unwrap() - 79;
    let other = "/database/demo/instances/Customer/create";
    let other = server
        .post(other, json!({"data": {"customer_id": "other"}}))
        .await
        .expect(202);
    let after = other.body["command_id"].as_str().unwrap().to_owned();
    let last = other.body["result"]["position"].as_u64().unwrap();
    server
        .get(&format!("/databases/demo?at_least={after}"))
        .await
        .expect(200);
    server.workers.take().unwrap().shutdown().await;

    record(&server, first, Outcome::Parked).await;
    record(&server, last, Outcome::Parked).await;
    assert_eq!(status(&server, &command).await["status"], "RETRYING");
    let mut discards = Vec::new();
    for position in [first, last] {
        let path = format!("/dead-letters/demo/instance_worker/{position}/discard");
        let given_up = discard(&server, &path).await.expect(202);
        assert_eq!(given_up.header("idempotent-replayed"), "");
        discards.push((path, given_up.body));
    }
    assert_eq!(status(&server, &command).await["status"], "RETRYING");
    // A retry of the other took effect before its discard: nothing was discarded.
    clear(&server, last).await;
    record(&server, last, Outcome::Done).await;

    server.start_workers();
    for (path, first) in &discards {
        let command = first["command_id"].as_str().unwrap();
        server
            .get(&format!("/databases/demo?at_least={command}"))
            .await
            .expect(200);
        // Its letter has been removed, and its key is known.
        let again = discard(&server, path).await.expect(202);
        assert_eq!(again.header("idempotent-replayed"), "true");
        assert_eq!(&again.body, first);
        server.post(path, json!({})).await.expect(404);
    }
    assert_eq!(status(&server, &after).await["status"], "COMPLETED");
    let answer = status(&server, &command).await;
    assert_eq!(answer["status"], "FAILED", "{answer}");
    assert!(answer["completed_at"].is_string());
    assert_eq!(answer["error"], "discarded from instance_worker");

    let again = keyed(&server, bulk, &body, Some(20)).await.expect(202);
    assert_eq!(again.body["status"], "FAILED");
    assert_eq!(again.body["command_id"], command.as_str());
}

/// Discards the event of a path, with a key for the path.
async fn discard(server: &Server, path: &str) -> Answer {
    let request = server.request("POST", path).header("idempotency-key", path);
    server.send(request.json(&json!({"reason": "known"}))).await
}

async fn list(server: &Server, branch: &str, timeout: u8) -> Answer {
    let path = "/database/demo/class/Customer/instances";
    server
        .get(&format!("{path}?branch={branch}&timeout={timeout}"))
        .await
}

/// The versions that a branch at a past position takes from the log are below its children, too.
#[tokio::test]
async fn a_child_of_a_past_branch_waits_for_its_parent() {
    let mut server = Server::start().await.with_demo().await;
    let path = "/database/demo/instances/Customer";
    let data = json!({"data": {"customer_id": "a", "name": "early"}});
    let made = server.write("POST", &format!("{path}/create"), data).await;
    let then = made.body["result"]["position"].as_u64().unwrap();
    for sequence in [1, 2] {
        let update = format!("{path}/a/update?expected_seq={sequence}");
        let data = json!({"data": {"name": format!("late {sequence}")}});
        server.write("PUT", &update, data).await;
    }
    server.workers.take().unwrap().shutdown().await;
    for branch in [
        json!({"name": "then", "from_position": then}),
        json!({"name": "child", "from_branch": "then"}),
        json!({"name": "grandchild", "from_branch": "child"}),
        json!({"name": "plain"}),
    ] {
        let created = server.post("/databases/demo/branches", branch).await;
        created.expect(200);
    }
    for branch in ["then", "child", "grandchild"] {
        let late = list(&server, branch, 0).await.expect(504);
        assert_eq!(late.code(), "timeout", "{branch}");
    }
    list(&server, "plain", 0).await.expect(200);
    // The snapshot no longer shows how a deleted branch was created.
    for gone in ["then", "child"] {
        let path = format!("/databases/demo/branches/{gone}");
        server.delete(&path).await.expect(200);
        list(&server, "grandchild", 0).await.expect(504);
    }
    server.start_workers();
    let shown = list(&server, "grandchild", 10).await.expect(200);
    assert_eq!(shown.body["instances"][0]["data"]["name"], "early");
}

#[tokio::test]
async fn a_retried_branch_command_gets_its_first_answer_while_the_branch_is_there() {
    let server = Server::start().await.with_demo().await;
    let branches = "/databases/demo/branches";
    let body = json!({"name": "work"});
    let first = keyed(&server, branches, &body, None).await.expect(200);
    assert_eq!(first.body["data"]["from_branch"], "main");
    let rebase = format!("{branches}/work/rebase");
    server.post(&rebase, json!({})).await.expect(200);
    let again = keyed(&server, branches, &body, None).await.expect(200);
    assert_eq!(again.body, first.body, "a rebased branch is the same");
    let delete = || {
        let request = server.request("DELETE", &format!("{branches}/work"));
        server.send(request.header("idempotency-key", "the-delete"))
    };
    let deleted = delete().await.expect(200);
    assert_eq!(deleted.body["data"]["name"], "work");
    let end = log_end(&server).await;
    let again = keyed(&server, branches, &body, None).await.expect(409);
    assert_eq!(again.code(), "deleted");
    let position = &first.body["data"]["position"];
    assert_eq!(&again.body["detail"]["position"], position);
    assert_eq!(log_end(&server).await, end);

    // Another branch has the same name now: neither first answer is about it.
    server.post(branches, body.clone()).await.expect(200);
    let end = log_end(&server).await;
    assert_eq!(delete().await.expect(200).body, deleted.body);
    let again = keyed(&server, branches, &body, None).await.expect(409);
    assert_eq!(&again.body["detail"]["position"], position);
    assert_eq!(log_end(&server).await, end);
    let listed = server.get(branches).await.expect(200);
    assert!(listed.text.contains("\"work\""), "{}", listed.text);
}

/// The path of a transaction exists; the targets of its commands are checked separately.
#[tokio::test]
async fn a_transaction_with_unknown_targets_is_422_command_by_command() {
    let server = Server::start().await.with_demo().await;
    let commands = json!({"commands": [
        {"type": "CREATE_INSTANCE", "class": "Customer", "data": {"customer_id": "c1"}},
        {"type": "CREATE_INSTANCE", "class": "Nothing", "data": {"n": 1}},
        {"type": "UPDATE_INSTANCE", "class": "Customer", "id": "no", "data": {"name": "x"},
         "expected_seq": 1},
    ]});
    let end = log_end(&server).await;
    let refused = server
        .post("/databases/demo/transactions", commands)
        .await
        .expect(422);
    assert_eq!(refused.code(), "validation_failed");
    let named = refused.body["detail"]["commands"].as_array().unwrap();
    let answer: Vec<_> = named
        .iter()
        .map(|command| (command["index"].as_u64(), command["error"].as_str()))
        .collect();
    assert_eq!(
        answer,
        [(Some(1), Some("not_found")), (Some(2), Some("not_found"))]
    );
    assert_eq!(log_end(&server).await, end);
}

/// An event that was parked and is released again reads as pending; a listener does not see that.
#[tokio::test]
async fn a_listener_gets_only_forward_changes() {
    let looks = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&looks);
    let mut server = Server::start_over(Settings::default(), false, |graph| {
        Arc::new(Double::new(graph, count_looks(counter)))
    })
    .await;
    let made = server.post("/databases", json!({"name": "demo"})).await;
    let made = made.expect(202);
    let command = made.body["data"]["command_id"].as_str().unwrap().to_owned();
    let path = format!("/commands/{command}/events");
    let mut listener = Events::open(&server, &path, None).await;
    assert_eq!(listener.next().await.unwrap().data["status"], "PENDING");
    record(&server, 1, Outcome::Parked).await;
    let parked = listener.next().await.unwrap().data;
    assert_eq!(parked["status"], "RETRYING");
    assert_eq!(parked["parked"], json!(["instance_worker"]));
    clear(&server, 1).await;
    assert_eq!(status(&server, &command).await["status"], "PENDING");
    let before = looks.load(Ordering::Relaxed);
    while looks.load(Ordering::Relaxed) < before + 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    server.start_workers();
    let rest = listener.rest().await;
    let answer: Vec<&Value> = rest.iter().map(|event| &event.data["status"]).collect();
    assert_eq!(answer, ["COMPLETED"]);
}
