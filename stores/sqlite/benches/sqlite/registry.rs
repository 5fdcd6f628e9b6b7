//! The speed of the registry.

use std::time::Duration;

use spice_core::{
    bucket::Bucket,
    guard::Guards,
    id::{BranchGeneration, CommandId, LogPosition},
    lineage::Lineage,
    model::{CommandEntry, ModelEntry, ModelKey},
    port::registry::{Lookup, WorkKey, WorkRecord, WorkerRegistry, WriteModel},
};
use spice_store_sqlite::{Location, Mode, SqliteRegistry};

use crate::{
    data::{BATCH, COUNT, anchor, data, demo, event, flight, moment},
    watch::Watch,
};

pub(crate) async fn bench_registry(location: &Location) {
    let registry = SqliteRegistry::open(location, Mode::Threads, Guards::default()).unwrap();
    println!("registry");
    bench_write_model(&registry).await;
    let key = WorkKey {
        worker: "graph_worker".into(),
        stream: demo(),
        sink: "s".into(),
    };
    let (buckets, ttl) = ([Bucket::of(&key.stream)], Duration::from_hours(24));
    let leases = registry.acquire(&key.worker, &buckets, "a", ttl).await;
    let lease = leases.unwrap().remove(0);
    let mut at = 0;
    for total in [50_u64, 5_000, 5_050] {
        let record = |first: u64| WorkRecord {
            key: key.clone(),
            lease: lease.clone(),
            from: LogPosition(first),
            through: LogPosition(first + BATCH),
            live: true,
            processed: Vec::new(),
            parked: Vec::new(),
            at: moment(first),
        };
        let first = at;
        let watch = Watch::start(format!("record of batches of 1,000, up to {total} batches"));
        while at < total * BATCH {
            registry.record(record(at)).await.unwrap();
            at += BATCH;
        }
        watch.rate(at - first);
    }
}

async fn bench_write_model(registry: &SqliteRegistry) {
    let key = |number: u64| {
        let instance = flight(number);
        ModelKey::instance(&instance.class, &instance.id)
    };
    let entries = |first: u64| {
        (first..first + BATCH)
            .map(|number| ModelEntry {
                branch: BranchGeneration::MAIN,
                key: key(number),
                position: LogPosition(number),
                value: data(number),
            })
            .collect::<Vec<_>>()
    };
    let commands = |first: u64| {
        (first..first + BATCH)
            .map(|number| CommandEntry {
                id: CommandId(event(number).0),
                stream: demo(),
                position: LogPosition(number),
                last: LogPosition(number),
                payload_digest: format!("{number:064x}"),
            })
            .collect::<Vec<_>>()
    };
    let batches: Vec<_> = (0..COUNT / BATCH)
        .map(|batch| (entries(batch * BATCH), commands(batch * BATCH)))
        .collect();
    let watch = Watch::start("advance, batches of 1,000 entries and commands");
    for (number, (entries, commands)) in (0_u64..).zip(batches) {
        let (from, to) = (
            LogPosition(number * BATCH),
            LogPosition((number + 1) * BATCH),
        );
        registry
            .advance(&demo(), from, anchor(to), entries, commands)
            .await
            .unwrap();
    }
    watch.rate(COUNT);
    let watch = Watch::start("get, 500 at a time");
    for batch in 0..100_u64 {
        let lookups: Vec<_> = (0..500)
            .map(|number| Lookup {
                lineage: Lineage::main(),
                key: key((batch * 7_919 + number * 31) % COUNT),
            })
            .collect();
        registry.get(&demo(), &lookups).await.unwrap();
    }
    watch.rate(50_000);
    let watch = Watch::start("get, one at a time");
    for number in 0..5_000 {
        let lookup = Lookup {
            lineage: Lineage::main(),
            key: key(number * 17 % COUNT),
        };
        registry.get(&demo(), &[lookup]).await.unwrap();
    }
    watch.rate(5_000);
}
