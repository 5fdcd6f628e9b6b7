//! Appends to the log in batches of 500, synced; compared with plain synced writes of the same
//! bytes, each a new file with its directory synced.
//!
//! `cargo run --release -p spice-benches --bin append`

use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::ensure;
use bytes::Bytes;
use clap::Parser;
use spice_benches::{
    node::{folder, product},
    report::line,
};
use spice_core::{
    id::{LogPosition, StreamId},
    port::log::{Append, Batch, Log},
};
use spice_store_directory::DirectoryLog;

#[derive(Parser)]
struct Options {
    #[arg(long, default_value_t = 200)]
    batches: u64,
}

const EVENTS: u64 = 500;

#[tokio::main]
#[allow(clippy::disallowed_methods, clippy::cast_precision_loss)]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let folder = folder()?;
    let stream = StreamId::first("bench".parse()?);
    let batches: Vec<Batch> = (0..options.batches)
        .map(|number| Batch {
            first: LogPosition(number * EVENTS),
            lines: lines(number),
        })
        .collect();
    let raw: u64 = batches
        .iter()
        .flat_map(|b| &b.lines)
        .map(|line| line.len() as u64 + 1)
        .sum();

    let log = DirectoryLog::open(folder.path().join("log"))?;
    let started = Instant::now();
    for batch in batches {
        ensure!(log.append(&stream, batch).await? == Append::Done);
    }
    let ours = started.elapsed();
    let stored = segment_bytes(&folder.path().join("log").join("bench"))?;

    // Two limits: the stored bytes, and the uncompressed bytes.
    let count = options.batches;
    let same_stored = plain(&folder.path().join("stored"), count, stored / count)?;
    let same_raw = plain(&folder.path().join("raw"), count, raw / count)?;
    let speed = |elapsed: Duration| raw as f64 / elapsed.as_secs_f64() / 1e6;
    line(format!(
        "append, batches of {EVENTS}: {:.1} MB/s of envelopes, {:.2} ms a batch, {} KB handed in, {} KB stored",
        speed(ours),
        ours.as_secs_f64() * 1e3 / count as f64,
        raw / count / 1000,
        stored / count / 1000,
    ))?;
    line(format!(
        "plain synced files of the bytes handed in: {:.1} MB/s; ours {:.2} x (aim: 0.7)",
        speed(same_raw),
        same_raw.as_secs_f64() / ours.as_secs_f64()
    ))?;
    line(format!(
        "plain synced files of the bytes stored: {:.2} ms each; ours {:.2} x",
        same_stored.as_secs_f64() * 1e3 / count as f64,
        same_stored.as_secs_f64() / ours.as_secs_f64()
    ))?;
    Ok(())
}

fn lines(batch: u64) -> Vec<Bytes> {
    (0..EVENTS)
        .map(|number| {
            let position = batch * EVENTS + number;
            let id = uuid::Uuid::from_u128(u128::from(position));
            let data = product(position);
            Bytes::from(format!(
                r#"{{"event_id":"{id}","event_type":"INSTANCE_CREATED","aggregate_type":"Instance","aggregate_id":"bench:main:Product:product-{position}","occurred_at":"2026-11-23T10:00:00.000000Z","data":{{"db_name":"bench","branch":"main","class_id":"Product","instance_id":"product-{position}","created_at":"2026-11-23T10:00:00.000000Z","data":{data}}},"metadata":{{"kind":"domain","command_id":"{id}","service":"gateway","correlation_id":"{id}"}},"schema_version":"1","sequence_number":1,"position":{position},"database":"bench","generation":{{"database":1,"branch":0}}}}"#
            ))
        })
        .collect()
}

fn segment_bytes(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}

#[allow(clippy::disallowed_methods)]
fn plain(folder: &Path, files: u64, size: u64) -> anyhow::Result<Duration> {
    std::fs::create_dir_all(folder)?;
    let directory = File::open(folder)?;
    // Bytes that do not compress, whatever the file system does.
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let content: Vec<u8> = (0..size)
        .map(|_| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed.to_le_bytes()[0]
        })
        .collect();
    let started = Instant::now();
    for number in 0..files {
        let path = folder.join(format!("{number:020}"));
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        file.write_all(&content)?;
        file.sync_all()?;
        directory.sync_all()?;
    }
    Ok(started.elapsed())
}
