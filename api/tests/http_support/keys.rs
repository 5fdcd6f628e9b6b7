//! Ids of every kind, and instances that have them.

use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use spice_client::{Client, Write};

use super::{Answer, Server};

/// Ids of every kind.
pub(crate) const IDS: [&str; 36] = [
    "kim+test@example.com",
    "https://example.com/a/b?c=d&e=%20#f",
    "2026-01-31T12:00:00+09:00",
    "12.30",
    "a b",
    "50%",
    "%25",
    "%2F",
    "%3A",
    "a:b",
    "a%3Ab",
    "/",
    "a//b/",
    "?",
    "#x",
    ";a=b,c",
    "\"quoted\" 'too'",
    "back\\slash",
    "서울특별시",
    "É",
    "🧑‍🚀",
    "-rf",
    ".",
    "..",
    "...",
    "../..",
    "~",
    "create",
    "bulk-create",
    "count",
    "update",
    "history",
    "instance",
    "list",
    "-",
    "\u{10ffff}",
];

pub(crate) async fn start() -> (Server, Client) {
    let server = Server::start().await;
    let client = Client::new(&server.gateway).unwrap();
    server
        .write("POST", "/databases", json!({"name": "demo"}))
        .await;
    let class = json!({"id": "Kid", "label": "아이", "properties": [
        {"name": "key", "type": "string", "primaryKey": true, "required": true, "label": "열쇠"},
        {"name": "name", "type": "string"},
    ], "relationships": [{"predicate": "next", "target": "Kid", "cardinality": "n:1",
        "integrity": "strict"}]});
    server
        .write("POST", "/databases/demo/ontology", class)
        .await;
    (server, client)
}

pub(crate) fn encoded(id: &str) -> String {
    utf8_percent_encode(id, NON_ALPHANUMERIC).to_string()
}

pub(crate) fn waiting() -> Write {
    Write::default().wait(Duration::from_secs(20))
}

/// One instance for each id, each referring to the one before.
pub(crate) async fn fill(client: &Client) {
    let mut before: Option<&str> = None;
    for id in IDS {
        let mut data = json!({"key": id, "name": "first"});
        if let Some(before) = before {
            data["next"] = format!("Kid/{before}").into();
        }
        let made = client
            .create_instance("demo", "Kid", &data, &waiting())
            .await;
        let made = fine(id, made);
        assert_eq!(made.result["instance_id"], id);
        before = Some(id);
    }
}

pub(crate) fn fine<T>(id: &str, outcome: Result<T, spice_client::Error>) -> T {
    outcome.map_err(|error| format!("{id}: {error}")).unwrap()
}

pub(crate) async fn query(server: &Server, path: &str, parameters: &[(&str, String)]) -> Answer {
    let request = server.request("GET", path).query(parameters);
    server.send(request).await.expect(200)
}

pub(crate) fn ids(instances: &Value) -> Vec<&str> {
    let ids = instances.as_array().unwrap().iter();
    ids.map(|it| it["instance_id"].as_str().unwrap()).collect()
}
