//! What values each type and each constraint lets in.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use spice_core::ontology::Class;
use support::{broken, broken_once, class_of, create, created, json};

fn of(fields: &Value) -> Class {
    class_of(fields).unwrap_or_else(|refusal| panic!("{fields}: {:?}", refusal.to_detail()))
}

fn table(fields: &Value, accepted: &[&str], refused: &[&str], rule: &str) {
    let class = of(fields);
    for text in accepted {
        let candidate = created(&class, &format!("{{\"value\":{text}}}"));
        let kept = &candidate.properties[&support::name("value")];
        assert_eq!(kept, &json(text), "kept as written");
    }
    for text in refused {
        let outcome = create(&class, &format!("{{\"value\":{text}}}"));
        let (_, broken_rule) = broken_once(outcome);
        assert_eq!(broken_rule, rule, "{fields} {text}");
    }
}

#[test]
fn each_type_accepts_its_values_and_no_others() {
    let string = (
        &[
            r#""""#,
            r#""a""#,
            r#""5""#,
            r#""<b> a--b C# lang master plan""#,
            r#""상품""#,
            r#""\u0000""#,
        ][..],
        &["5", "true", "[]", "{}", r#"["a"]"#][..],
    );
    let integer = (
        &["0", "5", "-5", "1208925819614629174706176", "-0"][..],
        &[r#""5""#, "5.0", "5e0", "1.5", "true", "[5]", "{}"][..],
    );
    let number = (
        &[
            "0",
            "1.10",
            "-1.10",
            "1e3",
            "1E-3",
            "1208925819614629174706176.5",
            "0.000",
        ][..],
        &[r#""1.10""#, "true", "[1]", "{}"][..],
    );
    let date_time = (
        &[
            r#""2026-01-31T12:00:00""#,
            r#""2026-01-31T12:00:00Z""#,
            r#""2026-01-31T12:00:00.123456789Z""#,
            r#""2026-01-31T12:00:00+09:00""#,
            r#""2024-02-29T00:00:00.1-14:00""#,
            r#""0001-01-01T00:00:00Z""#,
        ][..],
        &[
            r#""2026-01-31""#,
            r#""2026-01-31 12:00:00""#,
            r#""2026-02-30T12:00:00Z""#,
            r#""2026-01-31T24:00:00Z""#,
            r#""2026-01-31T12:00""#,
            r#""2026-01-31T12:00:60Z""#,
            r#""2026-01-31T12:00:00z""#,
            r#""2026-01-31T12:00:00.Z""#,
            r#""2026-01-31T12:00:00.1234567890Z""#,
            r#""2026-01-31T12:00:00+9""#,
            r#""2026-01-31T12:00:00Z ""#,
            r#""""#,
            r#""é026-01-31T12:00:00""#,
            "1767225600",
        ][..],
    );
    let url = (
        &[
            r#""https://example.org""#,
            r#""http://a/b?c=d#e""#,
            r#""urn:isbn:1""#,
            r#""mailto:a@b.c""#,
            r#""file:///tmp/x""#,
            r#""s3://bucket/key""#,
            r#""HTTPS://EXAMPLE.ORG""#,
        ][..],
        &[
            r#""example.org""#,
            r#""""#,
            r#""https://""#,
            r#""https:/x""#,
            r#""https:""#,
            r#""1x:y""#,
            r#""http://a b""#,
            r#""/path""#,
            r#""a:""#,
            "5",
        ][..],
    );
    let coordinate = (
        &[
            r#"{"lat":37.5,"lon":127}"#,
            r#"{"lon":-180,"lat":-90}"#,
            r#"{"lat":90.0,"lon":180.000}"#,
        ][..],
        &[
            r#"{"lat":90.000001,"lon":0}"#,
            r#"{"lat":0,"lon":-180.5}"#,
            r#"{"lat":1}"#,
            r#"{"lat":"1","lon":2}"#,
            r#"{"lat":1,"lon":2,"alt":3}"#,
            "[1,2]",
            r#""1,2""#,
            "{}",
        ][..],
    );
    let file = (
        &[
            r#""https://e.org/a.png""#,
            r#"{"url":"https://e.org/a.png"}"#,
            r#"{"url":"https://e.org/a","name":"a","media_type":"image/png","size":5}"#,
        ][..],
        &[
            r#""a.png""#,
            "{}",
            r#"{"name":"a"}"#,
            r#"{"url":"a.png"}"#,
            r#"{"url":"https://e.org","size":-1}"#,
            r#"{"url":"https://e.org","size":"5"}"#,
            r#"{"url":"https://e.org","alt":"x"}"#,
            "5",
            "[]",
        ][..],
    );
    let tables: Vec<(&[&str], &[&str], &[&str])> = vec![
        (&["string", "text", "xsd:string"], string.0, string.1),
        (&["integer", "xsd:integer"], integer.0, integer.1),
        (
            &["decimal", "number", "float", "double", "xsd:decimal"],
            number.0,
            number.1,
        ),
        (
            &["boolean"],
            &["true", "false"],
            &[r#""true""#, "0", "1", "[]"],
        ),
        (
            &["date"],
            &[
                r#""2026-01-31""#,
                r#""2024-02-29""#,
                r#""0001-01-01""#,
                r#""9999-12-31""#,
            ],
            &[
                r#""2026-02-29""#,
                r#""2026-1-31""#,
                r#""26-01-31""#,
                r#""2026-01-31T00:00:00Z""#,
                r#""20260131""#,
                r#""""#,
                "20260131",
            ],
        ),
        (&["dateTime", "xsd:dateTime"], date_time.0, date_time.1),
        (&["url", "anyURI", "xsd:anyURI"], url.0, url.1),
        (
            &["email"],
            &[
                r#""a@b.co""#,
                r#""first.last+tag@sub.example.org""#,
                r#""김@예.한국""#,
            ],
            &[
                r#""a""#,
                r#""a@b""#,
                r#""@b.co""#,
                r#""a@""#,
                r#""a b@c.de""#,
                r#""a@b..co""#,
                r#""a@-b.co""#,
                r#""a..b@c.de""#,
                r#""a@b@c.de""#,
                "5",
            ],
        ),
        (
            &["phone"],
            &[
                r#""+82-2-312-3456""#,
                r#""(02) 312-3456""#,
                r#""112""#,
                r#""+821012345678""#,
            ],
            &[
                r#""12""#,
                r#""phone""#,
                r#""+""#,
                r#""1234567890123456""#,
                r#""+82 10 x""#,
                r#""-123""#,
                r#""123-""#,
                "821012345678",
            ],
        ),
        (
            &["money"],
            &[
                r#"{"amount":"12.30","currency":"KRW"}"#,
                r#"{"currency":"USD","amount":-1.10}"#,
                r#"{"amount":"0","currency":"EUR"}"#,
            ],
            &[
                "5",
                r#""5 KRW""#,
                r#"{"amount":"12.30"}"#,
                r#"{"amount":"x","currency":"KRW"}"#,
                r#"{"amount":"1e3","currency":"KRW"}"#,
                r#"{"amount":"1","currency":"won"}"#,
                r#"{"amount":"1","currency":"KRWX"}"#,
                r#"{"amount":"","currency":"KRW"}"#,
                r#"{"amount":"1","currency":"KRW","x":1}"#,
                r#"{"amount":true,"currency":"KRW"}"#,
                r#"{"amount":"1.","currency":"KRW"}"#,
            ],
        ),
        (
            &["uuid"],
            &[
                r#""11111111-2222-4333-8444-555555555555""#,
                r#""ABCDEF00-2222-4333-8444-555555555555""#,
            ],
            &[
                r#""11111111222243338444555555555555""#,
                r#""{11111111-2222-4333-8444-555555555555}""#,
                r#""x""#,
                "5",
            ],
        ),
        (
            &["ip"],
            &[r#""10.0.0.1""#, r#""::1""#, r#""2001:db8::1""#],
            &[
                r#""10.0.0""#,
                r#""10.0.0.256""#,
                r#""10.0.0.0/8""#,
                r#""""#,
                "5",
            ],
        ),
        (
            &["json"],
            &["5", r#""x""#, "true", "[]", "{}", r#"{"a b":[null,1.10]}"#],
            &[],
        ),
        (
            &["object"],
            &["{}", r#"{"a b":{"c":[1.10]}}"#],
            &["[]", r#""x""#, "5"],
        ),
        (
            &["array"],
            &["[]", r#"[1,"a",null,{"b":[]}]"#],
            &["{}", r#""a""#, "5"],
        ),
        (&["coordinate", "geopoint"], coordinate.0, coordinate.1),
        (
            &["address"],
            &["{}", r#"{"street":"1 A St","city":"서울"}"#],
            &[r#"{"no":5}"#, r#""Seoul""#, r#"["a"]"#, r#"{"a":null}"#],
        ),
        (&["image", "file"], file.0, file.1),
    ];
    for (kinds, accepted, refused) in tables {
        for kind in kinds {
            table(&json!({"type": kind}), accepted, refused, "type");
        }
    }
}

#[test]
fn the_items_of_a_list_are_of_their_type() {
    let strings =
        json!({"type": "array", "items": {"type": "string", "constraints": {"maxLength": 2}}});
    table(&strings, &["[]", r#"["a","bc"]"#], &[r#"["a",5]"#], "type");
    table(&strings, &[], &[r#"["abc"]"#], "maxLength");
    let nested = json!({"type": "array", "items": {"type": "array", "items": "integer"}});
    table(
        &nested,
        &["[[1],[],[2,3]]"],
        &["[1]", r#"[["a"]]"#, "[[null]]"],
        "type",
    );
    let class = of(&nested);
    let places = broken(create(&class, r#"{"value":[[1],["a",2,1.5]]}"#));
    assert_eq!(
        places,
        [
            ("value[1][0]".into(), "type".into()),
            ("value[1][2]".into(), "type".into())
        ]
    );
}

#[test]
fn each_constraint_lets_in_what_it_says() {
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
fn the_limits_of_one_value_hold() {
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
fn what_a_store_could_not_read_is_refused() {
    table(
        &json!({"type": "number"}),
        &["1e308", "1e-999"],
        &["1e309", "-1e309", "1e99999999999999999999"],
        "range",
    );
    table(
        &json!({"type": "json"}),
        &[],
        &["[1e400]", r#"{"a":{"b":-1e400}}"#],
        "range",
    );
    table(
        &json!({"type": "string"}),
        &[r#""\ud83d\ude00""#],
        &[r#""\ud800""#, r#""\udc00\ud800""#],
        "encoding",
    );
    table(
        &json!({"type": "json"}),
        &[],
        &[r#"["\ud800"]"#, r#"{"\ud800":1}"#],
        "encoding",
    );
    table(
        &json!({"type": "object"}),
        &[r#"{"a":{"b":1},"b":{"a":1}}"#],
        &[r#"{"a":1,"a":2}"#, r#"{"x":[{"a":1,"\u0061":2}]}"#],
        "duplicate",
    );
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let class = support::class(
        r#"{"id":"T","label":"T","properties":[
            {"name":"a","type":"string","required":true,"constraints":{"minLength":3,"pattern":"^x"}},
            {"name":"b","type":"integer"},{"name":"c","type":"decimal","required":true},
            {"name":"d","type":"array","items":"date"},{"name":"e","type":"string"}],
            "relationships":[{"predicate":"r","target":"R"}]}"#,
    );
    let all = broken(create(
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
