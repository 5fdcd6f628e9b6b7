//! Declares a branch: it is created if it is missing.

use super::{ledger::Ledger, safety::Safety};
use crate::{
    command::Declaration,
    decide::{databases, draft::Draft, stop::Stop},
    error::{ErrorCode, Refusal},
    id::{AggregateId, LogPosition},
    model::BranchState,
    name::BranchName,
    owner::{Claim, Thing},
};

pub(super) fn declare(
    draft: &mut Draft,
    declaration: &Declaration,
    ledger: &mut Ledger,
    name: &BranchName,
    from: (&BranchName, Option<LogPosition>),
) -> Result<Safety, Stop> {
    draft.live_database()?;
    let thing = Thing::Branch { name: name.clone() };
    let claim = |created_at| Claim {
        thing: thing.clone(),
        created_at,
        branch_created_at: None,
    };
    let known = draft.state.live_branch(name);
    let found = known.map(|branch| claim(branch.created_at));
    let list_differences = || known.map_or_else(Vec::new, |branch| compare_origin(branch, from));
    ledger.admit(declaration, &thing, found.as_ref(), list_differences)?;
    if let Some(branch) = known
        && !ledger.holds(&claim(branch.created_at))
        && !compare_origin(branch, from).is_empty()
    {
        return Err(refuse_origin(branch, from).into());
    }
    if let Some(found) = found {
        ledger.claim(found);
        let aggregate = AggregateId::Branch(draft.command.database.clone(), name.clone());
        draft.command(aggregate, None, known)?;
    } else {
        let (parent, position) = from;
        databases::create_branch(draft, name, parent, position)?;
        ledger.claim(claim(draft.moment.occurred_at));
    }
    Ok(Safety::default())
}

/// The fields in which a branch does not start where it is declared to.
fn compare_origin(
    branch: &BranchState,
    (parent, position): (&BranchName, Option<LogPosition>),
) -> Vec<String> {
    let is_same_parent = match &branch.from {
        Some(from) => from.name == *parent,
        None => branch.name == *parent,
    };
    let is_same_position = position.is_none_or(|position| position == branch.from_position);
    let fields = [
        ("from_branch", is_same_parent),
        ("from_position", is_same_position),
    ];
    let differing = fields.into_iter().filter(|(_, is_same)| !is_same);
    differing.map(|(field, _)| field.to_owned()).collect()
}

/// No declaration moves an existing branch.
fn refuse_origin(
    branch: &BranchState,
    (parent, position): (&BranchName, Option<LogPosition>),
) -> Refusal {
    let place = |name: &BranchName, position: Option<LogPosition>| match position {
        Some(position) => format!("{name} at position {position}"),
        None => name.to_string(),
    };
    let name = &branch.name;
    let from = branch.from.as_ref().map_or(name, |from| &from.name);
    let message = format!(
        "branch {name} starts from {}, not from {}; declare where it starts, or delete it first",
        place(from, Some(branch.from_position)),
        place(parent, position)
    );
    Refusal::new(ErrorCode::NotAdopted, message)
        .with("kind", "branch")
        .with("name", name.as_str())
        .with("differs", compare_origin(branch, (parent, position)))
}
