//! JSON kept as it was written.

use proptest::prelude::*;
use serde_json::{Value, json};
use spice_core::json::{Json, Properties};

#[test]
fn compaction_removes_only_whitespace_outside_strings() {
    for (text, kept) in [
        (" { \"a\" : [ 1.10 , 2 ] } ", "{\"a\":[1.10,2]}"),
        ("\" a \\\" b \\\\\"", "\" a \\\" b \\\\\""),
        ("[\"\\\\\" , \" x \"]", "[\"\\\\\",\" x \"]"),
        ("\n1208925819614629174706176\t", "1208925819614629174706176"),
        ("1e400", "1e400"),
        ("\"상품 \\u00e9 \u{a0}\"", "\"상품 \\u00e9 \u{a0}\""),
        ("{\"b\":1,\"a\":2}", "{\"b\":1,\"a\":2}"),
    ] {
        assert_eq!(Json::parse(text).unwrap().as_str(), kept);
    }
    for wrong in [
        "",
        "{",
        "nul",
        "1.",
        "01",
        "\"\u{1}\"",
        "{\"a\" 1}",
        "1 2",
        "'a'",
    ] {
        assert!(Json::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn values_that_cannot_be_a_tree_do_not_panic() {
    let deep = Json::parse(&format!("{}{}", "[".repeat(5_000), "]".repeat(5_000))).unwrap();
    assert_eq!(deep.to_value(), Value::Null);
    assert_eq!(Json::parse("\"\\ud800\"").unwrap().as_string(), None);
    assert!(Json::null().is_null() && Json::parse(" null ").unwrap().is_null());
    assert_eq!(
        Json::parse("\"a\\n\"").unwrap().as_string().as_deref(),
        Some("a\n")
    );
    assert_eq!(Json::parse("5").unwrap().as_string(), None);
}

#[test]
fn properties_keep_order_and_digits_and_refuse_bad_keys() {
    let text = r#"{"z":1.10,"a":{"x": 1},"m":"1"}"#;
    let properties: Properties = serde_json::from_str(text).unwrap();
    assert_eq!(
        serde_json::to_string(&properties).unwrap(),
        r#"{"z":1.10,"a":{"x":1},"m":"1"}"#
    );
    assert!(serde_json::from_str::<Properties>(r#"{"a b":1}"#).is_err());
}

fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("finite", |number| number.is_finite())
            .prop_map(|number| json!(number)),
        any::<String>().prop_map(Value::from),
        "[ \\\\\"\t\n]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn a_text_means_the_same_after_compaction(tree in tree()) {
        let pretty = serde_json::to_string_pretty(&tree).unwrap();
        let json = Json::parse(&pretty).unwrap();
        prop_assert_eq!(json.as_str(), tree.to_string());
        prop_assert_eq!(json.to_value(), serde_json::from_str::<Value>(&pretty).unwrap());
        prop_assert_eq!(&Json::parse(json.as_str()).unwrap(), &json);
        prop_assert_eq!(&Json::from(tree), &json);
        let nested: Vec<Json> = serde_json::from_str(&format!("[ {pretty} , 1.10 ]")).unwrap();
        prop_assert_eq!(&nested[0], &json);
        prop_assert_eq!(serde_json::to_string(&nested).unwrap(), format!("[{json},1.10]"));
    }

    #[test]
    fn a_number_keeps_its_digits(number in "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,40})?([eE][+-]?[0-9]{1,4})?") {
        let json = Json::parse(&format!(" {number} ")).unwrap();
        prop_assert_eq!(json.as_str(), number.as_str());
    }
}
