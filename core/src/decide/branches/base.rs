//! What two branches have in common, and what a branch holds besides its lineage.

use std::{cmp::Reverse, collections::HashMap};

use super::{Draft, Stop, last_position};
use crate::{
    id::{BranchGeneration, LogPosition},
    lineage::Lineage,
    model::{BranchState, ModelKey},
};

/// Snapshots that a branch remembers to have taken in.
const REMEMBERED: usize = 100;

/// The newest snapshot that both branches hold; of two of one position that of the newer branch.
pub fn common(one: &BranchState, other: &BranchState, last: LogPosition) -> Lineage {
    let mut known: HashMap<BranchGeneration, LogPosition> = HashMap::new();
    for snapshot in snapshots(one) {
        for level in snapshot.levels() {
            let until = known.entry(level.generation).or_insert(level.until);
            *until = level.until.max(*until);
        }
    }
    let mut newest: Option<((LogPosition, BranchGeneration), Lineage)> = None;
    for snapshot in snapshots(other) {
        for level in snapshot.levels() {
            let Some(until) = known.get(&level.generation) else {
                continue;
            };
            let position = level.until.min(*until).min(last);
            let place = (position, level.generation);
            if newest.as_ref().is_some_and(|(newest, _)| *newest >= place) {
                continue;
            }
            if let Some(below) = snapshot.down_from(level.generation) {
                newest = Some((place, below.at(position)));
            }
        }
    }
    newest.map_or_else(|| Lineage::main().at(LogPosition::ZERO), |(_, base)| base)
}

/// What a branch holds: what it looks through, and what it has taken in.
fn snapshots(branch: &BranchState) -> impl Iterator<Item = &Lineage> {
    std::iter::once(&branch.lineage).chain(&branch.contains)
}

/// What a branch holds besides `lineage`, newest first: of each generation the newest, and nothing
/// that the lineage shows anyway.
pub(super) fn contained<'a>(
    lineage: &Lineage,
    taken: impl Iterator<Item = &'a Lineage>,
) -> Vec<Lineage> {
    let mut newest: HashMap<BranchGeneration, &Lineage> = HashMap::new();
    for snapshot in taken {
        let Some(own) = snapshot.own() else {
            continue;
        };
        if lineage.shows(own.generation, own.until) {
            continue;
        }
        let known = newest.entry(own.generation).or_insert(snapshot);
        if until(known) < own.until {
            *known = snapshot;
        }
    }
    let mut snapshots: Vec<Lineage> = newest.into_values().cloned().collect();
    snapshots.sort_by_key(|snapshot| Reverse((until(snapshot), generation(snapshot))));
    snapshots.truncate(REMEMBERED);
    snapshots
}

/// A branch as it stood at a position: since then it may have been rebased and merged into. Before
/// its creation it is what it shows of its parents then.
pub(in crate::decide) fn as_it_stood(
    draft: &Draft,
    branch: &BranchState,
    position: LogPosition,
) -> Result<BranchState, Stop> {
    let is_unchanged = branch.contains.is_empty() && position >= branch.generation.0;
    if is_unchanged || position >= last_position(draft) {
        return Ok(branch.clone());
    }
    let (then, key) = (Lineage::main().at(position), ModelKey::branch(&branch.name));
    let known: Option<BranchState> = match draft.state.entry_at(&then, &key)? {
        Some(entry) => Some(entry.value.read()?),
        None => None,
    };
    // An earlier branch of the same name is another branch, and deleted.
    let is_same = |known: &BranchState| known.live && known.created_at == branch.created_at;
    Ok(known.filter(is_same).unwrap_or_else(|| BranchState {
        contains: Vec::new(),
        ..branch.clone()
    }))
}

fn until(snapshot: &Lineage) -> LogPosition {
    snapshot.own().map_or(LogPosition::ZERO, |own| own.until)
}

fn generation(snapshot: &Lineage) -> Option<BranchGeneration> {
    snapshot.own().map(|own| own.generation)
}
