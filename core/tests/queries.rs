//! Filters and orders: how they are read, and what they mean.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::cmp::Ordering;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use spice_core::{
    error::{ErrorCode, Refusal},
    json::Json,
    ontology::{Class, PropertyType},
    query::{Filter, Operator, Order, compare, like_matches},
};
use support::{class, json, name};

const SHOP: &str = r#"{"id":"Product","label":"Product","properties":[
    {"name":"code","type":"string","primaryKey":true},
    {"name":"price","type":"decimal","label":{"en":"Price","ko":"가격"}},
    {"name":"stock","type":"integer"},{"name":"sold_at","type":"dateTime"},{"name":"day","type":"date"},
    {"name":"fee","type":"money"},{"name":"open","type":"boolean"},{"name":"tags","type":"array","items":"string"},
    {"name":"place","type":"coordinate"},{"name":"extra","type":"json"},{"name":"uid","type":"uuid"},
    {"name":"kind","type":"enum","constraints":{"enum":["a","b"]}},{"name":"home","type":"url"}],
    "relationships":[{"predicate":"maker","target":"Company","cardinality":"n:1"},{"predicate":"parts","target":"Part"}]}"#;

fn read(filters: Value) -> Result<Vec<Filter>, Refusal> {
    let Value::Object(filters) = filters else {
        panic!("filters are an object")
    };
    Filter::parse_all(&class(SHOP), &filters)
}

fn passes(property: &str, condition: Value, value: Option<&str>) -> bool {
    let value = value.map(json);
    let filters = read(json!({property: condition})).unwrap_or_else(|refusal| panic!("{refusal}"));
    filters
        .iter()
        .all(|filter| filter.matches("p1", value.as_ref()))
}

#[test]
fn filters_are_read_by_id_or_label() {
    let filters = read(
        json!({"가격": {"gte": 1.5, "lt": 3}, "code": "x", "instance_id": "p1", "tags": "red"}),
    )
    .unwrap();
    let read: Vec<_> = filters
        .iter()
        .map(|it| (it.property.as_str(), it.property_type, it.operator.clone()))
        .collect();
    assert_eq!(
        read,
        [
            ("price", PropertyType::Decimal, Operator::Gte(json!(1.5))),
            ("price", PropertyType::Decimal, Operator::Lt(json!(3))),
            ("code", PropertyType::String, Operator::Eq(json!("x"))),
            (
                "instance_id",
                PropertyType::String,
                Operator::Eq(json!("p1"))
            ),
            ("tags", PropertyType::Array, Operator::Eq(json!("red"))),
        ]
    );
    assert!(read_all_empty());
}

fn read_all_empty() -> bool {
    Filter::parse_all(&class(SHOP), &Map::new())
        .unwrap()
        .is_empty()
}

#[test]
fn what_cannot_be_asked_is_an_invalid_query() {
    for filters in [
        json!({"prices": 1}),
        json!({"Product": 1}),
        json!({"": 1}),
        json!({"price": "5"}),
        json!({"price": null}),
        json!({"price": [1]}),
        json!({"price": {}}),
        json!({"price": {"above": 1}}),
        json!({"price": {"gt": 1, "above": 1}}),
        json!({"price": {"gt": "1"}}),
        json!({"price": {"gt": null}}),
        json!({"price": {"like": "1%"}}),
        json!({"price": {"in": 1}}),
        json!({"price": {"in": [1, "2"]}}),
        json!({"price": {"in": [null]}}),
        json!({"price": {"exists": 1}}),
        json!({"stock": true}),
        json!({"sold_at": "yesterday"}),
        json!({"day": {"gte": "2026-02-30"}}),
        json!({"day": 20_260_131}),
        json!({"open": "true"}),
        json!({"open": {"like": "t%"}}),
        json!({"fee": 5}),
        json!({"fee": {"gt": 5}}),
        json!({"fee": {"amount": "5"}}),
        json!({"place": {"gt": {"lat": 1, "lon": 2}}}),
        json!({"tags": {"gt": "a"}}),
        json!({"code": 5}),
        json!({"code": {"like": 5}}),
        json!({"uid": "x"}),
        json!({"maker": "no reference"}),
        json!({"maker": {"gt": "Company/1"}}),
        json!({"price": {"in": vec![1; 1_001]}}),
    ] {
        let refusal = read(filters.clone()).unwrap_err();
        assert_eq!(
            refusal.code,
            ErrorCode::InvalidQuery,
            "{filters}: {refusal}"
        );
        let key = filters.as_object().unwrap().keys().next().unwrap();
        assert_eq!(refusal.detail["property"], key.as_str());
    }
    let refusal = read(json!({"prices": 1})).unwrap_err();
    assert!(refusal.message.contains("did you mean price?"), "{refusal}");
    for known in ["instance_id", "code", "maker", "parts"] {
        assert!(
            refusal.detail["properties"]
                .as_array()
                .unwrap()
                .contains(&json!(known))
        );
        assert!(refusal.message.contains(known), "{refusal}");
    }
}

#[test]
fn an_order_is_a_property_and_a_direction() {
    let shop = class(SHOP);
    let order = |text: &str| Order::parse(&shop, text);
    let price = order("-가격").unwrap();
    assert_eq!(
        (
            price.property.as_str(),
            price.property_type,
            price.descending
        ),
        ("price", PropertyType::Decimal, true)
    );
    assert!(!order("price").unwrap().descending);
    assert_eq!(
        order("instance_id").unwrap().property.as_str(),
        "instance_id"
    );
    for wrong in [
        "",
        "-",
        "--price",
        "prices",
        "price desc",
        "place",
        "tags",
        "maker",
        "-parts",
    ] {
        assert_eq!(
            order(wrong).unwrap_err().code,
            ErrorCode::InvalidQuery,
            "{wrong}"
        );
    }
    let (small, large) = (json("9"), json("10"));
    assert_eq!(price.compare(Some(&small), Some(&large)), Ordering::Greater);
    assert_eq!(
        price.compare(None, Some(&large)),
        Ordering::Greater,
        "absent comes last"
    );
    assert_eq!(
        order("price").unwrap().compare(None, Some(&large)),
        Ordering::Greater
    );
    assert_eq!(price.compare(Some(&Json::null()), None), Ordering::Equal);
}

#[test]
fn further_properties_can_be_asked_where_a_class_allows_them() {
    let open = class(r#"{"id":"T","label":"T","metadata":{"additional_properties":true}}"#);
    let filters = |text: &str| {
        Filter::parse_all(
            &open,
            serde_json::from_str::<Value>(text)
                .unwrap()
                .as_object()
                .unwrap(),
        )
    };
    let free = filters(r#"{"free":{"gt":5}}"#).unwrap();
    assert_eq!(free[0].property_type, PropertyType::Json);
    assert!(free[0].matches("x", Some(&json("6"))) && !free[0].matches("x", Some(&json("\"6\""))));
    assert!(Order::parse(&open, "-free").unwrap().descending);
    assert_eq!(
        filters(r#"{"not a name":1}"#).unwrap_err().code,
        ErrorCode::InvalidQuery
    );
}

#[test]
fn a_filter_compares_by_the_type() {
    for (property, condition, value, expected) in [
        ("price", json!(1.5), Some("1.50"), true),
        ("price", json!({"eq": 1.5}), Some("1.5"), true),
        ("price", json!(0.1), Some("0.1000000000000000000001"), false),
        ("price", json!({"gt": 9}), Some("10"), true),
        ("price", json!({"gt": 9}), Some("9.0"), false),
        ("price", json!({"gte": 9}), Some("9.0"), true),
        (
            "price",
            json!({"lt": -1}),
            Some("-1.0000000000000000000000001"),
            true,
        ),
        ("price", json!({"lte": 10}), Some("1e1"), true),
        ("price", json!({"gte": 1, "lt": 2}), Some("2"), false),
        ("price", json!({"in": [1, 2.5]}), Some("2.50"), true),
        ("price", json!({"in": []}), Some("1"), false),
        ("price", json!({"gt": 1}), None, false),
        ("price", json!({"lt": 1}), Some("null"), false),
        ("price", json!({"lt": 1}), Some("\"0\""), false),
        ("price", json!({"exists": true}), Some("0"), true),
        ("price", json!({"exists": true}), Some("null"), false),
        ("price", json!({"exists": false}), None, true),
        (
            "stock",
            json!(9_007_199_254_740_993_i64),
            Some("9007199254740993"),
            true,
        ),
        (
            "stock",
            json!(9_007_199_254_740_993_i64),
            Some("9007199254740992"),
            false,
        ),
        (
            "stock",
            json!({"gt": u64::MAX}),
            Some("1208925819614629174706176"),
            true,
        ),
        ("stock", json!({"gt": 1.5}), Some("2"), true),
        (
            "sold_at",
            json!("2026-01-31T09:00:00+09:00"),
            Some(r#""2026-01-31T00:00:00""#),
            true,
        ),
        (
            "sold_at",
            json!({"lt": "2026-01-31"}),
            Some(r#""2026-01-31T08:59:59+09:00""#),
            true,
        ),
        (
            "sold_at",
            json!({"gte": "2026-01-31"}),
            Some(r#""2026-01-31T00:00:00Z""#),
            true,
        ),
        (
            "day",
            json!({"lt": "2026-01-31"}),
            Some(r#""2026-01-30""#),
            true,
        ),
        (
            "day",
            json!({"lte": "2026-01-31T12:00:00Z"}),
            Some(r#""2026-01-31""#),
            true,
        ),
        (
            "fee",
            json!({"amount": "5", "currency": "KRW"}),
            Some(r#"{"currency":"KRW","amount":5.0}"#),
            true,
        ),
        (
            "fee",
            json!({"gt": {"amount": "5", "currency": "KRW"}}),
            Some(r#"{"amount":"10","currency":"KRW"}"#),
            true,
        ),
        (
            "fee",
            json!({"gt": {"amount": "5", "currency": "KRW"}}),
            Some(r#"{"amount":"10","currency":"USD"}"#),
            false,
        ),
        (
            "fee",
            json!({"lt": {"amount": "5", "currency": "USD"}}),
            Some(r#"{"amount":"1","currency":"KRW"}"#),
            false,
        ),
        ("open", json!(true), Some("true"), true),
        ("open", json!({"gt": false}), Some("true"), true),
        ("code", json!("a"), Some(r#""\u0061""#), true),
        ("code", json!({"gt": "Z"}), Some(r#""a""#), true),
        ("code", json!({"lt": "a"}), Some(r#""Z""#), true),
        ("code", json!({"like": "A-%_"}), Some(r#""A-상품""#), true),
        ("code", json!({"like": "a-%"}), Some(r#""A-1""#), false),
        ("code", json!({"like": "%"}), Some(r#""""#), true),
        ("code", json!({"like": "%"}), Some("5"), false),
        ("kind", json!("a"), Some(r#""a""#), true),
        (
            "home",
            json!({"like": "https:%"}),
            Some(r#""https://e.org""#),
            true,
        ),
        (
            "uid",
            json!("abcdef00-2222-4333-8444-555555555555"),
            Some(r#""ABCDEF00-2222-4333-8444-555555555555""#),
            true,
        ),
        ("tags", json!("red"), Some(r#"["blue","red"]"#), true),
        ("tags", json!("re"), Some(r#"["blue","red"]"#), false),
        (
            "tags",
            json!(["blue", "red"]),
            Some(r#"["blue","red"]"#),
            true,
        ),
        ("tags", json!(["red"]), Some(r#"["blue","red"]"#), false),
        (
            "tags",
            json!({"in": ["green", "red"]}),
            Some(r#"["blue","red"]"#),
            true,
        ),
        (
            "tags",
            json!({"like": "r%"}),
            Some(r#"["blue","red"]"#),
            true,
        ),
        ("tags", json!({"exists": true}), Some("[]"), true),
        ("maker", json!("Company/1"), Some(r#""Company/1""#), true),
        (
            "parts",
            json!("Part/2"),
            Some(r#"["Part/1","Part/2"]"#),
            true,
        ),
        (
            "parts",
            json!({"in": ["Part/3"]}),
            Some(r#"["Part/1","Part/2"]"#),
            false,
        ),
        (
            "maker",
            json!({"like": "Comp%"}),
            Some(r#""Company/1""#),
            true,
        ),
        (
            "place",
            json!({"lat": 1, "lon": 2}),
            Some(r#"{"lon":2.0,"lat":1.00}"#),
            true,
        ),
        ("extra", json!({"a": 1}), Some(r#"{"a":1.0}"#), true),
        ("extra", json!({"gt": 5}), Some("6"), true),
        ("extra", json!({"gt": 5}), Some("\"6\""), false),
        ("instance_id", json!("p1"), None, true),
        (
            "instance_id",
            json!({"like": "p_"}),
            Some("\"other\""),
            true,
        ),
        ("instance_id", json!({"exists": false}), None, false),
    ] {
        assert_eq!(
            passes(property, condition.clone(), value),
            expected,
            "{property} {condition} {value:?}"
        );
    }
}

#[test]
fn values_are_ordered_by_their_type() {
    let sorted: Vec<(PropertyType, &[&str])> = vec![
        (
            PropertyType::Decimal,
            &[
                "-1e400",
                "-10",
                "-9.5",
                "-0.01",
                "0",
                "1e-400",
                "0.1",
                "0.10000000000000000000000001",
                "2",
                "10",
                "1208925819614629174706175",
                "1208925819614629174706176",
                "1e400",
            ],
        ),
        (
            PropertyType::Integer,
            &["-2", "-1", "0", "9", "10", "18446744073709551616"],
        ),
        (
            PropertyType::DateTime,
            &[
                r#""2026-01-31T00:00:00+09:00""#,
                r#""2026-01-30T23:59:59""#,
                r#""2026-01-31T00:00:00""#,
                r#""2026-01-31T00:00:00.000000001Z""#,
                r#""2026-01-31T00:00:00-01:00""#,
            ],
        ),
        (
            PropertyType::Date,
            &[
                r#""0001-01-01""#,
                r#""1969-12-31""#,
                r#""2026-01-31""#,
                r#""9999-12-31""#,
            ],
        ),
        (
            PropertyType::Money,
            &[
                r#"{"amount":"100","currency":"EUR"}"#,
                r#"{"amount":"9","currency":"KRW"}"#,
                r#"{"amount":10,"currency":"KRW"}"#,
                r#"{"amount":"1","currency":"USD"}"#,
            ],
        ),
        (PropertyType::Boolean, &["false", "true"]),
        (
            PropertyType::String,
            &[
                r#""""#,
                r#""10""#,
                r#""9""#,
                r#""A""#,
                r#""B""#,
                r#""a""#,
                r#""é""#,
                r#""가""#,
                r#""😀""#,
            ],
        ),
    ];
    for (kind, texts) in sorted {
        for (index, left) in texts.iter().enumerate() {
            for (other, right) in texts.iter().enumerate() {
                assert_eq!(
                    compare(kind, &json(left), &json(right)),
                    index.cmp(&other),
                    "{left} {right}"
                );
            }
        }
    }
    assert_eq!(
        compare(PropertyType::Decimal, &json("-0.0"), &json("0e5")),
        Ordering::Equal
    );
}

#[test]
fn a_pattern_is_matched_in_time_that_does_not_explode() {
    for (pattern, text, expected) in [
        ("", "", true),
        ("", "a", false),
        ("%", "", true),
        ("_", "", false),
        ("_", "상", true),
        ("a%c", "abbc", true),
        ("a%c", "abbcd", false),
        ("%a%", "bab", true),
        ("%%", "x", true),
        ("a_c", "abbc", false),
        ("a\\%", "a\\x", true),
        ("A", "a", false),
        ("%ab", "aab", true),
        ("_%_", "a", false),
        ("[a]", "a", false),
        ("a.c", "abc", false),
    ] {
        assert_eq!(like_matches(pattern, text), expected, "{pattern} {text}");
    }
    assert!(!like_matches(&"%a".repeat(200), &"b".repeat(5_000)));
    assert!(!like_matches(
        &format!("{}b", "%a".repeat(50)),
        &"a".repeat(5_000)
    ));
}

fn hundredths(number: i64, zeros: usize) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!(
        "{sign}{}.{:02}{}",
        number.abs() / 100,
        number.abs() % 100,
        "0".repeat(zeros)
    )
}

fn anything() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,2})?([eE][+-]?[0-9]{1,25})?",
        "[a-c\"\\\\]{0,2}".prop_map(|text| serde_json::to_string(&text).unwrap()),
        Just(r#""2026-01-31T00:00:00""#.to_owned()),
        Just(r#""\ud800""#.to_owned()),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3)
                .prop_map(|items| format!("[{}]", items.join(","))),
            (inner.clone(), inner)
                .prop_map(|(left, right)| format!(r#"{{"amount":{left},"currency":{right}}}"#)),
        ]
    })
    .prop_map(|text| Json::parse(&text).unwrap())
}

fn any_type() -> impl Strategy<Value = PropertyType> {
    let kinds: Vec<_> = PropertyType::names()
        .filter_map(PropertyType::parse)
        .collect();
    proptest::sample::select(kinds)
}

/// `%` and `_` by trying every way.
fn naive_like(pattern: &[char], text: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some(('%', rest)) => (0..=text.len()).any(|skip| naive_like(rest, &text[skip..])),
        Some((wanted, rest)) => text
            .split_first()
            .is_some_and(|(c, text)| (*wanted == '_' || wanted == c) && naive_like(rest, text)),
    }
}

fn filter_of(class: &Class, property: &str, condition: &Value) -> Filter {
    let filters = json!({property: condition});
    Filter::parse_all(class, filters.as_object().unwrap())
        .unwrap()
        .remove(0)
}

proptest! {
    #[test]
    fn decimals_compare_as_numbers_do(left in -100_000_i64..100_000, right in -100_000_i64..100_000, zeros in 0..30_usize) {
        let (a, b) = (json(&hundredths(left, zeros)), json(&hundredths(right, 0)));
        prop_assert_eq!(compare(PropertyType::Decimal, &a, &b), left.cmp(&right));
        let shifted = json(&format!("{right}e-2"));
        prop_assert_eq!(compare(PropertyType::Decimal, &a, &shifted), left.cmp(&right));
    }

    #[test]
    fn filters_agree_with_a_naive_oracle(value in -300_i64..300, bound in -300_i64..300, others in proptest::collection::vec(-300_i64..300, 0..4)) {
        let shop = class(SHOP);
        let stored = json(&hundredths(value, 1));
        let number = |hundred: i64| -> Value { serde_json::from_str(&hundredths(hundred, 0)).unwrap() };
        let list: Vec<_> = others.iter().map(|other| number(*other)).collect();
        for (condition, expected) in [
            (number(bound), value == bound),
            (json!({"gt": number(bound)}), value > bound),
            (json!({"gte": number(bound)}), value >= bound),
            (json!({"lt": number(bound)}), value < bound),
            (json!({"lte": number(bound)}), value <= bound),
            (json!({"in": list}), others.contains(&value)),
        ] {
            let filter = filter_of(&shop, "price", &condition);
            prop_assert_eq!(filter.matches("x", Some(&stored)), expected, "{} {}", stored, condition);
            prop_assert!(!filter.matches("x", None));
        }
    }

    #[test]
    fn string_filters_agree_with_a_naive_oracle(value in "[a-c]{0,4}", bound in "[a-c]{0,4}", pattern in "[a-c%_]{0,5}") {
        let shop = class(SHOP);
        let stored = Json::of(&value).unwrap();
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        for (condition, expected) in [
            (json!(bound), value == bound),
            (json!({"gt": bound}), value > bound),
            (json!({"lte": bound}), value <= bound),
            (json!({"in": [bound, "b"]}), value == bound || value == "b"),
            (json!({"like": pattern}), naive_like(&chars(&pattern), &chars(&value))),
        ] {
            prop_assert_eq!(filter_of(&shop, "code", &condition).matches("x", Some(&stored)), expected);
            prop_assert_eq!(filter_of(&shop, "instance_id", &condition).matches(&value, None), expected);
        }
    }

    #[test]
    fn the_order_is_total(kind in any_type(), a in anything(), b in anything(), c in anything()) {
        prop_assert_eq!(compare(kind, &a, &a), Ordering::Equal);
        prop_assert_eq!(compare(kind, &a, &b), compare(kind, &b, &a).reverse());
        if compare(kind, &a, &b).is_le() && compare(kind, &b, &c).is_le() {
            prop_assert!(compare(kind, &a, &c).is_le());
        }
    }

    #[test]
    fn no_stored_value_and_no_operand_panics(kind in any_type(), stored in anything(), operand in anything(), pattern in "[a%_]{0,4}") {
        let operand = operand.to_value();
        for operator in [
            Operator::Eq(operand.clone()),
            Operator::Gt(operand.clone()),
            Operator::Lte(operand.clone()),
            Operator::In(vec![operand.clone(), operand]),
            Operator::Like(pattern),
            Operator::Exists(true),
        ] {
            let filter = Filter { property: name("x"), property_type: kind, operator };
            let passed = filter.matches("id", Some(&stored));
            prop_assert!(!(passed && stored.is_null()));
        }
    }

    #[test]
    fn equal_is_at_least_and_at_most(kind in any_type(), stored in anything(), operand in anything()) {
        let operand = operand.to_value();
        let passes = |operator: Operator| Filter { property: name("x"), property_type: kind, operator }.matches("id", Some(&stored));
        if passes(Operator::Eq(operand.clone())) {
            prop_assert!(passes(Operator::Gte(operand.clone())) && passes(Operator::Lte(operand.clone())));
            prop_assert!(passes(Operator::In(vec![json!("zzz"), operand])));
        }
    }

    #[test]
    fn a_deep_stored_value_is_compared_without_end(depth in 1..5_000_usize) {
        let deep = json(&format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
        prop_assert_eq!(compare(PropertyType::Json, &deep, &deep), Ordering::Equal);
    }
}
