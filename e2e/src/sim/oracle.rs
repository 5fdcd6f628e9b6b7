//! The oracle: compares the clients' answers, the write model, graph, documents and the workers'
//! records with the log, and reports every difference.

mod answers;
mod model;
mod sinks;
mod work;

pub use work::check_leases;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
};

use spice_core::{
    chain::ChainHead,
    id::{LogPosition, Sequence, StreamId},
    json::Json,
    name::BranchName,
    port::{
        graph::Entity,
        log::Log,
        registry::{Anchors, WorkerRegistry},
    },
};

use super::{client::Answered, fold::Story, world::World};

/// The final state of a run, as far as it must not depend on the faults.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Final {
    /// The answer to each command: its sequence, or the code of its refusal.
    pub answers: BTreeMap<String, Result<Option<Sequence>, &'static str>>,
    /// The visible state of each live branch of each log.
    pub shown: BTreeMap<(String, BranchName, Entity), (Sequence, Option<Json>)>,
    /// The parked events: handler, aggregate, and the letter's number among its aggregate's.
    pub parked: BTreeSet<(String, String, usize)>,
}

/// All violations, and the final state.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Descriptions of the violations.
    pub wrong: Vec<String>,
    /// The final state.
    pub state: Final,
}

impl Verdict {
    fn say(&mut self, what: impl Display) {
        self.wrong.push(what.to_string());
    }

    /// Notes a violation unless the condition holds.
    pub fn check(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.wrong.push(what());
        }
    }
}

/// Judges a world at rest.
pub async fn judge(world: &World, answers: &[Answered]) -> anyhow::Result<Verdict> {
    let mut verdict = Verdict::default();
    let mut stories: BTreeMap<StreamId, Story> = BTreeMap::new();
    for stream in world.log.streams().await? {
        match Story::read(&world.log, &stream) {
            Ok(story) => drop(stories.insert(stream, story)),
            Err(error) => verdict.say(format!("the log is damaged: {error:#}")),
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
            verdict.say(fault);
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
            if let Some(fact) = story.shown(lineage, &entity, &nothing) {
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
