//! Every refusal of contract §2 to §4, at gateway and oms, as tables: what is sent, what comes
//! back.

mod http_support;

use std::fmt::Write as _;

use http_support::{Answer, Server};
use serde_json::{Value, json};

/// One request and its refusal: method, path (`oms:` at oms), body as text, status, code, and the
/// field that the refusal names.
type Case<'a> = (&'a str, &'a str, &'a str, u16, &'a str, &'a str);

const NONE: &str = "";
const UUID: &str = "01928374-1111-7222-8333-444455556666";

async fn demo() -> Server {
    let server = Server::start().await.with_demo().await;
    let create = "/databases/demo/instances/Product/create";
    for id in ["p1", "gone"] {
        let body = json!({"data": {"product_id": id, "name": "A", "sku": format!("s-{id}")}});
        server.write("POST", create, body).await;
    }
    let delete = "/databases/demo/instances/Product/gone/delete?expected_seq=1";
    server.write("DELETE", delete, json!({})).await;
    server
        .post("/databases/demo/branches", json!({"name": "production"}))
        .await
        .expect(200);
    server
}

/// Sends every case, checks the error shape, and reports all that differ.
async fn check(server: &Server, cases: &[Case<'_>]) {
    let mut wrong = String::new();
    for (method, path, body, status, code, field) in cases {
        let mut request = server.request(method, path);
        if !body.is_empty() {
            request = request
                .header("content-type", "application/json")
                .body((*body).to_owned());
        }
        let answer = server.send(request).await;
        let named = named(&answer);
        if answer.status != *status
            || answer.code() != *code
            || (!field.is_empty() && !named.contains(&(*field).to_owned()))
        {
            let _ = writeln!(
                wrong,
                "{method} {path} {body}: wanted {status} {code} {field}, got {} {} {named:?}: {}",
                answer.status,
                answer.code(),
                answer.text
            );
        }
        if !has_error_shape(&answer) {
            let _ = writeln!(
                wrong,
                "{method} {path} {body}: not the error shape: {}",
                answer.text
            );
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// The fields that a refusal names.
fn named(answer: &Answer) -> Vec<String> {
    let detail = &answer.body["detail"];
    let errors = detail["errors"].as_array().cloned().unwrap_or_default();
    let rows = errors.iter().chain([detail]);
    let mut fields: Vec<String> = rows
        .filter_map(|entry| entry["field"].as_str().map(str::to_owned))
        .collect();
    for key in ["kind", "labels", "property"] {
        match &detail[key] {
            Value::String(text) => fields.push(text.clone()),
            Value::Array(texts) => {
                fields.extend(texts.iter().filter_map(|it| it.as_str().map(str::to_owned)))
            }
            _ => {}
        }
    }
    fields
}

fn has_error_shape(answer: &Answer) -> bool {
    answer.body["status"] == "error"
        && answer.body["message"]
            .as_str()
            .is_some_and(|text| !text.is_empty())
        && answer.body["detail"]["error"].is_string()
        && answer.header("content-type") == "application/json"
        && !answer.header("x-request-id").is_empty()
}

#[tokio::test]
async fn names_that_break_their_rule_are_400_everywhere() {
    let server = demo().await;
    let mut cases: Vec<Case> = Vec::new();
    let long = format!(r#"{{"name":"{}"}}"#, "a".repeat(51));
    let databases = [
        r#"{"name":"ab"}"#,
        r#"{"name":"Demo"}"#,
        r#"{"name":"9demo"}"#,
        r#"{"name":"demo-"}"#,
        r#"{"name":"de__mo"}"#,
        r#"{"name":"a b c"}"#,
        r#"{"name":""}"#,
        r#"{"name":"데모데모"}"#,
        r#"{"name":"_system"}"#,
        &long,
    ];
    for body in databases {
        cases.push(("POST", "/databases", body, 400, "invalid_name", "database"));
        cases.push((
            "POST",
            "oms:/database/create",
            body,
            400,
            "invalid_name",
            "database",
        ));
    }
    let branch_bodies: Vec<(String, String)> = [
        "a b",
        "/a",
        "a/",
        "a//b",
        "HEAD",
        "refs",
        "a.b",
        "",
        &"b".repeat(101),
    ]
    .iter()
    .map(|name| {
        (
            json!({"name": name}).to_string(),
            json!({"branch_name": name}).to_string(),
        )
    })
    .collect();
    for (gateway, oms) in &branch_bodies {
        cases.push((
            "POST",
            "/databases/demo/branches",
            gateway,
            400,
            "invalid_name",
            "branch",
        ));
        cases.push((
            "POST",
            "oms:/branch/demo/create",
            oms,
            400,
            "invalid_name",
            "branch",
        ));
    }
    let class = r#"{"id":"9x","label":"X"}"#;
    cases.extend([
        (
            "POST",
            "/databases/demo/ontology",
            class,
            400,
            "invalid_name",
            "id",
        ),
        (
            "POST",
            "oms:/database/demo/ontology",
            class,
            400,
            "invalid_name",
            "id",
        ),
        (
            "GET",
            "/databases/de%20mo",
            NONE,
            400,
            "invalid_name",
            "database",
        ),
        ("GET", "/databases/de%FFmo", NONE, 400, "invalid_name", NONE),
        (
            "GET",
            "oms:/database/exists/DEMO",
            NONE,
            400,
            "invalid_name",
            "database",
        ),
        (
            "GET",
            "/databases/demo/branches/a%20b",
            NONE,
            400,
            "invalid_name",
            "branch",
        ),
        (
            "GET",
            "oms:/branch/demo/a..b/info",
            NONE,
            400,
            "invalid_name",
            "branch",
        ),
        (
            "DELETE",
            "/databases/demo/ontology/9x?expected_seq=1",
            NONE,
            400,
            "invalid_name",
            "class",
        ),
        (
            "GET",
            "/databases/demo/ontology/list?branch=a.b",
            NONE,
            400,
            "invalid_name",
            "branch",
        ),
        (
            "GET",
            "/database/demo/class/Product/instance/a.b",
            NONE,
            400,
            "invalid_name",
            "instance",
        ),
        (
            "DELETE",
            "/database/demo/instances/Product/a.b/delete?expected_seq=1",
            NONE,
            400,
            "invalid_name",
            "instance",
        ),
        (
            "POST",
            "/graph-query/de%20mo",
            r#"{"start_class":"Product"}"#,
            400,
            "invalid_name",
            "database",
        ),
    ]);
    check(&server, &cases).await;
}

#[tokio::test]
async fn a_body_that_is_no_json_is_400_at_both() {
    let server = demo().await;
    let posts = [
        "/databases",
        "/databases/demo/ontology",
        "/databases/demo/branches",
        "/databases/demo/instances/Product/create",
        "/databases/demo/instances/Product/bulk-create",
        "/databases/demo/transactions",
        "/graph-query/demo",
        "/graph-query/demo/simple",
        "oms:/database/create",
        "oms:/database/demo/ontology",
        "oms:/branch/demo/create",
        "oms:/instances/demo/async/Product/create",
        "oms:/instances/demo/async/Product/bulk-create",
    ];
    let mut cases: Vec<Case> = Vec::new();
    for path in posts {
        for body in [
            "{",
            "{\"name\":",
            "{\"data\":{\"a\":1}} x",
            "nonsense",
            "{\"a\":01}",
        ] {
            cases.push(("POST", path, body, 400, "invalid_request", NONE));
        }
    }
    check(&server, &cases).await;
}

#[tokio::test]
async fn a_body_of_the_wrong_shape_is_422_at_the_gateway_and_400_at_oms() {
    let server = demo().await;
    let instance = [
        ("{}", "data"),
        (r#"{"data":[]}"#, "data"),
        (r#"{"data":{"name":"A"},"more":1}"#, "more"),
        (r#"{"data":{"name":"A","name":"B"}}"#, "data.name"),
        (r#"{"data":{},"data":{}}"#, "data"),
        ("[]", "body"),
        ("null", "body"),
    ];
    let bulk = [
        ("{}", "instances"),
        (r#"{"instances":{}}"#, "instances"),
        (r#"{"instances":[1]}"#, "instances[0]"),
        (r#"{"instances":[]}"#, "instances"),
    ];
    let class = [
        ("{}", "label"),
        (r#"{"label":5}"#, "label"),
        (r#"{"label":"X","unknown":1}"#, "unknown"),
        (r#"{"label":"X","properties":{}}"#, "properties"),
        (
            r#"{"label":"X","properties":[{"name":"a"}]}"#,
            "properties[0].type",
        ),
        (
            r#"{"label":"X","properties":[{"name":"a","type":"odd"}]}"#,
            "properties[0].type",
        ),
        (
            r#"{"label":"X","relationships":[{"predicate":"r"}]}"#,
            "relationships[0].target",
        ),
        (
            r#"{"label":"X","relationships":[{"predicate":"r","target":"Y","cardinality":"2:3"}]}"#,
            "relationships[0].cardinality",
        ),
    ];
    let database = [
        ("{}", "name"),
        (r#"{"name":5}"#, "name"),
        (r#"{"name":"demo2","size":1}"#, "size"),
    ];
    let tables: [(&[(&str, &str)], &str, &str); 4] = [
        (
            &instance,
            "/databases/demo/instances/Product/create",
            "oms:/instances/demo/async/Product/create",
        ),
        (
            &bulk,
            "/databases/demo/instances/Product/bulk-create",
            "oms:/instances/demo/async/Product/bulk-create",
        ),
        (
            &class,
            "/database/demo/ontology",
            "oms:/database/demo/ontology",
        ),
        (&database, "/databases", "oms:/database/create"),
    ];
    let mut cases: Vec<Case> = Vec::new();
    for (bodies, gateway, oms) in tables {
        for (body, field) in bodies {
            cases.push(("POST", gateway, body, 422, "validation_failed", field));
            cases.push(("POST", oms, body, 400, "invalid_request", field));
        }
    }
    let transactions = [
        ("{}", "commands"),
        (r#"{"commands":[]}"#, "commands"),
        (
            r#"{"commands":[{"type":"DROP","class":"Product"}]}"#,
            "commands[0].type",
        ),
        (
            r#"{"commands":[{"type":"CREATE_INSTANCE","class":"Product"}]}"#,
            "commands[0].data",
        ),
        (
            r#"{"commands":[{"type":"CREATE_INSTANCE","class":"Product","data":{},"expected_seq":1}]}"#,
            "commands[0].expected_seq",
        ),
        (
            r#"{"commands":[{"type":"UPDATE_INSTANCE","class":"Product","id":"p1","data":{}}]}"#,
            "commands[0].expected_seq",
        ),
        (
            r#"{"commands":[{"type":"DELETE_INSTANCE","class":"Product","expected_seq":1}]}"#,
            "commands[0].id",
        ),
        (
            r#"{"commands":[{"type":"DELETE_INSTANCE","class":"Product","id":"p1","data":{},"expected_seq":1}]}"#,
            "commands[0].data",
        ),
    ];
    for (body, field) in transactions {
        cases.push((
            "POST",
            "/databases/demo/transactions",
            body,
            422,
            "validation_failed",
            field,
        ));
    }
    for (body, field) in [
        ("{}", "start_class"),
        (r#"{"start_class":"Product","hop":[]}"#, "hop"),
        (r#"{"start_class":"Product","limit":"9"}"#, "limit"),
        (
            r#"{"start_class":"Order","hops":[{"predicate":"holds"}]}"#,
            "hops[0].target_class",
        ),
        (
            r#"{"start_class":"Order","hops":[{"predicate":"holds","target_class":"Product","direction":"up"}]}"#,
            "hops[0].direction",
        ),
    ] {
        cases.push((
            "POST",
            "/graph-query/demo",
            body,
            422,
            "validation_failed",
            field,
        ));
    }
    let from = r#"{"name":"b1","branch_name":"b1","from_position":100000}"#;
    cases.extend([
        (
            "POST",
            "/databases/demo/branches",
            from,
            422,
            "validation_failed",
            "from_position",
        ),
        (
            "POST",
            "oms:/branch/demo/create",
            from,
            400,
            "invalid_request",
            "from_position",
        ),
        (
            "POST",
            "/databases/demo/branches",
            r#"{"name":5}"#,
            422,
            "validation_failed",
            "name",
        ),
        (
            "POST",
            "/databases/demo/branches",
            "{}",
            400,
            "invalid_request",
            "name",
        ),
        (
            "POST",
            "oms:/branch/demo/create",
            "{}",
            400,
            "invalid_request",
            "branch_name",
        ),
        (
            "PUT",
            "/databases/demo/ontology/Product?expected_seq=1",
            "[]",
            422,
            "validation_failed",
            "body",
        ),
        (
            "PUT",
            "oms:/database/demo/ontology/Product?expected_seq=1",
            r#"{"label":1}"#,
            400,
            "invalid_request",
            "label",
        ),
    ]);
    check(&server, &cases).await;
}

#[tokio::test]
async fn parameters_are_checked_like_bodies() {
    let server = demo().await;
    let data = r#"{"data":{"name":"B"}}"#;
    let rows = r#"{"instances":[{"product_id":"x","name":"X"}]}"#;
    let both = [
        (
            "PUT",
            "/databases/demo/instances/Product/p1/update",
            "oms:/instances/demo/async/Product/p1/update",
            data,
        ),
        (
            "DELETE",
            "/databases/demo/instances/Product/p1/delete",
            "oms:/instances/demo/async/Product/p1/delete",
            NONE,
        ),
        (
            "PUT",
            "/databases/demo/ontology/Product",
            "oms:/database/demo/ontology/Product",
            r#"{"description":"d"}"#,
        ),
        (
            "DELETE",
            "/databases/demo/ontology/Product",
            "oms:/database/demo/ontology/Product",
            NONE,
        ),
        ("DELETE", "/databases/demo", "oms:/database/demo", NONE),
    ];
    let mut paths: Vec<(&str, String, &str, u16, &str)> = Vec::new();
    for (method, gateway, oms, body) in both {
        for suffix in [
            "",
            "?expected_seq=",
            "?expected_seq=x",
            "?expected_seq=-1",
            "?expected_seq=%2B1",
            "?expected_seq=99999999999999999999",
        ] {
            paths.push((
                method,
                format!("{gateway}{suffix}"),
                body,
                422,
                "validation_failed",
            ));
            paths.push((
                method,
                format!("{oms}{suffix}"),
                body,
                400,
                "invalid_request",
            ));
        }
    }
    let mut cases: Vec<Case> = paths
        .iter()
        .map(|(method, path, body, status, code)| {
            (
                *method,
                path.as_str(),
                *body,
                *status,
                *code,
                "expected_seq",
            )
        })
        .collect();
    cases.extend([
        (
            "POST",
            "/databases/demo/instances/Product/bulk-create?on_error=ignore",
            rows,
            422,
            "validation_failed",
            "on_error",
        ),
        (
            "POST",
            "oms:/instances/demo/async/Product/bulk-create?on_error=ignore",
            rows,
            400,
            "invalid_request",
            "on_error",
        ),
        (
            "GET",
            "/database/demo/class/Product/instances?limit=1001",
            NONE,
            422,
            "validation_failed",
            "limit",
        ),
        (
            "GET",
            "oms:/database/demo/class/Product/instances?limit=0",
            NONE,
            400,
            "invalid_request",
            "limit",
        ),
        (
            "GET",
            "/database/demo/ontology/list?offset=x",
            NONE,
            422,
            "validation_failed",
            "offset",
        ),
        (
            "DELETE",
            "/databases/demo/branches/production?force=maybe",
            NONE,
            422,
            "validation_failed",
            "force",
        ),
        (
            "GET",
            "/database/demo/class/Product/instances?as_of=yesterday",
            NONE,
            400,
            "invalid_request",
            "as_of",
        ),
        (
            "GET",
            "/database/demo/class/Product/instances?as_of=99999",
            NONE,
            400,
            "invalid_request",
            "as_of",
        ),
        (
            "GET",
            "/database/demo/class/Product/instances?as_of=1970-01-01T00:00:00Z",
            NONE,
            404,
            "not_found",
            NONE,
        ),
        (
            "GET",
            "/database/demo/class/Product/instances?at_least=soon",
            NONE,
            400,
            "invalid_request",
            "at_least",
        ),
        (
            "GET",
            "/database/demo/class/Product/instances?at_least=99999",
            NONE,
            400,
            "invalid_request",
            "at_least",
        ),
        (
            "GET",
            "/database/demo/class/Product/instances?at_least=01928374-1111-7222-8333-444455556666",
            NONE,
            400,
            "invalid_request",
            "at_least",
        ),
        (
            "GET",
            "/database/demo/class/Product/instances?timeout=61",
            NONE,
            422,
            "validation_failed",
            "timeout",
        ),
        (
            "GET",
            "/database/demo/class/Product/instances?filter=%7B",
            NONE,
            400,
            "invalid_query",
            "filter",
        ),
        (
            "GET",
            "/database/demo/class/Product/instances?filter=%7B%22nope%22:1%7D",
            NONE,
            400,
            "invalid_query",
            "nope",
        ),
        (
            "GET",
            "/database/demo/class/Product/instances?order_by=nope",
            NONE,
            400,
            "invalid_query",
            "nope",
        ),
        (
            "GET",
            "/database/demo/class/Product/instances?cursor=x&offset=1",
            NONE,
            400,
            "invalid_query",
            "cursor",
        ),
        (
            "GET",
            "/database/demo/ontology/Product/schema?format=xml",
            NONE,
            400,
            "invalid_request",
            "format",
        ),
        (
            "GET",
            "/commands/not-a-uuid/status",
            NONE,
            400,
            "invalid_request",
            "command_id",
        ),
        (
            "GET",
            "oms:/commands/not-a-uuid/status",
            NONE,
            400,
            "invalid_request",
            "command_id",
        ),
        (
            "GET",
            "/dead-letters/demo/instance_worker/x",
            NONE,
            400,
            "invalid_request",
            "position",
        ),
    ]);
    check(&server, &cases).await;
}

#[tokio::test]
async fn what_is_not_there_is_404_and_what_is_there_already_409() {
    let server = demo().await;
    let data = r#"{"data":{"product_id":"p1","name":"B"}}"#;
    let gone = r#"{"data":{"product_id":"gone","name":"B"}}"#;
    let status = format!("/commands/{UUID}/status");
    let oms_status = format!("oms:{status}");
    let query = r#"{"start_class":"Product"}"#;
    let class = r#"{"id":"Product","label":"Again"}"#;
    let mut cases: Vec<Case> = vec![
        ("GET", &status, NONE, 404, "not_found", NONE),
        ("GET", &oms_status, NONE, 404, "not_found", NONE),
        (
            "POST",
            "/graph-query/nowhere",
            query,
            404,
            "not_found",
            NONE,
        ),
        (
            "POST",
            "/graph-query/demo?branch=no",
            query,
            404,
            "not_found",
            NONE,
        ),
        (
            "GET",
            "/dead-letters/demo/instance_worker/5",
            NONE,
            404,
            "not_found",
            NONE,
        ),
        (
            "POST",
            "/dead-letters/demo/instance_worker/5/retry",
            NONE,
            404,
            "not_found",
            NONE,
        ),
        (
            "POST",
            "/dead-letters/demo/instance_worker/5/discard",
            r#"{"reason":"r"}"#,
            404,
            "not_found",
            NONE,
        ),
        (
            "GET",
            "/dead-letters?database=nowhere",
            NONE,
            404,
            "not_found",
            NONE,
        ),
        (
            "POST",
            "/databases",
            r#"{"name":"demo"}"#,
            409,
            "already_exists",
            NONE,
        ),
        (
            "POST",
            "oms:/database/create",
            r#"{"name":"demo"}"#,
            409,
            "already_exists",
            NONE,
        ),
        (
            "POST",
            "/databases/demo/branches",
            r#"{"name":"production"}"#,
            409,
            "already_exists",
            NONE,
        ),
        (
            "POST",
            "/databases/demo/branches",
            r#"{"name":"b","from_branch":"no"}"#,
            404,
            "not_found",
            NONE,
        ),
        (
            "GET",
            "/databases/demo/branches/no",
            NONE,
            404,
            "not_found",
            NONE,
        ),
        (
            "GET",
            "oms:/branch/demo/no/info",
            NONE,
            404,
            "not_found",
            NONE,
        ),
        ("GET", "oms:/branch/demo/main", NONE, 404, "not_found", NONE),
        (
            "DELETE",
            "/databases/demo/branches/no",
            NONE,
            404,
            "not_found",
            NONE,
        ),
        (
            "DELETE",
            "/databases/demo/branches/production",
            NONE,
            403,
            "forbidden",
            NONE,
        ),
        (
            "DELETE",
            "/databases/demo/branches/main",
            NONE,
            403,
            "forbidden",
            NONE,
        ),
        (
            "DELETE",
            "/databases/demo/branches/main?force=true",
            NONE,
            403,
            "forbidden",
            NONE,
        ),
        (
            "DELETE",
            "/databases/demo?expected_seq=9",
            NONE,
            409,
            "optimistic_concurrency_conflict",
            NONE,
        ),
        (
            "POST",
            "/databases/demo/transactions?branch=no",
            r#"{"commands":[{"type":"CREATE_INSTANCE","class":"Product","data":{}}]}"#,
            404,
            "not_found",
            NONE,
        ),
    ];
    cases.extend([
        (
            "POST",
            "/databases/nowhere/instances/Product/create",
            data,
            404,
            "not_found",
            NONE,
        ),
        (
            "POST",
            "oms:/instances/nowhere/async/Product/create",
            data,
            404,
            "not_found",
            NONE,
        ),
        (
            "POST",
            "/databases/demo/instances/Product/create?branch=no",
            data,
            404,
            "not_found",
            NONE,
        ),
        (
            "POST",
            "oms:/instances/demo/async/Product/create?branch=no",
            data,
            404,
            "not_found",
            NONE,
        ),
        (
            "POST",
            "/databases/demo/instances/Nothing/create",
            data,
            404,
            "not_found",
            NONE,
        ),
        (
            "POST",
            "oms:/instances/demo/async/Nothing/create",
            data,
            404,
            "not_found",
            NONE,
        ),
        (
            "POST",
            "/databases/demo/instances/Product/create",
            data,
            409,
            "already_exists",
            NONE,
        ),
        (
            "POST",
            "oms:/instances/demo/async/Product/create",
            data,
            409,
            "already_exists",
            NONE,
        ),
        (
            "POST",
            "/databases/demo/instances/Product/create",
            gone,
            409,
            "deleted",
            NONE,
        ),
        (
            "POST",
            "oms:/instances/demo/async/Product/create",
            gone,
            409,
            "deleted",
            NONE,
        ),
        (
            "PUT",
            "/databases/demo/instances/Product/no/update?expected_seq=1",
            data,
            404,
            "not_found",
            NONE,
        ),
        (
            "PUT",
            "/databases/demo/instances/Product/gone/update?expected_seq=2",
            data,
            404,
            "not_found",
            NONE,
        ),
        (
            "DELETE",
            "oms:/instances/demo/async/Product/gone/delete?expected_seq=2",
            NONE,
            404,
            "not_found",
            NONE,
        ),
        (
            "PUT",
            "/databases/demo/instances/Product/p1/update?expected_seq=7",
            data,
            409,
            "optimistic_concurrency_conflict",
            NONE,
        ),
        (
            "DELETE",
            "oms:/instances/demo/async/Product/p1/delete?expected_seq=0",
            NONE,
            409,
            "optimistic_concurrency_conflict",
            NONE,
        ),
        (
            "POST",
            "/databases/demo/ontology",
            class,
            409,
            "already_exists",
            NONE,
        ),
        (
            "POST",
            "oms:/database/demo/ontology",
            class,
            409,
            "already_exists",
            NONE,
        ),
        (
            "PUT",
            "/databases/demo/ontology/No?expected_seq=1",
            "{}",
            404,
            "not_found",
            NONE,
        ),
        (
            "DELETE",
            "/databases/demo/ontology/Customer?expected_seq=7",
            NONE,
            409,
            "optimistic_concurrency_conflict",
            NONE,
        ),
        (
            "DELETE",
            "/databases/demo/ontology/Product?expected_seq=1",
            NONE,
            409,
            "failed_precondition",
            NONE,
        ),
        (
            "GET",
            "/databases/demo/ontology/No",
            NONE,
            404,
            "not_found",
            NONE,
        ),
        (
            "GET",
            "/databases/demo/ontology/No/schema",
            NONE,
            404,
            "not_found",
            NONE,
        ),
        (
            "GET",
            "/database/demo/class/No/instances",
            NONE,
            404,
            "not_found",
            NONE,
        ),
        (
            "GET",
            "/database/demo/class/Product/instance/no",
            NONE,
            404,
            "not_found",
            NONE,
        ),
        (
            "GET",
            "/database/demo/class/Product/instance/gone",
            NONE,
            404,
            "not_found",
            NONE,
        ),
        ("GET", "/databases/nowhere", NONE, 404, "not_found", NONE),
        (
            "GET",
            "oms:/branch/nowhere/list",
            NONE,
            404,
            "not_found",
            NONE,
        ),
        (
            "DELETE",
            "oms:/database/nowhere?expected_seq=1",
            NONE,
            404,
            "not_found",
            NONE,
        ),
    ]);
    check(&server, &cases).await;

    let conflict = server
        .put(
            "/databases/demo/instances/Product/p1/update?expected_seq=7",
            json!({"data": {}}),
        )
        .await;
    assert_eq!(
        conflict.body["detail"]["aggregate_id"],
        "demo:main:Product:p1"
    );
    assert_eq!(conflict.body["detail"]["expected_seq"], 7);
    assert_eq!(conflict.body["detail"]["actual_seq"], 1);
}

#[tokio::test]
async fn values_that_the_ontology_refuses_name_field_rule_and_value() {
    let server = demo().await;
    let nested = |depth: usize| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        format!(r#"{{"data":{{"product_id":"n","name":{open}{close}}}}}"#)
    };
    let (deep, deeper) = (nested(11), nested(5_000));
    let values = [
        (&*deep, 422, "validation_failed", "name"),
        (&*deeper, 422, "validation_failed", "name"),
        (
            r#"{"data":{"product_id":"n"}}"#,
            422,
            "validation_failed",
            "name",
        ),
        (
            r#"{"data":{"product_id":"n","name":5}}"#,
            422,
            "validation_failed",
            "name",
        ),
        (
            r#"{"data":{"product_id":"n","name":"N","price":"5"}}"#,
            422,
            "validation_failed",
            "price",
        ),
        (
            r#"{"data":{"product_id":"n","name":"N","price":-1}}"#,
            422,
            "validation_failed",
            "price",
        ),
        (
            r#"{"data":{"product_id":"n","name":"N","sku":"s-p1"}}"#,
            422,
            "validation_failed",
            "sku",
        ),
        (
            r#"{"data":{"product_id":"n","name":"N","colour":"red"}}"#,
            400,
            "unknown_label_keys",
            "colour",
        ),
    ];
    let mut cases: Vec<Case> = Vec::new();
    for (body, status, code, field) in values {
        cases.push((
            "POST",
            "/databases/demo/instances/Product/create",
            body,
            status,
            code,
            field,
        ));
        cases.push((
            "POST",
            "oms:/instances/demo/async/Product/create",
            body,
            status,
            code,
            field,
        ));
    }
    check(&server, &cases).await;
    let answer = server
        .post(
            "/databases/demo/instances/Product/create",
            json!({"data": {"product_id": "n", "name": "N", "price": -1}}),
        )
        .await;
    let entry = &answer.body["detail"]["errors"][0];
    assert_eq!(entry["field"], "price");
    assert_eq!(entry["rule"], "min");
    assert_eq!(entry["value"], -1);
    assert!(entry["message"].is_string());
}

#[tokio::test]
async fn graph_queries_say_which_and_what_there_is() {
    let server = demo().await;
    let hop = |predicate: &str, target: &str| json!({"start_class": "Order", "hops": [{"predicate": predicate, "target_class": target}]});
    let hops: Vec<Value> = vec![json!({"predicate": "knows", "target_class": "Customer"}); 11];
    let queries = [
        (json!({"start_class": "No"}), "start_class", "classes"),
        (hop("nope", "Product"), "hops[0].predicate", "predicates"),
        (hop("total", "Product"), "hops[0].predicate", "predicates"),
        (hop("holds", "No"), "hops[0].target_class", "classes"),
        (
            hop("holds", "Customer"),
            "hops[0].target_class",
            "target_class",
        ),
        (
            json!({"start_class": "Customer", "hops": hops}),
            "hops",
            "maximum",
        ),
        (
            json!({"start_class": "Order", "limit": 1001}),
            "limit",
            "maximum",
        ),
        (
            json!({"start_class": "Order", "limit": 0}),
            "limit",
            "minimum",
        ),
        (
            json!({"start_class": "Order", "max_paths": 2001}),
            "max_paths",
            "maximum",
        ),
        (
            json!({"start_class": "Order", "max_nodes": 0}),
            "max_nodes",
            "maximum",
        ),
        (
            json!({"start_class": "Order", "filters": {"nope": 1}}),
            "nope",
            "properties",
        ),
    ];
    for (query, field, there_is) in queries {
        let answer = server
            .post("/graph-query/demo", query.clone())
            .await
            .expect(400);
        assert_eq!(answer.code(), "invalid_query", "{query}");
        assert!(
            named(&answer).contains(&field.to_owned()),
            "{query}: {}",
            answer.text
        );
        assert!(
            !answer.body["detail"][there_is].is_null(),
            "{query}: {}",
            answer.text
        );
    }
}

#[tokio::test]
async fn paths_methods_types_and_sizes_are_refused_in_the_error_shape() {
    let server = demo().await;
    let cases: [Case; 9] = [
        ("GET", "//", NONE, 404, "not_found", NONE),
        ("GET", "/nowhere", NONE, 404, "not_found", NONE),
        (
            "GET",
            "oms:/databases/demo/branches",
            NONE,
            404,
            "not_found",
            NONE,
        ),
        (
            "GET",
            "/databases/demo/branches/main/diff",
            NONE,
            404,
            "not_found",
            NONE,
        ),
        ("PATCH", "/databases", NONE, 405, "invalid_request", NONE),
        ("DELETE", "/databases", NONE, 405, "invalid_request", NONE),
        (
            "POST",
            "oms:/database/list",
            NONE,
            405,
            "invalid_request",
            NONE,
        ),
        (
            "GET",
            "/graph-query/demo",
            NONE,
            405,
            "invalid_request",
            NONE,
        ),
        ("POST", "//livez", NONE, 405, "invalid_request", NONE),
    ];
    check(&server, &cases).await;
    let wrong = server.send(server.request("PATCH", "/databases")).await;
    let allowed = wrong.header("allow");
    assert!(
        allowed.contains("GET") && allowed.contains("POST"),
        "{allowed}"
    );

    for path in [
        "/databases/demo/instances/Product/create",
        "oms:/instances/demo/async/Product/create",
    ] {
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/jsonx",
        ] {
            let request = server
                .request("POST", path)
                .header("content-type", kind)
                .body("{}");
            let answer = server.send(request).await.expect(415);
            assert_eq!(answer.code(), "unsupported_media_type");
        }
        let bare = server
            .send(server.request("POST", path).body("{}"))
            .await
            .expect(415);
        assert!(has_error_shape(&bare));
        let patched = server.request("POST", path).header(
            "content-type",
            "application/merge-patch+json; charset=utf-8",
        );
        server.send(patched.body("{")).await.expect(400);

        let large = format!(r#"{{"data":{{"name":"{}"}}}}"#, "x".repeat(16 << 20));
        let request = server
            .request("POST", path)
            .header("content-type", "application/json");
        let answer = server.send(request.body(large)).await.expect(413);
        assert_eq!(answer.code(), "payload_too_large");
    }
    let rows: Vec<Value> = (0..10_001)
        .map(|n| json!({"product_id": n.to_string()}))
        .collect();
    let body = json!({"instances": rows});
    let many = server
        .post(
            "/databases/demo/instances/Product/bulk-create",
            body.clone(),
        )
        .await;
    assert_eq!(many.expect(422).code(), "validation_failed");
    let many = server
        .post("oms:/instances/demo/async/Product/bulk-create", body)
        .await;
    assert_eq!(many.expect(400).code(), "invalid_request");
}

#[tokio::test]
async fn checks_come_in_their_order() {
    let server = demo().await;
    let rows: [Case; 5] = [
        // Shape before existence.
        (
            "POST",
            "/databases/nowhere/instances/Product/create",
            "{}",
            422,
            "validation_failed",
            "data",
        ),
        (
            "POST",
            "/databases/nowhere/ontology",
            "{}",
            422,
            "validation_failed",
            "label",
        ),
        // Existence before the sequence, the sequence before the ontology.
        (
            "PUT",
            "/databases/demo/instances/Product/no/update?expected_seq=9",
            r#"{"data":{"price":"x"}}"#,
            404,
            "not_found",
            NONE,
        ),
        (
            "PUT",
            "/databases/demo/instances/Product/p1/update?expected_seq=9",
            r#"{"data":{"price":"x"}}"#,
            409,
            "optimistic_concurrency_conflict",
            NONE,
        ),
        (
            "PUT",
            "/databases/demo/instances/Product/p1/update?expected_seq=1",
            r#"{"data":{"price":"x"}}"#,
            422,
            "validation_failed",
            "price",
        ),
    ];
    check(&server, &rows).await;
    // The key before existence and sequence: a retried delete gets its first answer.
    let delete = || {
        server
            .request(
                "DELETE",
                "/databases/demo/instances/Product/p1/delete?expected_seq=1",
            )
            .header("idempotency-key", "once")
    };
    let first = server.send(delete()).await.expect(202);
    assert_eq!(server.send(delete()).await.expect(202).body, first.body);
}
