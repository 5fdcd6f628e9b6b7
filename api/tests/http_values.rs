//! Values keep their digits, their instants and their letters in every kind of read: list, list of
//! the past, graph query, target of a hop; over the gateway and oms.

#![allow(clippy::unwrap_used)]

mod http_support;

use http_support::{Answer, Server};

const LONG: &str = "12345678901234567890123";
const MONEY: &str = "1234567890123456789.25";

/// Sends a call whose body is this text.
async fn send(server: &Server, method: &str, path: &str, body: &str) -> Answer {
    let request = server
        .request(method, path)
        .header("prefer", "wait=20")
        .header("content-type", "application/json")
        .body(body.to_owned());
    server.send(request).await
}

async fn world() -> Server {
    let server = Server::start().await;
    send(&server, "POST", "/databases", r#"{"name":"demo"}"#).await;
    let huge = "9".repeat(400);
    let class = format!(
        r#"{{"id":"Thing","label":"Thing","properties":[
            {{"name":"key","type":"string","primaryKey":true,"required":true}},
            {{"name":"n","type":"integer","label":{{"en":"Number","ko":"수"}},"constraints":{{"max":{huge}}}}},
            {{"name":"d","type":"decimal","default":0.12345678901234567890,"constraints":{{"max":{MONEY}}}}},
            {{"name":"f","type":"double"}},
            {{"name":"m","type":"money"}},
            {{"name":"j","type":"json"}},
            {{"name":"day","type":"date"}},
            {{"name":"at","type":"dateTime"}},
            {{"name":"s","type":"string"}},
            {{"name":"up","type":"link","linkTarget":"Thing","cardinality":"n:1"}}]}}"#
    );
    send(&server, "POST", "/databases/demo/ontology", &class)
        .await
        .expect(201);
    let shown = server
        .get("/databases/demo/ontology/Thing")
        .await
        .expect(200);
    for digits in [huge.as_str(), MONEY, "0.12345678901234567890"] {
        assert!(shown.text.contains(digits), "{}", shown.text);
    }
    let rows = format!(
        r#"{{"instances":[
            {{"key":"a","n":{LONG},"d":{MONEY},"f":1E+22,"m":{{"amount":{LONG},"currency":"KRW"}},
              "j":{{"x":[{LONG}]}},"day":"9999-12-31","at":"9999-12-31T23:59:59.999999-12:00",
              "s":"대한민국2024 50% Straße","up":"Thing/b"}},
            {{"key":"b","n":12345678901234567890124,"d":-0,"f":1e-400,"m":{{"amount":"{LONG}.5","currency":"KRW"}},
              "j":{{"x":[12345678901234567890124]}},"day":"0001-01-01","at":"0001-01-01T00:00:00+14:00",
              "s":"\u1103\u1162\u1112\u1161\u11ab ΣΊΣΥΦΟΣ 50 a_b","up":"Thing/a"}},
            {{"key":"c","n":{huge}}}]}}"#
    );
    let path = "/databases/demo/instances/Thing/bulk-create";
    send(&server, "POST", path, &rows).await.expect(201);
    server
}

async fn past(server: &Server) -> String {
    let database = server.get("/databases/demo").await.expect(200).body;
    format!("?as_of={}", database["data"]["position"])
}

/// Returns the ids that a list, a list of the past and a graph query find; all must agree.
async fn found(server: &Server, filter: &str) -> String {
    let mut reported = Vec::new();
    let past = past(server).await;
    for query in ["", &past, "?order_by=-n", &format!("{past}&order_by=at")] {
        for service in ["", "oms:"] {
            if !service.is_empty() && !query.is_empty() {
                continue;
            }
            let path = format!("/databases/demo/class/Thing/instances{query}");
            let request = server.request("GET", &path).query(&[("filter", filter)]);
            let answer = server.send(request).await.expect(200);
            let instances = answer.text.split(r#""instance_id":""#).skip(1);
            let mut ids: Vec<&str> = instances.map(|rest| &rest[..1]).collect();
            ids.sort_unstable();
            reported.push(ids.concat());
        }
    }
    let body = format!(r#"{{"start_class":"Thing","filters":{filter}}}"#);
    let answer = send(server, "POST", "/graph-query/demo", &body)
        .await
        .expect(200);
    let echo = format!(r#""filters":{}"#, filter.replace(' ', ""));
    assert!(answer.text.contains(&echo), "{echo} in {}", answer.text);
    let nodes = answer.text.split(r#""id":"Thing/"#).skip(1);
    let mut ids: Vec<&str> = nodes.map(|rest| &rest[..1]).collect();
    ids.sort_unstable();
    ids.dedup();
    reported.push(ids.concat());
    assert!(
        reported.iter().all(|it| *it == reported[0]),
        "{filter}: {reported:?}"
    );
    reported.remove(0)
}

#[tokio::test]
async fn numbers_keep_every_digit_in_filters_and_echoes() {
    let server = world().await;
    let next = "12345678901234567890124";
    let huge = "9".repeat(400);
    for (filter, wanted) in [
        (format!(r#"{{"n":{LONG}}}"#), "a"),
        (format!(r#"{{"수":{LONG}.0}}"#), "a"),
        (format!(r#"{{"Number":{{"gt":{LONG}}}}}"#), "bc"),
        (format!(r#"{{"n":{{"gte":{next}}}}}"#), "bc"),
        (format!(r#"{{"n":{{"lt":{next}}}}}"#), "a"),
        (format!(r#"{{"n":{{"lte":{LONG},"gt":0}}}}"#), "a"),
        (format!(r#"{{"n":{{"in":[1,{next}]}}}}"#), "b"),
        (format!(r#"{{"n":{{"ne":{LONG}}}}}"#), "bc"),
        (format!(r#"{{"n":{{"not_in":[{LONG},{huge}]}}}}"#), "b"),
        (format!(r#"{{"n":{huge}}}"#), "c"),
        (format!(r#"{{"d":{MONEY}0}}"#), "a"),
        (r#"{"d":0.1234567890123456789}"#.to_owned(), "c"),
        (r#"{"d":{"lt":0.12345678901234567890}}"#.to_owned(), "b"),
        (r#"{"d":0e5}"#.to_owned(), "b"),
        (r#"{"f":10000000000000000000000}"#.to_owned(), "a"),
        (r#"{"f":{"gt":0,"lt":1e-399}}"#.to_owned(), "b"),
        (
            format!(r#"{{"m":{{"amount":"{LONG}.0","currency":"KRW"}}}}"#),
            "a",
        ),
        (
            format!(r#"{{"m":{{"gt":{{"amount":{LONG},"currency":"KRW"}}}}}}"#),
            "b",
        ),
        (format!(r#"{{"j":{{"x":[{LONG}]}}}}"#), "a"),
    ] {
        assert_eq!(found(&server, &filter).await, wanted, "{filter}");
    }
    for number in [
        "1e1000000000",
        "-1e99999999999999999999",
        &"9".repeat(2_000),
    ] {
        let filter = format!(r#"{{"n":{{"lt":{number}}}}}"#);
        let request = server.request("GET", "/databases/demo/class/Thing/instances");
        let refused = server
            .send(request.query(&[("filter", &filter)]))
            .await
            .expect(400);
        assert_eq!(refused.code(), "invalid_query", "{}", refused.text);
        let body = format!(r#"{{"start_class":"Thing","filters":{filter}}}"#);
        send(&server, "POST", "/graph-query/demo", &body)
            .await
            .expect(400);
        let data = format!(r#"{{"data":{{"key":"x","n":{number}}}}}"#);
        let path = "/databases/demo/instances/Thing/create";
        let refused = send(&server, "POST", path, &data).await.expect(422);
        let rule = refused.body["detail"]["errors"][0]["rule"]
            .as_str()
            .unwrap();
        assert!(["range", "limit"].contains(&rule), "{}", refused.text);
    }
    let twice = r#"{"n":1,"n":2}"#;
    let request = server.request("GET", "/databases/demo/class/Thing/instances");
    server
        .send(request.query(&[("filter", twice)]))
        .await
        .expect(400);
}

#[tokio::test]
async fn every_instant_is_found_and_ordered() {
    let server = world().await;
    for (filter, wanted) in [
        (r#"{"day":"9999-12-31"}"#, "a"),
        (r#"{"day":{"gt":"2026-01-01"}}"#, "a"),
        (r#"{"day":{"lte":"0001-01-01"}}"#, "b"),
        (r#"{"at":{"gt":"9999-12-31T23:59:59Z"}}"#, "a"),
        (r#"{"at":{"gt":"9999-12-31"}}"#, "a"),
        (r#"{"at":{"lt":"0001-01-01"}}"#, "b"),
        (r#"{"at":"0001-01-01T00:00:00+14:00"}"#, "b"),
        (r#"{"at":{"lt":"0001-01-01T00:00:00+14:00"}}"#, ""),
        (
            r#"{"at":{"in":["9999-12-31T23:59:59.9999990-12:00"]}}"#,
            "a",
        ),
        (r#"{"at":{"lt":"1990-12-31T23:59:60Z"}}"#, "b"),
    ] {
        assert_eq!(found(&server, filter).await, wanted, "{filter}");
    }
}

#[tokio::test]
async fn texts_are_found_in_both_unicode_forms_and_patterns_escape() {
    let server = world().await;
    for (filter, wanted) in [
        (r#"{"s":{"like":"대한%"}}"#, "ab"),
        (
            r#"{"s":{"like":"\u1103\u1162\u1112\u1161\u11ab_국20%"}}"#,
            "a",
        ),
        (r#"{"s":{"like":"%50\\%%"}}"#, "a"),
        (r#"{"s":{"like":"%50%"}}"#, "ab"),
        (r#"{"s":{"like":"%a\\_b"}}"#, "b"),
        (r#"{"s":{"like":"%\\\\%"}}"#, ""),
        (r#"{"s":{"gte":"대한","lt":"대한민"}}"#, "b"),
    ] {
        assert_eq!(found(&server, filter).await, wanted, "{filter}");
    }
    for pattern in [r"50\\", r"\\d", r"a\\\\\\"] {
        let filter = format!(r#"{{"s":{{"like":"{pattern}"}}}}"#);
        let request = server.request("GET", "/databases/demo/class/Thing/instances");
        let refused = server
            .send(request.query(&[("filter", &filter)]))
            .await
            .expect(400);
        assert!(refused.text.contains("backslash"), "{}", refused.text);
        let hops =
            format!(r#"[{{"predicate":"up","target_class":"Thing","target_filters":{filter}}}]"#);
        let body = format!(r#"{{"start_class":"Thing","hops":{hops}}}"#);
        let refused = send(&server, "POST", "/graph-query/demo", &body)
            .await
            .expect(400);
        assert_eq!(refused.body["detail"]["field"], "hops[0].target_filters");
    }
    for (words, wanted) in [
        ("민국", "a"),
        ("국", "a"),
        ("대한", "ab"),
        ("2024", "a"),
        ("STRASSE", "a"),
        ("σίσυφος", "b"),
        ("국민", ""),
    ] {
        for past in ["", &past(&server).await] {
            let path = format!("/databases/demo/class/Thing/instances{past}");
            let request = server.request("GET", &path).query(&[("search", words)]);
            let answer = server.send(request).await.expect(200);
            let ids = answer.body["instances"].as_array().unwrap().iter();
            let ids: String = ids.map(|it| it["instance_id"].as_str().unwrap()).collect();
            assert_eq!(ids, wanted, "{words}{past}");
        }
    }
    let shown = server
        .get("/databases/demo/class/Thing/instance/b")
        .await
        .expect(200);
    assert!(
        shown.text.contains(r#""s":"\u1103\u1162"#),
        "{}",
        shown.text
    );
}

#[tokio::test]
async fn refused_numbers_are_reported_with_all_digits() {
    let server = world().await;
    let body = format!(r#"{{"start_class":"Thing","limit":{LONG}}}"#);
    let refused = send(&server, "POST", "/graph-query/demo", &body).await;
    assert_eq!(refused.status, 422, "{}", refused.text);
    assert!(refused.text.contains(LONG), "{}", refused.text);
    let filter = format!(r#"{{"s":{LONG}}}"#);
    let request = server.request("GET", "/databases/demo/class/Thing/instances");
    let refused = server
        .send(request.query(&[("filter", &filter)]))
        .await
        .expect(400);
    assert!(refused.text.contains(LONG), "{}", refused.text);
    let huge = "8".repeat(400);
    let change = format!(
        r#"{{"properties":[{{"name":"key","type":"string","primaryKey":true,"required":true}},
            {{"name":"n","type":"integer","constraints":{{"max":{huge}}}}}]}}"#
    );
    let lint = "/databases/demo/ontology/Thing/lint";
    let told = send(&server, "POST", lint, &change).await.expect(200);
    let finding = told.body["findings"].as_array().unwrap().iter();
    let mut finding = finding.filter(|it| it["code"] == "constraint_changed");
    assert_eq!(finding.next().unwrap()["affected"], 1, "{}", told.text);
    let rows = format!(r#"{{"instances":[{{"key":"d","n":{huge}}},{{"key":"e","n":"x"}}]}}"#);
    let path = "/databases/demo/instances/Thing/bulk-create?on_error=skip";
    let answer = send(&server, "POST", path, &rows).await;
    assert!((200..300).contains(&answer.status), "{}", answer.text);
    assert_eq!(found(&server, &format!(r#"{{"n":{huge}}}"#)).await, "d");
}
