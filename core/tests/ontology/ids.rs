//! The id of an instance.

use serde_json::json;
use spice_core::{error::ErrorCode, id::CommandId, name::InstanceId, ontology::Class};

use crate::support::{
    PRODUCT, class, class_of, command, create, create_instance, data, id, json as raw, name,
    only_violation, patch, violations,
};

#[test]
fn the_id_is_derived_from_the_data() {
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
    let command_id =
        |class: &Class, text: &str| create_instance(class, text).id.as_str().to_owned();
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
fn a_key_is_the_id_as_it_is_written() {
    let key = class_of(&json!({"type": "string", "primaryKey": true})).unwrap();
    for text in [
        "a b",
        "a/b",
        "상품",
        "a.b",
        "..",
        "a+b",
        "50%",
        "#1?;:",
        "\\\"'",
        "🧑‍🚀",
        "-x",
        "True",
    ] {
        let made = create_instance(&key, &json!({"value": text}).to_string());
        assert_eq!(made.id.as_str(), text);
    }
    let apart = "\u{110b}\u{1175}\u{1105}\u{1173}\u{11b7}";
    let made = create_instance(&key, &json!({"value": apart}).to_string());
    assert_eq!(made.id.as_str(), "이름");
    let name: spice_core::name::PropertyName = "value".parse().unwrap();
    assert_eq!(made.properties[&name].as_string().unwrap(), apart);
    assert!(
        patch(&key, &made, r#"{"value":"이름"}"#).is_ok(),
        "the same id, written in another form"
    );
    assert!(
        key.new_instance(
            Some(&id("이름")),
            &data(&json!({"value": apart}).to_string()),
            command(),
            0
        )
        .is_ok()
    );
}

#[test]
fn a_value_that_cannot_be_an_id_is_reported_with_the_key() {
    let key = class_of(&json!({"type": "string", "primaryKey": true})).unwrap();
    let item = class(
        r#"{"id":"Item","label":"Item","properties":[{"name":"item_id","type":"string"},{"name":"b_id","type":"string"}]}"#,
    );
    for text in [
        "",
        " ",
        " a",
        "a ",
        "\u{a0}a",
        "a\nb",
        "a\u{0}",
        &"x".repeat(256),
        &"가".repeat(86),
    ] {
        let refusal = create(&key, &json!({"value": text}).to_string()).unwrap_err();
        assert_eq!(refusal.code, ErrorCode::ValidationFailed, "{text:?}");
        let found = &refusal.detail["errors"][0];
        assert_eq!(
            (&found["field"], &found["rule"]),
            (&json!("value"), &json!("primary_key"))
        );
        assert!(found["message"].as_str().unwrap().contains("255 bytes"));
        assert!(!found["value"].is_null());
        for name in ["item_id", "b_id"] {
            let other = create(&item, &json!({name: text}).to_string());
            assert_eq!(only_violation(other), (name.into(), "instance_id".into()));
        }
    }
    let wrong = create(&key, r#"{"value":5}"#);
    assert_eq!(
        only_violation(wrong),
        ("value".into(), "type".into()),
        "told once"
    );
}

#[test]
fn the_types_of_keys_are_known_and_others_are_refused_with_the_class() {
    let keyed = |kind: &str| {
        let mut property = json!({"type": kind, "primaryKey": true});
        match kind {
            "enum" => property["constraints"] = json!({"enum": ["a b", 1.50, true]}),
            "link" => property["linkTarget"] = json!("Other"),
            _ => {}
        }
        class_of(&property)
    };
    let mut keys = 0;
    for (kind, values) in [
        ("string", &[r#""a""#][..]),
        ("text", &[r#""a""#]),
        ("integer", &["-12345678901234567890", "0"]),
        ("decimal", &["12.3", "100", "-0.5"]),
        ("boolean", &["true", "false"]),
        ("date", &[r#""2026-01-31""#]),
        ("dateTime", &[r#""2026-01-31T12:00:00.5+09:00""#]),
        ("anyURI", &[r#""https://example.com/a?b#c""#]),
        ("email", &[r#""kim+x@example.com""#]),
        ("phone", &[r#""+82 2 123-4567""#]),
        ("uuid", &[r#""0b8E4f6a-0b1e-4c39-9d64-1a0b2c3d4e5f""#]),
        ("ip", &[r#""2001:db8::1""#]),
        ("enum", &[r#""a b""#, "1.50", "true"]),
    ] {
        let class = keyed(kind).unwrap_or_else(|refusal| panic!("{kind}: {refusal}"));
        for value in values {
            let made = create_instance(&class, &format!(r#"{{"value":{value}}}"#));
            assert_eq!(made.id.as_str(), value.trim_matches('"'), "{kind}");
        }
        keys += 1;
    }
    assert_eq!(keys, 13);
    for kind in [
        "number",
        "float",
        "double",
        "money",
        "json",
        "object",
        "array",
        "coordinate",
        "geopoint",
        "address",
        "image",
        "file",
        "link",
        "xsd:float",
    ] {
        let refusal = keyed(kind).unwrap_err();
        assert_eq!(refusal.detail["rule"], "primary_key", "{kind}: {refusal}");
        let field = refusal.detail["field"].as_str().unwrap();
        assert!(field.starts_with("properties[0].primaryKey"), "{field}");
    }
    let refusal = keyed("money").unwrap_err();
    assert!(refusal.message.contains("email"), "{refusal}");
}

#[test]
fn an_id_with_an_invisible_character_at_an_end_is_refused() {
    let key = class_of(&json!({"type": "string", "primaryKey": true})).unwrap();
    for invisible in [
        "\u{200b}",
        "\u{200e}\u{2060}",
        "\u{feff}",
        "\u{115f}",
        "\u{3164}",
        "\u{2800}",
    ] {
        let (before, after) = (format!("{invisible}a"), format!("a{invisible}"));
        for text in [invisible, &before, &after] {
            let refusal = create(&key, &json!({"value": text}).to_string()).unwrap_err();
            let says = "begins or ends with an invisible character";
            assert!(refusal.to_string().contains(says), "{text:?}: {refusal}");
            let given = key.new_instance(Some(&id(text)), &data("{}"), command(), 0);
            assert!(given.is_err(), "{text:?}");
            assert!(text.parse::<InstanceId>().is_ok(), "an older log has it");
        }
        let inside = format!("a{invisible}b");
        let made = create_instance(&key, &json!({"value": inside}).to_string());
        assert_eq!(made.id.as_str(), inside);
    }
}

#[test]
fn equal_decimals_give_one_id() {
    let key = class_of(&json!({"type": "decimal", "primaryKey": true})).unwrap();
    for (written, expected) in [
        ("1.5", "1.5"),
        ("1.50", "1.5"),
        ("15e-1", "1.5"),
        ("-0.0", "0"),
        ("1e2", "100"),
        ("120", "120"),
        ("0.00120", "0.0012"),
        ("-12.30E1", "-123"),
    ] {
        let made = create_instance(&key, &format!(r#"{{"value":{written}}}"#));
        assert_eq!(made.id.as_str(), expected, "{written}");
        let kept = &made.properties[&name("value")];
        assert_eq!(kept.as_str(), written, "the value is kept as written");
    }
    let made = create_instance(&key, r#"{"value":1.5}"#);
    assert!(patch(&key, &made, r#"{"value":1.50}"#).is_ok());
    let (_, rule) = only_violation(patch(&key, &made, r#"{"value":1.51}"#));
    assert_eq!(rule, "primary_key");
    let (field, rule) = only_violation(create(&key, r#"{"value":1e300}"#));
    assert_eq!((&*field, &*rule), ("value", "primary_key"), "too long");
}

#[test]
fn a_stored_id_joined_by_an_earlier_version_stays() {
    let pair = class(
        r#"{"id":"E","label":"E","properties":[{"name":"a","type":"string","primaryKey":true},
            {"name":"b","type":"string","primaryKey":true}]}"#,
    );
    let checked = |given: &str, text: &str| pair.check_whole(&id(given), raw(text).read().unwrap());
    for (given, text) in [
        ("x:", r#"{"a":"x","b":""}"#),
        (":x", r#"{"a":"","b":"x"}"#),
        ("x:y", r#"{"a":"x","b":"y"}"#),
    ] {
        assert_eq!(checked(given, text).unwrap().id, id(given));
    }
    for (given, text) in [
        ("x:y", r#"{"a":"x","b":""}"#),
        ("x", r#"{"a":"x","b":""}"#),
        ("x:y", r#"{"a":"x","b":"z"}"#),
    ] {
        assert_eq!(
            checked(given, text).unwrap_err()[0].rule,
            "primary_key",
            "{given}"
        );
    }
    let new = only_violation(create(&pair, r#"{"a":"x","b":""}"#));
    assert_eq!(new, ("b".into(), "primary_key".into()), "no new one");
}

#[test]
fn a_given_id_must_agree_with_the_primary_key() {
    let product = class(PRODUCT);
    let make =
        |given: &str, text: &str| product.new_instance(Some(&id(given)), &data(text), command(), 0);
    assert_eq!(make("p", r#"{"product_id":"p"}"#).unwrap().id, id("p"));
    assert_eq!(
        only_violation(make("q", r#"{"product_id":"p"}"#)),
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
    let current = create_instance(&product, r#"{"product_id":"p"}"#);
    assert!(patch(&product, &current, r#"{"product_id":"p","stock":1}"#).is_ok());
    assert!(
        patch(&product, &current, r#"{"코드":"\u0070"}"#).is_ok(),
        "the same, written otherwise"
    );
    assert_eq!(
        only_violation(patch(&product, &current, r#"{"product_id":"q"}"#)),
        ("product_id".into(), "primary_key".into())
    );
    let removed = violations(patch(&product, &current, r#"{"Code":null}"#));
    assert!(removed.contains(&("product_id".into(), "primary_key".into())));
}

#[test]
fn several_primary_keys_give_one_id_in_their_order() {
    let line = class(
        r#"{"id":"Line","label":"Line","properties":[{"name":"order_id","type":"string","primaryKey":true},
            {"name":"qty","type":"integer"},{"name":"line_no","type":"integer","primaryKey":true}]}"#,
    );
    assert_eq!(
        create_instance(&line, r#"{"line_no":1,"order_id":"ORD-1"}"#)
            .id
            .as_str(),
        "ORD-1:1"
    );
    assert_eq!(
        create_instance(&line, r#"{"order_id":"ORD-1"}"#)
            .id
            .as_str(),
        "ORD-1",
        "the only key that ends in _id"
    );
    assert_eq!(
        create_instance(&line, r#"{"order_id":"a:1%","line_no":2}"#)
            .id
            .as_str(),
        "a%3A1%25:2",
        "only the last part is written as it is"
    );
    for (text, field) in [
        (r#"{"order_id":"a ","line_no":2}"#, "order_id"),
        (r#"{"order_id":"","line_no":2}"#, "order_id"),
    ] {
        assert_eq!(
            only_violation(create(&line, text)),
            (field.into(), "primary_key".into())
        );
    }
    let long = json!({"order_id": "x".repeat(255), "line_no": 2}).to_string();
    assert_eq!(
        only_violation(create(&line, &long)),
        ("order_id, line_no".into(), "primary_key".into())
    );
    let current = create_instance(&line, r#"{"order_id":"a","line_no":2}"#);
    assert_eq!(
        only_violation(patch(&line, &current, r#"{"line_no":3}"#)),
        ("line_no".into(), "primary_key".into())
    );
    let last = class(
        r#"{"id":"E","label":"E","properties":[{"name":"a","type":"string","primaryKey":true},
            {"name":"at","type":"dateTime","primaryKey":true}]}"#,
    );
    let id = create_instance(&last, r#"{"a":"x","at":"2025-05-05T14:50:00"}"#).id;
    assert_eq!(
        id.as_str(),
        "x:2025-05-05T14:50:00",
        "the last part may hold a colon"
    );
}
