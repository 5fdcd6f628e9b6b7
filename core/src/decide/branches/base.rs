//! The common base of two branches, and the snapshots that a branch contains besides its lineage.

use std::{cmp::Reverse, collections::HashMap};

use crate::{
    decide::{draft::Draft, stop::Stop},
    id::{BranchGeneration, LogPosition},
    lineage::Lineage,
    model::{BranchState, ModelKey},
};

/// The maximum number of merged snapshots that a branch remembers.
const REMEMBERED: usize = 100;

/// The newest snapshot that both branches contain; for equal positions, that of the newer branch.
pub fn find_common(one: &BranchState, other: &BranchState, last: LogPosition) -> Lineage {
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

/// The snapshots of a branch: its lineage and what it has merged.
fn snapshots(branch: &BranchState) -> impl Iterator<Item = &Lineage> {
    std::iter::once(&branch.lineage).chain(&branch.contains)
}

/// The snapshots that a branch contains besides `lineage`, newest first: the newest of each
/// generation, without those that the lineage shows anyway.
pub(super) fn find_contained<'a>(
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

/// A branch as it was at a position, before later rebases and merges. Before its creation, it is
/// what it showed of its parents then.
pub(in crate::decide) fn rewind(
    draft: &Draft,
    branch: &BranchState,
    position: LogPosition,
) -> Result<BranchState, Stop> {
    let is_unchanged = branch.contains.is_empty() && position >= branch.generation.0;
    if is_unchanged || position >= draft.last_position() {
        return Ok(branch.clone());
    }
    let (then, key) = (Lineage::main().at(position), ModelKey::branch(&branch.name));
    let known: Option<BranchState> = match draft.state.entry_at(&then, &key)? {
        Some(entry) => Some(entry.value.read()?),
        None => None,
    };
    // An earlier branch with the same name is a different branch, and deleted.
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
