//! Names, labels and types of a class that are refused.

use serde_json::{Value, json};
use spice_core::{error::ErrorCode, ontology::Class};

use crate::support::{class, class_of, create, create_instance, json, only_violation, refusal};

#[test]
fn an_unknown_type_is_refused_with_the_known_ones() {
    let refusal = class_of(&json!({"type": "varchar"})).unwrap_err();
    assert!(
        refusal.detail["allowed"]
            .as_array()
            .unwrap()
            .contains(&json!("string"))
    );
    assert!(refusal.message.contains("geopoint"), "{refusal}");
    assert_eq!(refusal.detail["value"], "varchar");
}

#[test]
fn a_bad_name_is_refused_at_any_place() {
    for (definition, field) in [
        (json!({"label": "T", "id": "1x"}), "id"),
        (json!({"label": "T", "id": "a b"}), "id"),
        (json!({"label": "T", "parent_class": "a b"}), "parent_class"),
        (
            json!({"label": "T", "properties": [{"name": "a b", "type": "string"}]}),
            "properties[0].name",
        ),
        (
            json!({"label": "T", "properties": [{"name": "a", "type": "link", "target": "1"}]}),
            "properties[0].target",
        ),
        (
            json!({"label": "T", "relationships": [{"predicate": "_", "target": "B"}]}),
            "relationships[0].predicate",
        ),
        (
            json!({"label": "T", "relationships": [{"predicate": "b", "target": "B", "inverse_predicate": ""}]}),
            "relationships[0].inverse_predicate",
        ),
    ] {
        let refusal = refusal(&definition);
        assert_eq!(refusal.code, ErrorCode::InvalidName, "{definition}");
        assert_eq!(refusal.detail["field"], field);
    }
}

#[test]
fn a_name_or_label_identifies_one_property() {
    let string = |name: &str, label: Value| json!({"name": name, "type": "string", "label": label});
    let link = |predicate: &str, label: Value| json!({"predicate": predicate, "target": "B", "label": label});
    for (properties, relationships) in [
        (
            json!([string("a", json!("x")), string("a", json!("y"))]),
            json!([]),
        ),
        (
            json!([string("a", json!("x")), string("b", json!("x"))]),
            json!([]),
        ),
        (
            json!([
                string("a", json!({"en": "x", "ko": "y"})),
                string("b", json!({"de": "y"}))
            ]),
            json!([]),
        ),
        (
            json!([string("a", json!("b")), string("b", json!("y"))]),
            json!([]),
        ),
        (
            json!([string("a", json!("y")), string("b", json!("a"))]),
            json!([]),
        ),
        (
            json!([string("a", json!("x"))]),
            json!([link("a", json!("y"))]),
        ),
        (
            json!([string("a", json!("x"))]),
            json!([link("b", json!("x"))]),
        ),
        (
            json!([]),
            json!([link("b", json!("x")), link("b", json!("z"))]),
        ),
    ] {
        let refusal = refusal(
            &json!({"label": "T", "properties": properties, "relationships": relationships}),
        );
        assert_eq!(refusal.detail["rule"], "duplicate", "{refusal}");
    }
    class(
        r#"{"label":"T","properties":[{"name":"a","type":"string","label":{"en":"a","ko":"a","de":"A"}}]}"#,
    );
    let twice = Class::create(&json(r#"{"label":"T","label":"U"}"#)).unwrap_err();
    assert_eq!(
        (&twice.detail["field"], &twice.detail["rule"]),
        (&json!("label"), &json!("duplicate"))
    );
}

#[test]
fn a_label_is_the_same_in_any_unicode_form() {
    let (whole, apart) = ("이름", "\u{110b}\u{1175}\u{1105}\u{1173}\u{11b7}");
    for (own, other) in [(whole, apart), (apart, whole)] {
        let class = class(
            &json!({"label": "T", "properties": [
                {"name": "a", "type": "string", "label": {"ko": own, "en": "x"}}]})
            .to_string(),
        );
        for label in [own, other] {
            assert_eq!(class.resolve(label).unwrap().as_str(), "a");
            let made = create_instance(&class, &json!({label: "v"}).to_string());
            assert_eq!(made.properties.len(), 1);
        }
        let twice = create(&class, &json!({own: "v", other: "v"}).to_string());
        assert_eq!(only_violation(twice), ("a".into(), "duplicate".into()));
        assert!(class.definition.as_str().contains(own), "kept as written");
        let refused = refusal(&json!({"label": "T", "properties": [
            {"name": "a", "type": "string", "label": own},
            {"name": "b", "type": "string", "label": other}]}));
        assert_eq!(refused.detail["rule"], "duplicate", "{refused}");
        // The same in two languages, and in two forms, is no refused.
        Class::create(&json(
            &json!({"label": "T", "properties": [
                {"name": "a", "type": "string", "label": {"ko": own, "en": other}}]})
            .to_string(),
        ))
        .unwrap();
    }
}

#[test]
fn an_unreadable_definition_is_refused() {
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    for (metadata, rule) in [
        (deep.as_str(), "limit"),
        ("1e9999", "range"),
        (r#""\ud800""#, "encoding"),
    ] {
        let definition = json(&format!(r#"{{"label":"T","metadata":{{"x":{metadata}}}}}"#));
        assert_eq!(Class::create(&definition).unwrap_err().detail["rule"], rule);
    }
}
