//! Filters and orders as they are read.

use std::cmp::Ordering;

use serde_json::{Value, json};
use spice_core::{
    error::ErrorCode,
    json::Json,
    ontology::PropertyType,
    query::{Conditions, Filter, INSTANCE_ID, Operator, Order},
    value::{SortKey, compare},
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
            ("price", PropertyType::Decimal, Operator::Gte(json("1.5"))),
            ("price", PropertyType::Decimal, Operator::Lt(json("3"))),
            ("code", PropertyType::String, Operator::Eq(json("\"x\""))),
            (
                INSTANCE_ID,
                PropertyType::String,
                Operator::Eq(json("\"p1\""))
            ),
            ("tags", PropertyType::String, Operator::Eq(json("\"red\""))),
        ]
    );
    assert!(read(json!({})).unwrap().is_empty());
}

#[test]
fn a_property_called_instance_id_is_distinguished_from_the_id() {
    let server = class(
        r#"{"label":"Server","properties":[{"name":"instance_id","type":"integer","label":"No"}]}"#,
    );
    let property = |name: &str, value: Value| {
        let filters = json!({name: value});
        let filters =
            Filter::parse_all(&server, &serde_json::from_value(filters).unwrap()).unwrap();
        let order = Order::parse(&server, name).unwrap();
        assert_eq!(order.property, filters[0].property);
        (filters[0].property.as_str().to_owned(), filters[0].clone())
    };
    for name in ["instance_id", "No"] {
        let (found, filter) = property(name, json!(7));
        assert_eq!(found, "instance_id");
        assert!(filter.matches("x", Some(&json("7"))) && !filter.matches("7", None));
    }
    let (found, filter) = property("_id", json!("x"));
    assert_eq!(found, INSTANCE_ID);
    assert!(filter.matches("x", Some(&json("7"))) && !filter.matches("7", None));
}

#[test]
fn unsupported_conditions_are_an_invalid_query() {
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
        json!({"code": {"like": "a\\"}}),
        json!({"code": {"like": "a\\\\\\"}}),
        json!({"code": {"like": "\\d"}}),
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
fn a_negated_condition_requires_another_value() {
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
    assert_eq!(order("instance_id").unwrap().property.as_str(), INSTANCE_ID);
    assert_eq!(order("-_id").unwrap().property.as_str(), INSTANCE_ID);
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
fn additional_properties_can_be_queried() {
    let open = class(r#"{"id":"T","label":"T","metadata":{"additional_properties":true}}"#);
    let filters = |text: &str| Filter::parse_all(&open, &serde_json::from_str(text).unwrap());
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
fn numbers_of_a_filter_keep_every_digit() {
    let filters =
        |text: &str| Filter::parse_all(&class(CATALOGUE), &serde_json::from_str(text).unwrap());
    let long = "1234567890123456789012345678901234567890";
    let next = "1234567890123456789012345678901234567891";
    for (condition, value, expected) in [
        (long.to_owned(), long, true),
        (long.to_owned(), next, false),
        (format!("{long}.0"), long, true),
        (format!(r#"{{"eq":{long}}}"#), next, false),
        (format!(r#"{{"gt":{long}}}"#), next, true),
        (format!(r#"{{"gte":{next}}}"#), long, false),
        (format!(r#"{{"lt":{next}}}"#), long, true),
        (format!(r#"{{"lte":{long}}}"#), next, false),
        (format!(r#"{{"in":[1,{long}]}}"#), next, false),
        (format!(r#"{{"in":[1,{next}]}}"#), next, true),
        (
            r#"{"lt":0.12345678901234567891}"#.into(),
            "0.12345678901234567890",
            true,
        ),
        ("1E+22".into(), "10000000000000000000000", true),
        ("-0".into(), "0.00", true),
        (r#"{"gt":1e-400}"#.into(), "1e-399", true),
        (r#"{"lt":1e400}"#.into(), "9e399", true),
    ] {
        let read = filters(&format!(r#"{{"price":{condition}}}"#)).unwrap();
        assert_eq!(
            read[0].matches("x", Some(&json(value))),
            expected,
            "{condition} {value}"
        );
    }
    let digits = "9".repeat(1_001);
    for number in [
        "1e1000000000",
        "-1e99999999999999999999",
        "1e-1000000000",
        &digits,
    ] {
        for condition in [
            number.to_owned(),
            format!(r#"{{"lt":{number}}}"#),
            format!(r#"{{"in":[{number}]}}"#),
        ] {
            let refusal = filters(&format!(r#"{{"price":{condition}}}"#)).unwrap_err();
            assert_eq!(refusal.code, ErrorCode::InvalidQuery);
            assert!(refusal.message.contains("price"), "{}", refusal.message);
            assert!(["range", "limit"].contains(&refusal.detail["rule"].as_str().unwrap()));
        }
    }
    let refusal = filters(&format!(r#"{{"code":{long}}}"#)).unwrap_err();
    let written = refusal.to_written_detail().to_string();
    assert!(written.contains(long), "{written}");
}

#[test]
fn an_unknown_operator_is_named() {
    let message = |filter: Value| read(filter).unwrap_err().message;
    let known = message(json!({"code": {"regex": "a"}}));
    assert!(
        known.contains("\"regex\" on code is not an operator"),
        "{known}"
    );
    let none = message(json!({"code": {}}));
    assert!(
        none.contains("the filter on code has no operator"),
        "{none}"
    );
}

#[test]
fn repeated_fields_are_refused() {
    let twice = serde_json::from_str::<Conditions>(r#"{"price":1,"code":"x","price":2}"#);
    assert!(twice.unwrap_err().to_string().contains("price"));
    let filters = serde_json::from_str(r#"{"price":{"gt":1,"gt":2}}"#).unwrap();
    let refusal = Filter::parse_all(&class(CATALOGUE), &filters).unwrap_err();
    assert_eq!(refusal.message, "the filter on price has gt twice");
}

#[test]
fn texts_compare_under_one_unicode_form() {
    let (composed, decomposed) = ("\u{ac00}e\u{301}", "\u{1100}\u{1161}\u{e9}");
    let text = |text: &str| Json::of(text).unwrap();
    for (stored, asked) in [(composed, decomposed), (decomposed, composed)] {
        for condition in [
            json!(asked),
            json!({"in": ["x", asked]}),
            json!({"gte": asked, "lte": asked}),
            json!({"like": format!("{asked}%")}),
            json!({"like": "__"}),
        ] {
            let filters = read(
                json!({"code": condition, "tags": condition["in"][1].as_str().unwrap_or(asked)}),
            )
            .unwrap();
            for filter in filters {
                let passes = match filter.property.as_str() {
                    "tags" => filter.matches("x", Some(&Json::of(&[stored]).unwrap())),
                    _ => filter.matches("x", Some(&text(stored))),
                };
                assert!(passes, "{stored} {condition}");
            }
        }
        let kinds = [PropertyType::String, PropertyType::Json, PropertyType::Enum];
        assert!(
            kinds
                .iter()
                .all(|kind| compare(*kind, &text(stored), &text(asked)).is_eq())
        );
    }
    let after = compare(PropertyType::String, &text("e\u{301}"), &text("f"));
    assert_eq!(after, Ordering::Greater, "composed, as it is ordered");
}

#[test]
fn items_of_a_list_compare_as_values_of_their_type() {
    let money = |amount: &str| json!({"amount": amount, "currency": "KRW"});
    for (kind, stored, equal, other, wrong) in [
        (
            "dateTime",
            json!("2024-01-01T00:00:00Z"),
            json!("2024-01-01T09:00:00+09:00"),
            json!("2024-01-01T09:00:00Z"),
            json!("junk"),
        ),
        (
            "date",
            json!("2024-01-01"),
            json!("2024-01-01T00:00:00Z"),
            json!("2024-01-02"),
            json!("1"),
        ),
        (
            "money",
            money("1.0"),
            money("1.00"),
            money("1.01"),
            json!(1),
        ),
        (
            "uuid",
            json!("0f8fad5b-d9cb-469f-a165-70867728950e"),
            json!("0F8FAD5B-D9CB-469F-A165-70867728950E"),
            json!("0f8fad5b-d9cb-469f-a165-70867728950f"),
            json!("x"),
        ),
        (
            "ip",
            json!("::1"),
            json!("0:0:0:0:0:0:0:1"),
            json!("::2"),
            json!("::g"),
        ),
        ("decimal", json!(1.5), json!(1.50), json!(2), json!("1.5")),
        (
            "string",
            json!("\u{e9}"),
            json!("e\u{301}"),
            json!("e"),
            json!(1),
        ),
    ] {
        let text = json!({"label": "T", "properties": [
            {"name": "list", "type": "array", "items": {"type": kind}},
            {"name": "nested", "type": "array", "items": {"type": "array", "items": kind}},
        ]});
        let class = class(&text.to_string());
        let read =
            |filters: Value| Filter::parse_all(&class, &serde_json::from_value(filters).unwrap());
        let value = json(&json!([other, stored]).to_string());
        let nested = json(&json!([[stored]]).to_string());
        let passes = |condition: Value, value: &Json, name: &str| {
            let filters = read(json!({name: condition})).unwrap();
            filters
                .iter()
                .all(|filter| filter.matches("x", Some(value)))
        };
        assert!(passes(equal.clone(), &value, "list"), "{kind}");
        assert!(passes(json!({"in": [equal]}), &value, "list"), "{kind}");
        assert!(
            passes(json!({"eq": [other, equal]}), &value, "list"),
            "{kind}"
        );
        assert!(!passes(json!({"ne": equal}), &value, "list"), "{kind}");
        assert!(
            !passes(json!({"not_in": [equal]}), &value, "list"),
            "{kind}"
        );
        assert!(
            !passes(json!({"eq": [equal, other]}), &value, "list"),
            "{kind}"
        );
        assert!(
            passes(json!({"eq": [[equal]]}), &nested, "nested"),
            "{kind}"
        );
        let filter = read(json!({"list": equal})).unwrap().remove(0);
        let (_, elements) = SortKey::all(filter.property_type.comparison(), &value);
        let wanted = SortKey::of(filter.property_type, &json(&equal.to_string()));
        assert!(elements.contains(&wanted), "{kind}: an index finds it too");
        for condition in [
            wrong.clone(),
            json!({"in": [wrong]}),
            json!({"ne": wrong}),
            json!([wrong]),
        ] {
            let refusal = read(json!({"list": condition})).unwrap_err();
            assert_eq!(refusal.code, ErrorCode::InvalidQuery, "{kind}: {condition}");
        }
    }
}
