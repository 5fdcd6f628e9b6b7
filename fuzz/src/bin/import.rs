//! Any bytes as a CSV file: read to the end or refused with a line, with the same result from any
//! place; any cell as any type: a JSON value or a reason.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use serde_json::{json, value::RawValue};
use spice_core::ontology::{Class, Schema};
use spice_import::{Dialect, Kind, Place, Reader, Record, Words, kinds};

/// The kind of a relationship to a class of the schema.
fn link() -> Kind {
    let definition = json!({"id": "Thing", "label": "Thing", "relationships": [
        {"predicate": "next", "target": "Thing", "cardinality": "n:1"}
    ]});
    let class = Arc::new(Class::create(&definition.into()).expect("a class"));
    let mut schema = Schema::default();
    schema.put(class.clone());
    let of_class = kinds(&schema, &class);
    of_class.into_values().next().expect("one relationship")
}

fn all_kinds() -> Vec<Kind> {
    let plain = vec![
        Kind::Text,
        Kind::Word,
        Kind::Integer,
        Kind::Number,
        Kind::Boolean(Words::default()),
        Kind::Date,
        Kind::DateTime,
        Kind::Money,
        Kind::Coordinate,
        Kind::Json,
        Kind::Object,
        Kind::File,
        link(),
    ];
    let lists = plain.clone().into_iter().map(|kind| Kind::List(Box::new(kind)));
    plain.iter().cloned().chain(lists).collect()
}

/// The records from a place on; the last is none if it cannot be read.
fn rest(bytes: &[u8], place: Place) -> Vec<Option<Record>> {
    let offset = usize::try_from(place.offset).expect("a place within the bytes");
    let mut reader = Reader::new(&bytes[offset.min(bytes.len())..], Dialect::new(b','), place);
    let mut records = Vec::new();
    loop {
        match reader.read() {
            Ok(Some(record)) => records.push(Some(record)),
            Ok(None) => return records,
            Err(_) => {
                records.push(None);
                return records;
            }
        }
    }
}

fn run(bytes: &[u8]) {
    let mut reader = Reader::new(bytes, Dialect::new(b','), Place::START);
    let kinds = all_kinds();
    let whole = rest(bytes, Place::START);
    let mut seen = 0;
    while let Ok(Some(record)) = reader.read() {
        seen += 1;
        if seen <= 8 {
            let again = rest(bytes, reader.place());
            assert_eq!(again[..], whole[seen..], "read again after record {seen}");
        }
        for field in record.fields().filter_map(|field| std::str::from_utf8(field).ok()) {
            for kind in &kinds {
                let mut json = Vec::new();
                if kind.write(field, &mut json).is_ok() {
                    serde_json::from_slice::<&RawValue>(&json).expect("a JSON value");
                }
            }
        }
    }
}

fuzz_target!(|bytes: &[u8]| run(bytes));
