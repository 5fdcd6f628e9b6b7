//! References and unique values.

use std::sync::Arc;

use serde_json::{Value, json};
use spice_core::{
    error::ErrorCode, id::InstanceRef, json::Properties, name::PropertyName, ontology::Schema,
    query::Filter,
};

use crate::support::{
    CATALOGUE, PRODUCT, class, class_of, create, create_instance, json, name, only_violation, patch,
};

#[test]
fn references_follow_cardinality_and_target() {
    let product = class(PRODUCT);
    let with = |text: &str| create(&product, &format!(r#"{{"product_id":"p",{text}}}"#));
    for accepted in [
        r#""maker":"Company/c:1""#,
        r#""parts":[]"#,
        r#""parts":["Part/1","Part/2"]"#,
        r#""twin":"Product/p""#,
        r#""tags":["shop:Tag/a"]"#,
    ] {
        assert!(with(accepted).is_ok(), "{accepted}");
    }
    for (refused, field, rule) in [
        (r#""maker":["Company/c"]"#, "maker", "type"),
        (r#""maker":5"#, "maker", "type"),
        (r#""maker":"c""#, "maker", "reference"),
        (r#""maker":"Company/""#, "maker", "reference"),
        (r#""maker":"Company/ b""#, "maker", "reference"),
        (r#""maker":"Part/1""#, "maker", "target"),
        (r#""maker":"company/1""#, "maker", "target"),
        (r#""parts":"Part/1""#, "parts", "type"),
        (r#""parts":{"a":1}"#, "parts", "type"),
        (r#""parts":["Part/1",null]"#, "parts[1]", "type"),
        (r#""parts":["Part/1","Part/1"]"#, "parts[1]", "uniqueItems"),
        (
            r#""parts":["Part/1","P\u0061rt/1"]"#,
            "parts[1]",
            "uniqueItems",
        ),
        (r#""parts":["Part/1","Company/1"]"#, "parts[1]", "target"),
        (r#""twin":["Product/p"]"#, "twin", "type"),
        (r#""tags":["Tag/a"]"#, "tags[0]", "target"),
    ] {
        assert_eq!(
            only_violation(with(refused)),
            (field.into(), rule.into()),
            "{refused}"
        );
    }
    let many: Vec<_> = (0..1_001)
        .map(|index| format!("\"Part/{index}\""))
        .collect();
    assert_eq!(
        only_violation(with(&format!("\"parts\":[{}]", many.join(",")))),
        ("parts".into(), "limit".into())
    );
    let bounded = class(
        r#"{"id":"T","label":"T","relationships":[{"predicate":"r","target":"R","constraints":{"minItems":1,"maxItems":2}}]}"#,
    );
    assert_eq!(
        only_violation(create(&bounded, r#"{"r":[]}"#)).1,
        "minItems"
    );
    assert_eq!(
        only_violation(create(&bounded, r#"{"r":["R/1","R/2","R/3"]}"#)).1,
        "maxItems"
    );
}

#[test]
fn references_are_found_and_strict_ones_are_named() {
    let product = class(PRODUCT);
    let candidate = create_instance(
        &product,
        r#"{"product_id":"p","parts":["Part/1","Part/2"],"maker":"Company/c","tags":["shop:Tag/a:b"]}"#,
    );
    let texts = |all: &[(PropertyName, InstanceRef)]| -> Vec<String> {
        all.iter()
            .map(|(predicate, target)| format!("{predicate} {target}"))
            .collect()
    };
    let all = product.references(&candidate.properties);
    assert_eq!(
        texts(&all),
        [
            "maker Company/c",
            "parts Part/1",
            "parts Part/2",
            "tags shop:Tag/a:b"
        ]
    );
    assert_eq!(
        texts(&candidate.strict),
        ["maker Company/c", "tags shop:Tag/a:b"]
    );
    let untouched = patch(&product, &candidate, r#"{"stock":1}"#).unwrap();
    assert!(
        untouched.strict.is_empty(),
        "only what the patch touches is checked again"
    );
    let touched = patch(&product, &candidate, r#"{"maker":"Company/d","tags":null}"#).unwrap();
    assert_eq!(texts(&touched.strict), ["maker Company/d"]);
    let odd: Properties = serde_json::from_str(r#"{"maker":5,"parts":["Part/1",null,"x",["Part/3"]],"twin":["Product/q"],"gone":"Company/x"}"#).unwrap();
    assert_eq!(
        texts(&product.references(&odd)),
        ["parts Part/1", "twin Product/q"]
    );
}

fn digest(kind: &str, text: &str) -> String {
    let class =
        class_of(&json!({"type": kind, "constraints": {"unique": true, "enum": null}})).unwrap();
    let properties: Properties = serde_json::from_str(&format!("{{\"value\":{text}}}")).unwrap();
    let unique = class.unique_values(&properties);
    assert_eq!(
        (unique.len(), &unique[0].0, &unique[0].2),
        (1, &name("value"), &json(text))
    );
    unique[0].1.clone()
}

#[test]
fn equal_values_share_a_digest_and_others_do_not() {
    for (kind, same, other) in [
        (
            "decimal",
            vec!["1", "1.0", "1.00", "10e-1", "0.1E1"],
            vec!["1.000000000000000000001", "-1", "10", "2"],
        ),
        ("integer", vec!["0", "-0"], vec!["1"]),
        (
            "integer",
            vec!["1208925819614629174706176"],
            vec!["1208925819614629174706177"],
        ),
        (
            "dateTime",
            vec![
                r#""2026-01-31T00:00:00""#,
                r#""2026-01-31T00:00:00.000Z""#,
                r#""2026-01-31T09:00:00+09:00""#,
            ],
            vec![r#""2026-01-31T00:00:00.000000001Z""#],
        ),
        (
            "string",
            vec![r#""a""#, r#""\u0061""#],
            vec![r#""A""#, r#""a ""#, r#""""#],
        ),
        ("string", vec![r#""1""#], vec![r#""1.0""#]),
        ("boolean", vec!["true"], vec!["false"]),
        (
            "uuid",
            vec![
                r#""ABCDEF00-2222-4333-8444-555555555555""#,
                r#""abcdef00-2222-4333-8444-555555555555""#,
            ],
            vec![],
        ),
        (
            "ip",
            vec![r#""::1""#, r#""0:0:0:0:0:0:0:1""#],
            vec![r#""::2""#],
        ),
        (
            "money",
            vec![
                r#"{"amount":"1.0","currency":"KRW"}"#,
                r#"{"currency":"KRW","amount":1}"#,
            ],
            vec![r#"{"amount":"1","currency":"USD"}"#],
        ),
        (
            "json",
            vec![r#"{"a":1,"b":[1.0]}"#, r#"{"b":[1],"a":1.0}"#],
            vec![r#"{"a":1,"b":1}"#, r#"["a",1]"#],
        ),
        (
            "array",
            vec![r#"["a","b"]"#],
            vec![r#"["ab"]"#, r#"["b","a"]"#, "[]"],
        ),
    ] {
        let first = digest(kind, same[0]);
        assert!(first.len() == 32 && first.bytes().all(|byte| byte.is_ascii_hexdigit()));
        for text in &same {
            assert_eq!(digest(kind, text), first, "{kind} {text}");
        }
        for text in &other {
            assert_ne!(digest(kind, text), first, "{kind} {text}");
        }
    }
}

#[test]
fn unique_values_are_those_of_the_whole_state() {
    let product = class(PRODUCT);
    let candidate = create_instance(&product, r#"{"product_id":"p","sku":"s"}"#);
    assert_eq!(
        candidate.unique,
        product.unique_values(&candidate.properties)
    );
    assert_eq!(candidate.unique.len(), 1);
    let untouched = patch(&product, &candidate, r#"{"stock":1}"#).unwrap();
    assert_eq!(untouched.unique, candidate.unique);
    let removed = patch(&product, &candidate, r#"{"sku":null}"#).unwrap();
    assert!(removed.unique.is_empty());
}

#[test]
fn a_filter_on_a_reference_names_a_class_that_it_can_refer_to() {
    let definitions = [
        r#"{"id":"Company","label":"Firm"}"#,
        r#"{"id":"Bank","label":"Bank","parent_class":"Company"}"#,
        r#"{"id":"Part","label":"Part"}"#,
        CATALOGUE,
    ];
    let mut schema = Schema::default();
    for definition in definitions {
        schema.put(Arc::new(class(definition)));
    }
    let product = schema.get(&"Product".parse().unwrap()).unwrap();
    let read =
        |filters: Value| Filter::parse_all(product, &serde_json::from_value(filters).unwrap());
    for known in [
        json!({"maker": "Company/1"}),
        json!({"maker": {"ne": "Bank/1"}}),
        json!({"maker": {"in": ["Company/1", "Bank/2"]}}),
        json!({"parts": "Part/1"}),
        json!({"parts": ["Part/1", "Part/2"]}),
        json!({"parts": []}),
        json!({"maker": {"like": "Firm/%"}}),
    ] {
        assert!(read(known.clone()).is_ok(), "{known}");
    }
    for (unknown, field, value) in [
        (json!({"maker": "Firm/1"}), "maker", "Firm/1"),
        (json!({"maker": {"ne": "Gone/1"}}), "maker", "Gone/1"),
        (json!({"maker": "Part/1"}), "maker", "Part/1"),
        (
            json!({"maker": {"in": ["Bank/1", "Bnak/2"]}}),
            "maker",
            "Bnak/2",
        ),
        (
            json!({"parts": ["Part/1", "Company/2"]}),
            "parts",
            "Company/2",
        ),
    ] {
        let refusal = read(unknown.clone()).unwrap_err();
        assert_eq!(refusal.code, ErrorCode::InvalidQuery, "{unknown}");
        assert_eq!(refusal.detail["property"], field, "{unknown}");
        assert_eq!(refusal.detail["value"], value, "{unknown}");
        assert!(refusal.message.contains("references to"), "{refusal}");
    }
}
