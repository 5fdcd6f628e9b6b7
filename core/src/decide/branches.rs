//! Merge, rebase and rollback of branches. Each is one transaction.
//!
//! All three work on the aggregates that differ: the state in base, source and target ([`case`]),
//! the result ([`settle`]), the check against the ontology ([`check`]), and the events ([`write`]).

mod base;
mod case;
#[cfg(test)]
pub(super) mod cells;
mod check;
mod claims;
mod classes;
mod rollback;
mod settle;
mod take;
mod work;
mod write;

pub use self::base::find_common;
pub(super) use self::base::rewind;
use self::work::Work;
use super::{
    draft::{Draft, Moment},
    state::WriteState,
    stop::Stop,
};
use crate::{
    command::{Action, Command},
    error::{ErrorCode, Refusal},
    id::{AggregateId, LogPosition},
    json::Json,
    lineage::Lineage,
    merge::{Conflict, Difference, difference},
};

/// The maximum number of conflicts in a refusal.
const NAMED: usize = 1_000;

/// The result of a merge, a rebase or a rollback, done or planned.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The base of the changes: for a merge or a rebase, the common state of both branches; for a
    /// rollback, the branch at the position.
    pub base: Lineage,
    /// The changes on the branch; for a rebase, on top of the new parent.
    pub changes: Vec<Difference>,
    /// The open conflicts. If there are any, nothing is done.
    pub conflicts: Vec<Conflict>,
    /// What stays deleted on the branch although the other side has it, because a delete is final.
    pub stay_deleted: Vec<AggregateId>,
}

impl Plan {
    /// The last visible position of the base's own branch.
    pub fn base_position(&self) -> LogPosition {
        self.base
            .own()
            .map_or(LogPosition::ZERO, |level| level.until)
    }
}

/// Plans a merge, a rebase or a rollback with the decision of [`super::decide`], including
/// conflicts. Refused for every other command.
pub fn plan(state: &WriteState, moment: &Moment, command: &Command) -> Result<Plan, Stop> {
    let draft = Draft::new(state, moment, command);
    let work = work_out(&draft)?;
    let mut changes = Vec::new();
    for case in &work.cases {
        let after = case.after_data()?;
        let before = case.target.data();
        changes.extend(difference(case.aggregate.clone(), before, after.as_deref()));
    }
    Ok(Plan {
        base: work.base,
        changes,
        conflicts: work.conflicts,
        stay_deleted: work.stay_deleted,
    })
}

/// Decides a merge, a rebase or a rollback, and adds its envelopes.
pub(super) fn carry_out(draft: &mut Draft) -> Result<(), Stop> {
    let work = work_out(draft)?;
    if work.conflicts.is_empty() {
        write::write(draft, work)
    } else {
        Err(refused(&work.conflicts)?.into())
    }
}

fn work_out<'a>(draft: &Draft<'a>) -> Result<Work<'a>, Stop> {
    match &draft.command.action {
        Action::MergeBranch {
            branch,
            source,
            strategy,
            resolutions,
        } => {
            let sides = take::merge(draft, branch, source)?;
            take::work_out(draft, &sides, *strategy, resolutions)
        }
        Action::RebaseBranch {
            branch,
            onto,
            strategy,
            resolutions,
        } => {
            let sides = take::rebase(draft, branch, onto)?;
            take::work_out(draft, &sides, *strategy, resolutions)
        }
        Action::RollbackBranch {
            branch,
            to_position,
        } => rollback::work_out(draft, branch, *to_position),
        _ => {
            let message = "only a merge, a rebase or a rollback can be planned";
            Err(Refusal::new(ErrorCode::InvalidRequest, message).into())
        }
    }
}

fn refused(conflicts: &[Conflict]) -> Result<Refusal, serde_json::Error> {
    let first = conflicts.first().map_or("", |first| &first.message);
    let count = conflicts.len();
    let message = match count {
        1 => format!("there is a conflict: {first}"),
        _ => format!("there are {count} conflicts; the first: {first}"),
    };
    let named = Json::of(&conflicts[..count.min(NAMED)])?;
    let refusal = Refusal::new(ErrorCode::MergeConflict, message).with_written("conflicts", named);
    if count > NAMED {
        return Ok(refusal.with("conflicts_total", count));
    }
    Ok(refusal)
}
