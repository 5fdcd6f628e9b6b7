//! What branches do to each other: merge, rebase, rollback. Each is one transaction.

use super::{Draft, Moment, Stop, WriteState};
use crate::{
    command::Command,
    error::{ErrorCode, Refusal},
    id::{AggregateId, LogPosition},
    lineage::Lineage,
    merge::{Conflict, Difference},
};

/// What a merge, a rebase or a rollback does, or would do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What the changes are told against: of a merge and a rebase what both branches had in common,
    /// of a rollback the branch at the position.
    pub base: Lineage,
    /// What changes on the branch.
    pub changes: Vec<Difference>,
    /// What is undecided; while there is any, nothing is done.
    pub conflicts: Vec<Conflict>,
    /// What stays deleted on the branch though the other side has it: a delete is final.
    pub stay_deleted: Vec<AggregateId>,
}

impl Plan {
    /// The last position of the base's own branch that shows.
    pub fn base_position(&self) -> LogPosition {
        self.base
            .own()
            .map_or(LogPosition::ZERO, |level| level.until)
    }
}

/// What a merge, a rebase or a rollback would do, decided as [`super::decide`] decides it, conflicts
/// and all. Refused for every other command.
pub fn plan(_state: &WriteState, _moment: &Moment, _command: &Command) -> Result<Plan, Stop> {
    Err(Refusal::new(ErrorCode::Internal, "branches are being built").into())
}

pub(super) fn carry_out(_draft: &mut Draft) -> Result<(), Stop> {
    Err(Refusal::new(ErrorCode::Internal, "branches are being built").into())
}
