//! HTTP as defined by RFC 9110, 9112 and 7240, over real sockets.

#![allow(clippy::unwrap_used)]

mod http_rfc {
    mod timeouts;
}
mod http_support;

use http_support::{
    Server,
    raw::{connect, read_until, say, status},
};
use serde_json::{Value, json};
use spice_api::http::Settings;
use spice_core::id::{LogPosition, StreamId};
use tokio::io::AsyncWriteExt;

const CREATE: &str = "/databases/demo/instances/Product/create";
const LIST: &str = "/databases/demo/class/Product/instances";

/// Sends a request with these lines in its head, on a connection of its own.
async fn ask(server: &Server, line: &str, head: &[&str], body: &str) -> String {
    let service = if line.contains("/oms/") {
        &server.oms
    } else {
        &server.gateway
    };
    let line = line.replace("/oms/", "/");
    let head = head.join("\r\n");
    let text = format!("{line}\r\n{head}\r\nconnection: close\r\n\r\n{body}");
    say(service, &text).await
}

#[tokio::test]
async fn a_body_is_accepted_unencoded_or_refused_by_its_encoding() {
    let server = Server::start().await.with_demo().await;
    for path in [CREATE, "oms:/instances/demo/async/Product/create"] {
        let send = async |encodings: &[&str]| {
            let mut request = server.request("POST", path);
            for encoding in encodings {
                request = request.header("content-encoding", *encoding);
            }
            let body = request.header("content-type", "application/json").body("{");
            server.send(body).await
        };
        for refused in [
            &["gzip"][..],
            &["GZIP"],
            &["x-gzip"],
            &["br"],
            &["zstd"],
            &["unheard-of"],
            &["identity, gzip"],
            &["gzip, identity"],
            &["identity", "deflate"],
        ] {
            let answer = send(refused).await.expect(415);
            assert_eq!(answer.code(), "unsupported_media_type", "{refused:?}");
            assert_eq!(answer.header("accept-encoding"), "identity", "{refused:?}");
            assert_eq!(answer.body["detail"]["field"], "content-encoding");
        }
        // It is read, and is not JSON.
        for taken in [
            &["identity"][..],
            &["Identity"],
            &[""],
            &["identity", "identity, "],
            &[],
        ] {
            let answer = send(taken).await.expect(400);
            assert_eq!(answer.code(), "invalid_request", "{taken:?}");
        }
    }
}

#[tokio::test]
async fn a_content_type_is_json_in_utf_8_however_it_is_written() {
    let server = Server::start().await.with_demo().await;
    let send = async |kind: &str| {
        let request = server.request("POST", CREATE).header("content-type", kind);
        server.send(request.body("{")).await
    };
    for kind in [
        "application/json",
        "Application/JSON",
        "application/json;charset=utf-8",
        "application/json ; Charset=\"UTF-8\"",
        "application/json; charset=us-ascii; profile=x",
        "application/merge-patch+json",
        "application/vnd.api+JSON; charset=utf8",
    ] {
        assert_eq!(
            send(kind).await.expect(400).code(),
            "invalid_request",
            "{kind}"
        );
    }
    for kind in [
        "text/json",
        "application/json5",
        "application/+json",
        "application/json; charset=iso-8859-1",
        "application/json; charset=utf-16",
        "json",
        "",
        "multipart/form-data; boundary=application/json",
    ] {
        let answer = send(kind).await.expect(415);
        assert_eq!(answer.header("accept"), "application/json", "{kind}");
        assert_eq!(answer.body["detail"]["field"], "content-type", "{kind}");
    }
}

#[tokio::test]
async fn a_header_with_one_value_is_given_once() {
    let server = Server::start().await.with_demo().await;
    let body = r#"{"data":{"product_id":"p1","name":"A"}}"#;
    let length = format!("content-length: {}", body.len());
    for (name, values) in [
        ("idempotency-key", ["a", "b"]),
        ("idempotency-key", ["a", "a"]),
        ("content-type", ["application/json", "application/json"]),
        ("host", ["x", "x"]),
        ("last-event-id", ["1", "2"]),
    ] {
        let mut head = vec![length.clone()];
        let usual = [("host", "x"), ("content-type", "application/json")];
        head.extend(
            usual
                .iter()
                .filter(|(it, _)| *it != name)
                .map(|(it, value)| format!("{it}: {value}")),
        );
        head.extend(values.map(|value| format!("{name}: {value}")));
        let head: Vec<&str> = head.iter().map(String::as_str).collect();
        for line in [
            "POST /api/v1/databases/demo/instances/Product/create HTTP/1.1",
            "POST /oms/api/v1/instances/demo/async/Product/create HTTP/1.1",
        ] {
            let answer = ask(&server, line, &head, body).await;
            assert_eq!(status(&answer), 400, "{name}: {answer}");
            assert!(
                answer.contains(&format!("\"field\":\"{name}\"")),
                "{answer}"
            );
            assert!(answer.contains("\"error\":\"invalid_request\""), "{answer}");
        }
    }
    let lengths = [
        "host: x",
        "content-type: application/json",
        "content-length: 2",
        "content-length: 3",
    ];
    let answer = ask(&server, "POST /api/v1/databases HTTP/1.1", &lengths, "{}").await;
    assert_eq!(status(&answer), 400, "{answer}");
    assert_eq!(
        server.get(LIST).await.body["total"],
        0,
        "something was written"
    );
}

#[tokio::test]
async fn a_request_of_http_1_1_names_its_host() {
    let server = Server::start().await;
    for service in ["", "/oms"] {
        let line = |version: &str| format!("GET {service}/api/v1/health {version}");
        for (version, head, expected) in [
            ("HTTP/1.1", "accept: */*", 400),
            ("HTTP/1.1", "host: a b", 400),
            ("HTTP/1.1", "host: a/b", 400),
            ("HTTP/1.1", "host: me@a", 400),
            ("HTTP/1.1", "host:", 200),
            ("HTTP/1.1", "host: example.com:8002", 200),
            ("HTTP/1.1", "Host: [::1]:8002", 200),
            ("HTTP/1.0", "accept: */*", 200),
        ] {
            let path = if service.is_empty() {
                line(version)
            } else {
                line(version).replace("/api/v1", "")
            };
            let answer = ask(&server, &path, &[head], "").await;
            assert_eq!(status(&answer), expected, "{path} {head}: {answer}");
            if expected == 400 {
                assert!(answer.contains("\"field\":\"host\""), "{answer}");
                assert!(answer.contains("x-request-id"), "{answer}");
            }
        }
    }
}

#[tokio::test]
async fn a_preferred_wait_is_accepted_in_every_form_of_the_rfc() {
    let mut server = Server::start_with(Settings::default(), false).await;
    let create = async |server: &Server, name: &str, prefers: &[&str]| {
        let mut request = server.request("POST", "/databases");
        for prefer in prefers {
            request = request.header("prefer", *prefer);
        }
        let answer = server.send(request.json(&json!({"name": name}))).await;
        answer.header("preference-applied").to_owned()
    };
    for (index, (prefers, applied)) in [
        (&["wait=0"][..], "wait"),
        (&["WAIT=0"], "wait"),
        (&["wait=\"0\""], "wait"),
        (&["respond-async", "Wait = 0; x=y"], "wait"),
        (&["handling=strict; a=\"b, wait=5\", wait=0"], "wait"),
        (&["wait=x"], ""),
        (&["wait=+0"], ""),
        (&["wait"], ""),
        (&["waiting=0"], ""),
        (&["respond-async; wait=0"], ""),
        (&[], ""),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("waited-{index}");
        assert_eq!(
            create(&server, &name, prefers).await,
            applied,
            "{prefers:?}"
        );
    }
    server.start_workers();
    let applied = create(&server, "capped", &["wait=3600"]).await;
    assert_eq!(applied, "wait=60", "how much of it was granted");
}

#[tokio::test]
async fn an_expectation_is_met_or_refused_before_the_body() {
    let server = Server::start().await.with_demo().await;
    let body = r#"{"data":{"product_id":"p1","name":"A"}}"#;
    let head = |lines: &str| {
        let length = body.len();
        format!(
            "POST /api/v1{CREATE} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\nconnection: close\r\n{lines}\r\n\r\n"
        )
    };
    let mut stream = connect(&server.gateway).await;
    let expecting = head("Expect: 100-Continue");
    stream.write_all(expecting.as_bytes()).await.unwrap();
    let first = read_until(&mut stream, "\r\n\r\n").await;
    assert_eq!(status(&first), 100, "{first}");
    stream.write_all(body.as_bytes()).await.unwrap();
    let answer = read_until(&mut stream, "command_id").await;
    assert_eq!(status(&answer), 202, "{answer}");

    let refused = say(
        &server.gateway,
        &head("Expect: 100-continue\r\nContent-Encoding: gzip"),
    )
    .await;
    assert_eq!(status(&refused), 415, "{refused}");
    let unknown = say(&server.gateway, &head("Expect: a-miracle")).await;
    assert_eq!(status(&unknown), 417, "{unknown}");
    assert!(unknown.contains("\"field\":\"expect\""), "{unknown}");
}

#[tokio::test]
async fn a_body_may_come_in_chunks_and_in_nothing_else() {
    let server = Server::start().await;
    let body = r#"{"name":"demo"}"#;
    let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    for (encoding, expected) in [("gzip, chunked", 501), ("Chunked", 202), ("gzip", 400)] {
        let line = format!("transfer-encoding: {encoding}");
        let head = ["host: x", "content-type: application/json", &line];
        let answer = ask(&server, "POST /api/v1/databases HTTP/1.1", &head, &chunked).await;
        assert_eq!(status(&answer), expected, "{encoding}: {answer}");
    }
}

#[tokio::test]
async fn head_answers_like_get_and_options_lists_the_methods() {
    let server = Server::start().await.with_demo().await;
    for path in [
        "/databases",
        "/databases/demo",
        "/databases/demo/branches/main",
        "/databases/demo/class/Product/instances",
        "/databases/demo/ontology/Product",
        "/databases/nowhere",
        "oms:/database/list",
        "oms:/branch/demo/main/info",
        "oms:/branch/demo/branch/main/info",
        "//openapi.json",
        "//docs",
    ] {
        let got = server.get(path).await;
        let head = server.send(server.request("HEAD", path)).await;
        assert_eq!(head.status, got.status, "{path}");
        assert_eq!(head.text, "", "{path}");
        assert_eq!(
            head.header("content-type"),
            got.header("content-type"),
            "{path}"
        );
        let options = server
            .send(server.request("OPTIONS", path))
            .await
            .expect(204);
        assert!(options.header("allow").contains("GET"), "{path}");
        assert!(options.header("allow").contains("HEAD"), "{path}");
        let wrong = server.send(server.request("PATCH", path)).await.expect(405);
        assert_eq!(wrong.header("allow"), options.header("allow"), "{path}");
    }
    server
        .send(server.request("OPTIONS", "/no/such/path"))
        .await
        .expect(404);
    let all = say(
        &server.gateway,
        "OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    )
    .await;
    assert_eq!(status(&all), 204, "{all}");
    // The answer is JSON, whatever a client prefers.
    for accept in [
        "text/html",
        "application/xml;q=1, application/json;q=0",
        "*/*",
    ] {
        let request = server.request("GET", "/databases").header("accept", accept);
        let answer = server.send(request).await.expect(200);
        assert_eq!(
            answer.header("content-type"),
            "application/json",
            "{accept}"
        );
    }
}

#[tokio::test]
async fn broken_percent_encoding_is_a_bad_request_everywhere() {
    let server = Server::start().await.with_demo().await;
    for target in [
        "/api/v1/databases/demo%zz",
        "/api/v1/databases/demo/class/Product/instance/a%",
        "/api/v1/databases/demo/class/Product/instance/a%4",
        "/api/v1/databases/demo/class/%EA%B0/instances",
        "/api/v1/databases/demo/branches/a%FFb",
        "/no/such/%path",
    ] {
        for method in ["GET", "DELETE"] {
            let answer = ask(
                &server,
                &format!("{method} {target} HTTP/1.1"),
                &["host: x"],
                "",
            )
            .await;
            assert_eq!(status(&answer), 400, "{method} {target}: {answer}");
            assert!(answer.contains("\"field\":\"path\""), "{answer}");
        }
    }
    for (query, field) in [
        ("branch=%zz", "branch"),
        ("branch=main%", "branch"),
        ("search=%FF", "search"),
        ("search=%C0%80", "search"),
        ("a%zz=1", "a%zz"),
        ("limit=5&filter=%7", "filter"),
    ] {
        let target = format!("/api/v1{LIST}?{query}");
        let answer = ask(&server, &format!("GET {target} HTTP/1.1"), &["host: x"], "").await;
        assert_eq!(status(&answer), 400, "{query}: {answer}");
        assert!(answer.contains("\"error\":\"invalid_request\""), "{answer}");
        assert!(
            answer.contains(&format!("\"field\":\"{field}\"")),
            "{answer}"
        );
        assert!(answer.contains("\"rule\":\"percent_encoding\""), "{answer}");
    }
}

#[tokio::test]
async fn a_fragment_in_the_target_is_a_bad_request() {
    let server = Server::start().await.with_demo().await;
    for (target, expected) in [
        ("/api/v1/databases/demo#y".to_owned(), 400),
        (format!("/api/v1{LIST}?search=C#&limit=5"), 400),
        ("/no/such#path".to_owned(), 400),
        (format!("/api/v1{LIST}?search=C%23&limit=5"), 200),
    ] {
        let line = format!("GET {target} HTTP/1.1");
        let answer = ask(&server, &line, &["host: x"], "").await;
        assert_eq!(status(&answer), expected, "{target}: {answer}");
        let is_named = answer.contains("\"rule\":\"fragment\"");
        assert_eq!(is_named, expected == 400, "{target}: {answer}");
    }
}

#[tokio::test]
async fn a_plus_in_a_query_is_a_space() {
    let server = Server::start().await.with_demo().await;
    for (id, name) in [("p1", "Blue Tea"), ("p2", "Blue+Tea")] {
        let body = json!({"data": {"product_id": id, "name": name}});
        server.write("POST", CREATE, body).await;
    }
    let found = async |filter: &str| {
        let page = server
            .get(&format!("{LIST}?filter={filter}"))
            .await
            .expect(200);
        page.body["instances"][0]["instance_id"].clone()
    };
    assert_eq!(found("{\"name\":\"Blue+Tea\"}").await, "p1");
    assert_eq!(found("{\"name\":\"Blue%20Tea\"}").await, "p1");
    assert_eq!(found("{\"name\":\"Blue%2BTea\"}").await, "p2");
    let time = "2026-01-02T09:00:00";
    let refused = server
        .get(&format!("{LIST}?as_of={time}+09:00"))
        .await
        .expect(400);
    assert!(refused.text.contains("%2B"), "{}", refused.text);
    server
        .get(&format!("{LIST}?as_of={time}%2B09:00"))
        .await
        .expect(404);
}

#[tokio::test]
async fn a_valid_traceparent_is_kept_and_an_invalid_one_ignored() {
    let server = Server::start_with(Settings::default(), false).await;
    let right = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let cases: [(&[&str], bool); 10] = [
        (&[right], true),
        (
            &["cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more"],
            true,
        ),
        (&[right, right], false),
        (
            &[
                right,
                "00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            ],
            false,
        ),
        (
            &["ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"],
            false,
        ),
        (
            &["00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01"],
            false,
        ),
        (
            &["00-00000000000000000000000000000000-b7ad6b7169203331-01"],
            false,
        ),
        (
            &["00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"],
            false,
        ),
        (
            &["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more"],
            false,
        ),
        (&["nonsense"], false),
    ];
    for (index, (values, is_kept)) in cases.into_iter().enumerate() {
        let name = format!("traced-{index}");
        let mut request = server
            .request("POST", "/databases")
            .json(&json!({"name": name}));
        for value in values {
            request = request.header("traceparent", *value);
        }
        server.send(request).await.expect(202);
        let stream = StreamId::first(name.parse().unwrap());
        let log = &server.ports.log;
        let records = log.read(&stream, LogPosition(1), 1).await.unwrap();
        let envelope: Value = serde_json::from_slice(&records[0].line).unwrap();
        let kept = &envelope["metadata"]["traceparent"];
        assert_eq!(kept.as_str(), is_kept.then_some(values[0]), "{values:?}");
    }
}

#[tokio::test]
async fn a_retry_in_another_trace_is_the_same_command() {
    let server = Server::start_with(Settings::default(), false).await;
    let send = async |trace: &str| {
        let request = server
            .request("POST", "/databases")
            .json(&json!({"name": "traced"}))
            .header("Idempotency-Key", "once")
            .header("traceparent", trace);
        server.send(request).await.expect(202)
    };
    let first = send("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").await;
    let again = send("00-1af7651916cd43dd8448eb211c80319c-c7ad6b7169203331-01").await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.body["data"], first.body["data"]);
}
