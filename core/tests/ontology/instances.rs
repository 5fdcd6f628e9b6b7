//! Instances against their class: keys, defaults, what is required, patches.

use proptest::prelude::*;
use serde_json::json;
use spice_core::{
    error::ErrorCode,
    id::CommandId,
    json::{Json, Properties},
    ontology::{Class, PropertyType},
};

use crate::support::{
    PRODUCT, class, class_of, create, create_instance, data, only_violation, patch, text_of,
    violations,
};

#[test]
fn keys_may_be_ids_or_labels_in_any_language() {
    let product = class(PRODUCT);
    for key in ["product_id", "Code", "코드"] {
        let candidate = create_instance(
            &product,
            &format!(r#"{{"{key}":"p","Price (KRW)":2.50,"made by":"Company/c"}}"#),
        );
        assert_eq!(
            text_of(&candidate.properties),
            r#"{"product_id":"p","price":2.50,"maker":"Company/c"}"#
        );
        assert_eq!(candidate.id.as_str(), "p");
    }
}

#[test]
fn unknown_keys_are_refused_with_a_hint() {
    let product = class(PRODUCT);
    let refusal = create(&product, r#"{"product_id":"p","Prise (KRW)":1,"colour":2}"#).unwrap_err();
    assert_eq!(refusal.code, ErrorCode::UnknownLabelKeys);
    assert_eq!(refusal.code.http_status(), 400);
    assert_eq!(refusal.detail["class_id"], "Product");
    assert_eq!(refusal.detail["labels"], json!(["Prise (KRW)", "colour"]));
    let hint = refusal.detail["hint"].as_str().unwrap();
    assert!(hint.contains("did you mean Price (KRW)?"), "{hint}");
    assert!(hint.contains("stock") && hint.contains("maker"), "{hint}");
    let current = create_instance(&product, r#"{"product_id":"p"}"#);
    assert_eq!(
        patch(&product, &current, r#"{"Stock":null}"#)
            .unwrap_err()
            .code,
        ErrorCode::UnknownLabelKeys
    );
}

#[test]
fn a_class_may_allow_additional_keys() {
    let open = class(
        r#"{"id":"T","label":"T","properties":[{"name":"a","type":"integer"}],"metadata":{"additional_properties":true}}"#,
    );
    let candidate = create_instance(&open, r#"{"a":1,"free":{"x":[1.10]},"empty":null}"#);
    assert_eq!(
        text_of(&candidate.properties),
        r#"{"a":1,"free":{"x":[1.10]}}"#
    );
    let changed = patch(&open, &candidate, r#"{"free":null,"more":"x"}"#).unwrap();
    assert_eq!(text_of(&changed.properties), r#"{"a":1,"more":"x"}"#);
    assert_eq!(
        create(&open, r#"{"not a name":1}"#).unwrap_err().code,
        ErrorCode::InvalidName
    );
    assert_eq!(
        only_violation(create(&open, r#"{"a":"1"}"#)),
        ("a".into(), "type".into())
    );
    let long = format!("{{\"free\":\"{}\"}}", "x".repeat(5_001));
    assert_eq!(
        only_violation(create(&open, &long)),
        ("free".into(), "limit".into())
    );
    let many: Vec<_> = (0..101).map(|index| format!("\"k{index}\":1")).collect();
    assert_eq!(
        only_violation(create(&open, &format!("{{{}}}", many.join(",")))).1,
        "limit"
    );
    assert!(create(&open, &format!("{{{}}}", many[1..].join(","))).is_ok());
}

#[test]
fn a_class_may_have_many_properties() {
    let properties: Vec<_> = (0..150)
        .map(|index| json!({"name": format!("k{index}"), "type": "integer"}))
        .collect();
    let wide = Class::create(&json!({"label": "Wide", "properties": properties}).into()).unwrap();
    let fields: Vec<_> = (0..150)
        .map(|index| format!("\"k{index}\":{index}"))
        .collect();
    assert_eq!(
        create_instance(&wide, &format!("{{{}}}", fields.join(",")))
            .properties
            .len(),
        150
    );
}

#[test]
fn two_keys_of_one_property_are_refused() {
    let product = class(PRODUCT);
    let twice = create(&product, r#"{"product_id":"p","코드":"q"}"#);
    assert_eq!(
        violations(twice)[0],
        ("product_id".into(), "duplicate".into())
    );
    let current = create_instance(&product, r#"{"product_id":"p"}"#);
    let twice = patch(&product, &current, r#"{"price":1,"Price (KRW)":1}"#);
    assert_eq!(only_violation(twice), ("price".into(), "duplicate".into()));
}

#[test]
fn defaults_are_applied_on_create_only() {
    let product = class(PRODUCT);
    let candidate = create_instance(&product, r#"{"stock":1,"product_id":"p"}"#);
    assert_eq!(
        text_of(&candidate.properties),
        r#"{"stock":1,"product_id":"p","price":1.10}"#
    );
    let given = create_instance(&product, r#"{"product_id":"p","price":2}"#);
    assert_eq!(
        text_of(&given.properties),
        r#"{"product_id":"p","price":2}"#
    );
    let null = create_instance(&product, r#"{"product_id":"p","price":null,"stock":null}"#);
    assert_eq!(
        text_of(&null.properties),
        r#"{"product_id":"p","price":1.10}"#,
        "null means absent"
    );
    let command = CommandId(uuid::Uuid::nil());
    let whole = data(r#"{"product_id":"p"}"#);
    let whole = product
        .new_whole_instance(None, &whole, command, 0)
        .unwrap();
    assert_eq!(
        text_of(&whole.properties),
        r#"{"product_id":"p"}"#,
        "nothing is put into what is whole"
    );
    let removed = patch(&product, &candidate, r#"{"price":null}"#).unwrap();
    assert_eq!(
        text_of(&removed.properties),
        r#"{"stock":1,"product_id":"p"}"#
    );
    let other = patch(&product, &removed, r#"{"stock":2}"#).unwrap();
    assert_eq!(
        text_of(&other.properties),
        r#"{"stock":2,"product_id":"p"}"#,
        "no default on update"
    );
    let required = class_of(&json!({"type": "integer", "required": true, "default": 5})).unwrap();
    assert_eq!(
        text_of(&create_instance(&required, "{}").properties),
        r#"{"value":5}"#
    );
}

#[test]
fn required_values_must_exist_and_stay() {
    let product = class(PRODUCT);
    for text in ["{}", r#"{"product_id":null}"#, r#"{"stock":1}"#] {
        assert_eq!(
            only_violation(create(&product, text)),
            ("product_id".into(), "required".into())
        );
    }
    let required = class_of(&json!({"type": "string", "required": true})).unwrap();
    let current = create_instance(&required, r#"{"value":"x"}"#);
    assert_eq!(
        only_violation(patch(&required, &current, r#"{"value":null}"#)),
        ("value".into(), "required".into())
    );
    let link = class(
        r#"{"id":"T","label":"T","relationships":[{"predicate":"r","target":"R","required":true}]}"#,
    );
    assert_eq!(
        only_violation(create(&link, "{}")),
        ("r".into(), "required".into())
    );
}

#[test]
fn a_patch_is_shallow_and_checks_only_what_it_touches() {
    let old = class_of(&json!({"type": "object"})).unwrap();
    let current = create_instance(&old, r#"{"value":{"a":1,"b":2}}"#);
    let replaced = patch(&old, &current, r#"{"value":{"c":3.10}}"#).unwrap();
    assert_eq!(text_of(&replaced.properties), r#"{"value":{"c":3.10}}"#);
    let same = patch(&old, &current, "{}").unwrap();
    assert_eq!(
        (same.properties, same.id),
        (current.properties.clone(), current.id.clone())
    );
    let stricter = class(
        r#"{"id":"Thing","label":"Thing","properties":[{"name":"value","type":"string"},
            {"name":"new","type":"integer","required":true},{"name":"note","type":"string"}]}"#,
    );
    let noted = patch(&stricter, &current, r#"{"note":"x"}"#).unwrap();
    assert_eq!(
        text_of(&noted.properties),
        r#"{"value":{"a":1,"b":2},"note":"x"}"#
    );
    let wrong = patch(
        &stricter,
        &current,
        r#"{"note":5,"value":"fine","new":"x"}"#,
    );
    assert_eq!(violations(wrong).len(), 2);
}

#[test]
fn an_abstract_class_has_no_instances() {
    let class = class(r#"{"id":"T","label":"T","abstract":true}"#);
    assert_eq!(
        only_violation(create(&class, "{}")),
        ("T".into(), "abstract".into())
    );
}

fn arbitrary() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?[1-9][0-9]{0,30}(\\.[0-9]{1,9})?(e-?[0-9]{1,4})?",
        "\\PC{0,12}".prop_map(|text| serde_json::to_string(&text).unwrap()),
        "[0-9T:Z.+-]{0,24}".prop_map(|text| serde_json::to_string(&text).unwrap()),
        Just(r#""\ud800""#.to_owned()),
        Just(r#""Company/c""#.to_owned()),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!("[{}]", items.join(","))),
            (inner.clone(), inner)
                .prop_map(|(left, right)| format!(r#"{{"amount":{left},"currency":{right}}}"#)),
        ]
    })
    .prop_map(|text| Json::parse(&text).unwrap())
}

proptest! {
    #[test]
    fn no_value_panics_and_accepted_values_are_kept(value in arbitrary(), which in 0..27_usize) {
        let kinds: Vec<_> = PropertyType::names().collect();
        let kind = kinds[which];
        let fields = match kind {
            "enum" => json!({"type": "enum", "constraints": {"enum": ["a", 1]}}),
            "link" => json!({"type": "link", "linkTarget": "Company", "cardinality": "n:1"}),
            _ => json!({"type": kind, "constraints": {"unique": true}}),
        };
        let class = class_of(&fields).unwrap();
        let text = format!("{{\"value\":{value}}}");
        if let Ok(candidate) = create(&class, &text)
            && !value.is_null()
        {
            prop_assert_eq!(text_of(&candidate.properties), text.clone());
        }
        let stored: Properties = serde_json::from_str(&text).unwrap();
        let _ = (class.references(&stored), class.unique_values(&stored));
        let _ = class.patch_instance(&"x".parse().unwrap(), &stored, &data(&text));
    }
}
