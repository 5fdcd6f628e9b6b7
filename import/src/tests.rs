//! Imports without an api: what is read, what is sent, and what is rejected with which reason.

mod converting;
mod encodings;
mod layouts;
mod lines;
mod opening;
mod planning;
mod reading;
mod rejecting;
mod waiting;

use std::{path::Path, sync::Arc};

use serde_json::{Value, json};
use spice_core::{
    json::Json,
    ontology::{Class, Schema},
};

use crate::{
    batch::{Batch, Batches, Fate},
    error::Result,
    options::{Cells, Format, Mapping, OnError, Options},
    plan::Plan,
    reader::{Dialect, Place, Reader, Record},
    table::TableRows,
};

/// A class with a property of each type, and relationships of both kinds.
pub(crate) fn full_class() -> Value {
    json!({
        "id": "Thing", "label": {"en": "Thing", "ko": "물건"},
        "properties": [
            {"name": "code", "type": "string", "primaryKey": true, "label": {"ko": "코드"}},
            {"name": "note", "type": "text"},
            {"name": "count", "type": "integer"},
            {"name": "price", "type": "decimal"},
            {"name": "open", "type": "boolean"},
            {"name": "day", "type": "date"},
            {"name": "at", "type": "dateTime"},
            {"name": "page", "type": "url"},
            {"name": "mail", "type": "email"},
            {"name": "cost", "type": "money"},
            {"name": "size", "type": "enum", "constraints": {"enum": ["S", "M", 5, true]}},
            {"name": "spot", "type": "coordinate"},
            {"name": "raw", "type": "json"},
            {"name": "box", "type": "object"},
            {"name": "place", "type": "address"},
            {"name": "scan", "type": "file"},
            {"name": "tags", "type": "array", "items": "string"},
            {"name": "marks", "type": "array", "items": {"type": "integer"}},
        ],
        "relationships": [
            {"predicate": "owner", "target": "Person", "cardinality": "n:1"},
            {"predicate": "parts", "target": "Thing", "cardinality": "1:n"},
        ],
    })
}

fn schema(definitions: &[Value]) -> Schema {
    let mut schema = Schema::default();
    for definition in definitions {
        let class = Class::create(&Json::from(definition.clone())).unwrap();
        schema.put(Arc::new(class));
    }
    schema
}

fn reader(text: &[u8]) -> Reader<&[u8]> {
    Reader::new(text, Dialect::new(b','), Place::START)
}

fn records(text: &[u8]) -> Result<Vec<Record>> {
    let mut reader = reader(text);
    let mut records = Vec::new();
    while let Some(record) = reader.read()? {
        records.push(record);
    }
    Ok(records)
}

fn texts(record: &Record) -> Vec<String> {
    record
        .fields()
        .map(|field| String::from_utf8_lossy(field).into_owned())
        .collect()
}

/// The plan for a header, of the first class.
pub(crate) fn plan(definitions: &[Value], head: &str, mapping: &Mapping) -> Result<Plan> {
    let schema = schema(definitions);
    let class = schema
        .resolve(definitions[0]["id"].as_str().unwrap())
        .unwrap();
    let head = records(head.as_bytes())?.remove(0);
    Plan::read(&schema, class, &head, mapping)
}

/// The batches of a file, with its header.
fn batches(plan: Plan, text: &str, most: usize) -> Vec<Batch> {
    let mut reader = reader(text.as_bytes());
    reader.read().unwrap();
    let rows = TableRows::new(reader, Arc::new(plan));
    Batches::new(rows, most, false)
        .map(Result::unwrap)
        .collect()
}

fn body(batch: &Batch) -> Value {
    batch.body().map_or(Value::Null, |(_, body)| {
        serde_json::from_slice(&body).unwrap()
    })
}

fn reasons(batch: &Batch) -> Vec<String> {
    let mut reasons = Vec::new();
    for row in &batch.rows {
        if let Fate::Rejected(why) = &row.fate {
            reasons.extend(why.iter().map(ToString::to_string));
        }
    }
    reasons
}

pub(crate) fn mapping() -> Mapping {
    Mapping::default()
}

/// The options of a dry run, with the files of the import in a folder.
pub(crate) fn options(format: Format, folder: &Path) -> Options {
    Options {
        database: "shop".to_owned(),
        branch: "main".to_owned(),
        class: None,
        format,
        cells: Cells::default(),
        encoding: None,
        mapping: mapping(),
        on_error: OnError::Skip,
        rejects: folder.join("rejects"),
        state: Some(folder.join("state")),
        batch: 2,
        dry_run: true,
    }
}
