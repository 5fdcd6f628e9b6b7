//! Lines without an api: what is sent, in which batches, and what is rejected and why.

use std::sync::Arc;

use serde_json::{Value, json};
use spice_core::{
    json::Json,
    name::ClassName,
    ontology::{Class, Schema},
};

use super::{
    batch::{Batch, Batches, Row},
    line,
};
use crate::import::tests::Sent;

/// What an import sends of a file; every line has to be taken.
pub(crate) fn send(schema: &Schema, text: &[u8]) -> Vec<Sent> {
    let batches = Batches::new(text, Arc::new(schema.clone()), None, 3).map(Result::unwrap);
    let sent = batches.flat_map(|batch| {
        assert!(rejected(&batch).is_empty(), "{:?}", rejected(&batch));
        let instances = batch.instances();
        let (_, body) = batch.body().unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        let sent = instances.map(|it| Sent {
            id: Some(it.id.to_string()),
            data: it.data.clone(),
            is_whole: body["without_defaults"] == true,
        });
        sent.collect::<Vec<_>>()
    });
    sent.collect()
}

fn rejected(batch: &Batch) -> Vec<(u64, String)> {
    let rows = batch.rows.iter();
    rows.filter_map(|row| match row {
        Row::Rejected(source, why) => Some((source.number, why.clone())),
        Row::Sent(_) => None,
    })
    .collect()
}

fn schema() -> Schema {
    let mut schema = Schema::default();
    for class in ["One", "Two"] {
        let class =
            json!({"id": class, "label": class, "properties": [{"name": "a", "type": "json"}]});
        schema.put(Arc::new(Class::create(&Json::from(class)).unwrap()));
    }
    schema
}

fn line(class: &str, id: &str) -> String {
    format!(
        "{}\n",
        json!({"instance_id": id, "class_id": class, "data": {"a": id}, "event_sequence": 1})
    )
}

#[test]
fn a_batch_has_one_class_and_no_id_twice() {
    let ids = [
        "One/a", "One/b", "Two/a", "Two/b", "Two/b", "One/c", "One/d", "One/e", "One/f",
    ];
    let lines = ids.map(|it| {
        it.split_once('/')
            .map(|(class, id)| line(class, id))
            .unwrap()
    });
    let text = format!("\u{feff}{}", lines.join("\r\n \n"));
    let schema = Arc::new(schema());
    let batches = Batches::new(text.as_bytes(), schema, None, 3).map(Result::unwrap);
    let mut blanks = 0;
    let mut ends = Vec::new();
    let sent: Vec<String> = batches
        .map(|batch| {
            blanks += batch.blanks;
            ends.push(batch.end);
            let ids = batch
                .instances()
                .map(|it| format!("{}/{}", it.class, it.id));
            ids.collect::<Vec<_>>().join(" ")
        })
        .collect();
    assert_eq!(
        sent,
        [
            "One/a One/b",
            "Two/a Two/b",
            "Two/b",
            "One/c One/d One/e",
            "One/f"
        ]
    );
    assert_eq!((blanks, ends), (16, vec![7, 13, 16, 23, 26]));
}

#[test]
fn a_line_that_is_no_instance_is_rejected_with_what_is_wrong() {
    let schema = schema();
    let one: ClassName = "One".parse().unwrap();
    let why = |text: &str, wanted| line::read(text.as_bytes(), &schema, wanted).unwrap_err();
    let whole = json!({"instance_id": "a", "class_id": "One", "data": {}});
    let with = |key: &str, value: Value| {
        let mut line = whole.clone();
        line[key] = value;
        line.to_string()
    };
    for (text, told) in [
        ("{".to_owned(), "is no JSON"),
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
        let found = why(&text, None);
        assert!(found.contains(told), "{text}: {found}");
    }
    assert!(why(&with("class_id", json!("Two")), Some(&one)).contains("leave --class out"));
    let unnamed = br#"{"instance_id":"a","data":{}}"#;
    assert_eq!(line::read(unnamed, &schema, Some(&one)).unwrap().class, one);
    assert!(
        line::read(b"\xff", &schema, None)
            .unwrap_err()
            .contains("UTF-8")
    );
    let noted = with("_reason", json!("it was wrong"));
    assert!(line::read(noted.as_bytes(), &schema, None).is_ok());
}
