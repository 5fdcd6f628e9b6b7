//! What an import sends for an exported file. Every row must be accepted.

use std::sync::Arc;

use serde::Deserialize;
use spice_core::{
    command::RawData,
    ontology::{Class, Schema},
};
use spice_import::{
    Batches, Dialect, Fate, LineRows, Mapping, Place, Plan, Reader, Rows, TableRows,
};

/// Rows per request.
const MOST: usize = 3;

/// What is sent for a row.
pub(super) struct Sent {
    /// The id, if the api does not derive it.
    pub(super) id: Option<String>,
    pub(super) data: RawData,
    /// Whether the api adds no defaults.
    pub(super) is_whole: bool,
}

#[derive(Deserialize)]
struct Body {
    instances: Vec<RawData>,
    ids: Vec<String>,
    #[serde(default)]
    without_defaults: bool,
}

pub(super) fn send_csv(schema: &Schema, class: &Arc<Class>, text: &[u8]) -> Vec<Sent> {
    let mut reader = Reader::new(text, Dialect::new(b','), Place::START);
    let head = reader.read().unwrap().unwrap();
    let plan = Plan::read(schema, class, &head, &Mapping::default()).unwrap();
    send(TableRows::new(reader, Arc::new(plan)), text)
}

pub(super) fn send_lines(schema: &Schema, text: &[u8]) -> Vec<Sent> {
    send(LineRows::new(text, Arc::new(schema.clone()), None), text)
}

fn send<R: Rows>(rows: R, text: &[u8]) -> Vec<Sent> {
    let mut sent = Vec::new();
    for batch in Batches::new(rows, MOST, false) {
        let batch = batch.unwrap();
        for row in &batch.rows {
            let text = String::from_utf8_lossy(text);
            assert!(matches!(row.fate, Fate::Sent(_)), "{row:?}: {text}");
        }
        let (_, body) = batch.body().unwrap();
        let body: Body = serde_json::from_slice(&body).unwrap();
        let mut ids = body.ids.into_iter();
        sent.extend(body.instances.into_iter().map(|data| Sent {
            id: ids.next(),
            data,
            is_whole: body.without_defaults,
        }));
    }
    sent
}
