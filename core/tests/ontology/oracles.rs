//! Filters and orders against naive oracles.

use std::cmp::Ordering;

use proptest::prelude::*;
use serde_json::{Value, json};
use spice_core::{
    json::Json,
    ontology::{Class, PropertyType},
    query::{Filter, Operator},
    value::compare,
};

use crate::support::{CATALOGUE, class, json, name};

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

/// `%`, `_` and what is escaped by trying every way.
fn naive_like(pattern: &[char], text: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some(('\\', rest)) => rest
            .split_first()
            .zip(text.split_first())
            .is_some_and(|((wanted, rest), (c, text))| wanted == c && naive_like(rest, text)),
        Some(('%', rest)) => (0..=text.len()).any(|skip| naive_like(rest, &text[skip..])),
        Some((wanted, rest)) => text
            .split_first()
            .is_some_and(|(c, text)| (*wanted == '_' || wanted == c) && naive_like(rest, text)),
    }
}

fn filter_of(class: &Class, property: &str, condition: &Value) -> Filter {
    let filters = json!({property: condition});
    Filter::parse_all(class, &serde_json::from_value(filters).unwrap())
        .unwrap()
        .remove(0)
}

proptest! {
    #[test]
    fn decimals_compare_like_numbers(left in -100_000_i64..100_000, right in -100_000_i64..100_000, zeros in 0..30_usize) {
        let (a, b) = (json(&hundredths(left, zeros)), json(&hundredths(right, 0)));
        prop_assert_eq!(compare(PropertyType::Decimal, &a, &b), left.cmp(&right));
        let shifted = json(&format!("{right}e-2"));
        prop_assert_eq!(compare(PropertyType::Decimal, &a, &shifted), left.cmp(&right));
    }

    #[test]
    fn filters_agree_with_a_naive_oracle(value in -300_i64..300, bound in -300_i64..300, others in proptest::collection::vec(-300_i64..300, 0..4)) {
        let shop = class(CATALOGUE);
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
    fn string_filters_agree_with_a_naive_oracle(value in "[a-c%_\\\\]{0,4}", bound in "[a-c]{0,4}", pattern in "([a-c%_]|\\\\[%_\\\\]){0,5}") {
        let shop = class(CATALOGUE);
        let stored = Json::of(&value).unwrap();
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        for (condition, expected) in [
            (json!(bound), value == bound),
            (json!({"gt": bound}), value > bound),
            (json!({"lte": bound}), value <= bound),
            (json!({"in": [bound, "b"]}), value == bound || value == "b"),
            (json!({"ne": bound}), value != bound),
            (json!({"not_in": [bound, "b"]}), value != bound && value != "b"),
            (json!({"not_in": []}), true),
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
        for operator in [
            Operator::Eq(operand.clone()),
            Operator::Gt(operand.clone()),
            Operator::Lte(operand.clone()),
            Operator::In(vec![operand.clone(), operand.clone()]),
            Operator::NotIn(vec![operand]),
            Operator::Like(pattern.parse().unwrap()),
            Operator::Exists(true),
        ] {
            let filter = Filter { property: name("x"), property_type: kind, operator };
            let passed = filter.matches("id", Some(&stored));
            prop_assert!(!(passed && stored.is_null()));
        }
    }

    #[test]
    fn equal_values_satisfy_at_least_and_at_most(kind in any_type(), stored in anything(), operand in anything()) {
        let passes = |operator: Operator| Filter { property: name("x"), property_type: kind, operator }.matches("id", Some(&stored));
        if passes(Operator::Eq(operand.clone())) {
            prop_assert!(passes(Operator::Gte(operand.clone())) && passes(Operator::Lte(operand.clone())));
            prop_assert!(passes(Operator::In(vec![json("\"zzz\""), operand])));
        }
    }

    #[test]
    fn not_in_is_the_opposite_of_in_for_existing_values(kind in any_type(), stored in anything(), listed in prop::collection::vec(anything(), 0..3)) {
        let filter = |operator: Operator| Filter { property: name("x"), property_type: kind, operator };
        let (is_in, is_not) = (filter(Operator::In(listed.clone())), filter(Operator::NotIn(listed)));
        prop_assert!(!is_not.matches("id", None) && !is_not.matches("id", Some(&Json::null())));
        if !stored.is_null() {
            prop_assert_ne!(is_in.matches("id", Some(&stored)), is_not.matches("id", Some(&stored)));
        }
    }
}
