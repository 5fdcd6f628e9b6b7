//! `Idempotency-Key` on every write, at the gateway and at oms: one effect, the first answer again,
//! and the answer when that is no longer true.

#![allow(clippy::unwrap_used)]

mod http_support;

use serde_json::{Value, json};
use spice_api::http::Settings;
use spice_core::{
    envelope::Envelope,
    id::{LogPosition, StreamId},
};

use self::http_support::{Answer, Server};

/// A write: method, path, body.
type Write<'a> = (&'a str, &'a str, Value);

async fn send(server: &Server, key: &str, (method, path, body): &Write<'_>) -> Answer {
    let request = server.request(method, path).header("idempotency-key", key);
    let request = if body.is_null() {
        request
    } else {
        request.json(body)
    };
    server.send(request).await
}

async fn log_end(server: &Server) -> LogPosition {
    let stream = StreamId::first("demo".parse().unwrap());
    server.ports.log.end(&stream).await.unwrap()
}

/// Sends a write twice under one key; once more with another body, when it has one.
async fn twice(server: &Server, key: &str, write: &Write<'_>) {
    let told = format!("{} {}", write.0, write.1);
    let first = send(server, key, write).await;
    assert!(first.status < 300, "{told}: {}", first.text);
    assert_eq!(first.header("idempotent-replayed"), "", "{told}");
    let end = log_end(server).await;
    let again = send(server, key, write).await;
    assert_eq!(again.status, first.status, "{told}: {}", again.text);
    assert_eq!(again.header("idempotent-replayed"), "true", "{told}");
    assert_eq!(again.body, first.body, "{told}");
    assert_eq!(log_end(server).await, end, "{told}");
    if write.1.ends_with("/mappings/import") {
        // It sends several commands, each under a part of the key.
        return;
    }
    // Another command of the same database under the same key is refused.
    let other = json!({"data": {"customer_id": "never"}});
    let path = "/databases/demo/instances/Customer/create";
    let other = send(server, key, &("POST", path, other)).await;
    assert_eq!(
        (other.status, other.code()),
        (409, "event_id_reused"),
        "{told}"
    );
    assert_eq!(other.header("idempotent-replayed"), "", "{told}");
}

fn class(id: &str) -> Value {
    json!({"id": id, "label": id, "properties": [{"name": "name", "type": "string"}]})
}

#[tokio::test]
async fn every_write_of_the_gateway_has_one_effect_under_a_key() {
    let server = Server::start_nodes(3).await.with_demo().await;
    let at = |rest: &str| format!("/databases/demo/{rest}");
    let customer = |rest: &str| at(&format!("instances/Customer/{rest}"));
    let changes = json!({"commands": [
        {"type": "CREATE_INSTANCE", "class": "Customer", "data": {"customer_id": "t1"}},
        {"type": "DELETE_INSTANCE", "class": "Customer", "id": "b2", "expected_seq": 1},
    ]});
    let labels = json!({"classes": [{"class_id": "Customer", "properties": {"city": "City"}}]});
    let writes: Vec<(&str, String, Value)> = vec![
        ("POST", at("ontology"), class("Thing")),
        (
            "PUT",
            at("ontology/Thing?expected_seq=1"),
            json!({"label": "A thing"}),
        ),
        ("DELETE", at("ontology/Thing?expected_seq=2"), Value::Null),
        (
            "POST",
            customer("create"),
            json!({"data": {"customer_id": "c1"}}),
        ),
        (
            "PUT",
            customer("c1/update?expected_seq=1"),
            json!({"data": {"city": "Seoul"}}),
        ),
        ("DELETE", customer("c1/delete?expected_seq=2"), Value::Null),
        (
            "POST",
            customer("bulk-create"),
            json!({"instances": [{"customer_id": "b1"}, {"customer_id": "b2"}], "ids": ["b1", "b2"]}),
        ),
        (
            "POST",
            customer("bulk-create?on_error=skip"),
            json!({"instances": [{"customer_id": "b1"}, {"customer_id": "b3"}]}),
        ),
        ("POST", at("transactions"), changes),
        ("POST", at("branches"), json!({"name": "work"})),
        (
            "POST",
            customer("create?branch=work"),
            json!({"data": {"customer_id": "w1"}}),
        ),
        ("POST", at("branches/work/merge"), json!({"into": "main"})),
        ("POST", at("branches/work/rebase"), json!({"onto": "main"})),
        (
            "POST",
            customer("create?branch=work"),
            json!({"data": {"customer_id": "w2"}}),
        ),
        (
            "POST",
            at("merge/resolve"),
            json!({"source_branch": "work", "target_branch": "main"}),
        ),
        ("DELETE", at("branches/work"), Value::Null),
        (
            "POST",
            at("branches/main/rollback"),
            json!({"to_position": 9}),
        ),
        ("POST", at("mappings/import"), labels),
    ];
    for (number, (method, path, body)) in writes.iter().enumerate() {
        let key = format!("key {number}");
        twice(&server, &key, &(method, path, body.clone())).await;
    }
}

#[tokio::test]
async fn every_write_of_oms_has_one_effect_under_a_key() {
    let server = Server::start_nodes(3).await.with_demo().await;
    let customer = |rest: &str| format!("oms:/instances/demo/async/Customer/{rest}");
    let writes: Vec<(&str, String, Value)> = vec![
        ("POST", "oms:/database/demo/ontology".into(), class("Thing")),
        (
            "PUT",
            "oms:/database/demo/ontology/Thing?expected_seq=1".into(),
            json!({"label": "A thing"}),
        ),
        (
            "DELETE",
            "oms:/database/demo/ontology/Thing?expected_seq=2&force=true".into(),
            Value::Null,
        ),
        (
            "POST",
            customer("create"),
            json!({"data": {"customer_id": "c1"}}),
        ),
        (
            "PUT",
            customer("c1/update?expected_seq=1"),
            json!({"data": {"city": "Seoul"}}),
        ),
        ("DELETE", customer("c1/delete?expected_seq=2"), Value::Null),
        (
            "POST",
            customer("bulk-create"),
            json!({"instances": [{"customer_id": "b1"}]}),
        ),
        (
            "POST",
            "oms:/branch/demo/create".into(),
            json!({"branch_name": "work"}),
        ),
        (
            "POST",
            customer("create?branch=work"),
            json!({"data": {"customer_id": "w1"}}),
        ),
        (
            "POST",
            "oms:/version/demo/merge".into(),
            json!({"source_branch": "work", "target_branch": "main"}),
        ),
        (
            "POST",
            "oms:/version/demo/rollback".into(),
            json!({"to_position": 9}),
        ),
    ];
    for (number, (method, path, body)) in writes.iter().enumerate() {
        let key = format!("key {number}");
        twice(&server, &key, &(method, path, body.clone())).await;
    }
    // An import of labels has several commands; a command of another kind with the same key refuses
    // it, too.
    let labels = json!({"classes": [{"class_id": "Customer", "label": "Client"}]});
    let import = ("POST", "/databases/demo/mappings/import", labels);
    let reused = send(&server, "key 0", &import).await.expect(409);
    assert_eq!(reused.code(), "event_id_reused");
    // A key means the same command at both services.
    let gateway = "/databases/demo/instances/Customer/create";
    let body = json!({"data": {"customer_id": "both"}});
    let first = send(&server, "both", &("POST", gateway, body.clone())).await;
    let again = send(&server, "both", &("POST", &customer("create"), body)).await;
    assert_eq!(again.expect(202).body, first.expect(202).body);
}

#[tokio::test]
async fn a_key_belongs_to_one_generation_of_the_database() {
    for service in ["", "oms:"] {
        let server = Server::start_nodes(3).await;
        let (collection, item) = match service {
            "" => ("/databases", "/databases/demo?expected_seq=1"),
            _ => ("oms:/database/create", "oms:/database/demo?expected_seq=1"),
        };
        let create = |name: &str| {
            (
                "POST",
                collection,
                json!({"name": "demo", "description": name}),
            )
        };
        let delete = ("DELETE", item, Value::Null);
        let seed = json!({"data": {"name": "first"}});
        let thing = "/databases/demo/instances/Thing/create";
        let seed = ("POST", thing, seed);
        let ontology = ("POST", "/databases/demo/ontology", class("Thing"));

        twice_made(&server, &create("one")).await;
        send(&server, "class", &ontology).await.expect(202);
        let first = send(&server, "seed", &seed).await.expect(202);
        let sealed = send(&server, "delete", &delete).await.expect(202);
        let again = send(&server, "delete", &delete).await.expect(202);
        assert_eq!(again.body, sealed.body);
        assert_eq!(again.header("idempotent-replayed"), "true");
        // A late retry brings back neither the database nor its content.
        for (key, write) in [
            ("made", &create("one")),
            ("class", &ontology),
            ("seed", &seed),
        ] {
            let late = send(&server, key, write).await.expect(409);
            assert_eq!(late.code(), "deleted", "{}", late.text);
            assert!(late.body["detail"]["position"].is_u64(), "{}", late.text);
        }
        let late = send(&server, "seed", &seed).await;
        let position = &first.body["result"]["position"];
        assert_eq!(&late.body["detail"]["position"], position);

        send(&server, "made again", &create("two"))
            .await
            .expect(202);
        for (key, write) in [("class", &ontology), ("seed", &seed)] {
            let new = send(&server, key, write).await.expect(202);
            assert_eq!(new.header("idempotent-replayed"), "", "{key}");
            let again = send(&server, key, write).await.expect(202);
            assert_eq!(again.header("idempotent-replayed"), "true", "{key}");
            assert_eq!(again.body, new.body);
        }
        let there = send(&server, "made", &create("one")).await.expect(409);
        assert_eq!(there.code(), "already_exists");
    }
}

async fn twice_made(server: &Server, create: &Write<'_>) {
    let first = send(server, "made", create).await.expect(202);
    assert_eq!(first.header("idempotent-replayed"), "");
    let again = send(server, "made", create).await.expect(202);
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.body, first.body);
    let other = (
        create.0,
        create.1,
        json!({"name": "demo", "description": "other"}),
    );
    let other = send(server, "made", &other).await.expect(409);
    assert_eq!(other.code(), "event_id_reused");
}

#[tokio::test]
async fn a_retried_create_of_a_deleted_database_reports_the_deletion() {
    let server = Server::start_nodes(3).await.with_demo().await;
    let customers = "/databases/demo/instances/Customer";
    let create = format!("{customers}/create");
    let write = (
        "POST",
        create.as_str(),
        json!({"data": {"customer_id": "c1"}}),
    );
    let first = send(&server, "c1", &write).await.expect(202);
    let delete = format!("{customers}/c1/delete?expected_seq=1");
    server.delete(&delete).await.expect(202);
    let late = send(&server, "c1", &write).await.expect(409);
    assert_eq!(late.code(), "deleted");
    let detail = &late.body["detail"];
    assert_eq!(detail["position"], first.body["result"]["position"]);
    assert_eq!(detail["command_id"], first.body["command_id"]);
    assert_eq!(detail["aggregate_id"], "demo:main:Customer:c1");
    // Without the key the ordinary rule refuses it, which knows no first position.
    let fresh = server.post(&create, write.2.clone()).await.expect(409);
    assert_eq!(
        (fresh.code(), &fresh.body["detail"]["position"]),
        ("deleted", &Value::Null)
    );

    // A part of a bulk remains until its last instance is deleted.
    let bulk = format!("{customers}/bulk-create");
    let rows = json!({"instances": [{"customer_id": "b1"}, {"customer_id": "b2"}]});
    let bulk = ("POST", bulk.as_str(), rows);
    send(&server, "bulk", &bulk).await.expect(202);
    for (id, status) in [("b1", 202), ("b2", 409)] {
        server
            .delete(&format!("{customers}/{id}/delete?expected_seq=1"))
            .await
            .expect(202);
        send(&server, "bulk", &bulk).await.expect(status);
    }
    // A class that is deleted with force takes its instances along.
    let made = (
        "POST",
        create.as_str(),
        json!({"data": {"customer_id": "c2"}}),
    );
    send(&server, "c2", &made).await.expect(202);
    server
        .delete("/databases/demo/ontology/Customer?expected_seq=1&force=true")
        .await
        .expect(202);
    let late = send(&server, "c2", &made).await.expect(409);
    assert_eq!(late.code(), "deleted", "{}", late.text);
}

#[tokio::test]
async fn a_command_id_in_the_log_belongs_to_its_generation() {
    let server = Server::start_nodes(3).await;
    let create = ("POST", "/databases", json!({"name": "demo"}));
    let first = send(&server, "k", &create).await.expect(202);
    let stream = StreamId::first("demo".parse().unwrap());
    let records = server
        .ports
        .log
        .read(&stream, LogPosition(1), 1)
        .await
        .unwrap();
    let envelope = Envelope::from_line(&records[0].line).unwrap();
    let id = envelope.metadata.command_id.to_string();
    assert_eq!(first.body["data"]["command_id"], id.as_str());
    let key = spice_core::idempotency::IdempotencyKey::new("anonymous", "k");
    assert_eq!(key.command_in(&stream).to_string(), id);
    let status = format!("/commands/{id}/status");
    server.get(&status).await.expect(200);
}

#[tokio::test]
async fn a_repeated_key_gets_the_first_answer_and_refuses_another_payload() {
    let server = Server::start().await.with_demo().await;
    let create = |key: &'static str, id: &str| {
        server
            .request("POST", "/databases/demo/instances/Customer/create")
            .header("idempotency-key", key)
            .json(&json!({"data": {"customer_id": id}}))
    };
    let first = server.send(create("k1", "c1")).await.expect(202);
    let again = server.send(create("k1", "c1")).await.expect(202);
    assert_eq!(first.body, again.body);
    assert_eq!(
        server.send(create("k1", "c2")).await.expect(409).code(),
        "event_id_reused"
    );
    let other = server.send(create("k2", "c1")).await.expect(409);
    assert_eq!(other.code(), "already_exists");
    assert_eq!(other.body["detail"]["actual_seq"], 1);
    assert_eq!(
        server.send(create("", "c3")).await.expect(400).code(),
        "invalid_request"
    );
}

#[tokio::test]
async fn an_invalid_idempotency_key_is_refused() {
    let server = Server::start_with(Settings::default(), false).await;
    let long = "k".repeat(256);
    for key in [b"".as_slice(), b"\xff", "키".as_bytes(), long.as_bytes()] {
        for path in ["/databases", "oms:/database/create"] {
            let request = server.request("POST", path).header("idempotency-key", key);
            let answer = server
                .send(request.json(&json!({"name": "demo"})))
                .await
                .expect(400);
            assert_eq!(
                answer.body["detail"]["field"], "idempotency-key",
                "{}",
                answer.text
            );
            assert!(answer.body["detail"]["rule"].is_string());
        }
    }
    server.get("/databases/demo").await.expect(404);
}
