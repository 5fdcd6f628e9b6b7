//! The main workflow over HTTP, at gateway and oms.

#![allow(clippy::unwrap_used)]

mod http_support;

use http_support::{Server, customer, product};
use serde_json::{Value, json};

#[tokio::test]
async fn a_database_is_created_listed_described_deleted_and_recreated() {
    let server = Server::start().await;
    let created = server
        .post("/databases", json!({"name": "demo", "description": "d"}))
        .await;
    let created = created.expect(202);
    assert_eq!(created.body["status"], "accepted");
    assert_eq!(created.body["data"]["database_name"], "demo");
    assert_eq!(created.body["data"]["status"], "processing");
    assert_eq!(created.body["data"]["mode"], "event_sourcing");
    assert!(created.body["data"]["command_id"].is_string());
    let again = server
        .post("/databases", json!({"name": "demo"}))
        .await
        .expect(409);
    assert_eq!(again.code(), "already_exists");

    let listed = server.get("/databases").await.expect(200);
    assert_eq!(listed.body["data"]["count"], 1);
    let entry = &listed.body["data"]["databases"][0];
    for field in ["name", "label", "comment", "created", "path"] {
        assert!(entry[field].is_string(), "{field}: {entry}");
    }
    let one = server.get("/databases/demo?at_least=0").await.expect(200);
    let data = &one.body["data"]["data"];
    assert_eq!(data["exists"], true);
    assert_eq!(data["description"], "d");
    assert_eq!(data["branches"], json!(["main"]));
    assert_eq!(data["sequence"], 1);
    assert_eq!(data["position"], 2);
    assert_eq!(data["counts"]["instances"], 0);
    assert!(data["lag"]["graph"].is_number());
    assert_eq!(
        server.get("/database/demo").await.expect(200).body,
        server.get("/databases/demo").await.body
    );
    assert_eq!(
        server
            .get("oms:/database/exists/demo")
            .await
            .expect(200)
            .body,
        json!({"exists": true})
    );
    assert_eq!(
        server.get("oms:/database/exists/other").await.body,
        json!({"exists": false})
    );

    server
        .write("DELETE", "/databases/demo?expected_seq=1", json!({}))
        .await;
    assert_eq!(
        server.get("/databases/demo").await.expect(404).code(),
        "not_found"
    );
    let again = server
        .write("POST", "oms:/database/create", json!({"name": "demo"}))
        .await;
    assert_eq!(again.status, 201);
    assert_eq!(again.header("preference-applied"), "wait");
    assert_eq!(
        server.get("/databases/demo").await.body["data"]["generation"],
        2
    );
    server
        .write("DELETE", "oms:/database/demo?expected_seq=1", json!({}))
        .await;
    assert_eq!(
        server.get("oms:/database/list").await.expect(200).body["data"]["count"],
        0
    );
}

#[tokio::test]
async fn a_class_reads_back_as_it_was_written() {
    let server = Server::start().await.with_demo().await;
    let written = r#"{"id":"Odd","label":{"ko":"이상","en":"Odd"},"properties":[{"name":"x","type":"decimal","default":1.10,"constraints":{"max":100000000000000000000.5}}],"metadata":{"z":1,"a":[2.50]}}"#;
    let request = server
        .request("POST", "/database/demo/ontology")
        .header("content-type", "application/json");
    let answer = server.send(request.body(written)).await.expect(202);
    assert_eq!(answer.body["data"]["ontology_id"], "Odd");
    assert_eq!(answer.body["data"]["database"], "demo");
    assert_eq!(answer.body["data"]["branch"], "main");

    let read = server.get("/databases/demo/ontology/Odd").await.expect(200);
    let inner = written.trim_end_matches('}').trim_start_matches('{');
    assert!(read.text.contains(inner), "{}", read.text);
    assert_eq!(read.body["data"]["event_sequence"], 1);
    let by_label = server
        .get("oms:/database/demo/ontology/%EC%9D%B4%EC%83%81")
        .await
        .expect(200);
    assert_eq!(by_label.body["data"]["id"], "Odd");

    let patch = json!({"description": "d", "properties": [{"name": "y", "type": "string"}]});
    server
        .put("/databases/demo/ontology/Odd?expected_seq=1", patch)
        .await
        .expect(202);
    let read = server.get("/databases/demo/ontology/Odd").await.expect(200);
    assert_eq!(read.body["data"]["event_sequence"], 2);
    assert_eq!(
        read.body["data"]["properties"],
        json!([{"name": "y", "type": "string"}])
    );
    assert_eq!(read.body["data"]["label"]["ko"], "이상");
    assert_eq!(read.body["data"]["metadata"]["z"], 1);

    let listed = server
        .get("/database/demo/ontology/list?limit=2&offset=1")
        .await
        .expect(200);
    assert_eq!(listed.body["total"], 4);
    assert_eq!(listed.body["limit"], 2);
    assert_eq!(listed.body["offset"], 1);
    assert_eq!(listed.body["branch"], "main");
    let ids: Vec<&Value> = listed.body["ontologies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|class| &class["id"])
        .collect();
    assert_eq!(ids, [&json!("Odd"), &json!("Order")]);

    let before = listed.body["ontologies"][0]["position"].as_u64().unwrap() - 1;
    let old = server
        .get(&format!("/databases/demo/ontology/Odd?as_of={before}"))
        .await
        .expect(200);
    assert_eq!(old.body["data"]["event_sequence"], 1);

    let schema = "/databases/demo/ontology/Product/schema";
    assert_eq!(server.get(schema).await.expect(200).body, product());
    let json_ld = server
        .get(&format!("{schema}?format=jsonld"))
        .await
        .expect(200);
    assert_eq!(json_ld.body["@type"], "owl:Class");
    let owl = server
        .get(&format!("{schema}?format=owl"))
        .await
        .expect(200);
    assert!(
        owl.text.contains("<urn:spice:demo:Product> a owl:Class"),
        "{}",
        owl.text
    );

    server
        .write(
            "DELETE",
            "/databases/demo/ontology/Odd?expected_seq=2",
            json!({}),
        )
        .await;
    assert_eq!(
        server
            .get("/databases/demo/ontology/Odd")
            .await
            .expect(404)
            .code(),
        "not_found"
    );
}

#[tokio::test]
async fn instances_are_written_and_read_with_their_values_as_written() {
    let server = Server::start().await.with_demo().await;
    let create = "/database/demo/instances/Product/create";
    let body = r#"{"data":{"product_id":"p1","name":"한글 <b>","price":12.300,"sku":"s-1"},"metadata":{"who":"me"}}"#;
    let request = server
        .request("POST", create)
        .header("content-type", "application/json");
    let accepted = server.send(request.body(body)).await.expect(202);
    assert_eq!(accepted.body["status"], "PENDING");
    assert_eq!(accepted.body["retry_count"], 0);
    let result = &accepted.body["result"];
    assert!(result["message"].is_string());
    assert_eq!(result["instance_id"], "p1");
    assert_eq!(result["class_id"], "Product");
    assert_eq!(result["db_name"], "demo");
    assert_eq!(result["branch"], "main");
    assert_eq!(result["sequence"], 1);
    let command = accepted.body["command_id"].as_str().unwrap();

    let one = "/database/demo/class/Product/instance/p1";
    let read = server
        .get(&format!("{one}?at_least={command}"))
        .await
        .expect(200);
    assert_eq!(read.body["status"], "success");
    assert!(read.text.contains(r#""price":12.300"#), "{}", read.text);
    let document = &read.body["data"];
    assert_eq!(document["instance_id"], "p1");
    assert_eq!(document["class_label"], "Product");
    assert_eq!(document["data"]["name"], "한글 <b>");
    assert_eq!(document["event_sequence"], 1);
    assert_eq!(document["version"], 1);
    assert_eq!(document["db_name"], "demo");
    assert_eq!(document["branch"], "main");
    assert_eq!(document["position"], result["position"]);
    for field in ["event_id", "event_timestamp", "created_at", "updated_at"] {
        assert!(document[field].is_string(), "{field}");
    }

    let update = "/database/demo/instances/Product/p1/update?expected_seq=1";
    let updated = server
        .write("PUT", update, json!({"data": {"price": 5, "sku": null}}))
        .await;
    assert_eq!(updated.status, 200);
    assert_eq!(updated.body["status"], "COMPLETED");
    assert_eq!(updated.body["result"]["sequence"], 2);
    let read = server.get(one).await.expect(200);
    assert_eq!(read.body["data"]["data"]["price"], 5);
    assert!(read.body["data"]["data"].get("sku").is_none());
    let position = document["position"].as_u64().unwrap();
    let old = server
        .get(&format!("{one}?as_of={position}"))
        .await
        .expect(200);
    assert_eq!(old.body["data"], *document);

    let delete = "oms:/instances/demo/async/Product/p1/delete?expected_seq=2";
    server.write("DELETE", delete, json!({})).await;
    assert_eq!(server.get(one).await.expect(404).code(), "not_found");
    let again = json!({"data": {"product_id": "p1", "name": "x"}});
    let refused = server.post(create, again).await.expect(409);
    assert_eq!(refused.code(), "deleted");
}

#[tokio::test]
async fn bulks_and_transactions_are_complete_or_list_the_omitted_rows() {
    let server = Server::start().await.with_demo().await;
    let rows = json!({"instances": [
        {"product_id": "a", "name": "A"}, {"product_id": "b"}, {"product_id": "c", "name": "C"},
    ]});
    let path = "/databases/demo/instances/Product/bulk-create";
    let refused = server.post(path, rows.clone()).await.expect(422);
    assert_eq!(refused.code(), "validation_failed");
    assert_eq!(refused.body["detail"]["errors"][0]["row"], 2);
    let skipped = server
        .write("POST", &format!("{path}?on_error=skip"), rows)
        .await;
    assert_eq!(skipped.status, 201);
    assert_eq!(skipped.body["result"]["instance_count"], 2);
    assert_eq!(skipped.body["result"]["errors"][0]["row"], 2);
    let command = skipped.body["command_id"].as_str().unwrap();
    let status = server
        .get(&format!("/commands/{command}/status"))
        .await
        .expect(200);
    assert_eq!(status.body["result"]["created"], 2);
    assert_eq!(status.body["result"]["total"], 3);
    assert_eq!(
        status.body["result"]["sample_instance_ids"],
        json!(["a", "c"])
    );

    let commands = json!({"commands": [
        {"type": "CREATE_INSTANCE", "class": "Product", "data": {"product_id": "d", "name": "D"}},
        {"type": "UPDATE_INSTANCE", "class": "Product", "id": "a", "data": {"name": "A2"}, "expected_seq": 1},
        {"type": "DELETE_INSTANCE", "class": "Product", "id": "c", "expected_seq": 7},
    ]});
    let refused = server
        .post("/databases/demo/transactions", commands.clone())
        .await
        .expect(409);
    assert_eq!(refused.body["detail"]["commands"][0]["index"], 2);
    let mut right = commands;
    right["commands"][2]["expected_seq"] = json!(1);
    let done = server
        .write("POST", "/databases/demo/transactions", right)
        .await;
    assert_eq!(done.body["result"]["commands"].as_array().unwrap().len(), 3);
    let listed = server
        .get("/databases/demo/class/Product/instances?order_by=-name")
        .await;
    let ids: Vec<&Value> = listed.body["instances"]
        .as_array()
        .unwrap()
        .iter()
        .map(|instance| &instance["instance_id"])
        .collect();
    assert_eq!(ids, [&json!("d"), &json!("a")]);
    assert_eq!(listed.body["total"], 2);
}

/// A query of a list: its total now, its page now, its page at the position before.
type ListCase<'a> = (&'a [(&'a str, &'a str)], u64, &'a [&'a str], &'a [&'a str]);

#[tokio::test]
async fn lists_search_filter_order_and_page_now_and_at_a_position() {
    let server = Server::start().await.with_demo().await;
    let rows: Vec<Value> = (0..5)
        .map(|n| json!({"product_id": format!("p{n}"), "name": format!("Green thing {n}"), "price": 10 - n}))
        .collect();
    let path = "oms:/instances/demo/async/Product/bulk-create";
    let bulk = server.write("POST", path, json!({"instances": rows})).await;
    let position = bulk.body["result"]["position"].as_u64().unwrap();
    server
        .write(
            "DELETE",
            "/database/demo/instances/Product/p0/delete?expected_seq=1",
            json!({}),
        )
        .await;
    let list = "/database/demo/class/Product/instances";
    let ids = |answer: &Value| -> Vec<String> {
        let instances = answer["instances"].as_array().unwrap();
        instances
            .iter()
            .map(|it| it["instance_id"].as_str().unwrap().to_owned())
            .collect()
    };
    let filter = r#"{"price":{"gte":7,"lt":10}}"#;
    let cases: [ListCase; 6] = [
        (
            &[],
            4,
            &["p1", "p2", "p3", "p4"],
            &["p0", "p1", "p2", "p3", "p4"],
        ),
        (
            &[("limit", "2"), ("offset", "1")],
            4,
            &["p2", "p3"],
            &["p1", "p2"],
        ),
        (
            &[("order_by", "price"), ("limit", "2")],
            4,
            &["p4", "p3"],
            &["p4", "p3"],
        ),
        (
            &[("order_by", "-price"), ("limit", "2")],
            4,
            &["p1", "p2"],
            &["p0", "p1"],
        ),
        (
            &[("filter", filter)],
            3,
            &["p1", "p2", "p3"],
            &["p1", "p2", "p3"],
        ),
        (
            &[("search", "GREEN thi*"), ("limit", "1")],
            4,
            &["p1"],
            &["p0"],
        ),
    ];
    for (query, total, now, before) in cases {
        let answer = server
            .send(server.request("GET", list).query(query))
            .await
            .expect(200);
        assert_eq!(answer.body["total"], total, "{query:?}");
        assert_eq!(ids(&answer.body), now, "{query:?}");
        let at = server
            .request("GET", list)
            .query(query)
            .query(&[("as_of", position)]);
        let answer = server.send(at).await.expect(200);
        assert_eq!(ids(&answer.body), before, "{query:?} as of {position}");
    }
    for as_of in ["", "&as_of=last"] {
        let as_of = as_of.replace("last", &position.to_string());
        let mut met = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("{list}?limit=2{as_of}{cursor}");
            let page = server.get(&path).await.expect(200);
            met.extend(ids(&page.body));
            match page.body["cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(met.len(), if as_of.is_empty() { 4 } else { 5 }, "{as_of}");
    }
}

#[tokio::test]
async fn every_answer_has_a_request_id_and_a_request_its_trace() {
    let server = Server::start().await.with_demo().await;
    let answer = server.get("/databases").await;
    assert_eq!(answer.header("x-request-id").len(), 36);
    for path in ["/databases", "//nowhere", "/databases/x%21"] {
        let request = server.request("GET", path).header("x-request-id", "mine-1");
        assert_eq!(
            server.send(request).await.header("x-request-id"),
            "mine-1",
            "{path}"
        );
    }
    let request = server
        .request("GET", "/databases")
        .header("x-request-id", "two words");
    assert_ne!(
        server.send(request).await.header("x-request-id"),
        "two words"
    );

    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let request_id = "01928374-1111-7222-8333-444455556666";
    let request = server
        .request("POST", "oms:/database/demo/ontology")
        .header("traceparent", trace)
        .header("x-request-id", request_id)
        .json(&json!({"id": "Traced", "label": "Traced"}));
    let answer = server.send(request).await.expect(202);
    let position = answer.body["data"]["position"].as_u64().unwrap();
    let stream = spice_core::id::StreamId::first("demo".parse().unwrap());
    let records = server
        .ports
        .log
        .read(&stream, spice_core::id::LogPosition(position), 1)
        .await
        .unwrap();
    let envelope: Value = serde_json::from_slice(&records[0].line).unwrap();
    assert_eq!(envelope["metadata"]["traceparent"], trace);
    assert_eq!(envelope["metadata"]["correlation_id"], request_id);
    assert_eq!(envelope["metadata"]["service"], "oms");
    assert_eq!(
        envelope["data"]["class"],
        json!({"id": "Traced", "label": "Traced"})
    );
    assert_eq!(customer()["id"], "Customer");
}
