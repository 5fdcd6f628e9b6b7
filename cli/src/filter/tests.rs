//! Tests for parsing conditions.

use serde_json::json;

use super::*;

fn schema(definition: &Json) -> (Schema, std::sync::Arc<Class>) {
    let class = std::sync::Arc::new(Class::create(definition).unwrap());
    let mut schema = Schema::default();
    schema.put(class.clone());
    (schema, class)
}

#[test]
fn an_id_is_a_text_even_without_a_class() {
    for (text, expected) in [("_id=5", r#"{"_id":"5"}"#), ("other=5", r#"{"other":5}"#)] {
        let filter = conditions(&[text.into()], &Schema::default(), None);
        assert_eq!(filter.unwrap().unwrap().get(), expected);
    }
}

#[test]
fn conditions_use_the_types_of_the_class() {
    let class = json!({"id": "Thing", "label": "Thing", "properties": [
        {"name": "zip", "type": "string", "label": {"en": "Postcode", "ko": "우편번호"}},
        {"name": "price", "type": "xsd:integer"},
        {"name": "level", "type": "enum", "constraints": {"enum": [5, 1.50, true, "x", "7"]}},
        {"name": "levels", "type": "array", "items": {"type": "enum", "constraints": {"enum": [5, "x"]}}},
        {"name": "grade", "type": "enum", "constraints": {"enum": ["5", 5, "true", true]}},
        {"name": "tags", "type": "array", "items": "string"},
        {"name": "sizes", "type": "array", "items": "integer"},
        {"name": "place", "type": "coordinate"}]});
    let (schema, class) = schema(&class.into());
    let read = |texts: &[&str]| {
        let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
        conditions(&texts, &schema, Some(&class))
            .map(|filter| serde_json::from_str::<Value>(filter.unwrap().get()).unwrap())
    };
    for (text, expected) in [
        ("price>=10", json!({"price": {"gte": 10}})),
        ("price < 3.5", json!({"price": {"lt": 3.5}})),
        ("zip=01234", json!({"zip": "01234"})),
        ("zip=12", json!({"zip": "12"})),
        ("우편번호=12", json!({"zip": "12"})),
        ("Postcode~1%", json!({"zip": {"like": "1%"}})),
        (r#"{"Postcode": {"gt": "1"}}"#, json!({"zip": {"gt": "1"}})),
        ("other=12", json!({"other": 12})),
        ("other=x=y", json!({"other": "x=y"})),
        ("zip~De%", json!({"zip": {"like": "De%"}})),
        ("zip=in(1, b)", json!({"zip": {"in": ["1", "b"]}})),
        ("price?", json!({"price": {"exists": true}})),
        ("!price?", json!({"price": {"exists": false}})),
        ("zip ?", json!({"zip": {"exists": true}})),
        (" Postcode ? ", json!({"zip": {"exists": true}})),
        ("!zip ?", json!({"zip": {"exists": false}})),
        ("! zip?", json!({"zip": {"exists": false}})),
        ("zip = in (5)", json!({"zip": {"in": ["5"]}})),
        ("zip != IN (5 , 6 )", json!({"zip": {"not_in": ["5", "6"]}})),
        (r#"zip="=5""#, json!({"zip": "=5"})),
        (r#"zip="in (5)""#, json!({"zip": "in (5)"})),
        ("zip=inside (5)", json!({"zip": "inside (5)"})),
        (r#"{"a": {"gt": 1}}"#, json!({"a": {"gt": 1}})),
        ("price!=5", json!({"price": {"ne": 5}})),
        ("zip != 5", json!({"zip": {"ne": "5"}})),
        ("zip!=in(1,2)", json!({"zip": {"not_in": ["1", "2"]}})),
        ("zip=!5", json!({"zip": "!5"})),
        ("level=5", json!({"level": 5})),
        ("level!=5", json!({"level": {"ne": 5}})),
        ("level>=5", json!({"level": {"gte": 5}})),
        (
            "level=in(5, 7, true, x)",
            json!({"level": {"in": [5, "7", true, "x"]}}),
        ),
        (r#"level="5""#, json!({"level": "5"})),
        ("grade=5", json!({"grade": 5})),
        (r#"grade="5""#, json!({"grade": "5"})),
        (
            r#"grade=in(true, "true")"#,
            json!({"grade": {"in": [true, "true"]}}),
        ),
        ("level=7", json!({"level": "7"})),
        ("level=unknown", json!({"level": "unknown"})),
        ("levels=5", json!({"levels": 5})),
        ("tags=5", json!({"tags": "5"})),
        (r#"tags=["5"]"#, json!({"tags": ["5"]})),
        ("sizes=5", json!({"sizes": 5})),
        (
            r#"place={"lat":1,"lon":2}"#,
            json!({"place": {"lat": 1, "lon": 2}}),
        ),
        ("_id=5", json!({"_id": "5"})),
        ("instance_id=5", json!({"instance_id": "5"})),
        (
            "instance_id!=in(5,true)",
            json!({"instance_id": {"not_in": ["5", "true"]}}),
        ),
        ("_id>5", json!({"_id": {"gt": "5"}})),
    ] {
        assert_eq!(read(&[text]).unwrap(), expected, "{text}");
    }
    assert_eq!(
        read(&["price>=1", "price<9"]).unwrap(),
        json!({"price": {"gte": 1, "lt": 9}})
    );
    for wrong in [
        &["price"][..],
        &["=3"],
        &["!=3"],
        &["{"],
        &["price=1", "price=2"],
    ] {
        assert!(read(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn spaces_are_trimmed_quotes_keep_a_text_and_open_brackets_are_refused() {
    let class = json!({"id": "Thing", "label": "Thing", "properties": [
        {"name": "zip", "type": "string"}, {"name": "place", "type": "coordinate"}]});
    let (schema, class) = schema(&class.into());
    let read = |text: &str| {
        conditions(&[text.to_owned()], &schema, Some(&class))
            .map(|filter| serde_json::from_str::<Value>(filter.unwrap().get()).unwrap())
    };
    for (text, expected) in [
        ("  zip  =  a b  ", json!({"zip": "a b"})),
        (r#"zip=" a ""#, json!({"zip": " a "})),
        (r#"zip~" a%""#, json!({"zip": {"like": " a%"}})),
        (r"zip~50\%", json!({"zip": {"like": r"50\%"}})),
        (r#"zip="in(1,2)""#, json!({"zip": "in(1,2)"})),
        (
            r#"zip=in("a, b" , c,"d\"e,f",5" x)"#,
            json!({"zip": {"in": ["a, b", "c", "d\"e,f", "5\" x"]}}),
        ),
        (
            r#"place=in({"lat":1,"lon":2},{"lat":3,"lon":4})"#,
            json!({"place": {"in": [{"lat": 1, "lon": 2}, {"lat": 3, "lon": 4}]}}),
        ),
        (r#"zip=in("")"#, json!({"zip": {"in": [""]}})),
        (
            "zip=in(a],b[,{c})",
            json!({"zip": {"in": ["a]", "b[", "{c}"]}}),
        ),
        (r#"other="5""#, json!({"other": "5"})),
    ] {
        assert_eq!(read(text).unwrap(), expected, "{text}");
    }
    for wrong in [
        "zip=in()",
        "zip=in(a,,b)",
        "zip>in(1,2)",
        r#"zip="a"#,
        r#"zip="a"b"#,
        r#"zip=in("a,b)"#,
        "zip=in([a,b)",
        "zip=in(a,b",
        r#"zip~"a"#,
    ] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn numbers_keep_their_digits() {
    let class = r#"{"id": "Thing", "label": "Thing", "properties": [
        {"name": "n", "type": "integer"}, {"name": "m", "type": "money"}]}"#;
    let (schema, class) = schema(&Json::parse(class).unwrap());
    let long = "12345678901234567890123";
    for (text, expected) in [
        (format!("n={long}"), format!(r#"{{"n":{long}}}"#)),
        (format!("n>{long}"), format!(r#"{{"n":{{"gt":{long}}}}}"#)),
        (
            format!("n=in(1,{long})"),
            format!(r#"{{"n":{{"in":[1,{long}]}}}}"#),
        ),
        ("n<=1E+22".into(), r#"{"n":{"lte":1E+22}}"#.into()),
        ("n=0.10".into(), r#"{"n":0.10}"#.into()),
        (format!("other={long}"), format!(r#"{{"other":{long}}}"#)),
        (
            format!(r#"{{"n": {{"not_in": [{long}]}}}}"#),
            format!(r#"{{"n":{{"not_in":[{long}]}}}}"#),
        ),
        (
            format!(r#"m={{"amount": {long}, "currency": "KRW"}}"#),
            format!(r#"{{"m":{{"amount":{long},"currency":"KRW"}}}}"#),
        ),
    ] {
        let filter = conditions(&[text], &schema, Some(&class)).unwrap().unwrap();
        assert_eq!(filter.get(), expected);
    }
    for twice in [r#"{"n": 1, "n": 2}"#, r#"{"n": {"gt": 1, "gt": 2}}"#] {
        assert!(
            conditions(&[twice.into()], &schema, Some(&class)).is_err(),
            "{twice}"
        );
    }
}

#[test]
fn a_second_sign_after_the_operator_is_refused_with_a_hint() {
    for (text, hint) in [
        ("s==5", "equal is =;"),
        ("s = = 5", "equal is =;"),
        ("s=<5", "less or equal is <=;"),
        ("s=>5", "greater or equal is >=;"),
        ("s<>5", "not equal is !=;"),
        ("s!==5", "not equal is !=;"),
        ("s=~x", "like is ~;"),
        ("s>>5", "the operators are"),
    ] {
        let refused = conditions(&[text.into()], &Schema::default(), None).unwrap_err();
        assert!(format!("{refused:#}").contains(hint), "{text}: {refused:#}");
    }
    for text in ["?", "!?", " ! ? ", "s=in (5", "s>in (5)"] {
        let read = conditions(&[text.into()], &Schema::default(), None);
        assert!(read.is_err(), "{text}");
    }
}
