//! The document of each service is consistent.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::http::routes;

fn document_of(surface: Surface) -> Value {
    describe(surface, "0.0.0", &routes::list_subjects(surface))
}

fn operations(document: &Value) -> Vec<(&String, &String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap();
            methods
                .iter()
                .map(move |(method, operation)| (path, method, operation))
        })
        .collect()
}

/// Every value of a key, at any place.
fn all<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                if name == key {
                    found.push(field);
                }
                all(field, key, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| all(item, key, found)),
        _ => {}
    }
}

#[test]
fn a_document_has_exactly_the_calls_of_its_service() {
    for surface in Surface::ALL {
        let document = document_of(surface);
        let documented: BTreeSet<(String, String)> = operations(&document)
            .into_iter()
            .map(|(path, method, _)| (path.clone(), method.to_uppercase()))
            .collect();
        let subjects = routes::list_subjects(surface);
        let calls: Vec<(String, String)> = subjects
            .iter()
            .flat_map(|subject| &subject.operations)
            .map(|call| {
                (
                    parameters::template(call.address.path),
                    call.method.to_string(),
                )
            })
            .collect();
        assert_eq!(calls.len(), documented.len(), "one is described twice");
        assert_eq!(calls.into_iter().collect::<BTreeSet<_>>(), documented);
    }
}

#[test]
fn calls_have_unique_names_answers_and_described_parts() {
    for surface in Surface::ALL {
        let document = document_of(surface);
        let mut ids = BTreeSet::new();
        for (path, _, operation) in operations(&document) {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{id} is there twice");
            assert!(id.chars().all(char::is_alphanumeric), "{id}");
            let summary = operation["summary"].as_str().unwrap();
            assert!(summary.ends_with('.'), "{id}: {summary:?} is no sentence");
            let responses = operation["responses"].as_object().unwrap();
            assert!(
                responses.keys().any(|status| !status.starts_with('4')),
                "{id} never answers"
            );
            assert!(responses.contains_key("400"), "{id}");
            let parameters = operation["parameters"].as_array();
            let parameters: Vec<&Value> = parameters.into_iter().flatten().collect();
            for parameter in &parameters {
                let described = parameter["description"].as_str().unwrap();
                assert!(!described.is_empty(), "{id}: {}", parameter["name"]);
            }
            let in_path: BTreeSet<&str> = parameters
                .iter()
                .filter(|parameter| parameter["in"] == "path")
                .map(|parameter| parameter["name"].as_str().unwrap())
                .collect();
            let placeholders: BTreeSet<&str> = path
                .split('/')
                .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
                .collect();
            assert_eq!(in_path, placeholders, "{id}");
        }
    }
}

#[test]
fn references_of_a_document_resolve() {
    for surface in Surface::ALL {
        let document = document_of(surface);
        let mut references = Vec::new();
        all(&document, "$ref", &mut references);
        assert!(!references.is_empty());
        for reference in references {
            let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }
}

#[test]
fn required_fields_are_listed_once() {
    for surface in Surface::ALL {
        let document = document_of(surface);
        let mut lists = Vec::new();
        all(&document, "required", &mut lists);
        for list in lists.into_iter().filter_map(Value::as_array) {
            let names: BTreeSet<String> = list.iter().map(Value::to_string).collect();
            assert_eq!(names.len(), list.len(), "{list:?}");
        }
    }
}

#[test]
fn bodies_are_described_by_their_parsers() {
    let document = document_of(Surface::Gateway);
    let schemas = &document["components"]["schemas"];
    let body = &schemas["InstanceBody"];
    assert_eq!(body["required"], json!(["data"]));
    assert_eq!(body["additionalProperties"], false);
    let graph = &schemas["GraphRequest"]["properties"];
    assert_eq!(graph["limit"]["default"], 100);
    assert_eq!(graph["limit"]["maximum"], 1000);
    let rows = &schemas["BulkBody"]["properties"]["instances"];
    assert_eq!(
        (&rows["minItems"], &rows["maxItems"]),
        (&json!(1), &json!(10_000))
    );
    assert_eq!(
        schemas["ErrorCode"]["enum"].as_array().map(Vec::len),
        Some(spice_core::error::ErrorCode::ALL.len())
    );
    let list = &document["paths"]["/api/v1/databases/{db}/class/{class}/instances"]["get"];
    let limit = list["parameters"].as_array().unwrap().iter();
    let limit = limit
        .filter(|parameter| parameter["name"] == "limit")
        .map(|parameter| &parameter["schema"])
        .next();
    let bounds = json!({"type": "integer", "minimum": 1, "maximum": 1000, "default": 100});
    assert_eq!(limit, Some(&bounds));
}

#[test]
fn the_page_shows_every_call_and_loads_nothing() {
    for surface in Surface::ALL {
        let document = document_of(surface);
        let page = page::render(&document);
        for (path, _, operation) in operations(&document) {
            let id = operation["operationId"].as_str().unwrap();
            assert!(page.contains(&format!("<article id=\"{id}\"")), "{id}");
            assert!(page.contains(path.as_str()), "{path}");
        }
        for name in document["components"]["schemas"]
            .as_object()
            .unwrap()
            .keys()
        {
            assert!(page.contains(&format!("id=\"schema-{name}\"")), "{name}");
        }
        for loads in [
            "src=", "<link", "@import", "url(", "http://", "https://", "fetch(",
        ] {
            assert!(!page.contains(loads), "the page loads something: {loads}");
        }
    }
}

#[test]
fn a_call_that_names_a_database_in_its_path_is_guarded_by_it_and_no_other_is() {
    for surface in Surface::ALL {
        for subject in routes::list_subjects(surface) {
            for call in subject.operations {
                let is_of_path = matches!(call.rule_at(surface), Rule::Database(_));
                assert_eq!(
                    call.address.path.contains("{db}"),
                    is_of_path,
                    "{}",
                    call.id
                );
            }
        }
    }
}
