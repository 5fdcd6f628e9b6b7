//! Names and the rules that hold without a server.

use serde_json::json;
use spice_crds::{AllowedNamespaces, BranchSpec, DatabaseSpec, OntologySpec, name};

#[test]
fn object_names_become_names_of_the_api() {
    let database = DatabaseSpec::default();
    assert_eq!(database.database_name("demo-db"), "demo_db");
    assert!(database.problems("demo-db").is_empty());
    assert!(name::is_class("Order:Line-2_b") && !name::is_class("2b"));
}

#[test]
fn invalid_names_are_reported() {
    for bad in ["ab", "1ab", "a__b", "a-", "A-b", "a_-b", ""] {
        let spec = DatabaseSpec {
            name: Some(bad.to_owned()),
            ..DatabaseSpec::default()
        };
        assert_eq!(spec.problems("x").len(), 1, "{bad}");
    }
    for bad in ["main", "refs", "a//b", "/a", "a b", ""] {
        let spec: BranchSpec =
            serde_json::from_value(json!({"databaseRef": {"name": "d"}, "name": bad})).unwrap();
        assert_eq!(spec.problems("x").len(), 1, "{bad}");
    }
}

#[test]
fn a_duplicate_key_is_reported() {
    let spec: OntologySpec = serde_json::from_value(json!({
        "databaseRef": {"name": "d"},
        "classes": [
            {"name": "X",
                "properties": [{"name": "a", "type": "string"}, {"name": "a", "type": "string"}, {"name": "9", "type": "string"}],
                "relationships": [{"predicate": "r", "target": "X"}, {"predicate": "r", "target": "X"}, {"predicate": "a", "target": "X"}]},
            {"name": "X"},
            {"name": "Z", "parentClass": "Z"}],
    }))
    .unwrap();
    let problems = spec.problems();
    assert_eq!(problems.len(), 6, "{problems:#?}");
    for wanted in [
        "class X: property \"a\": the name is already used in this class",
        "class X: relationship \"r\": the name is already used in this class",
        "class X: relationship \"a\": the name is already used in this class",
        "duplicate class \"X\"",
        "class Z: a class cannot be its own parent",
    ] {
        assert!(
            problems.iter().any(|it| it == wanted),
            "{wanted}: {problems:#?}"
        );
    }
}

#[test]
fn a_spec_is_read_and_written_losslessly() {
    let text = json!({
        "databaseRef": {"name": "d", "namespace": "n"}, "branch": "main",
        "classes": [{"name": "X",
            "label": {"ko": "상품", "en": "Product"}, "description": "d", "parentClass": "Y", "abstract": true, "deprecated": true,
            "properties": [{"name": "a", "type": "array", "label": "A", "required": true, "primaryKey": true, "deprecated": true,
                "default": [1, 2], "description": {"en": "a"}, "constraints": {"minItems": 1}, "target": "X", "linkTarget": "X",
                "isRelationship": true, "cardinality": "n:m", "integrity": "strict", "inversePredicate": "s",
                "inverseLabel": {"en": "S"}, "items": {"type": "string"}, "metadata": {"k": 1}}],
            "relationships": [{"predicate": "r", "target": "X", "label": "R", "cardinality": "n:m", "required": true, "deprecated": true,
                "constraints": {"maxItems": 3}, "description": "r", "inversePredicate": "s", "inverseLabel": {"en": "S"},
                "integrity": "strict", "metadata": {"k": [1]}}],
            "metadata": {"additional_properties": true}}],
        "adopt": "Always", "changePolicy": "Unsafe", "driftPolicy": "Report", "deletionPolicy": "Delete",
        "managementPolicy": "Observe", "suspend": true, "instance": "i",
    });
    let spec: OntologySpec = serde_json::from_value(text.clone()).unwrap();
    assert_eq!(serde_json::to_value(&spec).unwrap(), text);
}

#[test]
fn a_database_says_which_namespaces_may_refer_to_it() {
    let allowed = |fields: serde_json::Value| -> AllowedNamespaces {
        serde_json::from_value(fields).unwrap()
    };
    for (fields, other, all) in [
        (json!({}), false, false),
        (json!({"from": "Same"}), false, false),
        (json!({"from": "Names", "names": ["b"]}), true, false),
        (json!({"from": "All"}), true, true),
    ] {
        let allowed = allowed(fields);
        assert!(allowed.allows("a", "a"));
        assert_eq!(allowed.allows("a", "b"), other, "{allowed:?}");
        assert_eq!(allowed.allows("a", "c"), all, "{allowed:?}");
    }
}
