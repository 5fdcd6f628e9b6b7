//! What values each type lets in.

use serde_json::json;

use crate::support::{class_of, create, create_instance, of, table, text_of, violations};

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
            r#""2026-01-31T12:00:00.12345678901234567890Z""#,
            r#""0001-01-01T00:00:00Z""#,
            r#""0001-01-01T00:00:00+14:00""#,
            r#""9999-12-31T23:59:59Z""#,
            r#""9999-12-31T23:59:59.999999-12:00""#,
            r#""1990-12-31T23:59:60Z""#,
            r#""1990-12-31T15:59:60-08:00""#,
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
    let anything = json!({"type": "array", "items": "json"});
    table(
        &anything,
        &[r#"[null,1,{"a":null}]"#],
        &[r#"{"a":1}"#],
        "type",
    );
    let nested = json!({"type": "array", "items": {"type": "array", "items": "integer"}});
    table(
        &nested,
        &["[[1],[],[2,3]]"],
        &["[1]", r#"[["a"]]"#, "[[null]]"],
        "type",
    );
    let class = of(&nested);
    let places = violations(create(&class, r#"{"value":[[1],["a",2,1.5]]}"#));
    assert_eq!(
        places,
        [
            ("value[1][0]".into(), "type".into()),
            ("value[1][2]".into(), "type".into())
        ]
    );
}

#[test]
fn values_that_a_store_could_not_read_are_refused() {
    table(
        &json!({"type": "number"}),
        &[
            "1e308",
            "1e400",
            "-1e999",
            "1E+22",
            "-0",
            "1e-400",
            "1e-999",
            "1e-1000",
            "9e-1000",
            "9.99e999",
            "0e99999999999999999999",
        ],
        &[
            "1e1000",
            "-1e1001",
            "1e1000000000",
            "1e-1000000000",
            "9.99e-1001",
            "0.1e-1000",
            "1e99999999999999999999",
        ],
        "range",
    );
    table(
        &json!({"type": "json"}),
        &[],
        &["[1e4000]", r#"{"a":{"b":-1e4000}}"#],
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
fn values_survive_exactly_as_written() {
    let any = class_of(&json!({"type": "json"})).unwrap();
    for text in [
        "1.10",
        "1208925819614629174706176",
        r#"{"b":1.0,"a":[1e2,"\u00e9é"]}"#,
        r#""a\/b""#,
        "0.0",
    ] {
        let candidate = create_instance(&any, &format!("{{\"value\" : {text} }}"));
        assert_eq!(
            text_of(&candidate.properties),
            format!("{{\"value\":{text}}}")
        );
    }
}
