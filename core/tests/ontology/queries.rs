//! Filters and orders as they are read.

use std::cmp::Ordering;

use serde_json::{Value, json};
use spice_core::{
    error::ErrorCode,
    json::Json,
    ontology::PropertyType,
    query::{Filter, Operator, Order},
};

use crate::support::{CATALOGUE, class, json, read};

#[test]
fn filters_are_read_by_id_or_label() {
    let filters = read(
        json!({"가격": {"gte": 1.5, "lt": 3}, "code": "x", "instance_id": "p1", "tags": "red"}),
    )
    .unwrap();
    let understood: Vec<_> = filters
        .iter()
        .map(|it| (it.property.as_str(), it.property_type, it.operator.clone()))
        .collect();
    assert_eq!(
        understood,
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
    assert!(read(json!({})).unwrap().is_empty());
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
        json!({"price": {"ne": null}}),
        json!({"price": {"ne": "1"}}),
        json!({"price": {"not_in": 1}}),
        json!({"price": {"not_in": [1, null]}}),
        json!({"place": {"not_equal": 1}}),
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
fn a_negated_condition_asks_for_another_value_and_not_for_none() {
    let negated = |condition: Value| read(json!({"tags": condition})).unwrap().remove(0);
    let (red, list) = (json("\"red\""), json(r#"["blue","red"]"#));
    for condition in [json!({"ne": "red"}), json!({"not_in": ["green", "red"]})] {
        let filter = negated(condition);
        assert!(!filter.matches("x", None), "{filter:?}");
        assert!(!filter.matches("x", Some(&Json::null())), "{filter:?}");
        assert!(!filter.matches("x", Some(&red)), "{filter:?}");
        assert!(
            !filter.matches("x", Some(&list)),
            "one item is enough: {filter:?}"
        );
        assert!(
            filter.matches("x", Some(&json(r#"["blue"]"#))),
            "{filter:?}"
        );
        assert!(filter.matches("x", Some(&json("[]"))), "{filter:?}");
    }
    let exact = read(json!({"price": {"ne": 1}})).unwrap().remove(0);
    assert!(!exact.matches("x", Some(&json("1.0"))) && exact.matches("x", Some(&json("1.01"))));
}

#[test]
fn an_order_is_a_property_and_a_direction() {
    let shop = class(CATALOGUE);
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
