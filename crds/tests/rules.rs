//! Names and the rules that hold without a server.

use serde_json::json;
use spice_crds::{BranchSpec, DatabaseSpec, OntologySpec, name};

#[test]
fn object_names_become_names_of_the_api() {
    let database = DatabaseSpec::default();
    assert_eq!(database.database_name("demo-db"), "demo_db");
    assert!(database.problems("demo-db").is_empty());
    for (object, class) in [
        ("product", "Product"),
        ("order-line", "OrderLine"),
        ("3d-model", "Class3dModel"),
        ("a.b-c", "ABC"),
    ] {
        assert_eq!(name::class_from_object(object), class);
    }
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
        "databaseRef": {"name": "d"}, "label": "X",
        "properties": [{"name": "a", "type": "string"}, {"name": "a", "type": "string"}, {"name": "9", "type": "string"}],
        "relationships": [{"predicate": "r", "target": "X"}, {"predicate": "r", "target": "X"}, {"predicate": "a", "target": "X"}],
        "parentClass": "X",
    }))
    .unwrap();
    let problems = spec.problems("x").join("\n");
    assert_eq!(spec.problems("x").len(), 5, "{problems}");
    assert!(problems.contains("class X cannot be its own parent"));
    assert!(problems.contains("\"a\" is a property and a relationship"));
    assert!(problems.contains("duplicate property \"a\""));
    assert!(problems.contains("duplicate relationship \"r\""));
}

#[test]
fn a_spec_is_read_and_written_losslessly() {
    let text = json!({
        "databaseRef": {"name": "d"}, "branch": "main", "class": "X",
        "label": {"ko": "상품", "en": "Product"}, "description": "d", "parentClass": "Y", "abstract": true,
        "properties": [{"name": "a", "type": "array", "default": [1, 2], "items": {"type": "string"},
            "label": "A", "required": true, "description": {"en": "a"}, "target": "X", "linkTarget": "X",
            "isRelationship": true, "cardinality": "n:m", "integrity": "strict", "inversePredicate": "s",
            "inverseLabel": {"en": "S"}, "metadata": {"k": 1},
            "primaryKey": true, "constraints": {"minItems": 1}}],
        "relationships": [{"predicate": "r", "target": "X", "label": "R", "cardinality": "n:m", "required": true,
            "constraints": {"maxItems": 3}, "description": "r", "metadata": {"k": [1]},
            "inversePredicate": "s", "inverseLabel": {"en": "S"}, "integrity": "strict"}],
        "metadata": {"additional_properties": true}, "deletionPolicy": "Delete", "driftPolicy": "Report", "instance": "i",
    });
    let spec: OntologySpec = serde_json::from_value(text.clone()).unwrap();
    assert_eq!(serde_json::to_value(&spec).unwrap(), text);
}
