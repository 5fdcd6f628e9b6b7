//! Replays over HTTP: request, progress, approval, cancellation, and the task calls of the earlier
//! system.
#![allow(clippy::unwrap_used, clippy::panic)]

mod http_support;

use std::time::Duration;

use http_support::{Answer, Server};
use serde_json::{Value, json};
use spice_core::{id::BranchGeneration, port::graph::Entity};

const REPLAYS: &str = "/databases/demo/replays";

/// A database with a customer.
async fn filled() -> Server {
    let server = Server::start().await.with_demo().await;
    let customer = json!({"data": {"customer_id": "c1", "name": "Ada"}});
    server
        .write(
            "POST",
            "/databases/demo/instances/Customer/create",
            customer,
        )
        .await;
    server
}

async fn start(server: &Server, body: Value) -> String {
    let answer = server.post(REPLAYS, body).await.expect(202);
    assert_eq!(answer.body["status"], "accepted");
    answer.body["data"]["task_id"].as_str().unwrap().to_owned()
}

/// Waits until a replay is in a state; returns it.
async fn until(server: &Server, id: &str, state: &str) -> Value {
    for _ in 0..1_000 {
        let answer = server.get(&format!("{REPLAYS}/{id}")).await.expect(200);
        let replay = answer.body["data"].clone();
        if replay["state"] == state {
            return replay;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{id} does not become {state}");
}

async fn ask(server: &Server, id: &str, verb: &str) -> Answer {
    let url = format!("{REPLAYS}/{id}/{verb}");
    server.send(server.request("POST", &url)).await
}

#[tokio::test]
async fn a_replay_is_carried_out_and_shows_its_progress() {
    let server = filled().await;
    let id = start(&server, json!({})).await;
    let replay = until(&server, &id, "complete").await;
    assert_eq!(replay["strategy"], "BlueGreen");
    assert_eq!(replay["database"], "demo");
    assert_eq!(replay["digests_match"], true);
    assert_eq!(replay["differences"], 0);
    assert_eq!(replay["error"], Value::Null);
    assert_eq!(replay["events_replayed"], replay["events_total"]);
    assert!(replay["events_total"].as_u64().unwrap() > 10, "{replay}");
    assert!(
        replay["events_per_second"].as_u64().unwrap() > 0,
        "{replay}"
    );
    let targets = replay["targets"].as_array().unwrap();
    let live: Vec<_> = targets
        .iter()
        .map(|it| (&it["projection"], &it["live"]))
        .collect();
    let yes = json!(true);
    assert_eq!(live, [(&json!("graph"), &yes), (&json!("documents"), &yes)]);
    let result = server
        .get(&format!("{REPLAYS}/{id}/result"))
        .await
        .expect(200);
    assert_eq!(result.body["data"], replay);
    let list = server.get(REPLAYS).await.expect(200).body;
    assert_eq!(
        (&list["data"]["count"], &list["data"]["replays"][0]),
        (&json!(1), &replay)
    );
    for sinks in [
        server
            .ports
            .graph
            .sinks(&"demo".parse().unwrap())
            .await
            .unwrap(),
        server
            .ports
            .documents
            .sinks(&"demo".parse().unwrap())
            .await
            .unwrap(),
    ] {
        assert_eq!(sinks.len(), 1, "the old one is dropped: {sinks:?}");
    }
    let customers = server.get("/databases/demo/class/Customer/instances").await;
    assert_eq!(customers.expect(200).body["total"], 1);
}

#[tokio::test]
async fn one_replay_changes_a_projection_at_a_time() {
    let server = filled().await;
    let manual = json!({"approval": "Manual", "targets": ["documents"]});
    let first = start(&server, manual.clone()).await;
    until(&server, &first, "awaiting_approval").await;
    for body in [manual.clone(), json!({}), json!({"strategy": "InPlace"})] {
        let refused = server.post(REPLAYS, body).await.expect(409);
        assert_eq!(refused.code(), "already_exists");
        assert_eq!(refused.body["detail"]["task_id"], first.as_str());
        assert_eq!(refused.body["detail"]["state"], "awaiting_approval");
    }
    let other = start(&server, json!({"targets": ["graph"]})).await;
    until(&server, &other, "complete").await;

    let early = server
        .get(&format!("{REPLAYS}/{first}/result"))
        .await
        .expect(409);
    assert_eq!(early.code(), "failed_precondition");
    ask(&server, &first, "approve").await.expect(202);
    let replay = until(&server, &first, "complete").await;
    assert!(replay["approved_at"].is_string());
    ask(&server, &first, "approve").await.expect(202);
    for verb in ["cancel", "suspend"] {
        let late = ask(&server, &first, verb).await.expect(409);
        assert_eq!(late.code(), "failed_precondition", "{verb}");
        assert_eq!(late.body["detail"]["state"], "complete");
    }
    start(&server, manual).await;
}

#[tokio::test]
async fn a_replay_is_suspended_resumed_and_cancelled() {
    let server = filled().await;
    let id = start(&server, json!({"suspend": true, "approval": "Manual"})).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let replay = until(&server, &id, "pending").await;
    assert_eq!(replay["suspended"], true);
    assert_eq!(replay["started_at"], Value::Null);
    let early = ask(&server, &id, "approve").await.expect(409);
    assert_eq!(early.code(), "failed_precondition");
    let resumed = ask(&server, &id, "resume").await.expect(202);
    assert_eq!(resumed.body["data"]["suspended"], false);
    ask(&server, &id, "resume").await.expect(202);
    until(&server, &id, "awaiting_approval").await;
    ask(&server, &id, "suspend").await.expect(202);
    ask(&server, &id, "cancel").await.expect(202);
    let replay = until(&server, &id, "cancelled").await;
    assert!(replay["ended_at"].is_string());
    assert_eq!(replay["events_replayed"], replay["events_total"]);
    ask(&server, &id, "cancel").await.expect(202);
    let sinks = server.ports.graph.sinks(&"demo".parse().unwrap()).await;
    assert_eq!(sinks.unwrap().len(), 1);
}

#[tokio::test]
async fn the_same_key_requests_the_same_replay() {
    let server = filled().await;
    let send = async |body: Value| {
        let request = server
            .request("POST", REPLAYS)
            .header("idempotency-key", "k1");
        server.send(request.json(&body)).await
    };
    let first = send(json!({"approval": "Manual"})).await.expect(202);
    assert_eq!(first.header("idempotent-replayed"), "");
    let id = first.body["data"]["task_id"].as_str().unwrap();
    until(&server, id, "awaiting_approval").await;
    let again = send(json!({"approval": "Manual"})).await.expect(202);
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.body["data"]["task_id"], id);
    let other = send(json!({"approval": "None"})).await.expect(409);
    assert_eq!(other.code(), "event_id_reused");
    // A command with the same key is another thing.
    let branch = server.request("POST", "/databases/demo/branches");
    let branch = branch
        .header("idempotency-key", "k1")
        .json(&json!({"name": "b"}));
    assert!((200..300).contains(&server.send(branch).await.status));
}

#[tokio::test]
async fn a_request_that_makes_no_sense_names_its_field() {
    let server = filled().await;
    for (body, status, field) in [
        (json!({"targets": []}), 422, "targets"),
        (json!({"targets": ["graph", "graph"]}), 422, "targets"),
        (json!({"targets": ["registry"]}), 422, "targets[0]"),
        (json!({"strategy": "Purple"}), 422, "strategy"),
        (json!({"from": 3}), 422, "from"),
        (json!({"branch": "main"}), 422, "branch"),
        (json!({"branches": "main"}), 422, "branches"),
    ] {
        let refused = server.post(REPLAYS, body.clone()).await;
        assert_eq!(refused.status, status, "{body}: {}", refused.text);
        assert_eq!(
            refused.body["detail"]["errors"][0]["field"], field,
            "{}",
            refused.text
        );
    }
    let in_place = json!({"strategy": "InPlace", "branch": "nope"});
    let missing = server.post(REPLAYS, in_place).await.expect(404);
    assert_eq!(missing.body["detail"]["branch"], "nope");
    server
        .post("/databases/nope/replays", json!({}))
        .await
        .expect(404);
    server.get(&format!("{REPLAYS}/x")).await.expect(400);
    let unknown = "01928374-1111-7222-8333-444455556666";
    for url in [format!("{REPLAYS}/{unknown}"), format!("/tasks/{unknown}")] {
        assert_eq!(server.get(&url).await.expect(404).code(), "not_found");
    }
}

/// Removes the customer from the documents, as a defect would.
async fn lose(server: &Server) {
    let stream = "demo".parse().unwrap();
    let sink = server
        .ports
        .documents
        .sink(&stream)
        .await
        .unwrap()
        .generation;
    let lost = [Entity::Instance("Customer/c1".parse().unwrap())];
    let removed = server
        .ports
        .documents
        .remove(&stream, &sink, BranchGeneration::MAIN, &lost);
    removed.await.unwrap();
}

#[tokio::test]
async fn the_task_calls_are_views_of_replays() {
    let server = filled().await;
    let customer = "/databases/demo/class/Customer/instance/c1";
    for (call, body) in [
        (
            "/admin/replay-instance-state",
            json!({"db_name": "demo", "class_id": "Customer", "instance_id": "c1"}),
        ),
        (
            "/admin/recompute-projection",
            json!({"db_name": "demo", "projection": "instances", "branch": "main"}),
        ),
        (
            "/databases/demo/replays",
            json!({"strategy": "InPlace", "branch": "main", "from": 0}),
        ),
    ] {
        lose(&server).await;
        assert_ne!(
            server.get(customer).await.body["data"]["data"]["name"],
            "Ada"
        );
        let accepted = server.post(call, body).await.expect(202).body;
        assert_eq!(accepted["status"], "accepted", "{accepted}");
        let id = accepted["task_id"]
            .as_str()
            .or_else(|| accepted["data"]["task_id"].as_str());
        let id = id.unwrap().to_owned();
        let replay = until(&server, &id, "complete").await;
        assert_eq!(replay["differences"], 1, "{replay}");
        assert_eq!(replay["findings"][0]["entity"], "Customer/c1");
        assert_eq!(replay["digests_match"], true);
        assert_eq!(
            server.get(customer).await.expect(200).body["data"]["data"]["name"],
            "Ada"
        );

        let task = server.get(&format!("/tasks/{id}")).await.expect(200).body;
        assert_eq!(
            (&task["status"], &task["task_type"]),
            (&json!("COMPLETED"), &json!("replay"))
        );
        assert_eq!(task["progress"]["current"], task["progress"]["total"]);
        if let Some(url) = accepted["status_url"].as_str() {
            assert_eq!(server.get(&format!("/{url}")).await.expect(200).body, task);
        }
        let result = server
            .get(&format!("/tasks/{id}/result"))
            .await
            .expect(200)
            .body;
        assert_eq!(result["result"], replay);
        for list in ["/tasks/", "/tasks?limit=1"] {
            let list = server.get(list).await.expect(200).body;
            assert_eq!(list["tasks"][0], task);
        }
    }
    let refused = server
        .post(
            "/admin/recompute-projection",
            json!({"db_name": "demo", "projection": "everything"}),
        )
        .await
        .expect(422);
    assert_eq!(refused.body["detail"]["errors"][0]["field"], "projection");
}

#[tokio::test]
async fn a_request_waits_for_the_workers() {
    let mut server = filled().await;
    server.workers.take().unwrap().shutdown().await;
    let id = start(&server, json!({})).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    until(&server, &id, "pending").await;
    server.start_workers();
    until(&server, &id, "complete").await;
}
