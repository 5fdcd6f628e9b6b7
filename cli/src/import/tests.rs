//! An import without an api: what is read, what is sent, what is rejected and why.

mod converting;
mod encodings;
mod layouts;
mod planning;
mod reading;
mod rejecting;
mod waiting;

use std::sync::Arc;

use serde_json::{Value, json};
use spice_core::{
    command::RawData,
    json::Json,
    ontology::{Class, Schema},
};

use super::{
    batch::{Batch, Batches, Fate},
    plan::{Plan, Wishes},
    reader::{Dialect, Place, Reader, Record},
};

/// A class with a property of each type, and relationships of both kinds.
fn everything() -> Value {
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

fn records(text: &[u8]) -> anyhow::Result<Vec<Record>> {
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

/// The plan for a head, of the first class.
fn plan(definitions: &[Value], head: &str, wishes: &Wishes) -> anyhow::Result<Plan> {
    let schema = schema(definitions);
    let class = schema
        .resolve(definitions[0]["id"].as_str().unwrap())
        .unwrap();
    let head = records(head.as_bytes())?.remove(0);
    Plan::read(&schema, class, &head, wishes)
}

/// The batches of a file with its head.
fn batches(plan: Plan, text: &str, most: usize) -> Vec<Batch> {
    let mut reader = reader(text.as_bytes());
    reader.read().unwrap();
    let batches = Batches::new(reader, Arc::new(plan), most, false);
    batches.map(Result::unwrap).collect()
}

fn body(batch: &Batch) -> Value {
    batch
        .body()
        .map_or(Value::Null, |body| serde_json::from_slice(&body).unwrap())
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

fn wishes() -> Wishes {
    Wishes::default()
}

/// What is sent of a row.
pub(crate) struct Sent {
    /// The id, when the api does not make it.
    pub(crate) id: Option<String>,
    pub(crate) data: RawData,
    /// Whether the api puts no default in.
    pub(crate) is_whole: bool,
}

pub(crate) use super::lines::tests::send as send_lines;

/// What an import sends of a CSV file; every row has to be taken.
pub(crate) fn send_csv(schema: &Schema, class: &Arc<Class>, text: &[u8]) -> Vec<Sent> {
    let mut reader = reader(text);
    let head = reader.read().unwrap().unwrap();
    let plan = Plan::read(schema, class, &head, &wishes()).unwrap();
    let batches = Batches::new(reader, Arc::new(plan), 3, false);
    sent(batches.map(Result::unwrap), text)
}

fn sent(batches: impl Iterator<Item = Batch>, text: &[u8]) -> Vec<Sent> {
    #[derive(serde::Deserialize)]
    struct Body {
        instances: Vec<RawData>,
        ids: Vec<String>,
        #[serde(default)]
        without_defaults: bool,
    }
    let mut sent = Vec::new();
    for batch in batches {
        let why = reasons(&batch);
        assert!(why.is_empty(), "{why:?}: {}", String::from_utf8_lossy(text));
        let body: Body = serde_json::from_slice(&batch.body().unwrap()).unwrap();
        let mut ids = body.ids.into_iter();
        sent.extend(body.instances.into_iter().map(|data| Sent {
            id: ids.next(),
            data,
            is_whole: body.without_defaults,
        }));
    }
    sent
}
