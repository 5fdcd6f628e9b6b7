//! Any text as a name: accepted unchanged or refused; no two aggregates share a text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spice_core::{
    id::{AggregateId, AggregateType, InstanceRef, StreamId},
    name::{BranchName, ClassName, DatabaseName, InstanceId, PropertyName},
    naming::{instances_index, ontologies_index},
    time::Timestamp,
    unicode::nfc,
};

/// An accepted name reads as it was written.
macro_rules! kept {
    ($($name:ty),*; $text:expr) => {$(
        if let Ok(name) = $text.parse::<$name>() {
            assert_eq!(name.to_string(), $text);
        }
    )*};
}

fuzz_target!(|text: &str| {
    kept!(DatabaseName, ClassName, BranchName, PropertyName, StreamId; text);
    // Ids are kept in one form.
    let form = nfc(text);
    kept!(InstanceId, InstanceRef; form);
    assert_eq!(text.parse::<InstanceId>().ok(), form.parse::<InstanceId>().ok());
    if let Ok(time) = text.parse::<Timestamp>() {
        assert_eq!(time.to_string().parse::<Timestamp>().ok(), Some(time));
    }
    let kinds = [
        AggregateType::Database,
        AggregateType::Branch,
        AggregateType::OntologyClass,
        AggregateType::Instance,
    ];
    for kind in kinds {
        if let Ok(aggregate) = AggregateId::parse(kind, text) {
            let written = aggregate.to_string();
            assert_eq!(AggregateId::parse(kind, &written).ok(), Some(aggregate));
        }
    }
    aggregates(text);
    indices(text);
});

/// One name per line forms an aggregate; its text parses back to it.
fn aggregates(text: &str) {
    let mut lines = text.lines();
    let mut next = || lines.next().unwrap_or_default();
    let (Ok(database), Ok(branch)) = (next().parse(), next().parse()) else {
        return;
    };
    let (Ok(class), Ok(id)) = (next().parse(), next().parse()) else {
        return;
    };
    let aggregate = AggregateId::Instance(database, branch, class, id);
    let parsed = AggregateId::parse(AggregateType::Instance, &aggregate.to_string());
    assert_eq!(parsed.ok(), Some(aggregate));
}

/// Elasticsearch accepts every index name.
fn indices(text: &str) {
    let (Some(database), Some(branch)) = (text.lines().next(), text.lines().nth(1)) else {
        return;
    };
    let (Ok(database), Ok(branch)) = (database.parse(), branch.parse()) else {
        return;
    };
    for name in [instances_index(&database, &branch), ontologies_index(&database, &branch)] {
        let is_taken = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_+".contains(c);
        assert!(name.chars().all(is_taken), "{name}");
        assert!(!name.starts_with(['-', '_', '+']) && name.len() < 255, "{name}");
    }
}
