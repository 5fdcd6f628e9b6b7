//! The oracle: compares the clients' answers, the write model, graph, documents and the workers'
//! records with the log, and reports every difference.

mod answers;
mod model;
mod sinks;
mod verdict;
mod work;

pub use self::{
    verdict::{Final, Verdict},
    work::check_leases,
};

use std::collections::{BTreeMap, BTreeSet};

use spice_core::{
    chain::ChainHead,
    id::{LogPosition, StreamId},
    port::{
        log::Log,
        registry::{Anchors, WorkerRegistry},
    },
};

use super::{client::Answered, fold::Story, world::World};

/// Judges a world at rest.
pub async fn judge(world: &World, answers: &[Answered]) -> anyhow::Result<Verdict> {
    let mut verdict = Verdict::default();
    let mut stories: BTreeMap<StreamId, Story> = BTreeMap::new();
    for stream in world.log.streams().await? {
        match Story::read(&world.log, &stream) {
            Ok(story) => drop(stories.insert(stream, story)),
            Err(error) => verdict.report(format!("the log is damaged: {error:#}")),
        }
    }
    answers::check(&stories, answers, &mut verdict);
    for (stream, story) in &stories {
        answers::check_log(stream, story, &mut verdict);
        check_chain(world, stream, &mut verdict).await?;
        model::check(world, stream, story, &mut verdict).await?;
        let parked = work::check(world, stream, story, &mut verdict).await?;
        sinks::check_graph(world, stream, story, &mut verdict).await?;
        sinks::check_documents(world, stream, story, &parked, &mut verdict).await?;
        work::verify(world, stream, &mut verdict).await?;
        note_final(stream, story, &mut verdict.state);
    }
    note_parked(world, &mut verdict.state).await?;
    Ok(verdict)
}

/// The log is one chain from its beginning, and the registry's anchor is its end.
async fn check_chain(
    world: &World,
    stream: &StreamId,
    verdict: &mut Verdict,
) -> anyhow::Result<()> {
    let mut head = ChainHead::at(stream, LogPosition::ZERO);
    for (position, line) in (0..).zip(world.log.lines(stream)) {
        if let Err(fault) = head.take(LogPosition(position), &line) {
            verdict.report(fault);
            return Ok(());
        }
    }
    verdict.check(head.chained_from() == Some(LogPosition::ZERO), || {
        format!("{stream} is not chained from its beginning")
    });
    let anchor = world.registry.get().anchor(stream).await?;
    verdict.check(anchor == head.anchor(), || {
        format!(
            "the registry's anchor of {stream} is {anchor:?}, not {:?}",
            head.anchor()
        )
    });
    Ok(())
}

fn note_final(stream: &StreamId, story: &Story, state: &mut Final) {
    let nothing: BTreeSet<LogPosition> = BTreeSet::new();
    for (branch, (_, lineage)) in &story.branches {
        for entity in story.entities() {
            if let Some(fact) = story.show(lineage, &entity, &nothing) {
                state.shown.insert(
                    (stream.to_string(), branch.clone(), entity),
                    (fact.sequence, fact.data.clone()),
                );
            }
        }
    }
}

async fn note_parked(world: &World, state: &mut Final) -> anyhow::Result<()> {
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    for letter in world.registry.get().dead_letters(None).await? {
        let key = (letter.handler, letter.aggregate_id);
        let number = counts.entry(key.clone()).or_default();
        *number += 1;
        state.parked.insert((key.0, key.1, *number));
    }
    Ok(())
}
