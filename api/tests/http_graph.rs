//! Graph queries over HTTP, against the real stores.

#![allow(clippy::unwrap_used)]

mod http_support;

use http_support::{Answer, Server};
use serde_json::{Value, json};

/// Three orders of two customers, holding products; customers know each other in a ring.
async fn shop() -> Server {
    let server = Server::start_nodes(3).await.with_demo().await;
    let rows = [
        (
            "Customer",
            json!([
                {"customer_id": "c1", "name": "Ann", "city": "Seoul", "knows": ["Customer/c2"]},
                {"customer_id": "c2", "name": "Bo", "city": "Busan", "knows": ["Customer/c1"]},
            ]),
        ),
        (
            "Product",
            json!([
                {"product_id": "p1", "name": "Tea", "price": 3},
                {"product_id": "p2", "name": "Cup", "price": 9},
            ]),
        ),
        (
            "Order",
            json!([
                {"order_id": "o1", "total": 1, "placed_by": "Customer/c1", "holds": ["Product/p1", "Product/p2"]},
                {"order_id": "o2", "total": 2, "placed_by": "Customer/c1", "holds": ["Product/p2"]},
                {"order_id": "o3", "total": 3, "placed_by": "Customer/c2", "holds": ["Product/none"]},
                {"order_id": "o4", "total": 4},
            ]),
        ),
    ];
    for (class, instances) in rows {
        let path = format!("/databases/demo/instances/{class}/bulk-create");
        server
            .write("POST", &path, json!({"instances": instances}))
            .await;
    }
    server
}

fn ids(answer: &Answer) -> Vec<&str> {
    let nodes = answer.body["nodes"].as_array().unwrap();
    nodes
        .iter()
        .map(|node| node["id"].as_str().unwrap())
        .collect()
}

fn edges(answer: &Answer) -> Vec<String> {
    let text = |edge: &Value, key: &str| edge[key].as_str().unwrap().to_owned();
    let edges = answer.body["edges"].as_array().unwrap().iter();
    edges
        .map(|edge| {
            format!(
                "{} {} {}",
                text(edge, "from_node"),
                text(edge, "predicate"),
                text(edge, "to_node")
            )
        })
        .collect()
}

async fn query(server: &Server, query: Value) -> Answer {
    server.post("/graph-query/demo", query).await.expect(200)
}

#[tokio::test]
async fn a_node_has_its_document_its_names_and_its_status() {
    let server = shop().await;
    let answer = query(
        &server,
        json!({"start_class": "Product", "filters": {"price": {"gt": 5}}}),
    )
    .await;
    assert_eq!(ids(&answer), ["Product/p2"]);
    let node = &answer.body["nodes"][0];
    assert_eq!(node["type"], "Product");
    assert_eq!(node["es_doc_id"], "Product/p2");
    assert_eq!(node["db_name"], "demo");
    assert_eq!(
        node["es_ref"],
        json!({"index": "demo_instances", "id": "Product/p2"})
    );
    assert_eq!(node["data_status"], "FULL");
    assert_eq!(
        node["display"],
        json!({"primary_key": "p2", "name": "Cup", "summary": "Cup"})
    );
    assert_eq!(node["data"]["data"]["price"], 9);
    assert_eq!(node["index_status"]["event_sequence"], 1);
    assert_eq!(node["index_status"]["projection_lag_seconds"], 0.0);
    assert_eq!(answer.body["count"], 1);
    assert_eq!(answer.body["page"], json!({"limit": 100, "offset": 0}));
    assert_eq!(answer.body["query"]["start_class"], "Product");
    assert_eq!(answer.body["index_summary"]["documents_found"], 1);
    assert_eq!(answer.body["warnings"], json!([]));

    let bare = query(
        &server,
        json!({"start_class": "Product", "include_documents": false, "include_provenance": true}),
    )
    .await;
    assert_eq!(bare.body["nodes"][0]["data_status"], "PARTIAL");
    assert!(bare.body["nodes"][0].get("data").is_none());
    assert!(bare.body["nodes"][0]["provenance"]["event_id"].is_string());
    let simple = server
        .post(
            "/graph-query/demo/simple",
            json!({"class_name": "Product", "limit": 1}),
        )
        .await;
    assert_eq!(ids(&simple.expect(200)), ["Product/p1"]);
    server.get("/graph-query/health").await.expect(200);
}

#[tokio::test]
async fn hops_join_in_either_direction_and_filter_their_targets() {
    let server = shop().await;
    let out = json!({"start_class": "Order", "hops": [{"predicate": "holds", "target_class": "Product"}]});
    let answer = query(&server, out).await;
    assert_eq!(
        ids(&answer),
        ["Order/o1", "Product/p1", "Product/p2", "Order/o2"]
    );
    assert_eq!(
        edges(&answer),
        [
            "Order/o1 holds Product/p1",
            "Order/o1 holds Product/p2",
            "Order/o2 holds Product/p2"
        ]
    );
    let back = json!({"start_class": "Customer", "filters": {"customer_id": "c1"}, "hops": [
        {"predicate": "placed_by", "target_class": "Order", "direction": "in", "target_filters": {"total": {"in": [1, 3]}}},
        {"predicate": "holds", "target_class": "Product", "target_filters": {"name": {"like": "C%"}}},
    ], "include_paths": true});
    let answer = query(&server, back).await;
    assert_eq!(ids(&answer), ["Customer/c1", "Order/o1", "Product/p2"]);
    assert_eq!(
        edges(&answer),
        [
            "Order/o1 placed_by Customer/c1",
            "Order/o1 holds Product/p2"
        ]
    );
    assert_eq!(
        answer.body["paths"][0]["nodes"],
        json!(["Customer/c1", "Order/o1", "Product/p2"])
    );
    let knows = json!({"predicate": "knows", "target_class": "Customer"});
    let multi = json!({"start_class": "고객", "hops": [knows, knows], "no_cycles": true});
    let answer = server
        .post("/graph-query/demo/multi-hop", multi)
        .await
        .expect(200);
    assert_eq!(ids(&answer), Vec::<&str>::new());
    assert_eq!(
        answer.body["warnings"],
        json!(["cycle_filtered(no_cycles=true)"])
    );
}

#[tokio::test]
async fn pages_count_start_nodes_and_do_not_overlap() {
    let server = shop().await;
    let mut met = Vec::new();
    let mut offset = json!(0);
    while !offset.is_null() {
        let page = json!({"start_class": "Order", "hops": [{"predicate": "placed_by", "target_class": "Customer"}], "limit": 1, "offset": offset});
        let answer = query(&server, page).await;
        met.push(answer.body["nodes"][0]["id"].clone());
        offset = answer.body["page"]["next_offset"].clone();
    }
    assert_eq!(
        met,
        [json!("Order/o1"), json!("Order/o2"), json!("Order/o3")]
    );
    let capped = query(&server, json!({"start_class": "Order", "max_nodes": 2, "max_edges": 1, "hops": [{"predicate": "holds", "target_class": "Product"}]})).await;
    assert_eq!(ids(&capped), ["Order/o1", "Product/p1"]);
    assert_eq!(
        capped.body["warnings"],
        json!(["node_limit_reached(max_nodes=2)"])
    );
    assert_eq!(capped.body["page"]["next_offset"], 1);
}

#[tokio::test]
async fn deleted_nodes_show_only_where_addressed_or_referenced() {
    let server = shop().await;
    let deleted = server
        .write(
            "DELETE",
            "/databases/demo/instances/Product/p2/delete?expected_seq=1",
            json!({}),
        )
        .await;
    let position = deleted.body["result"]["position"].as_u64().unwrap() - 1;
    let all = query(&server, json!({"start_class": "Product"})).await;
    assert_eq!(ids(&all), ["Product/p1"]);
    for filter in [json!({"product_id": "p2"}), json!({"instance_id": "p2"})] {
        let addressed = query(
            &server,
            json!({"start_class": "Product", "filters": filter}),
        )
        .await;
        assert_eq!(ids(&addressed), ["Product/p2"]);
        let node = &addressed.body["nodes"][0];
        assert_eq!(node["data_status"], "MISSING");
        assert_eq!(node["index_status"]["tombstoned"], true);
        assert!(node.get("data").is_none());
    }
    let hop = json!({"start_class": "Order", "filters": {"order_id": "o2"}, "hops": [{"predicate": "holds", "target_class": "Product"}]});
    let referred = query(&server, hop.clone()).await;
    assert_eq!(ids(&referred), ["Order/o2", "Product/p2"]);
    assert_eq!(referred.body["nodes"][1]["data_status"], "MISSING");
    assert_eq!(
        referred.body["nodes"][1]["index_status"]["tombstoned"],
        true
    );
    let path = format!("/graph-query/demo?as_of={position}");
    let before = server.post(&path, hop).await.expect(200);
    assert_eq!(before.body["nodes"][1]["data_status"], "FULL");
    assert_eq!(before.body["nodes"][1]["data"]["data"]["name"], "Cup");
}

#[tokio::test]
async fn paths_through_the_schema_can_be_followed() {
    let server = shop().await;
    let path = "/graph-query/demo/paths?source_class=Customer&target_class=Product&max_depth=3";
    let answer = server.get(path).await.expect(200);
    assert_eq!(answer.body["count"], 1);
    let hops = answer.body["paths"][0]["hops"].clone();
    assert_eq!(
        hops[0],
        json!({"predicate": "placed_by", "target_class": "Order", "direction": "in"})
    );
    let taken = query(&server, json!({"start_class": "Customer", "hops": hops})).await;
    assert_eq!(
        ids(&taken),
        [
            "Customer/c1",
            "Order/o1",
            "Order/o2",
            "Product/p1",
            "Product/p2"
        ]
    );
}
