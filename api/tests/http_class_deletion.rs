//! A class that is deleted with force takes its instances along, and all reads agree.

#![allow(clippy::unwrap_used)]

mod http_support;

use http_support::{Answer, Server};
use serde_json::{Value, json};
use spice_core::id::StreamId;
use spice_workers::verify::{Sources, verify};

const DEMO: &str = "/databases/demo";

/// Two customers and an order of one of them, seen by `main` and by the branch `x`.
async fn server() -> Server {
    let server = Server::start().await.with_demo().await;
    let customers = json!({"instances": [
        {"customer_id": "c1", "name": "Kim Yuna"}, {"customer_id": "c2", "name": "Lee"},
    ]});
    let bulk = format!("{DEMO}/instances/Customer/bulk-create");
    server.write("POST", &bulk, customers).await;
    let order = json!({"data": {"order_id": "o1", "placed_by": "Customer/c1"}});
    let create = format!("{DEMO}/instances/Order/create");
    server.write("POST", &create, order).await;
    let branch = json!({"name": "x"});
    server
        .post(&format!("{DEMO}/branches"), branch)
        .await
        .expect(200);
    server
}

async fn delete_class(server: &Server, branch: &str) -> Answer {
    let path = format!("{DEMO}/ontology/Customer?expected_seq=1&force=true&branch={branch}");
    let request = server.request("DELETE", &path).header("prefer", "wait=20");
    let deleted = server.send(request).await.expect(200);
    assert_eq!(deleted.body["data"]["deleted_instances"], 2);
    deleted
}

/// Returns what a branch shows of the customers in every kind of read, now or at a position.
async fn customers(server: &Server, branch: &str, as_of: Option<u64>) -> Value {
    let as_of = as_of.map_or_else(String::new, |position| format!("&as_of={position}"));
    let read = async |path: &str| server.get(&format!("{path}branch={branch}{as_of}")).await;
    let listed = read(&format!("{DEMO}/class/Customer/instances?")).await;
    let found = read(&format!("{DEMO}/class/Customer/instances?search=yuna&")).await;
    let one = read(&format!("{DEMO}/class/Customer/instance/c1?")).await;
    let asked = json!({"start_class": "Customer"});
    let path = format!("/graph-query/demo?branch={branch}{as_of}");
    let graph = server.post(&path, asked).await;
    json!({
        "listed": listed.body["total"], "found": found.body["total"],
        "one": one.status, "graph": graph.body["count"],
    })
}

async fn counted(server: &Server) -> Value {
    let database = server.get(DEMO).await.expect(200);
    database.body["data"]["data"]["counts"]["by_class"]["Customer"].clone()
}

#[tokio::test]
async fn counts_lists_search_graph_history_and_verify_agree() {
    let server = server().await;
    let there = json!({"listed": 2, "found": 1, "one": 200, "graph": 2});
    let gone = json!({"listed": null, "found": null, "one": 404, "graph": null});
    assert_eq!(customers(&server, "main", None).await, there);
    assert_eq!(counted(&server).await, 2);
    let before = server.get(DEMO).await.expect(200).body["data"]["position"].as_u64();
    let deleted = delete_class(&server, "main").await;
    assert_eq!(customers(&server, "main", None).await, gone);
    assert_eq!(counted(&server).await, Value::Null);
    assert_eq!(customers(&server, "main", before).await, there);
    assert_eq!(
        customers(&server, "x", None).await,
        there,
        "the branch keeps them"
    );

    let diff = server
        .get(&format!("{DEMO}/branches/main/diff?against=x"))
        .await
        .expect(200);
    assert_eq!(
        diff.body["summary"],
        json!({"added": 0, "modified": 0, "deleted": 3})
    );
    let history = format!("{DEMO}/class/Customer/instance/c1/history");
    let history = server.get(&history).await.expect(200);
    let newest = &history.body["versions"][0];
    assert_eq!(newest["data"], Value::Null);
    assert_eq!(newest["command_type"], "DELETE_ONTOLOGY_CLASS");
    assert_eq!(newest["command_id"], deleted.body["data"]["command_id"]);
    let none = format!("{DEMO}/class/Nothing/instance/c1/history");
    server.get(&none).await.expect(404);
    // References to them stay, and lead to nothing.
    let order = server
        .get(&format!("{DEMO}/class/Order/instance/o1"))
        .await
        .expect(200);
    assert_eq!(order.body["data"]["data"]["placed_by"], "Customer/c1");
    is_verified(&server).await;
}

#[tokio::test]
async fn a_branch_deletes_for_itself_and_its_merge_for_the_target() {
    let server = server().await;
    let gone = json!({"listed": null, "found": null, "one": 404, "graph": null});
    delete_class(&server, "x").await;
    assert_eq!(customers(&server, "x", None).await, gone);
    assert_eq!(counted(&server).await, 2);
    let refers = json!({"relationships": []});
    let order = format!("{DEMO}/ontology/Order?expected_seq=1");
    server.put(&order, refers).await.expect(202);
    let merge = format!("{DEMO}/branches/x/merge");
    let request = server.request("POST", &merge).header("prefer", "wait=20");
    let merged = server
        .send(request.json(&json!({"into": "main"})))
        .await
        .expect(200);
    assert_eq!(merged.body["summary"]["deleted"], 3);
    assert_eq!(customers(&server, "main", None).await, gone);
    assert_eq!(counted(&server).await, Value::Null);
    is_verified(&server).await;
}

/// Graph and documents match the log exactly.
async fn is_verified(server: &Server) {
    let ports = &server.ports;
    let sources = Sources {
        log: &*ports.log,
        graph: &*ports.graph,
        documents: &*ports.documents,
        registry: &*ports.registry,
    };
    let stream = StreamId::first("demo".parse().unwrap());
    let report = verify(sources, &stream).await.unwrap();
    assert!(report.is_clean(), "{:?}", report.differences);
}
