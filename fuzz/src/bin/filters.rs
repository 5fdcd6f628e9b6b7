//! Any JSON as filters, and any text as an order or a pattern: parsed or refused with a reason; the
//! comparison is a total order.
#![no_main]

use std::{cmp::Ordering, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use spice_core::{
    json::Json,
    ontology::Class,
    query::{Filter, Order, Pattern},
    value::compare,
};

/// A class with a property of each type.
static CLASS: LazyLock<Class> = LazyLock::new(|| {
    let types = [
        "string", "text", "integer", "decimal", "number", "boolean", "date", "dateTime", "url",
        "email", "phone", "money", "enum", "uuid", "ip", "json", "coordinate", "address",
    ];
    let properties: Vec<_> = types
        .iter()
        .map(|name| {
            let constraints = match *name {
                "enum" => serde_json::json!({"enum": ["a", "b"]}),
                _ => serde_json::json!({}),
            };
            serde_json::json!({
                "name": format!("p_{name}"), "type": name, "constraints": constraints,
            })
        })
        .collect();
    let definition = serde_json::json!({"id": "Thing", "label": "Thing", "properties": properties});
    Class::create(&definition.into()).expect("a class with a property of each type")
});

fuzz_target!(|text: &str| {
    let (condition, rest) = text.split_once('\n').unwrap_or((text, ""));
    let (value, pattern) = rest.split_once('\n').unwrap_or((rest, ""));
    drop(Order::parse(&CLASS, condition));
    if let Ok(pattern) = pattern.parse::<Pattern>() {
        pattern.matches(value);
    }
    let (Ok(condition), Ok(value)) = (Json::parse(condition), Json::parse(value)) else {
        return;
    };
    for property in CLASS.properties() {
        let name = property.name.as_str();
        for filter in Filter::parse(&CLASS, name, &condition).unwrap_or_default() {
            filter.matches("id", Some(&value));
            filter.matches("id", None);
        }
        let one_way = compare(property.property_type, &value, &condition);
        let other_way = compare(property.property_type, &condition, &value);
        assert_eq!(one_way, other_way.reverse());
        assert_eq!(compare(property.property_type, &value, &value), Ordering::Equal);
    }
});
