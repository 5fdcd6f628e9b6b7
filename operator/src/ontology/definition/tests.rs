//! Declared classes in the form of the api.

use serde_json::{Value, json};

use super::*;

fn defined(class: Value) -> Value {
    let class: Class = serde_json::from_value(class).unwrap();
    serde_json::to_value(definition(&class)).unwrap()
}

#[test]
fn every_field_reaches_the_api() {
    let property = json!({"name": "a", "type": "array", "label": "A", "required": true, "primaryKey": true,
        "default": [1, 2], "description": {"en": "a"}, "constraints": {"minItems": 1}, "target": "X",
        "linkTarget": "X", "isRelationship": true, "cardinality": "n:m", "integrity": "strict",
        "inversePredicate": "s", "inverseLabel": {"en": "S"}, "items": {"type": "string"},
        "metadata": {"k": 1}, "deprecated": true});
    let relationship = json!({"predicate": "r", "target": "X", "label": "R", "cardinality": "n:m",
        "required": true, "constraints": {"maxItems": 3}, "description": "r", "inversePredicate": "s",
        "inverseLabel": {"en": "S"}, "integrity": "strict", "metadata": {"k": [1]}, "deprecated": false});
    let class = json!({"name": "X", "label": {"ko": "상품", "en": "Product"}, "description": "d",
        "parentClass": "Y", "abstract": true, "properties": [property], "relationships": [relationship],
        "metadata": {"additional_properties": true}, "deprecated": true});
    let expected = json!({"id": "X", "label": {"ko": "상품", "en": "Product"}, "description": "d",
        "parent_class": "Y", "abstract": true,
        "properties": [{"name": "a", "type": "array", "label": "A", "required": true, "primaryKey": true,
            "default": [1, 2], "description": {"en": "a"}, "constraints": {"minItems": 1}, "target": "X",
            "linkTarget": "X", "isRelationship": true, "cardinality": "n:m", "integrity": "strict",
            "inverse_predicate": "s", "inverse_label": {"en": "S"}, "items": {"type": "string"},
            "metadata": {"k": 1, "deprecated": true}}],
        "relationships": [{"predicate": "r", "target": "X", "label": "R", "cardinality": "n:m",
            "required": true, "constraints": {"maxItems": 3}, "description": "r",
            "inverse_predicate": "s", "inverse_label": {"en": "S"}, "integrity": "strict",
            "metadata": {"k": [1], "deprecated": false}}],
        "metadata": {"additional_properties": true, "deprecated": true}});
    assert_eq!(defined(class.clone()), expected);
    let back: Fields = serde_json::from_value(expected).unwrap();
    let back = class_of(&back).unwrap();
    assert_eq!(back, serde_json::from_value(class).unwrap());
}

#[test]
fn fields_of_the_api_are_no_part_of_a_declaration() {
    let stored = json!({"id": "X", "label": "X", "event_sequence": 3, "properties": [
        {"name": "a", "type": "string", "primary_key": true, "metadata": {"deprecated": "since 2"}}]});
    let stored: Fields = serde_json::from_value(stored).unwrap();
    let expected = json!({"name": "X", "properties": [
        {"name": "a", "type": "string", "primaryKey": true, "metadata": {"deprecated": "since 2"}}]});
    let class = class_of(&stored).unwrap();
    assert_eq!(serde_json::to_value(class).unwrap(), expected);
}

#[test]
fn what_is_not_declared_is_not_sent_and_the_label_is_the_name() {
    assert_eq!(
        defined(json!({"name": "X", "properties": [{"name": "a", "type": "string"}]})),
        json!({"id": "X", "label": "X", "properties": [{"name": "a", "type": "string"}]})
    );
}

#[test]
fn digits_are_kept() {
    let text =
        r#"{"name": "X", "properties": [{"name": "a", "type": "decimal", "default": 1.10}]}"#;
    let class: Class = serde_json::from_str(text).unwrap();
    let sent = Exact::from(definition(&class)).to_json().unwrap();
    assert!(sent.contains("1.10"), "{sent}");
}
