//! Values of every type as JSON texts, including those that files often damage.

use proptest::prelude::*;
use serde_json::{Value, json};

/// A property and its possible values.
#[derive(Debug, Clone)]
pub(super) struct Kind {
    pub(super) property: Value,
    pub(super) values: BoxedStrategy<String>,
}

/// Texts that spreadsheets, CSV or JSON interpret as something else.
fn texts() -> impl Strategy<Value = String> {
    let hostile = [
        "",
        " ",
        "\t",
        "  lead",
        "trail ",
        "=1+1",
        "+1",
        "-1",
        "@x",
        "a\nb",
        "a\r\nb",
        "\r",
        "\n",
        "\"",
        "\"\"",
        "\"5\"",
        ",",
        ";",
        "a;b",
        "null",
        "NULL",
        "NA",
        "-",
        "{}",
        "[1]",
        "[",
        "5",
        "007",
        "1e5",
        "true",
        "_id",
        "\u{feff}x",
        "\u{a0}",
        "\u{0}",
        "\\",
        "\\N",
        "'",
        "Person/1",
        "e\u{301}",
        "é",
        "한글",
        "sep=,",
        "12.30 KRW",
    ];
    prop_oneof![
        2 => prop::sample::select(hostile.to_vec()).prop_map(str::to_owned),
        1 => any::<String>(),
        1 => "[ -~\\n\\r\"]{0,20}",
    ]
}

fn strings() -> BoxedStrategy<String> {
    let escaped = Just(r#""\u0041\/\ud83d\ude00""#.to_owned());
    prop_oneof![20 => texts().prop_map(|text| json!(text).to_string()), 1 => escaped].boxed()
}

fn numbers() -> BoxedStrategy<String> {
    "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,25})?([eE][-+]?[0-9]{1,2})?".boxed()
}

fn integers() -> BoxedStrategy<String> {
    "-?(0|[1-9][0-9]{0,40})".boxed()
}

/// Any JSON, with numbers as written; never `null`, which no instance has.
pub(super) fn documents() -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        strings(),
        numbers(),
        Just("true".to_owned()),
        Just("null".to_owned()),
    ];
    let tree = leaf.prop_recursive(3, 12, 4, |inner| {
        let list = prop::collection::vec(inner.clone(), 0..4);
        let object = prop::collection::btree_map(texts(), inner, 0..4);
        prop_oneof![
            list.prop_map(|items| format!("[{}]", items.join(","))),
            object.prop_map(|fields| object_of(&fields)),
        ]
    });
    tree.prop_filter("an instance has no null", |text| text != "null")
        .boxed()
}

fn object_of<'a>(fields: impl IntoIterator<Item = (&'a String, &'a String)>) -> String {
    let field = |(key, value): (&String, &String)| format!("{}:{value}", json!(key));
    let fields: Vec<String> = fields.into_iter().map(field).collect();
    format!("{{{}}}", fields.join(","))
}

fn objects() -> BoxedStrategy<String> {
    let fields = prop::collection::btree_map(texts(), documents(), 0..4);
    fields.prop_map(|fields| object_of(&fields)).boxed()
}

fn lists(items: BoxedStrategy<String>) -> BoxedStrategy<String> {
    let items = prop::collection::vec(items, 0..4);
    items
        .prop_map(|items| format!("[{}]", items.join(",")))
        .boxed()
}

fn one_of(values: &[&str]) -> BoxedStrategy<String> {
    let values: Vec<String> = values.iter().map(|&it| it.to_owned()).collect();
    prop::sample::select(values).boxed()
}

fn kind(property: Value, values: BoxedStrategy<String>) -> Kind {
    Kind { property, values }
}

/// A property of each type.
pub(super) fn kinds() -> Vec<Kind> {
    let mut kinds = [plain_kinds(), object_kinds(), list_kinds(), own_names()].concat();
    // Each property has its own name, whatever its type.
    for (number, kind) in kinds.iter_mut().enumerate() {
        let name = &mut kind.property["name"];
        if name == "" {
            *name = json!(format!("list{number}"));
        }
    }
    kinds
}

fn plain(name: &str, values: BoxedStrategy<String>) -> Kind {
    kind(json!({"name": name, "type": name}), values)
}

fn plain_kinds() -> Vec<Kind> {
    vec![
        plain("string", strings()),
        plain("text", strings()),
        plain("integer", integers()),
        plain("decimal", numbers()),
        plain("number", numbers()),
        plain("float", numbers()),
        plain("double", numbers()),
        kind(
            json!({"name": "boolean", "type": "boolean", "default": false}),
            one_of(&["true", "false"]),
        ),
        plain(
            "date",
            one_of(&["\"2026-01-31\"", "\"9999-12-30\"", "\"1000-01-01\""]),
        ),
        plain(
            "dateTime",
            one_of(&[
                "\"2026-01-31T12:00:00Z\"",
                "\"2026-01-31T12:00:00.123456+09:00\"",
                "\"2026-01-31T12:00:00\"",
            ]),
        ),
        plain(
            "anyURI",
            one_of(&[
                "\"https://example.org/?a=1;b\"",
                "\"mailto:a\"",
                "\"x:{\\\"a\\\":1}\"",
            ]),
        ),
        plain(
            "email",
            one_of(&["\"a.b+c@example.org\"", "\"=x@example.org\""]),
        ),
        plain(
            "phone",
            one_of(&["\"+82 10-1234-5678\"", "\"010\"", "\"(02) 123\""]),
        ),
        plain(
            "uuid",
            one_of(&["\"123e4567-e89b-42d3-a456-426614174000\""]),
        ),
        plain("ip", one_of(&["\"10.0.0.1\"", "\"::1\""])),
    ]
}

fn object_kinds() -> Vec<Kind> {
    let addresses = prop::collection::btree_map(texts(), strings(), 0..3);
    let files = [
        r#""https://example.org/a,b;c?q=\"x\"""#,
        r#"{"url":"https://example.org/a","name":"","size":5}"#,
    ];
    let members = json!({"enum": ["S", " S", "", "5", 5, true, "true", "a;b"]});
    vec![
        plain(
            "money",
            one_of(&[
                r#"{"amount":"12.30","currency":"KRW"}"#,
                r#"{"currency":"USD","amount":-1.10}"#,
            ]),
        ),
        plain("json", documents()),
        plain("object", objects()),
        plain(
            "coordinate",
            one_of(&[r#"{"lat":37.50,"lon":-127}"#, r#"{"lon":1e1,"lat":-0}"#]),
        ),
        plain(
            "address",
            addresses.prop_map(|fields| object_of(&fields)).boxed(),
        ),
        plain("image", one_of(&files)),
        plain("file", one_of(&files)),
        kind(
            json!({"name": "size", "type": "enum", "constraints": members}),
            one_of(&[
                "\"S\"", "\" S\"", "\"\"", "\"5\"", "5", "true", "\"true\"", "\"a;b\"",
            ]),
        ),
    ]
}

fn list_kinds() -> Vec<Kind> {
    let list = |items: Value| json!({"name": "", "type": "array", "items": items});
    vec![
        kind(
            json!({"name": "any_list", "type": "array"}),
            lists(documents()),
        ),
        kind(list(json!("string")), lists(strings())),
        kind(list(json!({"type": "integer"})), lists(integers())),
        kind(
            list(json!({"type": "array", "items": "text"})),
            lists(lists(strings())),
        ),
        kind(
            json!({"name": "owner", "type": "link", "target": "Person", "cardinality": "1:1"}),
            one_of(&["\"Person/p-1\"", "\"Person/a:b\"", "\"Person/x/y, z;한글\""]),
        ),
        kind(
            json!({"name": "parts", "type": "link", "target": "Person", "cardinality": "1:n"}),
            one_of(&["[]", "[\"Person/1\"]", "[\"Person/1\",\"Person/2\"]"]),
        ),
    ]
}

/// Properties whose names or labels spice itself uses.
fn own_names() -> Vec<Kind> {
    vec![
        kind(
            json!({"name": "instance_id", "type": "string", "label": "_id"}),
            strings(),
        ),
        kind(
            json!({"name": "data", "type": "json", "label": {"en": "_exact", "ko": "_line"}}),
            documents(),
        ),
        kind(
            json!({"name": "class_id", "type": "string", "label": {"en": "Class", "ko": "분류"}}),
            strings(),
        ),
    ]
}
