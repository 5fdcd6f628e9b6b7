//! The workers' records: everything is done, no lease or retry is left, and parked events are in
//! order.

use std::collections::BTreeSet;

use spice_core::{
    bucket::Bucket,
    handler::Projection,
    id::{LogPosition, StreamId},
    port::{
        registry::{Outcome, WorkKey, WorkerRegistry},
        sink::Sinks,
    },
};
use spice_workers::{
    supervisor::Role,
    verify::{Sources, verify as verify_sinks},
};

use super::verdict::Verdict;
use crate::sim::{
    fold::Story,
    world::{LEASE, World, work_key},
};

/// Checks the records of a log; returns the events that are parked for the documents.
pub(super) async fn check(
    world: &World,
    stream: &StreamId,
    story: &Story,
    verdict: &mut Verdict,
) -> anyhow::Result<BTreeSet<LogPosition>> {
    let registry = world.registry.get();
    let end = LogPosition(story.envelopes.len() as u64);
    let sinks = [
        (Projection::Graph, world.graph.get().sink(stream).await?),
        (
            Projection::Documents,
            world.documents.get().sink(stream).await?,
        ),
    ];
    let farthest = registry.farthest_positions(stream).await?;
    for (projection, sink) in &sinks {
        let worked = registry
            .recorded_position(&work_key(*projection, stream, sink))
            .await?;
        let name = projection.worker();
        verdict.check(worked == end && sink.position == end, || {
            format!(
                "{name} of {stream} is at {worked}, its sink at {}, the log at {end}",
                sink.position
            )
        });
        verdict.check(farthest.contains(&(name.to_owned(), end)), || {
            format!("the farthest positions of {stream} are {farthest:?}, the log is at {end}")
        });
    }
    let mut parked = BTreeSet::new();
    for letter in registry.dead_letters(Some(stream)).await? {
        verdict.check(
            Projection::of(&letter.handler) == Some(Projection::Documents),
            || {
                format!(
                    "{} of {stream} has parked {}",
                    letter.handler, letter.aggregate_id
                )
            },
        );
        parked.insert(letter.position);
    }
    for (projection, sink) in &sinks {
        check_ledger(
            world,
            story,
            &work_key(*projection, stream, sink),
            &parked,
            verdict,
        )
        .await?;
    }
    Ok(parked)
}

/// Every position is in a batch of the sink, or its parked record says so.
async fn check_ledger(
    world: &World,
    story: &Story,
    key: &WorkKey,
    parked: &BTreeSet<LogPosition>,
    verdict: &mut Verdict,
) -> anyhow::Result<()> {
    let registry = world.registry.get();
    for envelope in &story.envelopes {
        let position = envelope.position;
        let mut rows = registry.outcomes_at(&key.stream, position).await?;
        rows.retain(|row| row.worker == key.worker && row.sink == key.sink);
        verdict.check(rows.iter().any(|row| row.handler.is_none()), || {
            format!("{key:?} knows of no batch with {position}")
        });
        let waits = rows.iter().any(|row| row.outcome == Outcome::Parked);
        let letter = key.worker == Projection::Documents.worker() && parked.contains(&position);
        verdict.check(waits == letter, || {
            format!("{key:?} at {position}: {rows:?}, parked are {parked:?}")
        });
    }
    Ok(())
}

/// The product's own check agrees.
pub(super) async fn verify(
    world: &World,
    stream: &StreamId,
    verdict: &mut Verdict,
) -> anyhow::Result<()> {
    let (graph, documents) = (world.graph.get(), world.documents.get());
    let registry = world.registry.get();
    let sources = Sources {
        log: &world.log,
        graph: &*graph,
        documents: &*documents,
        registry: &*registry,
    };
    let report = verify_sinks(sources, stream).await?;
    for surprise in report.surprises() {
        verdict.report(format!("verify finds in {stream}: {surprise:?}"));
    }
    Ok(())
}

/// After a clean end every lease is free.
pub async fn check_leases(world: &World, verdict: &mut Verdict) -> anyhow::Result<()> {
    let registry = world.registry.get();
    let buckets: Vec<Bucket> = Bucket::all().collect();
    for role in Role::ALL {
        let taken = registry.acquire(role.as_str(), &buckets, "auditor", LEASE);
        let free = taken.await?.len();
        verdict.check(free == buckets.len(), || {
            format!("{free} of {} leases of {role:?} are free", buckets.len())
        });
    }
    Ok(())
}
