//! What values each constraint and each limit lets in; everything wrong is told at once.

use serde_json::{Value, json};

use crate::support::{class, create, table, violations};

#[test]
fn constraints_hold_numbers_of_any_length() {
    let long = "1".repeat(400);
    let next = format!("{}2", "1".repeat(399));
    for (kind, constraints, accepted, refused, rule) in [
        (
            "integer",
            format!(r#"{{"min":{next}}}"#),
            next.as_str(),
            long.as_str(),
            "min",
        ),
        (
            "integer",
            format!(r#"{{"max":{long}}}"#),
            &long,
            &next,
            "max",
        ),
        (
            "number",
            format!(r#"{{"enum":[{long}]}}"#),
            &long,
            &next,
            "enum",
        ),
        (
            "decimal",
            r#"{"max":1234567890123456789.25}"#.into(),
            "1234567890123456789.25",
            "1234567890123456789.26",
            "max",
        ),
        (
            "double",
            r#"{"min":0.1234567890123456789}"#.into(),
            "0.1234567890123456789",
            "0.1234567890123456788",
            "min",
        ),
        (
            "float",
            r#"{"max":1e400}"#.into(),
            "1e399",
            "1.1e400",
            "max",
        ),
        (
            "money",
            format!(r#"{{"max":{long}}}"#),
            r#"{"amount":"1","currency":"KRW"}"#,
            &format!(r#"{{"amount":{next},"currency":"KRW"}}"#),
            "max",
        ),
        (
            "string",
            format!(r#"{{"maxLength":{long}}}"#),
            r#""a""#,
            "",
            "",
        ),
        (
            "string",
            format!(r#"{{"minLength":{long}}}"#),
            "",
            r#""a""#,
            "minLength",
        ),
        ("array", format!(r#"{{"maxItems":{long}}}"#), "[1]", "", ""),
    ] {
        let definition = format!(
            r#"{{"label":"T","properties":[{{"name":"value","type":"{kind}","constraints":{constraints}}}]}}"#
        );
        let class = class(&definition);
        if !accepted.is_empty() {
            create(&class, &format!(r#"{{"value":{accepted}}}"#)).unwrap();
        }
        if !refused.is_empty() {
            let places = violations(create(&class, &format!(r#"{{"value":{refused}}}"#)));
            assert_eq!(
                places,
                [("value".to_owned(), rule.to_owned())],
                "{kind} {constraints}"
            );
        }
        assert!(class.definition.as_str().contains(&constraints));
    }
}

#[test]
fn each_constraint_accepts_exactly_its_values() {
    let with = |kind: &str, constraints: Value| json!({"type": kind, "constraints": constraints});
    let krw = |amount: &str| format!(r#"{{"amount":"{amount}","currency":"KRW"}}"#);
    for (fields, accepted, refused, rule) in [
        (
            with("integer", json!({"min": 3})),
            vec!["3", "1208925819614629174706176"],
            vec!["2", "-4"],
            "min",
        ),
        (
            with("integer", json!({"max": 3})),
            vec!["3", "-5"],
            vec!["4", "1208925819614629174706176"],
            "max",
        ),
        (
            with("integer", json!({"min": 2.5})),
            vec!["3"],
            vec!["2"],
            "min",
        ),
        (
            with("decimal", json!({"min": 0.1})),
            vec!["0.1", "0.10", "0.1000000000000000000001"],
            vec!["0.09999999999999999999999", "-1"],
            "min",
        ),
        (
            with("number", json!({"max": 1e3})),
            vec!["1000", "1000.0", "1e3"],
            vec!["1000.00000000000000000001"],
            "max",
        ),
        (
            with("date", json!({"min": "2026-01-31"})),
            vec![r#""2026-01-31""#, r#""2027-01-01""#],
            vec![r#""2026-01-30""#],
            "min",
        ),
        (
            with("dateTime", json!({"max": "2026-01-31T00:00:00+09:00"})),
            vec![r#""2026-01-30T15:00:00""#, r#""2026-01-30T15:00:00Z""#],
            vec![r#""2026-01-30T15:00:01""#],
            "max",
        ),
        (
            with("dateTime", json!({"min": "2026-01-31"})),
            vec![r#""2026-01-31T00:00:00""#],
            vec![r#""2026-01-31T00:00:00+09:00""#],
            "min",
        ),
        (
            with("money", json!({"min": 1.5})),
            vec![&krw("1.50"), &krw("2")],
            vec![&krw("1.49")],
            "min",
        ),
        (
            with("string", json!({"minLength": 2})),
            vec![r#""ab""#, r#""상품""#],
            vec![r#""a""#, r#""품""#, r#""""#],
            "minLength",
        ),
        (
            with("text", json!({"maxLength": 2})),
            vec![r#""""#, r#""상품""#, r#""\u0041\u0041""#],
            vec![r#""abc""#],
            "maxLength",
        ),
        (
            with("string", json!({"pattern": "^[A-Z]{2}-\\d+$"})),
            vec![r#""AB-1""#],
            vec![r#""ab-1""#, r#""AB-1x""#, r#""""#],
            "pattern",
        ),
        (
            with("string", json!({"pattern": "b"})),
            vec![r#""abc""#],
            vec![r#""ac""#],
            "pattern",
        ),
        (
            with("enum", json!({"enum": ["a", "b", 1.0]})),
            vec![r#""a""#, "1", "1.00"],
            vec![r#""c""#, r#""A""#, "2", "true"],
            "enum",
        ),
        (
            with("string", json!({"enum": ["a"]})),
            vec![r#""a""#, r#""\u0061""#],
            vec![r#""b""#],
            "enum",
        ),
        (
            with("decimal", json!({"enum": [1.5, 2]})),
            vec!["1.50", "2.0"],
            vec!["1.51"],
            "enum",
        ),
        (
            with("array", json!({"minItems": 1})),
            vec!["[1]"],
            vec!["[]"],
            "minItems",
        ),
        (
            with("array", json!({"maxItems": 1})),
            vec!["[]", "[1]"],
            vec!["[1,2]"],
            "maxItems",
        ),
        (
            with("array", json!({"uniqueItems": true})),
            vec!["[]", r#"[1,"1",true,2]"#],
            vec![
                "[1,1.0]",
                r#"["a",2,"\u0061"]"#,
                r#"[{"a":1,"b":2},{"b":2.0,"a":1}]"#,
            ],
            "uniqueItems",
        ),
        (
            json!({"type": "array", "items": "dateTime", "constraints": {"uniqueItems": true}}),
            vec![r#"["2026-01-31T00:00:00"]"#],
            vec![r#"["2026-01-31T00:00:00","2026-01-31T09:00:00+09:00"]"#],
            "uniqueItems",
        ),
        (
            with("string", json!({"format": "email"})),
            vec![r#""a@b.co""#],
            vec![r#""a""#],
            "format",
        ),
        (
            with("string", json!({"format": "date"})),
            vec![r#""2026-01-31""#],
            vec![r#""31.1.2026""#],
            "format",
        ),
        (
            with("string", json!({"format": "date-time"})),
            vec![r#""2026-01-31T00:00:00""#],
            vec![r#""2026-01-31""#],
            "format",
        ),
        (
            with("string", json!({"format": "uri"})),
            vec![r#""urn:x:y""#],
            vec![r#""x""#],
            "format",
        ),
        (
            with("string", json!({"format": "url"})),
            vec![r#""https://a""#],
            vec![r#""a""#],
            "format",
        ),
        (
            with("string", json!({"format": "uuid"})),
            vec![r#""11111111-2222-4333-8444-555555555555""#],
            vec![r#""x""#],
            "format",
        ),
        (
            with("string", json!({"format": "ip"})),
            vec![r#""::1""#, r#""10.0.0.1""#],
            vec![r#""x""#],
            "format",
        ),
        (
            with("string", json!({"format": "ipv4"})),
            vec![r#""10.0.0.1""#],
            vec![r#""::1""#],
            "format",
        ),
        (
            with("string", json!({"format": "ipv6"})),
            vec![r#""::1""#],
            vec![r#""10.0.0.1""#],
            "format",
        ),
        (
            with("string", json!({"format": "phone"})),
            vec![r#""+82 2 312""#],
            vec![r#""x""#],
            "format",
        ),
    ] {
        table(&fields, &accepted, &refused, rule);
    }
}

#[test]
fn the_limits_of_one_value_are_checked() {
    let list = |count: usize| format!("[{}]", vec!["1"; count].join(","));
    let object = |count: usize| {
        let fields: Vec<_> = (0..count).map(|index| format!("\"k{index}\":1")).collect();
        format!("{{{}}}", fields.join(","))
    };
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let text = |characters: usize| format!("\"{}\"", "품".repeat(characters));
    let large = |bytes: usize| format!("\"{}\"", "x".repeat(bytes));
    let digits = |count: usize| format!("0.{}", "1".repeat(count));
    table(
        &json!({"type": "array"}),
        &[&list(1_000), &nested(10)],
        &[&list(1_001), &nested(11), &nested(100_000)],
        "limit",
    );
    table(
        &json!({"type": "object"}),
        &[&object(100)],
        &[&object(101)],
        "limit",
    );
    table(
        &json!({"type": "json"}),
        &[&object(100), &list(1_000), &nested(10)],
        &[&object(101), &list(1_001), &nested(11)],
        "limit",
    );
    table(
        &json!({"type": "string"}),
        &[&text(5_000)],
        &[&text(5_001)],
        "limit",
    );
    table(
        &json!({"type": "array"}),
        &[],
        &[&format!("[{}]", text(5_001))],
        "limit",
    );
    table(
        &json!({"type": "object"}),
        &[],
        &[&format!("{{{}:1}}", text(5_001))],
        "limit",
    );
    for kind in ["text", "json"] {
        table(
            &json!({"type": kind}),
            &[&text(5_001), &large(1 << 20)],
            &[&large((1 << 20) + 1)],
            "limit",
        );
    }
    table(
        &json!({"type": "decimal"}),
        &[&digits(900)],
        &[&digits(1_000)],
        "limit",
    );
}

#[test]
fn all_violations_are_reported_together() {
    let class = class(
        r#"{"id":"T","label":"T","properties":[
            {"name":"a","type":"string","required":true,"constraints":{"minLength":3,"pattern":"^x"}},
            {"name":"b","type":"integer"},{"name":"c","type":"decimal","required":true},
            {"name":"d","type":"array","items":"date"},{"name":"e","type":"string"}],
            "relationships":[{"predicate":"r","target":"R"}]}"#,
    );
    let all = violations(create(
        &class,
        r#"{"a":"y","b":"5","d":["x","2026-01-31",7],"e":"fine","r":["R/1","S/1","x","R/1"]}"#,
    ));
    let all: Vec<_> = all
        .iter()
        .map(|(field, rule)| (field.as_str(), rule.as_str()))
        .collect();
    assert_eq!(
        all,
        [
            ("a", "minLength"),
            ("a", "pattern"),
            ("b", "type"),
            ("d[0]", "type"),
            ("d[2]", "type"),
            ("r[1]", "target"),
            ("r[2]", "reference"),
            ("r[3]", "uniqueItems"),
            ("c", "required"),
        ]
    );
    let long = format!("{{\"b\":\"{}\",\"a\":\"xyz\",\"c\":1}}", "y".repeat(4_000));
    let refusal = create(&class, &long).unwrap_err();
    assert!(
        refusal.detail["errors"][0]["value"].as_str().unwrap().len() <= 200,
        "long values are cut"
    );
    let exact = create(
        &class,
        r#"{"b":1208925819614629174706176.10,"a":"xyz","c":1}"#,
    )
    .unwrap_err();
    assert_eq!(
        exact.detail["errors"][0]["value"],
        "1208925819614629174706176.10"
    );
}
