//! Texts are converted to values of their types, or refused with a reason; the class is the judge.

use proptest::prelude::*;
use spice_core::{command::RawData, error::Refusal, id::CommandId};
use uuid::Uuid;

use super::*;
use crate::convert::{Kind, Words, kinds};

/// The value of a text in a column.
fn value(column: &str, text: &str) -> Result<String, &'static str> {
    let definition = full_class();
    let class = Class::create(&Json::from(definition.clone())).unwrap();
    let person = json!({"id": "Person", "label": "Person", "properties": []});
    let schema = schema(&[definition, person]);
    let name = class.resolve(column).unwrap();
    let kind = &kinds(&schema, &class)[name];
    let mut out = Vec::new();
    kind.write(text, &mut out).map_err(|broken| broken.rule)?;
    Ok(String::from_utf8(out).unwrap())
}

/// The class's verdict on a value.
fn check_value(column: &str, json: &str) -> Result<(), Refusal> {
    let class = Class::create(&Json::from(full_class())).unwrap();
    let data: RawData = [
        ("code".to_owned(), Json::from(json!("x"))),
        (column.to_owned(), Json::parse(json).unwrap()),
    ]
    .into_iter()
    .collect();
    class
        .new_instance(None, &data, CommandId(Uuid::nil()), 0)
        .map(|_| ())
}

#[test]
fn texts_are_converted_to_their_type_digit_for_digit() {
    for (column, text, json) in [
        ("note", " as it is ", r#"" as it is ""#),
        ("note", "5", r#""5""#),
        ("note", "tab\t\"q\" \u{1} 한", r#""tab\t\"q\" \u0001 한""#),
        ("count", " 42 ", "42"),
        ("count", "+007", "7"),
        ("count", "-0", "-0"),
        ("count", "5.0", "5"),
        (
            "count",
            "12345678901234567890123",
            "12345678901234567890123",
        ),
        ("price", "1.10", "1.10"),
        ("price", ".5", "0.5"),
        ("price", "-05.", "-5"),
        ("price", "1.5e-03", "1.5e-03"),
        ("open", "Yes", "true"),
        ("open", "0", "false"),
        ("open", "t", "true"),
        ("open", "F", "false"),
        ("open", " Y\u{a0}", "true"),
        ("open", "n", "false"),
        ("open", "TRUE", "true"),
        ("open", "Off", "false"),
        ("day", " 2026-01-31 ", r#""2026-01-31""#),
        ("day", "20260131", r#""2026-01-31""#),
        ("day", "2026-01-31 00:00:00", r#""2026-01-31""#),
        ("day", "2026-01-31T00:00:00.000", r#""2026-01-31""#),
        ("at", "2022-01-01T01:00:00Z", r#""2022-01-01T01:00:00Z""#),
        ("at", "2022-01-01T01:00:00", r#""2022-01-01T01:00:00""#),
        ("at", "2022-01-01 01:00:00", r#""2022-01-01T01:00:00""#),
        ("at", "2022-01-01 01:00", r#""2022-01-01T01:00:00""#),
        ("at", "2022-01-01t01:00:00z", r#""2022-01-01T01:00:00Z""#),
        (
            "at",
            "2022-01-01 01:00:00+0900",
            r#""2022-01-01T01:00:00+09:00""#,
        ),
        (
            "at",
            "2022-01-01 01:00:00+09",
            r#""2022-01-01T01:00:00+09:00""#,
        ),
        (
            "at",
            "2022-01-01 01:00:00 -03:30",
            r#""2022-01-01T01:00:00-03:30""#,
        ),
        (
            "at",
            "2022-01-01 01:00:00.120456+00",
            r#""2022-01-01T01:00:00.120456+00:00""#,
        ),
        (
            "at",
            "2022-01-01 01:00:00,5 UTC",
            r#""2022-01-01T01:00:00.5Z""#,
        ),
        (
            "cost",
            "12.30 KRW",
            r#"{"amount":"12.30","currency":"KRW"}"#,
        ),
        ("cost", "EUR  -5", r#"{"amount":"-5","currency":"EUR"}"#),
        (
            "cost",
            r#"{"amount": 1, "currency": "USD"}"#,
            r#"{"amount":1,"currency":"USD"}"#,
        ),
        ("size", "M", r#""M""#),
        ("size", "5", "5"),
        ("size", "true", "true"),
        ("spot", "37.50, 127.0", r#"{"lat":37.50,"lon":127.0}"#),
        ("raw", "[1.10, null]", "[1.10,null]"),
        ("raw", "\"text\"", "\"text\""),
        ("box", r#"{"a": {"b": 1}}"#, r#"{"a":{"b":1}}"#),
        (
            "scan",
            "https://example.org/a.pdf",
            r#""https://example.org/a.pdf""#,
        ),
        ("tags", "a; b;;c;", r#"["a","b","c"]"#),
        ("tags", r#"["a;b"]"#, r#"["a;b"]"#),
        ("marks", "1;+2;3.0", "[1,2,3]"),
        ("owner", "p-1", r#""Person/p-1""#),
        ("owner", "Person/p:1", r#""Person/p:1""#),
        ("parts", "t1; Thing/t2", r#"["Thing/t1","Thing/t2"]"#),
    ] {
        assert_eq!(
            value(column, text).as_deref(),
            Ok(json),
            "{column}: {text:?}"
        );
        assert_eq!(check_value(column, json), Ok(()), "{column}: {json}");
    }
}

#[test]
fn the_part_before_the_first_slash_of_a_link_is_a_class_or_part_of_the_id() {
    for (column, text, json) in [
        ("owner", "a/b", r#""Person/a/b""#),
        ("owner", "person/b", r#""Person/person/b""#),
        ("owner", "Person/a/b", r#""Person/a/b""#),
        ("parts", "물건/t/1", r#"["Thing/t/1"]"#),
        ("parts", "물건/t/1;물/2", r#"["Thing/t/1","Thing/물/2"]"#),
        (
            "owner",
            "https://a.example/b",
            r#""Person/https://a.example/b""#,
        ),
        (
            "parts",
            "t/1;Thing/2;/",
            r#"["Thing/t/1","Thing/2","Thing//"]"#,
        ),
    ] {
        assert_eq!(
            value(column, text).as_deref(),
            Ok(json),
            "{column}: {text:?}"
        );
        assert_eq!(check_value(column, json), Ok(()), "{column}: {json}");
    }
    assert_eq!(value("owner", "Thing/b").as_deref(), Ok(r#""Thing/b""#));
}

#[test]
fn invalid_texts_are_refused_by_their_rule() {
    for (column, text, rule) in [
        ("count", "5.5", "type"),
        ("count", "1e3", "type"),
        ("count", "1,000", "type"),
        ("count", "five", "type"),
        ("count", "-", "type"),
        ("count", "٣", "type"),
        ("price", "1,5", "type"),
        ("price", "1e", "type"),
        ("price", "1e+-5", "type"),
        ("price", "NaN", "type"),
        ("price", "0x10", "type"),
        ("open", "maybe", "type"),
        ("open", "2", "type"),
        ("open", "ja", "type"),
        ("day", "31.01.2026", "type"),
        ("day", "01/31/2026", "type"),
        ("day", "2026-01-31 12:00:00", "type"),
        ("day", "2026-01-31T00:00:00Z", "type"),
        ("day", "2026-01-31 00:00:00+00", "type"),
        ("day", "2026-01-31 00:00:0000", "type"),
        ("day", "2026-01-31 00:00:00.", "type"),
        ("day", "2026-01-31 00:00:00.01", "type"),
        ("day", "2026-01-31 00:00.0", "type"),
        ("at", "2022-01-01", "type"),
        ("at", "2022-01-01 1:00:00", "type"),
        ("at", "2022-01-01 01:00:00 KST", "type"),
        ("at", "2022-01-01 01:00:00+9", "type"),
        ("at", "2022-01-01 01:00:00.", "type"),
        ("at", "01/02/2022 01:00:00", "type"),
        ("cost", "12.30", "type"),
        ("cost", "12.30 krw", "type"),
        ("cost", "1e3 KRW", "type"),
        ("cost", "{", "type"),
        ("spot", "37.5", "type"),
        ("spot", "a,b", "type"),
        ("raw", "text", "type"),
        ("box", "[1]", "type"),
        ("place", "Seoul", "type"),
        ("tags", "[1", "type"),
        ("marks", "1;x", "type"),
        ("owner", "a\u{1}b", "reference"),
        ("parts", "a;Thing/", "reference"),
    ] {
        assert_eq!(value(column, text), Err(rule), "{column}: {text:?}");
    }
    // Rules that only the class knows are left to the api.
    for (column, text) in [
        ("day", "2026-02-30"),
        ("at", "2026-01-01 25:00:00"),
        ("mail", "nobody"),
        ("size", "XL"),
        ("spot", "91,0"),
        ("owner", "Thing/b"),
    ] {
        let json = value(column, text).unwrap();
        assert!(check_value(column, &json).is_err(), "{column}: {text:?}");
    }
}

#[test]
fn the_users_boolean_words_take_precedence() {
    let words = Words {
        truths: vec!["ja".to_owned(), "0".to_owned(), "e\u{301}".to_owned()],
        falses: vec!["nein".to_owned()],
    };
    let kind = Kind::List(Box::new(Kind::Boolean(Words::default()))).with_words(&words);
    let mut out = Vec::new();
    kind.write("ja;nein;0;1;\u{e9};no", &mut out).unwrap();
    assert_eq!(out, b"[true,false,true,true,true,false]");
    assert!(kind.write("JA", &mut out).is_err());
}

#[test]
fn a_reason_names_the_unknown_text_and_a_suggestion() {
    let plan = plan(&[full_class()], "code,count,price,day,at,open", &mapping()).unwrap();
    let text = "code,count,price,day,at,open\na,\"6,718\",\"1,5\",31.01.2026,01.02.2026 10:00,ja\nb,NULL,\\N,n/a,-,N/A\n";
    let reasons = reasons(&batches(plan, text, 9)[0]);
    let expected = [
        "at: must be a date and time in the form 2026-01-31T12:00:00+09:00, not \"01.02.2026 10:00\" (type)",
        "count: must be an integer without thousands separators, such as 5000, not \"6,718\" (type)",
        "day: must be a date in the form 2026-01-31, not \"31.01.2026\" (type)",
        "open: must be true or false, t or f, yes or no, y or n, on or off, 1 or 0, or a word of --true or --false, not \"ja\" (type)",
        "price: must be a number with a decimal point and without thousands separators, such as 1234.50, not \"1,5\" (type)",
    ];
    assert_eq!(reasons[..5], expected);
    for reason in &reasons[5..] {
        assert!(
            reason.contains("if that means no value, use --null"),
            "{reason}"
        );
    }
    assert_eq!(reasons.len(), 10);
}

fn texts_of_cells() -> impl Strategy<Value = String> {
    prop_oneof![
        "[-+0-9.eE]{0,8}",
        "[0-9]{1,40}(\\.[0-9]{0,40})?",
        "(true|false|YES|no|1|0|x)",
        "20[0-2][0-9]-(0[1-9]|1[0-2])-[0-3][0-9][T ]([01][0-9]|2[0-5]):[0-5][0-9](:[0-6][0-9])?([.,][0-9]{1,10})?( ?([+-][0-9]{2}(:?[0-9]{2})?|Z|UTC))?",
        "[-0-9.]{1,6} [A-Z]{2,4}",
        "[-0-9.]{1,6},[-0-9. ]{1,6}",
        "[\\[\\]{}\":,a0-9]{0,12}",
        "[a-zA-Z/:;_. -]{0,12}",
        ".{0,20}",
    ]
}

proptest! {
    #[test]
    fn converted_values_have_the_type_or_the_class_gives_the_reason(
        column in prop::sample::select(vec![
            "note", "count", "price", "open", "day", "at", "page", "mail", "cost", "size", "spot",
            "raw", "box", "place", "scan", "tags", "marks", "owner", "parts",
        ]),
        text in texts_of_cells(),
    ) {
        let Ok(json) = value(column, &text) else { return Ok(()) };
        prop_assert!(Json::parse(&json).is_ok(), "{column}: {text:?} became {json}");
        if let Err(refusal) = check_value(column, &json) {
            let errors = refusal.detail.get("errors").and_then(Value::as_array);
            let rules: Vec<&str> = errors.into_iter().flatten().filter_map(|it| it["rule"].as_str()).collect();
            prop_assert!(!rules.is_empty(), "{column}: {json}: {refusal}");
            // What is converted here never has the wrong type there.
            if ["note", "count", "price", "open", "marks", "tags", "owner", "parts"].contains(&column)
                && !json.starts_with('[') && !text.trim_start().starts_with('[')
            {
                prop_assert!(!rules.contains(&"type"), "{column}: {text:?} became {json}: {refusal}");
            }
        }
    }

    #[test]
    fn numbers_keep_every_digit(whole in "[1-9][0-9]{0,60}", fraction in "[0-9]{1,60}", negative: bool) {
        let sign = if negative { "-" } else { "" };
        let text = format!("{sign}{whole}.{fraction}");
        prop_assert_eq!(value("price", &text), Ok(text));
        let text = format!("{sign}{whole}");
        prop_assert_eq!(value("count", &text), Ok(text.clone()));
        prop_assert_eq!(value("count", &format!("{text}.{}", "0".repeat(fraction.len()))), Ok(text));
    }
}
