//! What the tests of the ontology share.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::{Value, json};
use spice_core::{
    command::RawData,
    error::{ErrorCode, Refusal},
    id::CommandId,
    json::{Json, Properties},
    name::PropertyName,
    ontology::{Candidate, Class},
};

/// The command that every test sends.
pub(crate) fn command() -> CommandId {
    CommandId("11111111-2222-4333-8444-555555555555".parse().unwrap())
}

pub(crate) fn json(text: &str) -> Json {
    Json::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub(crate) fn name(text: &str) -> PropertyName {
    text.parse().unwrap()
}

pub(crate) fn data(text: &str) -> RawData {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub(crate) fn class(definition: &str) -> Class {
    Class::create(&json(definition)).unwrap_or_else(|refusal| panic!("{definition}: {refusal}"))
}

/// A class `Thing` with one property `value`, of these further fields.
pub(crate) fn class_of(fields: &Value) -> Result<Class, Refusal> {
    let mut property = json!({"name": "value"});
    property
        .as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    let definition = json!({"id": "Thing", "label": "Thing", "properties": [property]});
    Class::create(&Json::from(definition))
}

pub(crate) fn create(class: &Class, text: &str) -> Result<Candidate, Refusal> {
    class.new_instance(None, &data(text), command(), 0)
}

pub(crate) fn created(class: &Class, text: &str) -> Candidate {
    create(class, text).unwrap_or_else(|refusal| panic!("{text}: {:?}", refusal.to_detail()))
}

pub(crate) fn text_of(properties: &Properties) -> String {
    serde_json::to_string(properties).unwrap()
}

/// The (field, rule) of each entry of a refusal by the ontology.
pub(crate) fn broken<T: std::fmt::Debug>(outcome: Result<T, Refusal>) -> Vec<(String, String)> {
    let refusal = outcome.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::ValidationFailed, "{refusal}");
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap().to_owned();
    let entries = refusal.detail["errors"].as_array().unwrap();
    entries
        .iter()
        .inspect(|entry| assert!(!text(entry, "message").is_empty()))
        .map(|entry| (text(entry, "field"), text(entry, "rule")))
        .collect()
}

/// The one (field, rule) of a refusal by the ontology.
pub(crate) fn broken_once<T: std::fmt::Debug>(outcome: Result<T, Refusal>) -> (String, String) {
    let all = broken(outcome);
    assert_eq!(all.len(), 1, "{all:?}");
    all[0].clone()
}
