//! The answers to clients, and the log by itself.

use std::collections::{BTreeMap, HashMap, HashSet};

use spice_core::{
    envelope::Kind,
    id::{AggregateId, BranchGeneration, CommandId, LogPosition, Sequence, StreamId},
};

use super::verdict::Verdict;
use crate::sim::{client::Answered, fold::Story};

/// Every accepted command is in the log once, where its receipt says; no refused one is.
pub(super) fn check(
    stories: &BTreeMap<StreamId, Story>,
    answers: &[Answered],
    verdict: &mut Verdict,
) {
    let mut standing: HashMap<CommandId, Vec<(&StreamId, LogPosition)>> = HashMap::new();
    for (stream, story) in stories {
        for envelope in &story.envelopes {
            if envelope.metadata.kind == Kind::Command {
                standing
                    .entry(envelope.metadata.command_id)
                    .or_default()
                    .push((stream, envelope.position));
            }
        }
    }
    for (id, places) in &standing {
        verdict.check(places.len() == 1, || {
            format!("command {id} stands in the log {} times", places.len())
        });
        verdict.check(answers.iter().any(|answer| answer.id == *id), || {
            format!("command {id} is in the log, but nobody was told")
        });
    }
    for answered in answers {
        let places = standing.get(&answered.id);
        let label = &answered.label;
        match &answered.answer {
            Ok(receipt) => {
                let outcome = (&receipt.stream, receipt.position);
                verdict.check(
                    places.is_some_and(|places| places.contains(&outcome)),
                    || format!("{label} was accepted at {outcome:?} but stands at {places:?}"),
                );
            }
            Err(refusal) => verdict.check(places.is_none(), || {
                format!(
                    "{label} was refused ({}) but stands at {places:?}",
                    refusal.code
                )
            }),
        }
        let outcome = match &answered.answer {
            Ok(receipt) => Ok(receipt.sequence),
            Err(refusal) => Err(refusal.code.as_str()),
        };
        verdict.state.answers.insert(label.clone(), outcome);
    }
}

/// Sequences have no gap, times do not go back, event ids do not repeat, nothing follows a seal.
pub(super) fn check_log(stream: &StreamId, story: &Story, verdict: &mut Verdict) {
    let mut last: HashMap<(AggregateId, BranchGeneration), Sequence> = HashMap::new();
    let mut events = HashSet::new();
    let mut before = None;
    for envelope in &story.envelopes {
        let position = envelope.position;
        verdict.check(events.insert(envelope.event_id), || {
            format!("{stream} holds event {} twice", envelope.event_id)
        });
        verdict.check(before <= Some(envelope.occurred_at), || {
            format!("{stream} goes back in time at {position}")
        });
        before = Some(envelope.occurred_at);
        let is_fact = story.facts.iter().any(|fact| fact.position == position);
        if let (Some(sequence), true) = (envelope.sequence, is_fact) {
            let branch = envelope.generation.branch.unwrap_or(BranchGeneration::MAIN);
            let key = (envelope.aggregate.clone(), branch);
            let known = last.insert(key, sequence);
            verdict.check(known.is_none_or(|known| known.next() == sequence), || {
                format!(
                    "{stream} at {position}: {} goes from {known:?} to {sequence}",
                    envelope.aggregate
                )
            });
        }
    }
}
