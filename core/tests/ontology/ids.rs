//! The id of an instance.

use serde_json::json;
use spice_core::{error::ErrorCode, id::CommandId, ontology::Class};

use crate::support::{
    PRODUCT, broken, broken_once, class, class_of, command, create, created, data, id, patched,
};

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
