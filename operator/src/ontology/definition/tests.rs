//! Compares declared and stored classes.

use serde_json::{Value, json};

use super::*;

fn spec(text: Value) -> OntologySpec {
    serde_json::from_value(text).unwrap()
}

fn full() -> OntologySpec {
    spec(json!({
        "databaseRef": {"name": "d"}, "class": "Product",
        "label": {"ko": "상품", "en": "Product"}, "description": "sold", "parentClass": "Thing", "abstract": true,
        "properties": [
            {"name": "product_id", "type": "string", "primaryKey": true, "required": true},
            {"name": "price", "type": "money", "constraints": {"min": 0}},
            {"name": "tags", "type": "array", "items": {"type": "string"}, "default": []}],
        "relationships": [{"predicate": "owned_by", "target": "Client", "cardinality": "n:1",
            "inversePredicate": "owns", "inverseLabel": "owns", "integrity": "strict"}],
        "metadata": {"additional_properties": true},
    }))
}

#[test]
fn names_of_yaml_become_names_of_the_api() {
    let class: Value = serde_json::to_value(definition(&full())).unwrap();
    assert_eq!(class["parent_class"], "Thing");
    assert_eq!(class["abstract"], true);
    assert_eq!(class["relationships"][0]["inverse_predicate"], "owns");
    assert_eq!(class["relationships"][0]["inverse_label"], "owns");
    assert_eq!(class["relationships"][0]["integrity"], "strict");
    assert!(class["relationships"][0].get("inversePredicate").is_none());
    assert_eq!(class["properties"][0]["primaryKey"], true);
    assert_eq!(class["properties"][2]["default"], json!([]));
    assert!(class.get("databaseRef").is_none());
}

#[test]
fn every_field_reaches_the_api() {
    let property = json!({"name": "a", "type": "array", "label": "A", "required": true, "primaryKey": true,
        "default": [1], "description": {"en": "a"}, "constraints": {"minItems": 1}, "target": "X",
        "linkTarget": "X", "isRelationship": true, "cardinality": "n:m", "integrity": "strict",
        "items": {"type": "link"}, "metadata": {"k": 1}});
    let relationship = json!({"predicate": "r", "target": "X", "label": "R", "cardinality": "n:m",
        "required": true, "constraints": {"maxItems": 3}, "description": "r", "integrity": "strict",
        "metadata": {"k": [1]}});
    let with_inverse = |object: &Value, predicate: &str, label: &str| {
        let mut object = object.clone();
        object[predicate] = "s".into();
        object[label] = json!({"en": "S"});
        object
    };
    let declared = |object: &Value| with_inverse(object, "inversePredicate", "inverseLabel");
    let sent = |object: &Value| with_inverse(object, "inverse_predicate", "inverse_label");
    let class = spec(json!({"databaseRef": {"name": "d"}, "label": "X",
        "properties": [declared(&property)], "relationships": [declared(&relationship)]}));
    let class = serde_json::to_value(definition(&class)).unwrap();
    assert_eq!(class["properties"][0], sent(&property));
    assert_eq!(class["relationships"][0], sent(&relationship));
}

#[test]
fn a_written_class_shows_no_difference() {
    let mut stored = definition(&full());
    stored.insert("id".into(), "Product".into());
    stored.insert("event_sequence".into(), 3u64.into());
    assert_eq!(difference(&definition(&full()), &stored), None);
}

#[test]
fn defaults_and_older_names_are_no_difference() {
    let declared = spec(json!({"databaseRef": {"name": "d"}, "label": "X",
        "properties": [{"name": "a", "type": "string", "primaryKey": true, "target": "Y"}],
        "relationships": [{"predicate": "r", "target": "X"}, {"predicate": "s", "target": "X", "cardinality": "n:m"}]}));
    let stored = json!({"id": "X", "label": "X", "description": null, "abstract": false, "metadata": {},
        "properties": [{"name": "a", "type": "xsd:string", "label": "a", "primary_key": true, "required": false, "link_target": "Y", "constraints": {}}],
        "relationships": [{"predicate": "r", "label": "r", "target": "X", "cardinality": "1:n"},
            {"predicate": "s", "target": "X", "cardinality": "n:n", "integrity": "none"}]});
    let stored = Exact::from(stored);
    assert_eq!(
        difference(&definition(&declared), stored.as_object().unwrap()),
        None
    );
}

#[test]
fn only_differing_keys_are_written() {
    let stored = definition(&full());
    for (key, other, written) in [
        (
            "label",
            json!("Other"),
            json!({"ko": "상품", "en": "Product"}),
        ),
        ("description", json!("other"), json!("sold")),
        ("parent_class", Value::Null, json!("Thing")),
        ("abstract", json!(false), json!(true)),
        (
            "metadata",
            json!({}),
            json!({"additional_properties": true}),
        ),
    ] {
        let mut changed = stored.clone();
        changed.insert(key.into(), other.into());
        assert_eq!(
            difference(&definition(&full()), &changed),
            Some(Fields::from_iter([(key.to_owned(), written.into())]))
        );
    }
    let mut reordered = full();
    reordered.properties.swap(0, 1);
    let reordered = definition(&reordered);
    assert_eq!(
        difference(&definition(&full()), &reordered)
            .unwrap()
            .keys()
            .collect::<Vec<_>>(),
        ["properties"]
    );
    let mut more = full();
    more.properties[0]
        .constraints
        .insert("maxLength".into(), 3u64.into());
    let more = definition(&more);
    assert!(difference(&definition(&full()), &more).is_some());
}

#[test]
fn removed_fields_are_deleted_in_the_api() {
    let declared =
        spec(json!({"databaseRef": {"name": "d"}, "label": {"ko": "상품", "en": "Product"}}));
    let change = difference(&definition(&declared), &definition(&full())).unwrap();
    assert_eq!(
        Exact::from(change),
        Exact::from(
            json!({"description": null, "parent_class": null, "abstract": false,
            "properties": [], "relationships": [], "metadata": {}})
        )
    );
}

#[test]
fn a_default_of_false_is_a_default() {
    let with = |default: Value| {
        spec(json!({"databaseRef": {"name": "d"}, "label": "X",
            "properties": [{"name": "a", "type": "boolean", "default": default}]}))
    };
    assert!(
        difference(
            &definition(&with(json!(false))),
            &definition(&with(json!(true)))
        )
        .is_some()
    );
    let without = spec(json!({"databaseRef": {"name": "d"}, "label": "X",
        "properties": [{"name": "a", "type": "boolean"}]}));
    assert!(difference(&definition(&with(json!(false))), &definition(&without)).is_some());
}

/// Every digit counts: two numbers that are equal as doubles are different declarations.
#[test]
fn digits_are_a_difference() {
    let with = |number: &str| {
        let text = format!(
            r#"{{"databaseRef": {{"name": "d"}}, "label": "X", "properties": [{{"name": "a",
                "type": "decimal", "default": {number}, "constraints": {{"max": {number}}},
                "items": {{"default": {number}}}}}]}}"#
        );
        definition(&serde_json::from_str(&text).unwrap())
    };
    for (one, other) in [
        ("0.12345678901234567890", "0.12345678901234567891"),
        ("1234567890123456789.25", "1234567890123456789.26"),
        ("12345678901234567890123", "12345678901234567890124"),
        ("1.0", "1.00"),
    ] {
        assert_eq!(difference(&with(one), &with(one)), None);
        assert!(
            difference(&with(one), &with(other)).is_some(),
            "{one} {other}"
        );
        let written = Exact::from(with(one)).to_json().unwrap();
        assert_eq!(written.matches(one).count(), 3, "{written}");
    }
}
