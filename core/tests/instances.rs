//! Instances against their class: keys, defaults, what is required, ids, references, uniqueness.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use proptest::prelude::*;
use serde_json::json;
use spice_core::{
    error::ErrorCode,
    id::CommandId,
    json::{Json, Properties},
    name::InstanceId,
    ontology::{Candidate, Class},
};
use support::{
    broken, broken_once, class, class_of, command, create, created, data, json, name, text_of,
};

const PRODUCT: &str = r#"{"id":"Product","label":"Product","properties":[
    {"name":"product_id","type":"string","primaryKey":true,"required":true,"label":{"en":"Code","ko":"코드"}},
    {"name":"price","type":"decimal","label":"Price (KRW)","default":1.10},
    {"name":"stock","type":"integer"},
    {"name":"sku","type":"string","constraints":{"unique":true}}],
    "relationships":[
    {"predicate":"maker","target":"Company","cardinality":"n:1","integrity":"strict","label":"made by"},
    {"predicate":"parts","target":"Part","cardinality":"1:n"},
    {"predicate":"twin","target":"Product","cardinality":"1:1"},
    {"predicate":"tags","target":"shop:Tag","cardinality":"n:m","integrity":"strict"}]}"#;

fn id(text: &str) -> InstanceId {
    text.parse().unwrap()
}

fn patched(
    class: &Class,
    current: &Candidate,
    patch: &str,
) -> Result<Candidate, spice_core::error::Refusal> {
    class.patched_instance(&current.id, &current.properties, &data(patch))
}

#[test]
fn keys_may_be_ids_or_labels_in_any_language() {
    let product = class(PRODUCT);
    for key in ["product_id", "Code", "코드"] {
        let candidate = created(
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
    let current = created(&product, r#"{"product_id":"p"}"#);
    assert_eq!(
        patched(&product, &current, r#"{"Stock":null}"#)
            .unwrap_err()
            .code,
        ErrorCode::UnknownLabelKeys
    );
}

#[test]
fn a_class_may_allow_further_keys() {
    let open = class(
        r#"{"id":"T","label":"T","properties":[{"name":"a","type":"integer"}],"metadata":{"additional_properties":true}}"#,
    );
    let candidate = created(&open, r#"{"a":1,"free":{"x":[1.10]},"empty":null}"#);
    assert_eq!(
        text_of(&candidate.properties),
        r#"{"a":1,"free":{"x":[1.10]}}"#
    );
    let changed = patched(&open, &candidate, r#"{"free":null,"more":"x"}"#).unwrap();
    assert_eq!(text_of(&changed.properties), r#"{"a":1,"more":"x"}"#);
    assert_eq!(
        create(&open, r#"{"not a name":1}"#).unwrap_err().code,
        ErrorCode::InvalidName
    );
    assert_eq!(
        broken_once(create(&open, r#"{"a":"1"}"#)),
        ("a".into(), "type".into())
    );
    let long = format!("{{\"free\":\"{}\"}}", "x".repeat(5_001));
    assert_eq!(
        broken_once(create(&open, &long)),
        ("free".into(), "limit".into())
    );
    let many: Vec<_> = (0..101).map(|index| format!("\"k{index}\":1")).collect();
    assert_eq!(
        broken_once(create(&open, &format!("{{{}}}", many.join(",")))).1,
        "limit"
    );
    assert!(create(&open, &format!("{{{}}}", many[1..].join(","))).is_ok());
}

#[test]
fn a_class_of_many_properties_takes_them_all() {
    let properties: Vec<_> = (0..150)
        .map(|index| json!({"name": format!("k{index}"), "type": "integer"}))
        .collect();
    let wide = Class::create(&json!({"label": "Wide", "properties": properties}).into()).unwrap();
    let fields: Vec<_> = (0..150)
        .map(|index| format!("\"k{index}\":{index}"))
        .collect();
    assert_eq!(
        created(&wide, &format!("{{{}}}", fields.join(",")))
            .properties
            .len(),
        150
    );
}

#[test]
fn two_keys_of_one_property_are_refused() {
    let product = class(PRODUCT);
    let twice = create(&product, r#"{"product_id":"p","코드":"q"}"#);
    assert_eq!(broken(twice)[0], ("product_id".into(), "duplicate".into()));
    let current = created(&product, r#"{"product_id":"p"}"#);
    let twice = patched(&product, &current, r#"{"price":1,"Price (KRW)":1}"#);
    assert_eq!(broken_once(twice), ("price".into(), "duplicate".into()));
}

#[test]
fn defaults_are_applied_on_create_only() {
    let product = class(PRODUCT);
    let candidate = created(&product, r#"{"stock":1,"product_id":"p"}"#);
    assert_eq!(
        text_of(&candidate.properties),
        r#"{"stock":1,"product_id":"p","price":1.10}"#
    );
    let given = created(&product, r#"{"product_id":"p","price":2}"#);
    assert_eq!(
        text_of(&given.properties),
        r#"{"product_id":"p","price":2}"#
    );
    let null = created(&product, r#"{"product_id":"p","price":null,"stock":null}"#);
    assert_eq!(
        text_of(&null.properties),
        r#"{"product_id":"p","price":1.10}"#,
        "null means absent"
    );
    let removed = patched(&product, &candidate, r#"{"price":null}"#).unwrap();
    assert_eq!(
        text_of(&removed.properties),
        r#"{"stock":1,"product_id":"p"}"#
    );
    let other = patched(&product, &removed, r#"{"stock":2}"#).unwrap();
    assert_eq!(
        text_of(&other.properties),
        r#"{"stock":2,"product_id":"p"}"#,
        "no default on update"
    );
    let required = class_of(&json!({"type": "integer", "required": true, "default": 5})).unwrap();
    assert_eq!(
        text_of(&created(&required, "{}").properties),
        r#"{"value":5}"#
    );
}

#[test]
fn what_is_required_must_be_there_and_stay() {
    let product = class(PRODUCT);
    for text in ["{}", r#"{"product_id":null}"#, r#"{"stock":1}"#] {
        assert_eq!(
            broken_once(create(&product, text)),
            ("product_id".into(), "required".into())
        );
    }
    let required = class_of(&json!({"type": "string", "required": true})).unwrap();
    let current = created(&required, r#"{"value":"x"}"#);
    assert_eq!(
        broken_once(patched(&required, &current, r#"{"value":null}"#)),
        ("value".into(), "required".into())
    );
    let link = class(
        r#"{"id":"T","label":"T","relationships":[{"predicate":"r","target":"R","required":true}]}"#,
    );
    assert_eq!(
        broken_once(create(&link, "{}")),
        ("r".into(), "required".into())
    );
}

#[test]
fn a_patch_is_shallow_and_checks_only_what_it_touches() {
    let old = class_of(&json!({"type": "object"})).unwrap();
    let current = created(&old, r#"{"value":{"a":1,"b":2}}"#);
    let replaced = patched(&old, &current, r#"{"value":{"c":3.10}}"#).unwrap();
    assert_eq!(text_of(&replaced.properties), r#"{"value":{"c":3.10}}"#);
    let same = patched(&old, &current, "{}").unwrap();
    assert_eq!(
        (same.properties, same.id),
        (current.properties.clone(), current.id.clone())
    );
    let stricter = class(
        r#"{"id":"Thing","label":"Thing","properties":[{"name":"value","type":"string"},
            {"name":"new","type":"integer","required":true},{"name":"note","type":"string"}]}"#,
    );
    let noted = patched(&stricter, &current, r#"{"note":"x"}"#).unwrap();
    assert_eq!(
        text_of(&noted.properties),
        r#"{"value":{"a":1,"b":2},"note":"x"}"#
    );
    let wrong = patched(
        &stricter,
        &current,
        r#"{"note":5,"value":"fine","new":"x"}"#,
    );
    assert_eq!(broken(wrong).len(), 2);
}

#[test]
fn the_id_follows_from_the_data() {
    let plain = |properties: &str| {
        class(&format!(
            r#"{{"id":"Item","label":"Item","properties":[{properties}]}}"#
        ))
    };
    let key = plain(
        r#"{"name":"code","type":"string","primary_key":true},{"name":"item_id","type":"string"}"#,
    );
    let number = plain(r#"{"name":"no","type":"integer","primaryKey":true}"#);
    let loose = plain(
        r#"{"name":"item_id","type":"string"},{"name":"shop_id","type":"integer"},{"name":"user_id","type":"string"},
           {"name":"flag_id","type":"boolean"},{"name":"ITEM_ID","type":"string"}"#,
    );
    let derived = "Item_7f4dcf0c";
    let linked = class(
        r#"{"id":"Item","label":"Item","relationships":[{"predicate":"shop_id","target":"Shop","cardinality":"n:1"}]}"#,
    );
    let command_id = |class: &Class, text: &str| created(class, text).id.as_str().to_owned();
    for (class, text, id) in [
        (&key, r#"{"code":"a","item_id":"b"}"#, "a"),
        (&key, r#"{"item_id":"b"}"#, "b"),
        (&number, r#"{"no":5}"#, "5"),
        (&number, r#"{"no":-5}"#, "-5"),
        (&number, r#"{"no":-0}"#, "0"),
        (
            &number,
            r#"{"no":1208925819614629174706176}"#,
            "1208925819614629174706176",
        ),
        (&loose, r#"{"shop_id":7,"item_id":"b"}"#, "b"),
        (&loose, r#"{"shop_id":7}"#, "7"),
        (&loose, r#"{"user_id":"u:1"}"#, "u:1"),
        (&loose, r#"{"user_id":"u","shop_id":null}"#, "u"),
    ] {
        assert_eq!(command_id(class, text), id, "{text}");
    }
    for (class, text) in [
        (&key, "{}"),
        (&loose, "{}"),
        (&loose, r#"{"user_id":"u","shop_id":7}"#),
        (&loose, r#"{"flag_id":true}"#),
        (&linked, r#"{"shop_id":"Shop/1"}"#),
    ] {
        let id = command_id(class, text);
        assert_eq!(id.len(), derived.len(), "{text}");
        let hex = id.strip_prefix("Item_").unwrap();
        assert!(
            hex.bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        );
        assert_eq!(command_id(class, text), id, "a retry gives the same");
    }
}

#[test]
fn a_derived_id_differs_by_command_and_row() {
    let plain = class(r#"{"id":"Item","label":"Item"}"#);
    let at = |command: CommandId, row: usize| {
        plain
            .new_instance(None, &data("{}"), command, row)
            .unwrap()
            .id
    };
    let other = CommandId("11111111-2222-4333-8444-555555555556".parse().unwrap());
    assert_eq!(at(command(), 1), at(command(), 1));
    assert_ne!(at(command(), 1), at(command(), 2));
    assert_ne!(at(command(), 1), at(other, 1));
}

#[test]
fn an_id_that_cannot_be_one_is_an_invalid_name() {
    let key = class_of(&json!({"type": "string", "primaryKey": true})).unwrap();
    for text in ["a b", "a/b", "", "상품", "a.b", &"x".repeat(256)] {
        let refusal = create(&key, &json!({"value": text}).to_string()).unwrap_err();
        assert_eq!(
            (refusal.code, &refusal.detail["kind"]),
            (ErrorCode::InvalidName, &json!("instance"))
        );
    }
}

#[test]
fn a_given_id_must_agree_with_the_primary_key() {
    let product = class(PRODUCT);
    let make =
        |given: &str, text: &str| product.new_instance(Some(&id(given)), &data(text), command(), 0);
    assert_eq!(make("p", r#"{"product_id":"p"}"#).unwrap().id, id("p"));
    assert_eq!(
        broken_once(make("q", r#"{"product_id":"p"}"#)),
        ("product_id".into(), "primary_key".into())
    );
    let optional = class_of(&json!({"type": "string", "primaryKey": true})).unwrap();
    assert_eq!(
        optional
            .new_instance(Some(&id("q")), &data("{}"), command(), 0)
            .unwrap()
            .id,
        id("q")
    );
}

#[test]
fn a_primary_key_does_not_change() {
    let product = class(PRODUCT);
    let current = created(&product, r#"{"product_id":"p"}"#);
    assert!(patched(&product, &current, r#"{"product_id":"p","stock":1}"#).is_ok());
    assert!(
        patched(&product, &current, r#"{"코드":"\u0070"}"#).is_ok(),
        "the same, written otherwise"
    );
    assert_eq!(
        broken_once(patched(&product, &current, r#"{"product_id":"q"}"#)),
        ("product_id".into(), "primary_key".into())
    );
    let removed = broken(patched(&product, &current, r#"{"Code":null}"#));
    assert!(removed.contains(&("product_id".into(), "primary_key".into())));
}

#[test]
fn several_primary_keys_make_one_id_in_their_order() {
    let line = class(
        r#"{"id":"Line","label":"Line","properties":[{"name":"order_id","type":"string","primaryKey":true},
            {"name":"qty","type":"integer"},{"name":"line_no","type":"integer","primaryKey":true}]}"#,
    );
    assert_eq!(
        created(&line, r#"{"line_no":1,"order_id":"ORD-1"}"#)
            .id
            .as_str(),
        "ORD-1:1"
    );
    assert_eq!(
        created(&line, r#"{"order_id":"ORD-1"}"#).id.as_str(),
        "ORD-1",
        "the only key that ends in _id"
    );
    let clash = create(&line, r#"{"order_id":"a:1","line_no":2}"#);
    assert_eq!(
        broken_once(clash),
        ("order_id".into(), "primary_key".into())
    );
    let current = created(&line, r#"{"order_id":"a","line_no":2}"#);
    assert_eq!(
        broken_once(patched(&line, &current, r#"{"line_no":3}"#)),
        ("line_no".into(), "primary_key".into())
    );
    let last = class(
        r#"{"id":"E","label":"E","properties":[{"name":"a","type":"string","primaryKey":true},
            {"name":"at","type":"dateTime","primaryKey":true}]}"#,
    );
    let id = created(&last, r#"{"a":"x","at":"2025-05-05T14:50:00"}"#).id;
    assert_eq!(
        id.as_str(),
        "x:2025-05-05T14:50:00",
        "the last part may hold a colon"
    );
}

#[test]
fn an_abstract_class_has_no_instances() {
    let class = class(r#"{"id":"T","label":"T","abstract":true}"#);
    assert_eq!(
        broken_once(create(&class, "{}")),
        ("T".into(), "abstract".into())
    );
}

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
        (r#""maker":"Company/a b""#, "maker", "reference"),
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
            broken_once(with(refused)),
            (field.into(), rule.into()),
            "{refused}"
        );
    }
    let many: Vec<_> = (0..1_001)
        .map(|index| format!("\"Part/{index}\""))
        .collect();
    assert_eq!(
        broken_once(with(&format!("\"parts\":[{}]", many.join(",")))),
        ("parts".into(), "limit".into())
    );
    let bounded = class(
        r#"{"id":"T","label":"T","relationships":[{"predicate":"r","target":"R","constraints":{"minItems":1,"maxItems":2}}]}"#,
    );
    assert_eq!(broken_once(create(&bounded, r#"{"r":[]}"#)).1, "minItems");
    assert_eq!(
        broken_once(create(&bounded, r#"{"r":["R/1","R/2","R/3"]}"#)).1,
        "maxItems"
    );
}

#[test]
fn references_are_found_and_strict_ones_are_named() {
    let product = class(PRODUCT);
    let candidate = created(
        &product,
        r#"{"product_id":"p","parts":["Part/1","Part/2"],"maker":"Company/c","tags":["shop:Tag/a:b"]}"#,
    );
    let texts =
        |all: &[(spice_core::name::PropertyName, spice_core::id::InstanceRef)]| -> Vec<String> {
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
    let untouched = patched(&product, &candidate, r#"{"stock":1}"#).unwrap();
    assert!(
        untouched.strict.is_empty(),
        "only what the patch touches is checked again"
    );
    let touched = patched(&product, &candidate, r#"{"maker":"Company/d","tags":null}"#).unwrap();
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
    let candidate = created(&product, r#"{"product_id":"p","sku":"s"}"#);
    assert_eq!(
        candidate.unique,
        product.unique_values(&candidate.properties)
    );
    assert_eq!(candidate.unique.len(), 1);
    let untouched = patched(&product, &candidate, r#"{"stock":1}"#).unwrap();
    assert_eq!(untouched.unique, candidate.unique);
    let removed = patched(&product, &candidate, r#"{"sku":null}"#).unwrap();
    assert!(removed.unique.is_empty());
}

#[test]
fn values_survive_exactly_as_written() {
    let any = class_of(&json!({"type": "json"})).unwrap();
    for text in [
        "1.10",
        "1208925819614629174706176",
        r#"{"b":1.0,"a":[1e2,"\u00e9é"]}"#,
        r#""a\/b""#,
        "0.0",
    ] {
        let candidate = created(&any, &format!("{{\"value\" : {text} }}"));
        assert_eq!(
            text_of(&candidate.properties),
            format!("{{\"value\":{text}}}")
        );
    }
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
    fn no_value_panics_and_what_is_accepted_is_kept(value in arbitrary(), which in 0..27_usize) {
        let kinds: Vec<_> = spice_core::ontology::PropertyType::names().collect();
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
            prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "every reader can read it");
        }
        let stored: Properties = serde_json::from_str(&text).unwrap();
        let _ = (class.references(&stored), class.unique_values(&stored));
        let _ = class.patched_instance(&"x".parse().unwrap(), &stored, &data(&text));
    }
}
