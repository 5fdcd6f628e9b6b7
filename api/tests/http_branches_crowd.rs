//! Merges during many writes: every accepted change is there at the end, whichever side won.

#![allow(clippy::unwrap_used, clippy::panic)]

mod http_support;

use std::sync::Arc;

use http_support::Server;
use serde_json::{Value, json};
use spice_core::id::StreamId;
use spice_workers::verify::{Sources, verify};

const WRITERS: usize = 50;
const ORDERS: usize = 10;
const CHANGES: u64 = 6;
const ROUNDS: u64 = 8;

fn order(number: usize) -> String {
    format!("o{}", number % ORDERS)
}

async fn update(
    server: &Server,
    branch: &str,
    id: &str,
    seen: u64,
    data: Value,
) -> Result<u64, u64> {
    let path =
        format!("/databases/demo/instances/Order/{id}/update?branch={branch}&expected_seq={seen}");
    let answer = server.put(&path, json!({"data": data})).await;
    match answer.status {
        202 => Ok(answer.body["result"]["sequence"].as_u64().unwrap()),
        409 => Err(answer.body["detail"]["actual_seq"].as_u64().unwrap()),
        _ => panic!("{}", answer.text),
    }
}

/// Adds holdings of its own to an order of main, each with its last known sequence.
async fn write(server: Arc<Server>, number: usize) -> u64 {
    let id = order(number);
    let mut seen = 1;
    let mut accepted = 0;
    while accepted < CHANGES {
        match update(&server, "main", &id, seen, json!({"total": number})).await {
            Ok(sequence) => {
                assert_eq!(sequence, seen + 1);
                accepted += 1;
                seen = sequence;
            }
            Err(actual) => {
                assert!(actual > seen, "a conflict names what is there");
                seen = actual;
            }
        }
    }
    accepted
}

/// Changes every order on the branch and merges it, round after round; returns the answers of the
/// merges.
async fn merge(server: Arc<Server>) -> Vec<Value> {
    let mut seen = [1; ORDERS];
    let mut merges = Vec::new();
    for round in 0..ROUNDS {
        for (number, seen) in seen.iter_mut().enumerate() {
            let holds = json!({"holds": [format!("Product/round{round}")]});
            *seen = update(&server, "x", &order(number), *seen, holds)
                .await
                .unwrap();
        }
        let path = "/databases/demo/branches/x/merge";
        let key = format!("round {round}");
        let send = || {
            let request = server.request("POST", path).header("idempotency-key", &key);
            let request = request.header("prefer", "wait=30");
            server.send(request.json(&json!({"into": "main"})))
        };
        let (first, again) = tokio::join!(send(), send());
        let (first, again) = (first.expect(200), again.expect(200));
        assert_eq!(first.text, again.text, "one effect, one answer");
        merges.push(first.body);
    }
    merges
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn merges_and_fifty_writers_lose_nothing() {
    let server = Server::start().await.with_demo().await;
    for number in 0..ORDERS {
        let data = json!({"data": {"order_id": order(number), "total": 0}});
        server
            .post("/databases/demo/instances/Order/create", data)
            .await
            .expect(202);
    }
    server
        .post("/databases/demo/branches", json!({"name": "x"}))
        .await
        .expect(200);
    let server = Arc::new(server);
    let writers: Vec<_> = (0..WRITERS)
        .map(|number| tokio::spawn(write(Arc::clone(&server), number)))
        .collect();
    let merges = tokio::spawn(merge(Arc::clone(&server)));
    let mut accepted = 0;
    for writer in writers {
        accepted += writer.await.unwrap();
    }
    let merges = merges.await.unwrap();
    assert_eq!(accepted, WRITERS as u64 * CHANGES);
    let mut taken = 0;
    for merge in &merges {
        let changes = merge["changes"].as_array().unwrap();
        assert_eq!(changes.len(), ORDERS, "{merge}");
        for change in changes {
            // The merge took the writers' changes until then, and lost none of them.
            assert_eq!(change["properties"], json!(["holds"]));
            assert_eq!(change["before"]["total"], change["after"]["total"]);
        }
        taken += changes.len() as u64;
    }

    let end = server.get("/databases/demo").await.body["data"]["data"]["position"].clone();
    let path = format!("/databases/demo/class/Order/instances?at_least={end}&timeout=30");
    let list = server.get(&path).await.expect(200);
    let mut commands = 0;
    for instance in list.body["instances"].as_array().unwrap() {
        let final_round = json!([format!("Product/round{}", ROUNDS - 1)]);
        assert_eq!(instance["data"]["holds"], final_round);
        commands += instance["event_sequence"].as_u64().unwrap() - 1;
    }
    assert_eq!(
        commands,
        accepted + taken,
        "every accepted command counts once"
    );
    let diff = server
        .get("/databases/demo/branches/x/diff")
        .await
        .expect(200);
    assert_eq!(diff.body["changes"], json!([]));
    let sources = Sources {
        log: &*server.ports.log,
        graph: &*server.ports.graph,
        documents: &*server.ports.documents,
        registry: &*server.ports.registry,
    };
    let report = verify(sources, &StreamId::first("demo".parse().unwrap()))
        .await
        .unwrap();
    assert!(report.is_clean(), "{:?}", report.differences);
}
