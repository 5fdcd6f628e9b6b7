//! A branch at a past position shows the state of that position, in lists and searches too.

#![allow(clippy::unwrap_used)]

mod http_support;

use http_support::Server;
use serde_json::{Value, json};
use spice_core::id::{BranchGeneration, StreamId};
use spice_workers::verify::{Sources, repair, verify};

fn names(answer: &Value) -> Vec<String> {
    let instances = answer["instances"].as_array().unwrap();
    let name = |instance: &Value| instance["data"]["name"].as_str().unwrap().to_owned();
    instances.iter().map(name).collect()
}

#[tokio::test]
async fn a_branch_at_a_past_position_shows_the_state_of_that_position() {
    let server = Server::start().await;
    server
        .post("/databases", json!({"name": "demo"}))
        .await
        .expect(202);
    let class = json!({"id": "Thing", "label": "Thing", "properties": [
        {"name": "thing_id", "type": "string", "primaryKey": true},
        {"name": "name", "type": "string"},
    ]});
    server
        .post("/database/demo/ontology", class)
        .await
        .expect(202);
    let path = "/database/demo/instances/Thing";
    let create = |id: &str| json!({"data": {"thing_id": id, "name": format!("{id} early")}});
    server
        .post(&format!("{path}/create"), create("a"))
        .await
        .expect(202);
    server
        .post(&format!("{path}/create"), create("b"))
        .await
        .expect(202);
    let made = server
        .post(&format!("{path}/create"), create("c"))
        .await
        .expect(202);
    let then = made.body["result"]["position"].as_u64().unwrap();

    let late = json!({"data": {"name": "a late"}});
    server
        .put(&format!("{path}/a/update?expected_seq=1"), late.clone())
        .await
        .expect(202);
    server
        .put(&format!("{path}/a/update?expected_seq=2"), late)
        .await
        .expect(202);
    server
        .delete(&format!("{path}/b/delete?expected_seq=1"))
        .await
        .expect(202);
    server
        .post(&format!("{path}/create"), create("d"))
        .await
        .expect(202);

    let branch = json!({"name": "then", "from_position": then});
    server
        .post("/databases/demo/branches", branch)
        .await
        .expect(200);
    let list = "/database/demo/class/Thing/instances";
    let all = server.get(&format!("{list}?branch=then")).await.expect(200);
    assert_eq!(names(&all.body), ["a early", "b early", "c early"]);
    assert_eq!(all.body["total"], 3);
    let found = server
        .get(&format!("{list}?branch=then&search=early"))
        .await
        .expect(200);
    assert_eq!(found.body["total"], 3);
    let one = server
        .get("/database/demo/class/Thing/instance/a?branch=then")
        .await
        .expect(200);
    assert_eq!(one.body["data"]["data"]["name"], "a early");
    assert_eq!(one.body["data"]["event_sequence"], 1);

    // A branch of that branch, and writes on both.
    let elsewhere = json!({"data": {"name": "a elsewhere"}});
    server
        .put(
            &format!("{path}/a/update?branch=then&expected_seq=1"),
            elsewhere,
        )
        .await
        .expect(202);
    let branch = json!({"name": "then/again", "from_branch": "then", "from_position": then});
    server
        .post("/databases/demo/branches", branch)
        .await
        .expect(200);
    let all = server
        .get(&format!("{list}?branch=then/again"))
        .await
        .expect(200);
    assert_eq!(names(&all.body), ["a early", "b early", "c early"]);

    what_is_lost_of_it_is_built_again(&server).await;
}

async fn what_is_lost_of_it_is_built_again(server: &Server) {
    let stream = StreamId::first("demo".parse().unwrap());
    let sources = Sources {
        log: &*server.ports.log,
        graph: &*server.ports.graph,
        documents: &*server.ports.documents,
        registry: &*server.ports.registry,
    };
    let report = verify(sources, &stream).await.unwrap();
    assert!(report.is_clean(), "{:?}", report.differences);

    // Lost data of such branches is found and read from the log again.
    let main = BranchGeneration::MAIN;
    let documents = &server.ports.documents;
    let sink = documents.sink(&stream).await.unwrap().generation;
    let all = documents.all(&stream, &sink, main, None, 10).await.unwrap();
    let superseded = all.iter().filter(|document| document.until().is_some());
    let entities: Vec<_> = superseded
        .map(|document| document.state.entity.clone())
        .collect();
    assert_eq!(entities.len(), 2, "a and b, once for both branches");
    documents
        .remove(&stream, &sink, main, &entities)
        .await
        .unwrap();
    let report = verify(sources, &stream).await.unwrap();
    assert_eq!(report.differences.len(), 4, "and the latest of a and b");
    repair(sources, &report).await.unwrap();
    assert!(verify(sources, &stream).await.unwrap().is_clean());
}
