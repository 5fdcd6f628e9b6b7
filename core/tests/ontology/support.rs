//! What the tests of the ontology share.

use serde_json::{Value, json};
use spice_core::{
    command::RawData,
    error::{ErrorCode, Refusal},
    id::CommandId,
    json::{Json, Properties},
    name::{InstanceId, PropertyName},
    ontology::{Candidate, Class},
    query::Filter,
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

pub(crate) fn create_instance(class: &Class, text: &str) -> Candidate {
    create(class, text).unwrap_or_else(|refusal| panic!("{text}: {:?}", refusal.to_detail()))
}

pub(crate) fn text_of(properties: &Properties) -> String {
    serde_json::to_string(properties).unwrap()
}

/// The (field, rule) of each entry of a refusal by the ontology.
pub(crate) fn violations<T: std::fmt::Debug>(outcome: Result<T, Refusal>) -> Vec<(String, String)> {
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
pub(crate) fn only_violation<T: std::fmt::Debug>(outcome: Result<T, Refusal>) -> (String, String) {
    let all = violations(outcome);
    assert_eq!(all.len(), 1, "{all:?}");
    all[0].clone()
}

pub(crate) const PRODUCT: &str = r#"{"id":"Product","label":"Product","properties":[
    {"name":"product_id","type":"string","primaryKey":true,"required":true,"label":{"en":"Code","ko":"코드"}},
    {"name":"price","type":"decimal","label":"Price (KRW)","default":1.10},
    {"name":"stock","type":"integer"},
    {"name":"sku","type":"string","constraints":{"unique":true}}],
    "relationships":[
    {"predicate":"maker","target":"Company","cardinality":"n:1","integrity":"strict","label":"made by"},
    {"predicate":"parts","target":"Part","cardinality":"1:n"},
    {"predicate":"twin","target":"Product","cardinality":"1:1"},
    {"predicate":"tags","target":"shop:Tag","cardinality":"n:m","integrity":"strict"}]}"#;

pub(crate) const CATALOGUE: &str = r#"{"id":"Product","label":"Product","properties":[
    {"name":"code","type":"string","primaryKey":true},
    {"name":"price","type":"decimal","label":{"en":"Price","ko":"가격"}},
    {"name":"stock","type":"integer"},{"name":"sold_at","type":"dateTime"},{"name":"day","type":"date"},
    {"name":"fee","type":"money"},{"name":"open","type":"boolean"},{"name":"tags","type":"array","items":"string"},
    {"name":"place","type":"coordinate"},{"name":"extra","type":"json"},{"name":"uid","type":"uuid"},
    {"name":"kind","type":"enum","constraints":{"enum":["a","b"]}},{"name":"home","type":"url"}],
    "relationships":[{"predicate":"maker","target":"Company","cardinality":"n:1"},{"predicate":"parts","target":"Part"}]}"#;

pub(crate) fn id(text: &str) -> InstanceId {
    text.parse().unwrap()
}

pub(crate) fn patch(class: &Class, current: &Candidate, patch: &str) -> Result<Candidate, Refusal> {
    class.patch_instance(&current.id, &current.properties, &data(patch))
}

pub(crate) fn of(fields: &Value) -> Class {
    class_of(fields).unwrap_or_else(|refusal| panic!("{fields}: {:?}", refusal.to_detail()))
}

pub(crate) fn table(fields: &Value, accepted: &[&str], refused: &[&str], rule: &str) {
    let class = of(fields);
    for text in accepted {
        let candidate = create_instance(&class, &format!("{{\"value\":{text}}}"));
        let kept = &candidate.properties[&name("value")];
        assert_eq!(kept, &json(text), "kept as written");
    }
    for text in refused {
        let outcome = create(&class, &format!("{{\"value\":{text}}}"));
        let (_, broken_rule) = only_violation(outcome);
        assert_eq!(broken_rule, rule, "{fields} {text}");
    }
}

pub(crate) fn refusal(definition: &Value) -> Refusal {
    match Class::create(&Json::from(definition.clone())) {
        Ok(class) => panic!("accepted: {class:?}"),
        Err(refusal) => refusal,
    }
}

pub(crate) fn read(filters: Value) -> Result<Vec<Filter>, Refusal> {
    Filter::parse_all(&class(CATALOGUE), &serde_json::from_value(filters).unwrap())
}
