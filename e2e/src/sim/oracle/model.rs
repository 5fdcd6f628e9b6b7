//! Compares the write model with a fresh one built from the log.

use spice_core::{
    chain::{Anchor, Chain},
    envelope::Kind,
    id::{CommandId, LogPosition, StreamId},
    lineage::Lineage,
    model::{CommandEntry, ModelEntry, fold},
    port::registry::WriteModel,
};

use super::verdict::Verdict;
use crate::sim::{
    fold::Story,
    world::{World, empty_registry},
};

const PAGE: usize = 1_000;

pub(super) async fn check(
    world: &World,
    stream: &StreamId,
    story: &Story,
    verdict: &mut Verdict,
) -> anyhow::Result<()> {
    let end = LogPosition(story.envelopes.len() as u64);
    let live = world.registry.get();
    let reflected = live.reflected_position(stream).await?;
    verdict.check(reflected == end, || {
        format!("the write model of {stream} reflects {reflected} of {end}")
    });
    let fresh = empty_registry(spice_core::guard::Guards::default())?;
    let mut entries = Vec::new();
    for envelope in &story.envelopes {
        entries.extend(fold(envelope)?);
    }
    let commands = commands(stream, story);
    let to = Anchor {
        position: end,
        append: LogPosition::ZERO,
        chain: Chain::from_bytes([0; 32]),
    };
    fresh
        .advance(stream, LogPosition::ZERO, to, entries, commands.clone())
        .await?;
    let mut lineages = vec![Lineage::main()];
    lineages.extend(story.branches.values().map(|(_, lineage)| lineage.clone()));
    for lineage in lineages {
        for at in [end.0, end.0 / 2] {
            let lineage = lineage.at(LogPosition(at));
            let expected = scan(&fresh, stream, &lineage).await?;
            let found = scan(&*live, stream, &lineage).await?;
            verdict.check(expected == found, || {
                let wrong: Vec<_> = expected
                    .iter()
                    .filter(|entry| !found.contains(entry))
                    .map(|entry| entry.key.to_string())
                    .collect();
                format!(
                    "the write model of {stream} is not the fold at {at}: {} entries of {}, {wrong:?}",
                    found.len(),
                    expected.len()
                )
            });
        }
    }
    let ids: Vec<CommandId> = commands.iter().map(|command| command.id).collect();
    let found = live.commands(&ids).await?;
    for (expected, found) in commands.into_iter().zip(found) {
        verdict.check(found.as_ref() == Some(&expected), || {
            format!("the registry says {found:?} of {expected:?}")
        });
    }
    Ok(())
}

async fn scan(
    model: &dyn WriteModel,
    stream: &StreamId,
    lineage: &Lineage,
) -> anyhow::Result<Vec<ModelEntry>> {
    let mut entries: Vec<ModelEntry> = Vec::new();
    for prefix in ["d", "b:", "c:", "i:", "o:", "u:"] {
        let mut after = None;
        loop {
            let page = model
                .scan(stream, lineage, prefix, after.as_ref(), PAGE)
                .await?;
            after = page.last().map(|entry| entry.key.clone());
            let full = page.len() == PAGE;
            entries.extend(page);
            if !full {
                break;
            }
        }
    }
    Ok(entries)
}

fn commands(stream: &StreamId, story: &Story) -> Vec<CommandEntry> {
    let commands = story
        .envelopes
        .iter()
        .filter(|envelope| envelope.metadata.kind == Kind::Command);
    commands
        .map(|command| {
            let id = command.metadata.command_id;
            let last = story
                .envelopes
                .iter()
                .filter(|envelope| envelope.metadata.command_id == id)
                .map(|envelope| envelope.position)
                .max();
            CommandEntry {
                id,
                stream: stream.clone(),
                position: command.position,
                last: last.unwrap_or(command.position),
                payload_digest: command.metadata.payload_digest.clone().unwrap_or_default(),
            }
        })
        .collect()
}
