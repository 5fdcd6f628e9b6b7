//! Random values, documents and searches.

use proptest::prelude::*;
use serde_json::json as value;
use spice_core::{
    id::LogPosition,
    json::Json,
    name::PropertyName,
    ontology::PropertyType,
    port::documents::{Document, Search, Shown},
    query::{Filter, INSTANCE_ID, Operator, Order},
};

use crate::conformance::documents::{document, order_by, plain, property_name};

/// Branch, id, position, sequence, whether it is not a tombstone, word, and two values.
pub(super) type Written = (usize, usize, u64, u64, bool, usize, usize, usize);

/// Values of every kind; `LONG` is a text longer than an index key.
pub(super) const VALUES: [&str; 44] = [
    "null",
    "true",
    "false",
    "0",
    "-0.0",
    "2",
    "2.0",
    "2.5",
    "3",
    "-7",
    "-7.25",
    "12345678901234567890123",
    "12345678901234567890124",
    "9007199254740993",
    "1e300",
    "1e400",
    "-1e-400",
    r#""""#,
    r#""a""#,
    r#""A""#,
    r#""ab""#,
    r#""a\u0000b""#,
    r#""LONG""#,
    r#""LONGa""#,
    r#""LONGb""#,
    r#""2026-01-01""#,
    r#""2026-01-01T00:00:00Z""#,
    r#""2025-12-31T23:00:00-02:00""#,
    r#""9999-12-31""#,
    r#""9999-12-31T23:59:59.9999999999-12:00""#,
    r#""0001-01-01T00:00:00+14:00""#,
    "\"e\u{301}a\"",
    "\"\u{e9}a\"",
    "\"a_1\"",
    r#""::1""#,
    r#""0:0::1""#,
    r#"{"amount":"2.50","currency":"KRW"}"#,
    r#"{"amount":"10","currency":"KRW"}"#,
    r#"{"amount":"1","currency":"USD"}"#,
    "[]",
    r#"[2,"a",2]"#,
    r#"["ab",null]"#,
    r#"["LONGa"]"#,
    r#"{"k":1}"#,
];

fn any_value(number: usize) -> String {
    VALUES[number].replace("LONG", &"x".repeat(170))
}

const TYPES: [PropertyType; 7] = [
    PropertyType::Json,
    PropertyType::Integer,
    PropertyType::Date,
    PropertyType::DateTime,
    PropertyType::Uuid,
    PropertyType::Ip,
    PropertyType::Money,
];

fn property_and_type() -> impl Strategy<Value = (PropertyName, PropertyType)> {
    let property = prop::sample::select(vec!["n", "p", "p", INSTANCE_ID]);
    (property, prop::sample::select(TYPES.to_vec())).prop_map(|(property, property_type)| {
        let property_type = match property {
            INSTANCE_ID => PropertyType::String,
            _ => property_type,
        };
        (property_name(property), property_type)
    })
}

fn operator() -> impl Strategy<Value = Operator> {
    let value = (0..VALUES.len() + 2).prop_map(|number| match number {
        0 => Json::from(value!("B")),
        1 => Json::from(value!("a-1")),
        _ => Json::parse(&any_value(number - 2)).unwrap(),
    });
    let patterns = vec![
        "%",
        "a%",
        "%b",
        "a_1",
        "_",
        "%-%",
        "x%a",
        "2026%",
        "",
        "a%1",
        "a\\_1",
        "\\%%",
        "e\u{301}%",
    ];
    prop_oneof![
        value.clone().prop_map(Operator::Eq),
        value.clone().prop_map(Operator::Gt),
        value.clone().prop_map(Operator::Gte),
        value.clone().prop_map(Operator::Lt),
        value.clone().prop_map(Operator::Lte),
        prop::collection::vec(value.clone(), 0..4).prop_map(Operator::In),
        prop::collection::vec(value, 0..4).prop_map(Operator::NotIn),
        prop::sample::select(patterns).prop_map(|pattern| Operator::Like(pattern.parse().unwrap())),
        any::<bool>().prop_map(Operator::Exists),
    ]
}

pub(super) fn search() -> impl Strategy<Value = Search> {
    let filter = (property_and_type(), operator()).prop_map(|(property, operator)| Filter {
        property: property.0,
        property_type: property.1,
        operator,
    });
    let order = (property_and_type(), any::<bool>()).prop_map(|(property, descending)| Order {
        property: property.0,
        property_type: property.1,
        descending,
    });
    let text = prop_oneof![4 => Just(None), 1 => prop::sample::select(TEXTS.to_vec())];
    (
        text,
        prop::collection::vec(filter, 0..3),
        prop::option::weighted(0.8, order),
    )
        .prop_map(|(text, filters, order)| Search {
            text: text.map(str::to_owned),
            filters,
            order,
            ..plain()
        })
}

pub(super) fn random_document(written: &Written) -> Document {
    let (branch, id, position, sequence, live, word, number, other) = written;
    let word = ["red", "Red-green", "blueÉ대한민국", "greenish Straße"][*word];
    let (number, other) = (any_value(*number), any_value(*other));
    let data = match live {
        false => String::new(),
        true if other.len() % 3 == 0 => format!(r#"{{"n":{number},"s":"{word} thing"}}"#),
        true => format!(r#"{{"p":{other},"n":{number},"o":{{"deep":["{word}"]}}}}"#),
    };
    document(*branch, *id, *position, *sequence, &data)
}

/// The ranges of superseded versions do not overlap.
pub(super) fn random_superseded((written, number): &(Written, u64)) -> Document {
    let (branch, id, _, _, _, word, first, second) = *written;
    let from = 3 * number;
    let written = (branch, id, from, from + 1, true, word, first, second);
    Document {
        shown: Shown::Until(LogPosition(from + 2)),
        ..random_document(&written)
    }
}

const TEXTS: [Option<&str>; 10] = [
    None,
    Some("RED"),
    Some("green*"),
    Some("thing red"),
    Some("*"),
    Some("nothing"),
    Some("민국"),
    Some("국"),
    Some("STRASSE"),
    Some("stras* blueE\u{301}"),
];

pub(super) fn usual_searches() -> Vec<Search> {
    let number = |operator| Filter {
        property: "n".parse().unwrap(),
        property_type: PropertyType::Integer,
        operator,
    };
    let id = Filter {
        property: PropertyName::instance_id(),
        property_type: PropertyType::String,
        operator: Operator::Eq(value!("zz").into()),
    };
    let filters = [
        vec![],
        vec![number(Operator::Gte(value!(3).into()))],
        vec![id],
    ];
    let orders = [
        None,
        Some(order_by("n", false)),
        Some(order_by("n", true)),
        Some(order_by(INSTANCE_ID, true)),
    ];
    let mut searches = Vec::new();
    for text in TEXTS {
        for filters in &filters {
            for order in &orders {
                searches.push(Search {
                    text: text.map(str::to_owned),
                    filters: filters.clone(),
                    order: order.clone(),
                    ..plain()
                });
            }
        }
    }
    searches
}
