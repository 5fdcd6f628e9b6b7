//! Tests what YAML means, what is refused, and that written YAML can be read back.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

/// The JSON of a text that is one document without problems.
fn json(text: &str) -> String {
    let documents = read(text);
    assert_eq!(documents.len(), 1, "{text:?}: {documents:?}");
    assert_eq!(documents[0].problems, [], "{text:?}");
    let root = documents[0].root.as_ref().unwrap();
    root.to_exact().to_json().unwrap()
}

/// The problems of a text, as `line:column sentence`.
fn problems(text: &str) -> Vec<String> {
    let documents = read(text).into_iter();
    let all = documents.flat_map(|document| document.problems);
    all.map(|it| format!("{}:{} {}", it.at.line, it.at.column, it.sentence))
        .collect()
}

#[test]
fn scalars_mean_the_same_as_in_kubectl() {
    for (text, expected) in [
        (
            "a: [~, null, NULL, '', \"\"]",
            r#"{"a":[null,null,null,"",""]}"#,
        ),
        (
            "a: [true, False, TRUE, 'true']",
            r#"{"a":[true,false,true,"true"]}"#,
        ),
        (
            "a: [0.12345678901234567890, 1234567890123456789.25]",
            r#"{"a":[0.12345678901234567890,1234567890123456789.25]}"#,
        ),
        (
            "a: [12345678901234567890123, -0, 1.0, 1.00, 1e400]",
            r#"{"a":[12345678901234567890123,-0,1.0,1.00,1e400]}"#,
        ),
        (
            "a: [+1, .5, -.5, 1., 0x1F, 0o17, 01.5]",
            r#"{"a":[1,0.5,-0.5,1,31,15,1.5]}"#,
        ),
        (
            "a: [2024-01-02, 12:30, 1.2.3, 10.0.0.1, 0x, 5kg, +, ., 1e, x]",
            r#"{"a":["2024-01-02","12:30","1.2.3","10.0.0.1","0x","5kg","+",".","1e","x"]}"#,
        ),
        (
            "a: ['no', \"on\", 'y', \"010\", '1_000']",
            r#"{"a":["no","on","y","010","1_000"]}"#,
        ),
        (
            "a: [!!str 5, !!int 5, !!float 1.50, ! 7, !!bool yes, !!null '']",
            r#"{"a":["5",5,1.50,"7",true,null]}"#,
        ),
        (
            "a: |\n  one\n  two\nb: >\n  one\n  two\n",
            r#"{"a":"one\ntwo\n","b":"one two\n"}"#,
        ),
        (
            "1: a\ntrue: b\n'no': c\n",
            r#"{"1":"a","true":"b","no":"c"}"#,
        ),
    ] {
        assert_eq!(json(text), expected, "{text}");
    }
    let documents = read("a: [yes, No, ON, y]");
    let root = documents[0].root.as_ref().unwrap().get("a").unwrap();
    assert_eq!(root.to_exact().to_json().unwrap(), "[true,false,true,true]");
    let Tree::List(items) = &root.tree else {
        panic!()
    };
    assert!(
        items
            .iter()
            .all(|item| matches!(item.tree, Tree::Switch { .. }))
    );
    assert_eq!(
        json("a: [yEs, nO, oN, nope]"),
        r#"{"a":["yEs","nO","oN","nope"]}"#
    );
}

#[test]
fn ambiguous_scalars_are_refused_with_their_place() {
    for text in [
        "010", "02134", "1_000", "1_0.5", "0b11", "-0x1F", "0x1_F", "0X1f", "00",
    ] {
        let found = problems(&format!("a:\n  - b\n  - {text}"));
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(
            found[0].starts_with(&format!("3:5 {text} is a number to some")),
            "{found:?}"
        );
    }
    for text in [".inf", "-.INF", ".nan", ".NaN"] {
        let found = problems(&format!("a: {text}"));
        assert!(
            found[0].starts_with(&format!("1:4 {text} is not a JSON number")),
            "{found:?}"
        );
    }
    for key in ["no", "y", "On", "010", "~", "[a]", "{a: b}", "? [a]\n"] {
        let found = problems(&format!("{key}: 1"));
        assert_eq!(found.len(), 1, "{key}: {found:?}");
    }
    for value in [
        "!!binary aGk=",
        "!mine x",
        "!!set {a: }",
        "!!int x",
        "!!bool 1",
        "!!seq {a: b}",
    ] {
        let found = problems(&format!("a: {value}"));
        assert_eq!(found.len(), 1, "{value}: {found:?}");
    }
}

#[test]
fn a_key_occurs_once_in_any_notation() {
    for text in [
        "a: 1\nb: 2\na: 3",
        "a: 1\nb: 2\n\"a\": 3",
        "'a': 1\nb: 2\n\"\\u0061\": 3",
        "? a\n: 1\n? a\n: 2",
        "{a: 1,\n b: 2,\n a: 3}",
        "1: 1\nb: 2\n'1': 3",
        "a: &a x\nb: 1\n*a : 2\nx: 3",
        "<<: {a: 1}\nb: 2\n<<: {c: 1}",
    ] {
        let found = problems(text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(
            found[0].contains("duplicate key") && found[0].contains(", first in line"),
            "{found:?}"
        );
    }
    let found = problems("x:\n  - w:\n      - {z: 1, z: 2}\n      - {z: 1, z: 2}\n");
    assert_eq!(
        found,
        [
            "3:16 duplicate key \"z\", first in line 3",
            "4:16 duplicate key \"z\", first in line 4"
        ]
    );
    assert_eq!(json("a: {b: 1}\nb: {b: 1}"), r#"{"a":{"b":1},"b":{"b":1}}"#);
}

#[test]
fn merge_keys_are_expanded() {
    for (text, expected) in [
        (
            "a: &a {x: 1, w: 2}\nb:\n  <<: *a\n  w: 3",
            r#"{"a":{"x":1,"w":2},"b":{"w":3,"x":1}}"#,
        ),
        (
            "a: &a {x: 1}\nb:\n  w: 3\n  <<: *a",
            r#"{"a":{"x":1},"b":{"w":3,"x":1}}"#,
        ),
        (
            "a: [&a {x: 1, w: 1}, &b {w: 2, z: 2}]\nc: {<<: [*a, *b], z: 9}",
            r#"{"a":[{"x":1,"w":1},{"w":2,"z":2}],"c":{"z":9,"x":1,"w":1}}"#,
        ),
        (
            "a: &a {x: 1}\nb: &b {<<: *a, w: 2}\nc: {<<: *b}",
            r#"{"a":{"x":1},"b":{"w":2,"x":1},"c":{"w":2,"x":1}}"#,
        ),
        ("a: {\"<<\": 1}", r#"{"a":{"<<":1}}"#),
        (
            "a: &a [1]\nb: *a\nc: {d: *a}",
            r#"{"a":[1],"b":[1],"c":{"d":[1]}}"#,
        ),
        ("a: &a 1\nb: &a 2\nc: *a", r#"{"a":1,"b":2,"c":2}"#),
    ] {
        assert_eq!(json(text), expected, "{text}");
    }
    assert_eq!(
        problems("a: {<<: 5}"),
        ["1:9 << needs an object or a list of objects"]
    );
    assert_eq!(problems("a: {<<: [{b: 1}, 5]}").len(), 1);
    assert!(problems("a: *nobody")[0].contains("unknown alias *nobody"));
    assert_eq!(
        problems("---\na: &a 1\n---\nb: *a").len(),
        1,
        "names end with their document"
    );
    assert_eq!(problems("a: &a [*a]").len(), 1);
}

#[test]
fn alias_expansion_is_limited() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let below = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(text, "a{level}: &a{level} [{below}]").unwrap();
    }
    let found = problems(&text);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("more than 100000 values"), "{found:?}");
    let deep = format!("a: {}{}", "[".repeat(20_000), "]".repeat(20_000));
    assert_eq!(problems(&deep).len(), 1);
    let block: Vec<String> = (0..200)
        .map(|level| format!("{}a:", " ".repeat(level)))
        .collect();
    let block = block.join("\n");
    assert_eq!(problems(&block).len(), 1);
}

#[test]
fn streams_are_read_to_their_end() {
    let count = |text: &str| read(text).len();
    for (text, documents) in [
        ("", 0),
        ("# only this\n", 0),
        ("\u{feff}a: 1\n", 1),
        ("---\n---\na: 1\n", 2),
        ("# c\n---\na: 1\n...\n---\nb: 2\n", 2),
        ("a: 1\r\n---\r\nb: 2\r\n", 2),
        ("{\n\t\"a\": [1,\n\t\t2]\n}\n", 1),
        ("%YAML 1.2\n---\na: 1\n", 1),
    ] {
        assert_eq!(count(text), documents, "{text:?}");
        assert!(problems(text).is_empty(), "{text:?}: {:?}", problems(text));
    }
    let found = problems("a: [\n---\nb: 1\nb: 2\n---\n\"c\": 'x\n");
    assert!(
        found.len() >= 3,
        "the broken one does not hide the rest: {found:?}"
    );
    assert!(
        found
            .iter()
            .any(|it| it.starts_with("4:1 duplicate key \"b\"")),
        "{found:?}"
    );
    assert_eq!(problems("a: 1\n\tb: 2").len(), 1);
}

fn exact() -> impl Strategy<Value = Exact> {
    let number = prop_oneof![
        "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,40})?([eE][+-]?[0-9]{1,4})?",
        any::<i64>().prop_map(|number| number.to_string()),
    ];
    let text = prop_oneof![
        any::<String>(),
        "[ -~]{0,12}",
        "[\\x00-\\x20\\x7f-\\xa0\u{2028}\u{feff}\u{1f600}가#:,'\"\\-]{0,6}",
        prop::sample::select(vec![
            "no",
            "Yes",
            "~",
            "null",
            "1e3",
            "010",
            "0x1F",
            "2024-01-02",
            "<<",
            "=",
            "- a",
            "a: b",
            "a #b",
            "---",
            "...",
            "%a",
            "y",
            ".inf",
            "1_0",
            "a:",
            "? a",
            "",
            " ",
            "x\n",
            "\ty"
        ])
        .prop_map(str::to_owned),
        "a{990,1200}",
    ];
    let leaf = prop_oneof![
        Just(Exact::Null),
        any::<bool>().prop_map(Exact::Bool),
        number.prop_map(|text| Exact::Number(Number::parse(&text).unwrap())),
        text.clone().prop_map(Exact::Text),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Exact::List),
            prop::collection::vec((text.clone(), inner), 0..6)
                .prop_map(|entries| Exact::Object(entries.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn written_yaml_can_be_read_back(value in exact()) {
        let text = write(&value);
        let documents = read(&text);
        prop_assert_eq!(documents.len(), 1, "{}", text);
        prop_assert!(documents[0].problems.is_empty(), "{:?} in {}", documents[0].problems, text);
        prop_assert_eq!(documents[0].root.as_ref().unwrap().to_exact(), value, "{}", text);
    }

    /// JSON is valid YAML, also indented, except for characters that YAML requires to be escaped.
    #[test]
    fn json_is_yaml(value in exact()) {
        for text in [serde_json::to_string(&value).unwrap(), serde_json::to_string_pretty(&value).unwrap()] {
            prop_assume!(text.chars().all(|c| c.is_ascii_whitespace() || write::is_printable(c)));
            let documents = read(&text);
            let problems: Vec<_> = documents.iter().flat_map(|it| &it.problems).collect();
            prop_assert!(problems.is_empty(), "{:?} in {}", problems, text);
            prop_assert_eq!(documents[0].root.as_ref().unwrap().to_exact(), value.clone(), "{}", text);
        }
    }

    #[test]
    fn no_text_breaks_the_reader(text in "[ -~\\n\\t가]{0,200}") {
        read(&text);
    }
}
