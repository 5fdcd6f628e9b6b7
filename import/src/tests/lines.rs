//! Lines without an api: what is sent, in which batches, and what is rejected with which reason.

use spice_core::name::ClassName;

use super::*;
use crate::{line, lines::LineRows};

fn classes() -> Schema {
    let class =
        |id: &str| json!({"id": id, "label": id, "properties": [{"name": "a", "type": "json"}]});
    schema(&[class("One"), class("Two")])
}

/// A line of `Class/id`; its value follows a `=`, or else is the id.
fn line(text: &str) -> String {
    let (class, rest) = text.split_once('/').unwrap();
    let (id, value) = rest.split_once('=').unwrap_or((rest, rest));
    format!(
        "{}\n",
        json!({"instance_id": id, "class_id": class, "data": {"a": value}, "event_sequence": 1})
    )
}

fn line_batches(text: &str, most: usize) -> Vec<Batch> {
    let rows = LineRows::new(text.as_bytes(), Arc::new(classes()), None);
    Batches::new(rows, most, false)
        .map(Result::unwrap)
        .collect()
}

/// The class and the ids of a request.
fn request(batch: &Batch) -> String {
    let (class, body) = batch.body().unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["without_defaults"], true);
    let ids: Vec<&str> = body["ids"]
        .as_array()
        .unwrap()
        .iter()
        .map(|id| id.as_str().unwrap())
        .collect();
    format!("{class}: {}", ids.join(" "))
}

#[test]
fn a_batch_has_one_class_and_no_id_with_two_values() {
    let lines = [
        "One/a", "One/b", "Two/a", "Two/b", "Two/b", "Two/b=x", "One/c", "One/d", "One/e", "One/f",
    ];
    let lines = lines.map(line);
    let text = format!("\u{feff}{}\n", lines.join("\r\n \n"));
    let batches = line_batches(&text, 3);
    let sent: Vec<String> = batches.iter().map(request).collect();
    assert_eq!(
        sent,
        ["One: a b", "Two: a b", "Two: b", "One: c d e", "One: f"]
    );
    assert_eq!(batches[1].rows[2].fate, Fate::SameAs(1));
    let ends: Vec<u64> = batches.iter().map(|batch| batch.end.line).collect();
    assert_eq!(ends, [5, 14, 17, 26, 30]);
    let blanks: Vec<u64> = batches.iter().map(|batch| batch.blanks).collect();
    assert_eq!(
        blanks,
        [2, 6, 2, 6, 3],
        "those before a row, and at the end"
    );
}

#[test]
fn a_line_that_is_not_an_instance_is_rejected_with_the_reason() {
    let schema = classes();
    let one: ClassName = "One".parse().unwrap();
    let why = |text: &[u8], wanted| line::read(text, &schema, wanted).unwrap_err().to_string();
    let whole = json!({"instance_id": "a", "class_id": "One", "data": {}});
    let with = |key: &str, value: Value| {
        let mut line = whole.clone();
        line[key] = value;
        line.to_string()
    };
    for (text, expected) in [
        ("{".to_owned(), "is not JSON"),
        ("[]".to_owned(), "as `spice export` writes it"),
        (with("more", json!(1)), "has \"more\""),
        (with("instance_id", json!(5)), "as `spice export` writes it"),
        (with("instance_id", json!("")), "instance_id: "),
        (with("class_id", json!("Three")), "there is no class Three"),
        (with("data", json!([])), "data: must be an object"),
        (
            r#"{"instance_id":"a","class_id":"One","data":{"a":1,"a":2}}"#.to_owned(),
            "data: has \"a\" twice",
        ),
        (
            r#"{"instance_id":"a","class_id":"One","data":{},"data":{}}"#.to_owned(),
            "has data twice",
        ),
        (r#"{"instance_id":"a","data":{}}"#.to_owned(), "--class"),
    ] {
        let found = why(text.as_bytes(), None);
        assert!(found.contains(expected), "{text}: {found}");
    }
    let other = with("class_id", json!("Two"));
    assert!(why(other.as_bytes(), Some(&one)).contains("leave --class out"));
    let unnamed = br#"{"instance_id":"a","data":{}}"#;
    assert_eq!(line::read(unnamed, &schema, Some(&one)).unwrap().class, one);
    assert!(why(b"\xff", None).contains("UTF-8"));
    let noted = with("_reason", json!("it was wrong"));
    assert!(line::read(noted.as_bytes(), &schema, None).is_ok());
}
