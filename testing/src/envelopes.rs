//! Envelopes, batches and directories for the tests of the log.

use std::{collections::BTreeMap, fs, path::Path};

use bytes::Bytes;
use spice_core::{
    envelope::{Envelope, EventType, Generations, Kind, Metadata},
    id::{AggregateId, CommandId, EventId, LogPosition, StreamId},
    json::Json,
    port::log::{Append, Batch, Log},
    time::Timestamp,
};
use uuid::Uuid;

/// The acceptance time of the envelope at a position: two at a time, ten microseconds apart.
pub fn time_of(position: u64) -> Timestamp {
    Timestamp::from_micros(1_000_000 + i64::try_from(position / 2).unwrap() * 10)
}

pub fn envelope(stream: &StreamId, position: u64, text: &str) -> Envelope {
    let id = Uuid::from_u128(u128::from(position) + 1);
    Envelope {
        event_id: EventId(id),
        event_type: EventType::DatabaseCreated,
        aggregate: AggregateId::Database(stream.database.clone()),
        occurred_at: time_of(position),
        actor: None,
        data: Json::of(&serde_json::json!({"text": text})).unwrap(),
        metadata: Metadata {
            kind: Kind::Domain,
            command_id: CommandId(id),
            command_type: None,
            service: "test".to_owned(),
            correlation_id: id,
            causation_id: None,
            traceparent: None,
            ontology: None,
            payload_digest: None,
            client: None,
            run_id: None,
            code_sha: None,
        },
        sequence: None,
        position: LogPosition(position),
        database: stream.database.clone(),
        generation: Generations {
            database: stream.generation,
            branch: None,
        },
        chain: None,
    }
}

pub fn line(stream: &StreamId, position: u64, text: &str) -> Bytes {
    envelope(stream, position, text).to_line().unwrap().into()
}

pub fn batch_of(stream: &StreamId, first: u64, count: u64, text: &str) -> Batch {
    Batch {
        first: LogPosition(first),
        lines: (first..first + count)
            .map(|position| line(stream, position, text))
            .collect(),
    }
}

pub fn batch(stream: &StreamId, first: u64, count: u64) -> Batch {
    batch_of(stream, first, count, "x")
}

/// Appends batches of these sizes, one after the other, at the end of the log.
pub async fn fill(log: &(impl Log + ?Sized), stream: &StreamId, sizes: &[u64]) {
    for &size in sizes {
        let end = log.end(stream).await.unwrap();
        let answer = log.append(stream, batch(stream, end.0, size)).await;
        assert_eq!(answer.unwrap(), Append::Done);
    }
}

/// Every line, read `limit` at a time; checks the positions.
pub async fn read_all(log: &(impl Log + ?Sized), stream: &StreamId, limit: usize) -> Vec<Bytes> {
    let mut lines = Vec::new();
    loop {
        let from = LogPosition(lines.len() as u64);
        let records = log.read(stream, from, limit).await.unwrap();
        assert!(records.len() <= limit.max(1));
        if records.is_empty() {
            let end = log.end(stream).await.unwrap();
            assert!(
                end >= from,
                "{from:?} was read, and the log ends at {end:?}"
            );
            return lines;
        }
        for record in records {
            assert_eq!(record.position.0, lines.len() as u64);
            lines.push(record.line);
        }
    }
}

pub fn expected_lines(stream: &StreamId, count: u64) -> Vec<Bytes> {
    batch(stream, 0, count).lines
}

/// Every file below a directory, by its path from there.
pub fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap();
                found.insert(name.to_str().unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

pub fn put_files(root: &Path, files: &BTreeMap<String, Vec<u8>>) {
    for (name, content) in files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

pub fn segment_name(stream: &str, first: u64) -> String {
    format!("{stream}/{first:020}.ndjson.zst")
}
