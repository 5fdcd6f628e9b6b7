//! The `OpenAPI` document of a service matches the service.

#![allow(clippy::unwrap_used)]

mod http_support;

use http_support::{
    Server,
    documented::{Documented, documented},
};
use serde_json::Value;

/// Returns a valid value of a parameter.
fn value_of(parameter: &Value) -> String {
    let schema = &parameter["schema"];
    let candidates = [
        &parameter["example"],
        &schema["default"],
        &schema["enum"][0],
        &schema["minimum"],
    ];
    match candidates.into_iter().find(|value| !value.is_null()) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None if parameter["content"].is_object() => "{}".to_owned(),
        None => "x".to_owned(),
    }
}

#[tokio::test]
async fn every_documented_call_is_there() {
    let server = Server::start().await;
    for call in documented(&server).await {
        let answer = call.send(&server, &[]).await;
        let said = answer.body["message"].as_str().unwrap_or_default();
        assert!(!said.starts_with("unknown path"), "{}", call.path);
        let responses = call.operation["responses"].as_object().unwrap();
        assert!(
            responses.contains_key(&answer.status.to_string()),
            "{} answers {} which is not documented: {}",
            call.id(),
            answer.status,
            answer.text
        );
    }
}

#[tokio::test]
async fn documented_parameters_are_known_and_no_others_are() {
    let server = Server::start().await.with_demo().await;
    for call in documented(&server).await {
        let mut known = Vec::new();
        for parameter in call.parameters("query") {
            known.push((parameter["name"].as_str().unwrap(), value_of(parameter)));
        }
        if !known.is_empty() {
            let answer = call.send(&server, &known).await;
            assert!(
                !answer.text.contains("unknown parameter"),
                "{}: {}",
                call.id(),
                answer.text
            );
        }
        known.push(("brunch", "x".to_owned()));
        let refused = call.send(&server, &known).await;
        // A request that is not for a WebSocket is refused before its parameters are checked.
        if refused.status == 426 || call.path.starts_with("/api/v1/ws/") {
            continue;
        }
        assert_eq!(refused.status, 400, "{}: {}", call.id(), refused.text);
        let detail = &refused.body["detail"];
        assert!(
            detail["field"] == "brunch" || detail["field"] == "cursor",
            "{}: {}",
            call.id(),
            refused.text
        );
    }
}

/// Returns the keys of an object, or of the first object in a list.
fn keys(value: &Value) -> Vec<&String> {
    value
        .as_object()
        .into_iter()
        .flat_map(|it| it.keys())
        .collect()
}

#[tokio::test]
async fn the_examples_work_in_order() {
    let server = Server::start().await;
    let document = server.get("//openapi.json").await.expect(200).body;
    let mut shown = 0;
    for id in [
        "createDatabase",
        "createClass",
        "createInstance",
        "createInstances",
        "createBranch",
        "queryGraph",
        "queryGraphSimple",
        "listInstances",
        "getInstance",
        "updateInstance",
        "submitTransaction",
    ] {
        let (path, method, operation) = find(&document, id);
        let call = Documented::new("", method, path, operation);
        let required = call.parameters("query").into_iter();
        let required = required.filter(|parameter| parameter["required"] == true);
        // A created aggregate has its first sequence.
        let query: Vec<_> = required
            .map(|parameter| (parameter["name"].as_str().unwrap(), "1".to_owned()))
            .collect();
        let mut request = server.request(&call.method, &call.url()).query(&query);
        request = request.header("prefer", "wait=20");
        if let Some(body) = call.body() {
            request = request.json(body);
        }
        if id == "createClass" {
            // The classes that the example's class refers to.
            let customer = http_support::customer();
            server
                .write("POST", "/databases/demo/ontology", customer)
                .await;
        }
        let answer = server.send(request).await;
        assert!((200..300).contains(&answer.status), "{id}: {}", answer.text);
        let status = answer.status.to_string();
        let example = &operation["responses"][status]["content"]["application/json"]["example"];
        if example.is_object() {
            shown += 1;
            assert_eq!(keys(example), keys(&answer.body), "{id}");
            for part in ["data", "result"] {
                assert_eq!(keys(&example[part]), keys(&answer.body[part]), "{id}");
            }
            for part in ["instances", "nodes"] {
                assert_eq!(keys(&example[part][0]), keys(&answer.body[part][0]), "{id}");
            }
        }
    }
    assert_eq!(shown, 4, "an example of an answer was not compared");
}

fn find<'a>(document: &'a Value, id: &str) -> (&'a String, &'a String, &'a Value) {
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap();
            methods
                .iter()
                .map(move |(method, operation)| (path, method, operation))
        })
        .find(|(_, _, operation)| operation["operationId"] == id)
        .unwrap()
}

#[tokio::test]
async fn each_service_has_its_document_and_its_page() {
    let server = Server::start().await;
    let gateway = server.get("//openapi.json").await.expect(200);
    assert_eq!(gateway.header("content-type"), "application/json");
    assert_eq!(gateway.body["openapi"], "3.1.0");
    assert_eq!(gateway.body["info"]["version"], env!("CARGO_PKG_VERSION"));
    let oms = server.get("oms://openapi.json").await.expect(200);
    let path = "/api/v1/databases/exists/{db}";
    assert!(oms.body["paths"][path].is_object());
    assert!(gateway.body["paths"][path].is_null());
    let page = server.get("//docs").await.expect(200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert!(page.text.contains("createInstance"), "{}", page.text);
}
