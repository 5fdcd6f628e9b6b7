//! The workers' records: all is done, nothing is left in anyone's hands, what is parked is in
//! order.

use std::collections::BTreeSet;

use spice_core::{
    bucket::Bucket,
    envelope::{EventType, Kind},
    id::{LogPosition, StreamId},
    port::{
        documents::Documents,
        graph::Graph,
        registry::{Outcome, WorkerRegistry},
    },
};
use spice_workers::{
    supervisor::Role,
    verify::{Sources, verify as verify_sinks},
};

use super::Verdict;
use crate::sim::{
    fold::Story,
    world::{LEASE, World, work_key},
};

/// Checks the records of a log; the answer is what is parked for the documents.
pub(super) async fn check(
    world: &World,
    stream: &StreamId,
    story: &Story,
    verdict: &mut Verdict,
) -> anyhow::Result<BTreeSet<LogPosition>> {
    let registry = world.registry.get();
    let end = LogPosition(story.envelopes.len() as u64);
    let sinks = [
        (
            spice_workers::graph_worker::NAME,
            world.graph.get().sink(stream).await?,
        ),
        (
            spice_workers::projection_worker::NAME,
            world.documents.get().sink(stream).await?,
        ),
    ];
    for (worker, sink) in sinks {
        let worked = registry.worked(&work_key(worker, stream, &sink)).await?;
        verdict.check(worked == end && sink.position == end, || {
            format!(
                "{worker} of {stream} is at {worked}, its sink at {}, the log at {end}",
                sink.position
            )
        });
    }
    let mut parked = BTreeSet::new();
    for letter in registry.dead_letters(Some(stream)).await? {
        verdict.check(letter.handler.starts_with("projection_worker"), || {
            format!(
                "{} of {stream} has parked {}",
                letter.handler, letter.aggregate_id
            )
        });
        parked.insert(letter.position);
    }
    check_rows(world, stream, story, &parked, verdict).await?;
    Ok(parked)
}

/// Every domain event has one final record of each handler that has to do with it.
async fn check_rows(
    world: &World,
    stream: &StreamId,
    story: &Story,
    parked: &BTreeSet<LogPosition>,
    verdict: &mut Verdict,
) -> anyhow::Result<()> {
    let registry = world.registry.get();
    for envelope in &story.envelopes {
        let position = envelope.position;
        let rows = registry.processed(stream, position).await?;
        let mut handlers: Vec<&str> = rows
            .iter()
            .map(|(handler, _, _)| handler.as_str())
            .collect();
        handlers.sort_unstable();
        let mut expected = match (envelope.metadata.kind, envelope.event_type) {
            (
                Kind::Domain,
                EventType::InstanceCreated
                | EventType::InstanceUpdated
                | EventType::InstanceDeleted,
            ) => vec!["instance_worker", "projection_worker:instance_events"],
            (
                Kind::Domain,
                EventType::OntologyClassCreated
                | EventType::OntologyClassUpdated
                | EventType::OntologyClassDeleted,
            ) => vec!["ontology_worker", "projection_worker:ontology_events"],
            (
                Kind::Domain,
                EventType::BranchCreated | EventType::BranchRebased | EventType::BranchDeleted,
            ) => {
                vec!["branch_worker", "projection_worker:instance_events"]
            }
            (Kind::Domain, _) => vec!["branch_worker"],
            _ => Vec::new(),
        };
        expected.sort_unstable();
        verdict.check(handlers == expected, || {
            format!("{stream} at {position} is recorded by {handlers:?}, not {expected:?}")
        });
        for (handler, outcome, _) in &rows {
            let waits = *outcome == Outcome::Parked;
            let letter = handler.starts_with("projection_worker") && parked.contains(&position);
            verdict.check(waits == letter, || {
                format!("{stream} at {position}: {handler} says {outcome:?}, parked are {parked:?}")
            });
        }
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
        verdict.say(format!("verify finds in {stream}: {surprise:?}"));
    }
    Ok(())
}

/// After a clean end every lease is free to take.
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
