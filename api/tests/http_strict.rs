//! A client's mistakes are reported in the client's terms, and damage stops only its own database.

#![allow(clippy::unwrap_used)]

mod http_support;

use std::sync::Arc;

use http_support::{
    Answer, Server,
    raw::{say, status},
};
use serde_json::{Value, json};
use spice_api::http::Settings;
use spice_core::{
    error::StoreError,
    id::StreamId,
    port::{Store, log::Log},
};
use spice_testing::{
    MemoryLog,
    double::{Call, Double},
};

const CREATE: &str = "/databases/demo/instances/Product/create";
const LIST: &str = "/databases/demo/class/Product/instances";

fn told(answer: &Answer) -> &Value {
    &answer.body["detail"]["errors"][0]
}

#[tokio::test]
async fn a_parameter_that_a_call_does_not_take_is_refused_before_anything_is_written() {
    let server = Server::start().await.with_demo().await;
    let end = server.get("/databases/demo").await.body["data"]["position"].clone();
    let body = json!({"data": {"product_id": "p1", "name": "A"}});
    let bulk = json!({"instances": [{"product_id": "p1", "name": "A"}]});
    let class = json!({"id": "More", "label": "More"});
    let branch = json!({"name": "more", "branch_name": "more"});
    let writes = [
        ("POST", CREATE, body.clone()),
        (
            "POST",
            "oms:/instances/demo/async/Product/create",
            body.clone(),
        ),
        (
            "POST",
            "/databases/demo/instances/Product/bulk-create",
            bulk,
        ),
        ("PUT", "/databases/demo/instances/Product/p1/update", body),
        (
            "DELETE",
            "/databases/demo/instances/Product/p1/delete",
            json!({}),
        ),
        (
            "POST",
            "/databases/demo/transactions",
            json!({"commands": []}),
        ),
        ("POST", "/databases/demo/ontology", class),
        ("PUT", "/databases/demo/ontology/Product", json!({})),
        ("DELETE", "/databases/demo/ontology/Product", json!({})),
        ("POST", "/databases/demo/branches", branch.clone()),
        ("POST", "oms:/branch/demo/create", branch),
        ("DELETE", "/databases/demo/branches/main", json!({})),
        ("POST", "/databases", json!({"name": "more"})),
        ("DELETE", "/databases/demo", json!({})),
        (
            "POST",
            "/dead-letters/demo/instance_worker/5/retry",
            json!({}),
        ),
        (
            "POST",
            "/dead-letters/demo/instance_worker/5/discard",
            json!({}),
        ),
    ];
    for (method, path, body) in writes {
        let request = server.request(method, &format!("{path}?brunch=nope"));
        let answer = server.send(request.json(&body)).await;
        assert_eq!(answer.status, 400, "{method} {path}: {}", answer.text);
        assert_eq!(answer.code(), "invalid_request", "{method} {path}");
        assert_eq!(answer.body["detail"]["field"], "brunch", "{path}");
        assert!(answer.body["detail"]["known"].is_array(), "{path}");
    }
    let after = server.get("/databases/demo").await.expect(200);
    assert_eq!(after.body["data"]["position"], end, "something was written");
    let reads = [
        LIST,
        "/databases/demo/class/Product/instance/p1",
        "/databases",
        "oms:/database/list",
        "oms:/database/exists/demo",
        "/databases/demo",
        "/databases/demo/branches",
        "/databases/demo/branches/main",
        "oms:/branch/demo/main/info",
        "/databases/demo/ontology/list",
        "/databases/demo/ontology/Product",
        "/databases/demo/ontology/Product/schema",
        "/graph-query/demo/paths",
        "/graph-query/health",
        "/commands/01928374-1111-7222-8333-444455556666/status",
        "/dead-letters",
        "//readyz",
        "//livez",
        "//metrics",
    ];
    for path in reads {
        let answer = server.get(&format!("{path}?brunch=nope")).await;
        assert_eq!(answer.status, 400, "{path}: {}", answer.text);
        assert_eq!(answer.code(), "invalid_query", "{path}");
        assert_eq!(answer.body["detail"]["field"], "brunch", "{path}");
    }
    let query = json!({"start_class": "Product"});
    let answer = server.post("/graph-query/demo?brunch=nope", query).await;
    assert_eq!((answer.status, answer.code()), (400, "invalid_query"));
}

#[tokio::test]
async fn the_refusal_of_a_parameter_lists_the_accepted_ones() {
    let server = Server::start().await.with_demo().await;
    let answer = server
        .post(&format!("{CREATE}?brunch=nope"), json!({"data": {}}))
        .await;
    let message = "unknown parameter \"brunch\"; this call takes branch";
    assert_eq!(answer.body["message"], message);
    assert_eq!(answer.body["detail"]["known"], json!(["branch"]));
    let answer = server.get("/databases?limit=3").await;
    let message = "unknown parameter \"limit\"; this call takes none";
    assert_eq!(answer.body["message"], message);
    let twice = server.get(&format!("{LIST}?branch=main&branch=b")).await;
    assert_eq!((twice.status, twice.code()), (400, "invalid_query"));
    assert_eq!(twice.body["message"], "branch is given twice");
    let all =
        "branch=main&at_least=1&timeout=5&search=&filter=%7B%7D&order_by=-name&limit=5&offset=0";
    server.get(&format!("{LIST}?{all}")).await.expect(200);
}

#[tokio::test]
async fn an_invented_cursor_is_a_bad_request() {
    let server = Server::start().await.with_demo().await;
    for path in [
        format!("{LIST}?cursor=abc"),
        format!("{LIST}?cursor=abc&order_by=name"),
        format!("{LIST}?cursor="),
    ] {
        let answer = server.get(&path).await;
        assert_eq!(answer.status, 400, "{path}: {}", answer.text);
        assert_eq!(answer.code(), "invalid_request", "{path}");
        assert_eq!(answer.body["detail"]["field"], "cursor", "{path}");
    }
}

#[tokio::test]
async fn a_wrong_parameter_is_reported_by_name_and_value() {
    let server = Server::start().await.with_demo().await;
    let bulk = "/databases/demo/instances/Product/bulk-create?on_error=foo";
    let class = "/databases/demo/ontology/Product";
    let rows = json!({"instances": [{}]});
    let cases = [
        (
            server.get(&format!("{LIST}?limit=99999")).await,
            json!(99999),
            "limit must be from 1 to 1000, not 99999",
        ),
        (
            server
                .put(&format!("{class}?expected_seq=x"), json!({}))
                .await,
            json!("x"),
            "expected_seq must be a whole number from 0 up, not \"x\"",
        ),
        (
            server.post(bulk, rows).await,
            json!("foo"),
            "on_error must be abort or skip, not \"foo\"",
        ),
        (
            server.delete("/databases/demo/branches/b?force=si").await,
            json!("si"),
            "force must be true or false, not \"si\"",
        ),
    ];
    for (answer, value, message) in cases {
        assert_eq!(answer.status, 422, "{}", answer.text);
        assert_eq!(told(&answer)["value"], value, "{}", answer.text);
        assert_eq!(answer.body["message"], message);
        assert_eq!(told(&answer)["message"], message);
    }
}

#[tokio::test]
async fn a_body_of_the_wrong_shape_is_explained_without_the_parsers_words() {
    let server = Server::start().await.with_demo().await;
    let transactions = "/databases/demo/transactions";
    let command = |kind: &str, seq: Value| json!({"commands": [{"type": kind, "class": "Product", "id": "p", "expected_seq": seq}]});
    let cases = [
        (
            transactions,
            command("DELETE_INSTANCE", json!("x")),
            ("commands[0].expected_seq", "type", json!("x")),
            "commands[0].expected_seq must be a whole number from 0 up, not \"x\"",
        ),
        (
            transactions,
            command("DELETE_INSTANCE", json!(-1)),
            ("commands[0].expected_seq", "type", json!(-1)),
            "commands[0].expected_seq must be a whole number from 0 up, not -1",
        ),
        (
            transactions,
            command("EAT", json!(1)),
            ("commands[0].type", "enum", json!("EAT")),
            "commands[0].type must be CREATE_INSTANCE, UPDATE_INSTANCE, DELETE_INSTANCE, \
             CREATE_ONTOLOGY_CLASS, UPDATE_ONTOLOGY_CLASS or DELETE_ONTOLOGY_CLASS, not \"EAT\"",
        ),
        (
            CREATE,
            json!({"data": [1]}),
            ("data", "type", json!([1])),
            "data must be an object of values, not [1]",
        ),
        (
            CREATE,
            json!({"data": {}, "date": 1}),
            ("date", "unknown", json!(1)),
            "unknown field date; known fields are data, metadata",
        ),
        (
            CREATE,
            json!({}),
            ("data", "required", Value::Null),
            "data is missing",
        ),
        (
            CREATE,
            json!([1]),
            ("body", "type", json!([1])),
            "body must be an object, not [1]",
        ),
        (
            "/databases",
            json!({"name": 5}),
            ("name", "type", json!(5)),
            "name must be a text, not 5",
        ),
    ];
    for (path, body, (field, rule, value), message) in cases {
        let answer = server.post(path, body).await;
        assert_eq!(answer.status, 422, "{}", answer.text);
        assert_eq!(told(&answer)["field"], field, "{}", answer.text);
        assert_eq!(told(&answer)["rule"], rule, "{}", answer.text);
        assert_eq!(told(&answer)["value"], value, "{}", answer.text);
        assert_eq!(answer.body["message"], message);
    }
    let long = server
        .post("/databases", json!({"name": vec!["x".repeat(9_000)]}))
        .await;
    assert!(long.text.len() < 1_000, "a long value is told whole");
}

#[tokio::test]
async fn a_body_that_is_not_utf8_is_a_bad_request() {
    let server = Server::start().await.with_demo().await;
    for path in [CREATE, "/databases/demo/ontology"] {
        let request = server
            .request("POST", path)
            .header("content-type", "application/json")
            .body(b"{\"data\":{\"product_id\":\"p\xff\",\"name\":\"A\"}}".to_vec());
        let answer = server.send(request).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        assert_eq!(answer.code(), "invalid_request");
        let message = answer.body["message"].as_str().unwrap();
        assert!(message.starts_with("the body is not UTF-8"), "{message}");
    }
}

/// A log directory in which the log of one database is damaged.
fn cracked() -> Arc<dyn Log> {
    let log = MemoryLog::new();
    let cracked = StreamId::first("cracked".parse().unwrap());
    log.put(&cracked, vec!["x".into()]);
    let hook = move |call: Call<'_>| {
        if call.stream != Some(&cracked) {
            return Ok(());
        }
        Err(StoreError::Damaged {
            store: Store::Log,
            reason: "cracked@0: the segment at 0 has another checksum".to_owned(),
        })
    };
    Arc::new(Double::new(Arc::new(log), hook))
}

#[tokio::test]
async fn a_damaged_log_stops_its_own_database_and_is_reported() {
    let server = Server::start_on(cracked(), Settings::default(), false, |graph| graph).await;
    server
        .post("/databases", json!({"name": "whole"}))
        .await
        .expect(202);
    for path in ["/databases", "oms:/database/list"] {
        let listed = server.get(path).await.expect(200);
        let databases = listed.body["data"]["databases"].as_array().unwrap();
        assert_eq!(databases.len(), 2, "{}", listed.text);
        assert_eq!(databases[0]["name"], "cracked");
        assert_eq!(databases[0]["status"], "damaged");
        let error = databases[0]["error"].as_str().unwrap();
        assert!(
            error.contains("checksum") && error.contains("spice log verify"),
            "{error}"
        );
        assert_eq!(databases[1]["name"], "whole");
        assert!(databases[1].get("error").is_none());
    }
    let body = json!({"data": {}});
    for answer in [
        server.get("/databases/cracked").await,
        server
            .post("/databases/cracked/instances/A/create", body)
            .await,
    ] {
        assert_eq!(
            (answer.status, answer.code()),
            (503, "unavailable"),
            "{}",
            answer.text
        );
        assert_eq!(answer.body["detail"]["damaged"], "log");
        assert!(answer.text.contains("spice log verify"), "{}", answer.text);
        assert_eq!(
            answer.header("retry-after"),
            "",
            "damage does not pass by itself"
        );
    }
    server.get("//readyz").await.expect(200);
    let health = server.get("/health").await.expect(200);
    let damaged = &health.body["data"]["damaged"];
    assert_eq!(damaged.as_array().unwrap().len(), 1, "{}", health.text);
    assert_eq!(damaged[0]["database"], "cracked");
    assert!(damaged[0]["error"].as_str().unwrap().contains("checksum"));
}

#[tokio::test]
async fn streams_and_sockets_refuse_unknown_parameters() {
    let server = Server::start_with(Settings::default(), false).await;
    let made = server
        .post("/databases", json!({"name": "demo"}))
        .await
        .expect(202);
    let command = made.body["data"]["command_id"].as_str().unwrap();
    for path in [
        format!("/commands/{command}/events?cursor=1"),
        "/databases/demo/events?form=1".to_owned(),
        "/databases/demo/events?from=0&from=1".to_owned(),
        "/databases/demo/events?branch=".to_owned(),
        format!("/ws/commands/{command}?from=0"),
    ] {
        for (service, prefix) in [(&server.gateway, ""), (&server.oms, "oms:")] {
            server.get(&format!("{prefix}{path}")).await.expect(400);
            let upgrade = format!(
                "GET /api/v1{path} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                 sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            );
            let mut stream = http_support::raw::connect(service).await;
            tokio::io::AsyncWriteExt::write_all(&mut stream, upgrade.as_bytes())
                .await
                .unwrap();
            let answer = http_support::raw::read_until(&mut stream, "\r\n\r\n").await;
            assert_eq!(status(&answer), 400, "{path}: {answer}");
        }
    }
    let line = "GET /api/v1/ws/commands/none HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    assert_eq!(status(&say(&server.gateway, line).await), 400);
}
