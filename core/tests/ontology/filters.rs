//! What filters and orders mean, against tables and naive oracles.

use std::cmp::Ordering;

use serde_json::{Value, json};
use spice_core::{ontology::PropertyType, query::Pattern, value::compare};

use crate::support::{json, read};

fn passes(property: &str, condition: &Value, value: Option<&str>) -> bool {
    let value = value.map(json);
    let filters = read(json!({property: condition})).unwrap_or_else(|refusal| panic!("{refusal}"));
    filters
        .iter()
        .all(|filter| filter.matches("p1", value.as_ref()))
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
            passes(property, &condition, value),
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

fn like(pattern: &str, text: &str) -> bool {
    pattern.parse::<Pattern>().unwrap().matches(text)
}

#[test]
fn an_invalid_pattern_is_refused() {
    for (pattern, message) in [
        ("\\", "ends with a single backslash"),
        ("50\\", "ends with a single backslash"),
        ("a\\\\\\", "ends with a single backslash"),
        ("\\d", "before 'd'"),
        ("\\상", "before '상'"),
    ] {
        let error = pattern.parse::<Pattern>().unwrap_err().to_string();
        assert!(error.contains(message), "{pattern}: {error}");
    }
}

#[test]
fn a_pattern_is_at_most_as_long_as_a_text() {
    let of = |length| read(json!({"code": {"like": format!("%{}", "_".repeat(length))}}));
    assert!(of(4_999).is_ok());
    let refusal = of(5_000).unwrap_err();
    assert!(refusal.message.contains("code"), "{refusal}");
}

#[test]
fn matching_a_pattern_takes_bounded_time() {
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
        ("a\\%", "a%", true),
        ("a\\%", "a\\x", false),
        ("100\\%%", "100% wool", true),
        ("100\\%%", "1000", false),
        ("\\_%", "_id", true),
        ("\\_%", "xid", false),
        ("%\\\\", "C:\\", true),
        ("\\\\%", "\\server", true),
        ("%\\%%", "50% off", true),
        ("%\\%%", "50 off", false),
        ("e\u{301}_", "\u{e9}x", true),
        ("_", "e\u{301}", true),
        ("A", "a", false),
        ("%ab", "aab", true),
        ("_%_", "a", false),
        ("[a]", "a", false),
        ("a.c", "abc", false),
    ] {
        assert_eq!(like(pattern, text), expected, "{pattern} {text}");
    }
    assert!(!like(&"%a".repeat(200), &"b".repeat(5_000)));
    for (signs, shortest) in [("%_", 1), ("_%_", 2), ("%__%_%", 3)] {
        let text = "b".repeat(shortest);
        assert!(like(signs, &text) && !like(signs, &text[1..]), "{signs}");
    }
    assert!(!like(
        &format!("%{}x", "_".repeat(4_000)),
        &"b".repeat(500_000)
    ));
    assert!(!like(&format!("{}b", "%a".repeat(50)), &"a".repeat(5_000)));
}

#[test]
fn a_deeply_nested_stored_value_is_compared_completely() {
    for depth in [1, 31, 32, 33, 128, 100_000] {
        let nested = |depth: usize| json(&format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
        let deep = nested(depth);
        assert_eq!(compare(PropertyType::Json, &deep, &deep), Ordering::Equal);
        assert_ne!(
            compare(PropertyType::Json, &deep, &nested(depth + 1)),
            Ordering::Equal
        );
    }
}
