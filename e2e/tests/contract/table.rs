//! Tables of requests and refusals. A line is `METHOD path body => status code field`; the field is
//! one that the refusal names. `both:` is a path at either service, and `SHAPE` is the answer to a
//! body of the wrong shape: 422 at the gateway, 400 at oms.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::service::{Answer, Service};

/// Paths that differ between the services, after `both:`.
const PATHS: [(&str, &str, &str); 5] = [
    ("create-database", "/databases", "oms:/database/create"),
    ("database", "/databases", "oms:/database"),
    (
        "instances",
        "/databases/demo/instances",
        "oms:/instances/demo/async",
    ),
    (
        "lost-instances",
        "/databases/nowhere/instances",
        "oms:/instances/nowhere/async",
    ),
    (
        "ontology",
        "/databases/demo/ontology",
        "oms:/database/demo/ontology",
    ),
];

/// The database that the tables use.
pub(crate) async fn demo() -> Service {
    let server = Service::start().await.unwrap().with_demo().await;
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

/// One line of a table, at one service.
pub(crate) struct Case {
    method: String,
    path: String,
    body: String,
    status: u16,
    code: String,
    field: String,
}

/// The cases of a table.
pub(crate) fn cases(table: &str) -> Vec<Case> {
    let lines = table.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.flat_map(of_line).collect()
}

fn of_line(line: &str) -> Vec<Case> {
    let (request, answer) = line.split_once(" => ").unwrap();
    let (method, rest) = request.split_once(' ').unwrap();
    let (path, body) = rest.split_once(' ').unwrap_or((rest, ""));
    let paths = match path.strip_prefix("both:") {
        None => vec![path.to_owned()],
        Some(path) => {
            let end = path.find(['/', '?']).unwrap_or(path.len());
            let (name, rest) = path.split_at(end);
            let (_, gateway, oms) = PATHS.iter().find(|(known, ..)| *known == name).unwrap();
            vec![format!("{gateway}{rest}"), format!("{oms}{rest}")]
        }
    };
    let case = |path: String| {
        let shape = if path.starts_with("oms:") {
            "400 invalid_request"
        } else {
            "422 validation_failed"
        };
        let answer = answer.replace("SHAPE", shape);
        let mut parts = answer.split(' ');
        Case {
            method: method.to_owned(),
            path,
            body: body.to_owned(),
            status: parts.next().unwrap().parse().unwrap(),
            code: parts.next().unwrap().to_owned(),
            field: parts.next().unwrap_or_default().to_owned(),
        }
    };
    paths.into_iter().map(case).collect()
}

/// Sends every case, checks the error shape, and reports all that differ.
pub(crate) async fn check(server: &Service, cases: &[Case]) {
    assert!(!cases.is_empty());
    let mut wrong = String::new();
    for case in cases {
        let mut request = server.request(&case.method, &case.path);
        if !case.body.is_empty() {
            request = request
                .header("content-type", "application/json")
                .body(server.replace_database(&case.body));
        }
        let answer = server.send(request).await;
        let names_field = case.field.is_empty() || named_fields(&answer).contains(&case.field);
        let right = answer.status == case.status && answer.code() == case.code && names_field;
        if !right || !has_error_shape(&answer) {
            let Case {
                method,
                path,
                body,
                status,
                code,
                field,
            } = case;
            let _ = writeln!(
                wrong,
                "{method} {path} {body}: wanted {status} {code} {field}, got {} {}",
                answer.status, answer.text
            );
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// The fields that a refusal names.
pub(crate) fn named_fields(answer: &Answer) -> Vec<String> {
    let detail = &answer.body["detail"];
    let errors = detail["errors"].as_array().cloned().unwrap_or_default();
    let entries = errors.iter().chain([detail]);
    let mut fields: Vec<&Value> = entries.map(|entry| &entry["field"]).collect();
    for key in ["kind", "labels", "property"] {
        fields.push(&detail[key]);
        fields.extend(detail[key].as_array().into_iter().flatten());
    }
    fields
        .iter()
        .filter_map(|field| field.as_str().map(str::to_owned))
        .collect()
}

pub(crate) fn has_error_shape(answer: &Answer) -> bool {
    answer.body["status"] == "error"
        && answer.body["message"]
            .as_str()
            .is_some_and(|text| !text.is_empty())
        && answer.body["detail"]["error"].is_string()
        && answer.header("content-type") == "application/json"
        && !answer.header("x-request-id").is_empty()
}
