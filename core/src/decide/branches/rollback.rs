//! Restores a branch to its state at a position.

use std::collections::HashMap;

use super::{
    case::{Case, Outcome, Place},
    check::check,
    work::{Kind, Work},
};
use crate::{
    decide::{draft::Draft, stop::Stop},
    error::{ErrorCode, Refusal},
    id::LogPosition,
    lineage::Span,
    model::BranchState,
    name::BranchName,
};

/// The results for everything that was written on the branch after the position.
pub(super) fn work_out<'a>(
    draft: &Draft<'a>,
    branch: &BranchName,
    to_position: LogPosition,
) -> Result<Work<'a>, Stop> {
    let branch = draft.branch(branch)?;
    refuse_out_of_bounds(draft, branch, to_position)?;
    let then = branch.lineage.at(to_position);
    let since = Span {
        generation: branch.generation,
        after: Some(to_position),
        until: LogPosition::MAX,
    };
    let mut work = Work {
        state: draft.state,
        branch,
        ground: branch,
        source: Place::Past(then.clone()),
        base: then,
        since: Vec::new(),
        kind: Kind::Rollback,
        cases: Vec::new(),
        places: HashMap::new(),
        conflicts: Vec::new(),
        stay_deleted: Vec::new(),
        unique: HashMap::new(),
    };
    work.gather_written(&[since])?;
    for case in &mut work.cases {
        let (outcome, is_final) = undo(case);
        if is_final {
            work.stay_deleted.push(case.aggregate.clone());
        }
        case.settle(outcome);
    }
    work.conflicts = check(&mut work)?;
    Ok(work)
}

/// The result for one aggregate, and whether it stays deleted because a delete is final.
fn undo(case: &Case) -> (Outcome, bool) {
    match case.source.fields() {
        Some(_) if case.target.is_deleted() => (Outcome::Keep, true),
        Some(then) => (Outcome::Put(then.clone()), false),
        None if case.target.is_live() => (Outcome::Delete, false),
        None => (Outcome::Keep, false),
    }
}

fn refuse_out_of_bounds(
    draft: &Draft,
    branch: &BranchState,
    to_position: LogPosition,
) -> Result<(), Refusal> {
    let (first, last) = (branch.generation.0, draft.last_position());
    if (first..=last).contains(&to_position) {
        return Ok(());
    }
    let name = &branch.name;
    let message = format!(
        "branch {name} can be rolled back to a position from {first} to {last}, not to {to_position}"
    );
    Err(Refusal::new(ErrorCode::InvalidRequest, message)
        .with("field", "to_position")
        .with("value", to_position.0)
        .with("rule", format!("from {first} to {last}")))
}
