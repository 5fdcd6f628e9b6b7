//! Versions of classes and instances in the write model.

use super::{state::WriteState, stop::Stop};
use crate::{
    error::{ErrorCode, Refusal},
    event::Superseded,
    id::{AggregateId, Sequence},
    model::{AggregateState, BranchState, ModelEntry, ModelKey},
};

/// A version of a class or an instance: a state or a tombstone.
pub(super) struct Version<'a> {
    pub(super) entry: &'a ModelEntry,
    pub(super) state: AggregateState,
}

impl<'a> Version<'a> {
    /// Reads an entry.
    pub(super) fn read(entry: &'a ModelEntry) -> Result<Self, Stop> {
        let state = entry.value.read()?;
        Ok(Self { entry, state })
    }

    /// The newest visible version on a branch.
    pub(super) fn newest(
        state: &'a WriteState,
        branch: &BranchState,
        key: &ModelKey,
    ) -> Result<Option<Self>, Stop> {
        state.entry(branch, key)?.map(Self::read).transpose()
    }

    /// The live version at the expected sequence, as the start of a change.
    pub(super) fn read_expected(
        state: &'a WriteState,
        branch: &BranchState,
        key: &ModelKey,
        (aggregate, expected): (&AggregateId, Sequence),
        not_found: impl FnOnce() -> Refusal,
    ) -> Result<Self, Stop> {
        let Some(version) = Self::newest(state, branch, key)? else {
            return Err(not_found().into());
        };
        if !version.is_live() {
            return Err(not_found().with("deleted", true).into());
        }
        if version.state.sequence != expected {
            return Err(Refusal::conflict(aggregate, expected, version.state.sequence).into());
        }
        Ok(version)
    }

    /// Whether it is a state.
    pub(super) fn is_live(&self) -> bool {
        self.state.data.is_some()
    }

    /// The refusal to create it again.
    pub(super) fn refuse_again(&self, name: &str) -> Refusal {
        let (code, what) = if self.is_live() {
            (ErrorCode::AlreadyExists, "already exists")
        } else {
            (ErrorCode::Deleted, "was deleted, and a delete is final")
        };
        Refusal::new(code, format!("{name} {what}"))
    }

    /// What a change supersedes: this version, if a live branch still shows it. A version of a
    /// parent is not superseded: the parent still has it.
    pub(super) fn find_superseded(
        &self,
        state: &WriteState,
        branch: &BranchState,
    ) -> Option<Superseded> {
        let Self { entry, state: own } = self;
        let is_shown = |other: &BranchState| {
            let mut points = other.lineage.points().iter();
            points.any(|point| point.generation == entry.branch && point.until >= entry.position)
        };
        if entry.branch != branch.generation || !state.live_branches().any(is_shown) {
            return None;
        }
        Some(Superseded {
            event_id: own.event_id,
            sequence_number: own.sequence,
            position: entry.position,
            occurred_at: own.occurred_at,
            created_at: own.created_at,
            data: own.data.clone()?,
        })
    }
}

/// Whether a class or an instance exists on a branch.
pub(super) fn is_live(
    state: &WriteState,
    branch: &BranchState,
    key: &ModelKey,
) -> Result<bool, Stop> {
    let version = Version::newest(state, branch, key)?;
    Ok(version.is_some_and(|version| version.is_live()))
}
