//! The `OpenAPI` document of a service, built from the descriptions that its router is built from,
//! and the page for people. Schemas come from the types that parse bodies and write answers.

mod errors;
mod headers;
mod page;
mod parameters;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use schemars::{SchemaGenerator, generate::SchemaSettings, transform::ReplaceBoolSchemas};
use serde_json::{Map, Value, json};

use crate::http::{
    Service, Surface,
    answer::Answer,
    call::Call,
    gate::Rule,
    operation::{Operation, Shape, Subject},
    service::Document,
};

/// `GET /openapi.json`
pub(crate) async fn document(State(service): State<Service>, _call: Call) -> Answer {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    Ok((StatusCode::OK, kind, service.document.json.clone()).into_response())
}

/// `GET /docs`
pub(crate) async fn docs(State(service): State<Service>, _call: Call) -> Answer {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, page::POLICY),
    ];
    Ok((StatusCode::OK, headers, service.document.page.clone()).into_response())
}

/// Renders the document of a service.
pub(crate) fn render(surface: Surface, version: &str, subjects: &[Subject]) -> Document {
    let document = describe(surface, version, subjects);
    Document {
        json: document.to_string().into(),
        page: page::render(&document).into(),
    }
}

/// The document, as a value.
fn describe(surface: Surface, version: &str, subjects: &[Subject]) -> Value {
    let mut whole = ReplaceBoolSchemas::default();
    whole.skip_additional_properties = true;
    let mut schemas = SchemaSettings::draft2020_12()
        .with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        })
        // Some readers of OpenAPI treat the schema `true` as an error.
        .with_transform(whole)
        .into_generator();
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for subject in subjects {
        for operation in &subject.operations {
            let methods = paths
                .entry(parameters::template(operation.address.path))
                .or_default();
            let described = describe_operation(surface, subject.name, operation, &mut schemas);
            methods.insert(operation.method.as_str().to_ascii_lowercase(), described);
        }
    }
    let mut components = schemas.take_definitions(true);
    errors::add_schemas(&mut components);
    let tags: Vec<Value> = subjects
        .iter()
        .map(|subject| json!({"name": subject.name, "description": subject.description}))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": describe_service(surface, version),
        "servers": [{"url": "/"}],
        "tags": tags,
        "paths": paths,
        "components": {"schemas": components, "headers": headers::known(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer",
                "description": "The token of a principal, where principals are declared."}}},
    })
}

fn describe_service(surface: Surface, version: &str) -> Value {
    json!({
        "title": format!("SPICE Harvester: {}", surface.as_str()),
        "version": version,
        "summary": summarize(surface),
        "description": DESCRIPTION,
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    })
}

const DESCRIPTION: &str = "A write is accepted (202) once it is in the log. The projections \
follow; `Prefer: wait=N` waits for them. A write returns `sequence`, and reads show \
`event_sequence`: pass it as `expected_seq` in the next write of the same thing. Every path \
below `/api/v1/databases` also exists below `/api/v1/database`. Where principals are declared, a \
call needs a token, and its principal the role `x-spice-role`: for the database that the call \
names, and for every one if it is about the whole process. Lists show only what the principal may \
see.";

fn summarize(surface: Surface) -> &'static str {
    match surface {
        Surface::Gateway => "The API for clients.",
        Surface::Oms => "The older, lower-level service over the same engine.",
        Surface::Funnel => "Schema inference.",
        Surface::Metrics => "Metrics and health checks.",
    }
}

fn describe_operation(
    surface: Surface,
    tag: &str,
    operation: &Operation,
    schemas: &mut SchemaGenerator,
) -> Value {
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [tag],
    });
    if !operation.notes.is_empty() {
        described["description"] = operation.notes.into();
    }
    let rule = operation.rule_at(surface);
    described["security"] = describe_security(rule);
    if let Some(role) = rule.role() {
        described["x-spice-role"] = role.as_str().into();
    }
    let parameters = parameters::describe(operation);
    if !parameters.is_empty() {
        described["parameters"] = parameters.into();
    }
    if let Some(body) = &operation.body {
        let content = describe_content(body.shape, body.example.as_ref(), schemas);
        let content = json!({"application/json": content});
        described["requestBody"] = json!({"required": body.required, "content": content});
    }
    described["responses"] = describe_responses(surface, operation, schemas);
    described
}

fn describe_content(shape: Shape, example: Option<&Value>, schemas: &mut SchemaGenerator) -> Value {
    let mut content = json!({"schema": shape(schemas)});
    if let Some(example) = example {
        content["example"] = example.clone();
    }
    content
}

/// Whether a call needs a token.
fn describe_security(rule: Rule) -> Value {
    match rule {
        Rule::Open => json!([]),
        Rule::Anywhere(_) | Rule::Database(_) | Rule::Every(_) => json!([{"token": []}]),
    }
}

fn describe_responses(
    surface: Surface,
    operation: &Operation,
    schemas: &mut SchemaGenerator,
) -> Value {
    let mut responses: BTreeMap<u16, Value> = BTreeMap::new();
    for answered in &operation.answers {
        let response = responses
            .entry(answered.status)
            .or_insert_with(|| json!({"description": answered.meaning}));
        response["headers"] = headers::of_answer(operation.is_command);
        if let Some((media, shape)) = answered.content {
            let content = describe_content(shape, answered.example.as_ref(), schemas);
            response["content"][media] = content;
        }
    }
    for (status, codes) in errors::group_by_status(surface, operation) {
        responses.insert(status, errors::describe_response(status, &codes));
    }
    responses
        .into_iter()
        .map(|(status, response)| (status.to_string(), response))
        .collect::<Map<_, _>>()
        .into()
}
