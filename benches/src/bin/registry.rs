//! The record of a batch after 5 million events, compared with the same batch through an empty
//! registry.
//!
//! `cargo run --release -p spice-benches --bin registry [-- --behind 5000000]`

use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Parser;
use spice_benches::{
    node::folder,
    report::{line, millis, percentile},
};
use spice_core::{
    bucket::Bucket,
    guard::Guards,
    id::{LogPosition, StreamId},
    port::registry::{Lease, WorkKey, WorkRecord, WorkerRegistry},
    time::Timestamp,
};
use spice_store_sqlite::{Location, Mode, SqliteRegistry};

#[derive(Parser)]
struct Options {
    #[arg(long, default_value_t = 5_000_000)]
    behind: u64,
    #[arg(long, default_value_t = 100)]
    batches: u64,
}

const EVENTS: u64 = 500;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let folder = folder()?;
    let location = Location::File(folder.path().join("registry.sqlite"));
    let registry = SqliteRegistry::open(&location, Mode::Threads, Guards::default())?;
    let stream = StreamId::first("bench".parse()?);
    let key = WorkKey {
        worker: "graph_worker".into(),
        stream,
        sink: "sink".into(),
    };
    let buckets = [Bucket::of(&key.stream)];
    let ttl = Duration::from_hours(24);
    let leases = registry
        .acquire(&key.worker, &buckets, "bench", ttl)
        .await?;
    let lease = leases.into_iter().next().context("no lease")?;

    let mut empty = run(&registry, &key, &lease, 0, options.batches, EVENTS).await?;
    let from = options.batches * EVENTS;
    run(
        &registry,
        &key,
        &lease,
        from,
        options.behind / 10_000,
        10_000,
    )
    .await?;
    let from = from + options.behind / 10_000 * 10_000;
    let mut full = run(&registry, &key, &lease, from, options.batches, EVENTS).await?;
    let (before, after) = (percentile(&mut empty, 0.5), percentile(&mut full, 0.5));
    line(format!(
        "a batch of {EVENTS}: {} in an empty registry, {} with {} events behind it: {:.2} x (aim: at most 1.2)",
        millis(before),
        millis(after),
        options.behind,
        after.as_secs_f64() / before.as_secs_f64()
    ))?;
    Ok(())
}

#[allow(clippy::disallowed_methods)]
async fn run(
    registry: &SqliteRegistry,
    key: &WorkKey,
    lease: &Lease,
    from: u64,
    batches: u64,
    size: u64,
) -> anyhow::Result<Vec<Duration>> {
    let mut times = Vec::new();
    for batch in 0..batches {
        let first = from + batch * size;
        let record = WorkRecord {
            key: key.clone(),
            lease: lease.clone(),
            from: LogPosition(first),
            through: LogPosition(first + size),
            live: true,
            processed: Vec::new(),
            parked: Vec::new(),
            at: Timestamp::from_micros(2),
        };
        let started = Instant::now();
        registry.record(record).await?;
        times.push(started.elapsed());
    }
    Ok(times)
}
