//! A declared class against a stored one.

use serde_json::json;

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
    let class = definition(&full());
    assert_eq!(class["parent_class"], "Thing");
    assert_eq!(class["abstract"], true);
    assert_eq!(class["relationships"][0]["inverse_predicate"], "owns");
    assert_eq!(class["relationships"][0]["inverse_label"], "owns");
    assert_eq!(class["relationships"][0]["integrity"], "strict");
    assert!(class["relationships"][0].get("inversePredicate").is_none());
    assert_eq!(class["properties"][0]["primaryKey"], true);
    assert_eq!(class["properties"][2]["default"], json!([]));
    assert!(!class.contains_key("databaseRef"));
}

#[test]
fn what_was_written_is_no_difference() {
    let mut stored = definition(&full());
    stored.insert("id".into(), "Product".into());
    stored.insert("event_sequence".into(), 3.into());
    assert_eq!(difference(&full(), &stored), None);
}

#[test]
fn defaults_and_older_names_are_no_difference() {
    let declared = spec(json!({"databaseRef": {"name": "d"}, "label": "X",
        "properties": [{"name": "a", "type": "string", "primaryKey": true, "target": "Y"}],
        "relationships": [{"predicate": "r", "target": "X"}, {"predicate": "s", "target": "X", "cardinality": "n:m"}]}));
    let stored = json!({"id": "X", "label": "X", "description": null, "abstract": false, "metadata": {},
        "properties": [{"name": "a", "type": "xsd:string", "label": "a", "primary_key": true, "required": false, "link_target": "Y", "constraints": {}}],
        "relationships": [{"predicate": "r", "label": "r", "target": "X", "cardinality": "1:n"},
            {"predicate": "s", "target": "X", "cardinality": "n:n"}]});
    assert_eq!(difference(&declared, stored.as_object().unwrap()), None);
}

#[test]
fn each_key_that_differs_is_written_and_no_other() {
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
        changed.insert(key.into(), other);
        assert_eq!(
            difference(&full(), &changed),
            Some(Map::from_iter([(key.to_owned(), written)]))
        );
    }
    let mut reordered = stored.clone();
    reordered["properties"].as_array_mut().unwrap().swap(0, 1);
    assert_eq!(
        difference(&full(), &reordered)
            .unwrap()
            .keys()
            .collect::<Vec<_>>(),
        ["properties"]
    );
    let mut more = stored;
    more["properties"][0]["constraints"] = json!({"maxLength": 3});
    assert!(difference(&full(), &more).is_some());
}

#[test]
fn what_is_no_longer_declared_is_taken_away() {
    let declared =
        spec(json!({"databaseRef": {"name": "d"}, "label": {"ko": "상품", "en": "Product"}}));
    let change = difference(&declared, &definition(&full())).unwrap();
    assert_eq!(
        Value::from(change),
        json!({"description": null, "parent_class": null, "abstract": false,
            "properties": [], "relationships": [], "metadata": {}})
    );
}

#[test]
fn a_default_of_false_is_a_default() {
    let with = |default: Value| {
        spec(json!({"databaseRef": {"name": "d"}, "label": "X",
            "properties": [{"name": "a", "type": "boolean", "default": default}]}))
    };
    assert!(difference(&with(json!(false)), &definition(&with(json!(true)))).is_some());
    let without = spec(json!({"databaseRef": {"name": "d"}, "label": "X",
        "properties": [{"name": "a", "type": "boolean"}]}));
    assert!(difference(&with(json!(false)), &definition(&without)).is_some());
}
