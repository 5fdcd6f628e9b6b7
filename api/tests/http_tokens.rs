//! A token that does not fit is refused, never ignored: cursors, positions, ids of events, times,
//! sequences, at both services, over HTTP, server-sent events and web sockets.

#![allow(clippy::unwrap_used)]

mod http_support;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http_support::{Answer, Server, events::Events};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use spice_core::time::Timestamp;

const LIST: &str = "/databases/demo/class/Product/instances";
/// Texts that are not a whole number from 0 up, percent-encoded.
const NO_NUMBERS: [&str; 17] = [
    "",
    "-1",
    "%2B5",
    "+5",
    "1e3",
    "5.0",
    "5.",
    "0x5",
    "%D9%A5",
    "%EF%BC%95",
    "5%20",
    "%205",
    "5,5",
    "NaN",
    "9223372036854775808",
    "18446744073709551616",
    "99999999999999999999999999",
];

#[track_caller]
fn names(answer: &Answer, path: &str, field: &str, value: &str) {
    assert_eq!(answer.status, 400, "{path}: {}", answer.text);
    assert_eq!(answer.code(), "invalid_request", "{path}: {}", answer.text);
    let detail = &answer.body["detail"];
    assert_eq!(detail["field"], field, "{path}: {}", answer.text);
    assert!(detail["rule"].is_string(), "{path}: {}", answer.text);
    assert_eq!(detail["value"], value, "{path}: {}", answer.text);
    let message = answer.body["message"].as_str().unwrap();
    assert!(
        message.contains(field) || field.contains('-'),
        "{path}: {message}"
    );
}

/// Decodes a query's value, like a form field.
fn decoded(text: &str) -> String {
    let text = text.replace('+', " ");
    percent_encoding::percent_decode_str(&text)
        .decode_utf8()
        .unwrap()
        .into_owned()
}

async fn filled() -> Server {
    let server = Server::start().await.with_demo().await;
    for database in ["demo", "other"] {
        if database == "other" {
            server
                .write("POST", "/databases", json!({"name": "other"}))
                .await;
            server
                .write("POST", "/databases/other/ontology", http_support::product())
                .await;
        }
        let rows: Vec<Value> = (0..5)
            .map(|number| json!({"product_id": format!("p{number}"), "name": "A thing", "price": number}))
            .collect();
        let path = format!("/databases/{database}/instances/Product/bulk-create");
        server
            .write("POST", &path, json!({"instances": rows}))
            .await;
    }
    let rows: Vec<Value> = (0..5)
        .map(|number| json!({"customer_id": format!("p{number}")}))
        .collect();
    let path = "/databases/demo/instances/Customer/bulk-create";
    server.write("POST", path, json!({"instances": rows})).await;
    for (id, version) in (0..5).flat_map(|id| [(id, 1), (id, 2)]) {
        let path = format!("/databases/demo/instances/Product/p{id}/update?expected_seq={version}");
        server
            .write(
                "PUT",
                &path,
                json!({"data": {"sku": format!("{id}-{version}")}}),
            )
            .await;
    }
    let branch = json!({"name": "b"});
    server
        .write("POST", "/databases/demo/branches", branch)
        .await;
    let price = json!({"data": {"price": 50}});
    for id in 0..3 {
        let path =
            format!("/databases/demo/instances/Product/p{id}/update?branch=b&expected_seq=3");
        server.write("PUT", &path, price.clone()).await;
    }
    server
}

/// Lists of the demo, all different, each with more than one page.
fn lists(position: u64) -> Vec<String> {
    let list = LIST;
    vec![
        format!("{list}?limit=1"),
        format!("{list}?limit=1&branch=b"),
        format!("{list}?limit=1&search=thing"),
        format!("{list}?limit=1&filter={{\"price\":{{\"gte\":0}}}}"),
        format!("{list}?limit=1&filter={{\"price\":{{\"gte\":1}}}}"),
        format!("{list}?limit=1&order_by=price"),
        format!("{list}?limit=1&order_by=-price"),
        format!("{list}?limit=1&order_by=name"),
        format!("{list}?limit=1&order_by=price&branch=b"),
        format!("{list}?limit=1&as_of={position}"),
        format!("{list}?limit=1&as_of={}", position - 1),
        format!("{list}?limit=1&as_of={position}&order_by=price"),
        "/databases/demo/class/Customer/instances?limit=1".to_owned(),
        "/databases/other/class/Product/instances?limit=1".to_owned(),
        "/databases/demo/class/Product/instance/p0/history?limit=1".to_owned(),
        "/databases/demo/class/Product/instance/p1/history?limit=1".to_owned(),
        "/databases/demo/class/Product/instance/p0/history?limit=1&branch=b".to_owned(),
        "/databases/demo/branches/b/diff?limit=1".to_owned(),
        "/databases/demo/branches/b/diff?limit=1&direct=true&against=main".to_owned(),
        "/databases/demo/branches/b/diff?limit=1&class=Product".to_owned(),
        "/databases/demo/branches/b/diff?limit=1&from_position=3".to_owned(),
        "/databases/demo/versions?limit=1".to_owned(),
        "/databases/demo/versions?limit=1&branch=b".to_owned(),
        "/databases/other/versions?limit=1".to_owned(),
    ]
}

async fn cursor(server: &Server, list: &str) -> String {
    let page = server.get(list).await.expect(200).body;
    let cursor = page["cursor"]
        .as_str()
        .or_else(|| page["data"]["cursor"].as_str());
    assert!(cursor.is_some(), "{list} has one page");
    cursor.unwrap().to_owned()
}

#[tokio::test]
async fn a_cursor_continues_only_its_own_list() {
    let server = filled().await;
    let position = server.get("/databases/demo").await.body["data"]["position"]
        .as_u64()
        .unwrap();
    let lists = lists(position);
    let mut cursors = Vec::new();
    for list in &lists {
        cursors.push(cursor(&server, list).await);
    }
    for (own, list) in lists.iter().enumerate() {
        for (of, cursor) in cursors.iter().enumerate() {
            let path = format!("{list}&cursor={cursor}");
            let answer = server.get(&path).await;
            if own == of {
                answer.expect(200);
            } else {
                names(&answer, &path, "cursor", cursor);
            }
        }
    }
    // A filter in another notation is the same; another page size is the same list.
    let list = format!(
        "{LIST}?limit=2&filter={{ \"price\" : {{\"gte\":0}} }}&cursor={}",
        cursors[3]
    );
    server.get(&list).await.expect(200);
    // The older service has the same lists.
    let list = format!(
        "oms:/instance/demo/class/Product/instances?limit=1&cursor={}",
        cursors[0]
    );
    server.get(&list).await.expect(200);
}

#[tokio::test]
async fn a_cursor_that_is_garbage_or_was_changed_is_refused_by_every_list() {
    let server = filled().await;
    let database = server.get("/databases/demo").await.body;
    let position = database["data"]["position"].as_u64().unwrap();
    for list in lists(position)
        .iter()
        .chain(&["oms:/version/demo/history?limit=1".to_owned()])
    {
        let own = cursor(&server, list).await;
        let (front, back) = own.split_at(own.len() / 2);
        let swapped = if back.starts_with('A') { "B" } else { "A" };
        for cursor in [
            String::new(),
            "abc".to_owned(),
            "5".to_owned(),
            "null".to_owned(),
            front.to_owned(),
            format!("{own}A"),
            format!("{front}{swapped}{}", &back[1..]),
            // Cursors of earlier versions.
            "eyJpIjoicDAifQ".to_owned(),
            "eyJwIjo1LCJhIjp7ImkiOiJwMCJ9fQ".to_owned(),
        ] {
            let path = format!("{list}&cursor={cursor}");
            names(&server.get(&path).await, &path, "cursor", &cursor);
        }
    }
}

/// A cursor with a valid seal and a place that the store does not know.
fn with_unknown_place(cursor: &str) -> String {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).unwrap();
    let (version, scope, place) = (&bytes[..1], &bytes[1..10], b"unknown");
    let check = Sha256::digest([version, scope, place].concat());
    URL_SAFE_NO_PAD.encode([version, scope, &check[..9], place].concat())
}

#[tokio::test]
async fn a_cursor_that_the_store_does_not_know_is_quoted_as_sent() {
    let server = filled().await;
    for order in ["", "&order_by=price"] {
        let list = format!("{LIST}?limit=1{order}");
        let forged = with_unknown_place(&cursor(&server, &list).await);
        let path = format!("{list}&cursor={forged}");
        names(&server.get(&path).await, &path, "cursor", &forged);
    }
}

#[tokio::test]
async fn a_cursor_ends_with_its_database_and_its_branch() {
    let server = filled().await;
    let lists = [
        format!("{LIST}?limit=1"),
        format!("{LIST}?limit=1&branch=b"),
        format!("{LIST}?limit=1&branch=b&order_by=price"),
        "/databases/demo/versions?limit=1&branch=b".to_owned(),
    ];
    let mut cursors = Vec::new();
    for list in &lists {
        cursors.push(cursor(&server, list).await);
    }
    server
        .delete("/databases/demo/branches/b")
        .await
        .expect(200);
    server
        .write("POST", "/databases/demo/branches", json!({"name": "b"}))
        .await;
    for (list, cursor) in lists.iter().zip(&cursors).skip(1) {
        let path = format!("{list}&cursor={cursor}");
        names(&server.get(&path).await, &path, "cursor", cursor);
    }
    let own = format!("{}&cursor={}", lists[0], cursors[0]);
    server.get(&own).await.expect(200);
    server
        .write("DELETE", "/databases/demo?expected_seq=1", json!({}))
        .await;
    let again = server.with_demo().await;
    names(&again.get(&own).await, &own, "cursor", &cursors[0]);
}

#[tokio::test]
async fn a_position_is_digits_and_within_the_log() {
    let server = filled().await;
    let last = server.get("/databases/demo").await.body["data"]["position"]
        .as_u64()
        .unwrap();
    let reads = [
        LIST,
        "/databases/demo",
        "/databases/demo/branches",
        "/databases/demo/ontology/Product",
        "/databases/demo/class/Product/instance/p0",
        "/databases/demo/class/Product/instance/p0/history",
        "/databases/demo/branches/b/diff",
        "/databases/demo/versions",
        "oms:/version/demo/history",
        "oms:/instance/demo/class/Product/count",
        "oms:/ontology/demo/analyze-network",
    ];
    for path in reads {
        for name in ["as_of", "at_least"] {
            for text in NO_NUMBERS {
                let path = format!("{path}?{name}={text}");
                names(&server.get(&path).await, &path, name, &decoded(text));
            }
        }
        for text in [
            "2026-13-01T00:00:00Z",
            "2026-01-02",
            "2026-01-02T00:00:00",
            "yesterday",
            "2999-01-01T00:00:00Z",
        ] {
            let path = format!("{path}?as_of={text}");
            let answer = server.get(&path).await.expect(400);
            assert_eq!(answer.body["detail"]["field"], "as_of", "{path}");
            assert!(answer.body["detail"]["rule"].is_string(), "{path}");
        }
        let path = format!("{path}?as_of={}", last + 1);
        names(
            &server.get(&path).await,
            &path,
            "as_of",
            &(last + 1).to_string(),
        );
    }
    for (path, name) in [
        ("/databases/demo/events", "from"),
        ("oms:/databases/demo/events", "from"),
        ("/databases/demo/branches/b/diff", "from_position"),
    ] {
        for text in NO_NUMBERS {
            let path = format!("{path}?{name}={text}");
            names(&server.get(&path).await, &path, name, &decoded(text));
        }
        let beyond = server
            .get(&format!("{path}?{name}={}", last + 2))
            .await
            .expect(400);
        assert_eq!(beyond.body["detail"]["field"], name);
        assert_eq!(
            beyond.body["detail"]["value"].to_string().trim_matches('"'),
            (last + 2).to_string()
        );
    }
    for text in NO_NUMBERS
        .iter()
        .filter(|text| !text.is_empty() && !text.contains('+'))
    {
        let path = format!("/dead-letters/demo/instance_worker/{text}");
        names(&server.get(&path).await, &path, "position", &decoded(text));
    }
    for (path, at) in [
        ("/graph-query/demo", "start_class"),
        ("/databases/demo/query", "class_id"),
    ] {
        let path = format!("{path}?as_of=%2B5");
        names(
            &server.post(&path, json!({at: "Product"})).await,
            &path,
            "as_of",
            "+5",
        );
    }
}

#[tokio::test]
async fn numbers_of_queries_are_digits_at_both_services() {
    let server = filled().await;
    for (method, path, name) in [
        ("GET", "database/demo/class/Product/instances", "limit"),
        ("GET", "database/demo/class/Product/instances", "offset"),
        ("GET", "database/demo/class/Product/instances", "timeout"),
        ("GET", "database/demo/ontology/list", "limit"),
        ("GET", "database/demo/ontology/list", "offset"),
        ("GET", "database/demo/class/Product/sample-values", "limit"),
        ("GET", "database/demo/relationship-paths", "max_depth"),
        ("PUT", "database/demo/ontology/Product", "expected_seq"),
        ("DELETE", "database/demo/ontology/Product", "expected_seq"),
        ("DELETE", "database/demo", "expected_seq"),
    ] {
        for (service, code) in [("", 422), ("oms:", 400)] {
            for text in NO_NUMBERS {
                let start = if name == "max_depth" {
                    "start_entity=Product&"
                } else {
                    ""
                };
                let path = format!("{service}/{path}?{start}{name}={text}");
                let answer = server
                    .send(server.request(method, &path).json(&json!({})))
                    .await;
                assert_eq!(answer.status, code, "{method} {path}: {}", answer.text);
                let told = &answer.body["detail"]["errors"][0];
                assert_eq!(told["field"], name, "{path}: {}", answer.text);
                assert_eq!(told["rule"], "type", "{path}: {}", answer.text);
                assert!(!told["value"].is_null(), "{path}: {}", answer.text);
            }
        }
    }
    let zero = server
        .delete("/databases/demo?expected_seq=0")
        .await
        .expect(409);
    assert_eq!(zero.code(), "optimistic_concurrency_conflict");
}

#[tokio::test]
async fn a_last_event_id_must_come_from_the_stream() {
    let server = filled().await;
    let last = server.get("/databases/demo").await.body["data"]["position"]
        .as_u64()
        .unwrap();
    let made = server
        .post("/databases/demo/branches", json!({"name": "c"}))
        .await;
    let command = made.body["data"]["command_id"].as_str().unwrap().to_owned();
    let commands = format!("/commands/{command}/events");
    let beyond = (last + 10).to_string();
    let garbage = [
        "",
        "x",
        "-1",
        "+5",
        "1e3",
        "5.0",
        "5 5",
        "5.g",
        "5.g0",
        "5.g2",
        "5.g+1",
        "5.gx",
        "5.g99999999999",
        ".g1",
        "9223372036854775808",
        "18446744073709551615",
        &beyond,
    ];
    for path in [
        "/databases/demo/events",
        "oms:/databases/demo/events",
        &commands,
        &format!("oms:{commands}"),
    ] {
        for id in garbage {
            let request = server.request("GET", path).header("last-event-id", id);
            names(&server.send(request).await, path, "last-event-id", id);
        }
        let request = server
            .request("GET", path)
            .header("last-event-id", b"\xff".as_slice());
        server.send(request).await.expect(400);
    }
    let request = server
        .request("GET", "/databases/nowhere/events")
        .header("last-event-id", "5");
    server.send(request).await.expect(404);
    // The position of another command is not one of this command.
    let request = server
        .request("GET", &commands)
        .header("last-event-id", "1");
    server.send(request).await.expect(400);
    let mut events = Events::open(&server, &commands, None).await;
    let final_id = loop {
        let event = events.next().await.unwrap();
        if event.data["status"] == "COMPLETED" {
            break event.id;
        }
    };
    let request = server
        .request("GET", &commands)
        .header("last-event-id", &final_id);
    server.send(request).await.expect(204);
    let mut feed = Events::open(&server, "/databases/demo/events", Some("4")).await;
    assert!(feed.next().await.unwrap().id.parse::<u64>().unwrap() > 4);
}

/// The test's clock advances by a millisecond at each read.
#[tokio::test]
async fn a_time_up_to_a_second_ahead_counts_as_now() {
    let server = filled().await;
    let at = |micros: i64| {
        let now = server.ports.clock.now().as_micros();
        Timestamp::from_micros(now + micros)
    };
    for (ahead, status) in [(0, 200), (900_000, 200), (1_900_000, 400)] {
        let path = format!("{LIST}?as_of={}", at(ahead));
        let answer = server.get(&path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
        if status == 200 {
            assert_eq!(answer.body["total"], server.get(LIST).await.body["total"]);
        }
    }
}
