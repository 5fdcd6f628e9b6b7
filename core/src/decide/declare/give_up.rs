//! Gives up what an owner holds: the things stay, are deleted, or get another owner.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    classes::{find_held, push},
    ledger::Ledger,
    safety::{Safety, assess},
};
use crate::{
    command::Declaration,
    decide::{
        classes::Edits,
        databases,
        draft::Draft,
        stop::{Needs, Stop},
    },
    id::AggregateId,
    model::BranchState,
    name::{BranchName, ClassName},
    owner::{Claim, Owner, Thing},
};

/// The things stay, without an owner.
pub(super) fn release(draft: &mut Draft, ledger: &mut Ledger) -> Result<Safety, Stop> {
    draft.live_database()?;
    write_command(draft)?;
    ledger.end();
    Ok(Safety::default())
}

/// Another owner gets the claims, or only those on some things.
pub(super) fn hand_over(
    draft: &mut Draft,
    ledger: &mut Ledger,
    to: &Owner,
    only: Option<&[Thing]>,
) -> Result<Safety, Stop> {
    draft.live_database()?;
    let mut given = ledger.list_own();
    given.retain(|claim| only.is_none_or(|only| only.contains(&claim.thing)));
    match only {
        None => ledger.end(),
        Some(_) => given.iter().for_each(|it| ledger.drop_claim(&it.thing)),
    }
    ledger.hand_over(to, given)?;
    write_command(draft)?;
    Ok(Safety::default())
}

/// The things are deleted, as far as they are still there.
pub(super) fn delete(
    draft: &mut Draft,
    declaration: &Declaration,
    ledger: &mut Ledger,
) -> Result<Safety, Stop> {
    let database = draft.live_database()?;
    let own = ledger.list_own();
    let is_database = |claim: &&Claim| claim.thing == Thing::Database;
    if own.iter().any(|it| is_database(&it)) {
        databases::delete(draft, database.sequence)?;
        return Ok(Safety::default());
    }
    let branches = list_branches(draft, &own);
    let doomed: BTreeSet<BranchName> = branches.iter().map(|it| it.name.clone()).collect();
    let all = edit(draft, ledger, &doomed)?;
    let safety = assess(draft, &all, declaration)?;
    if safety.is_refused(declaration) {
        return Ok(safety);
    }
    write_command(draft)?;
    for edits in &all {
        push(draft, edits)?;
    }
    for branch in branches {
        databases::push_branch_deleted(draft, branch)?;
    }
    ledger.end();
    Ok(safety)
}

/// The deletions of the owner's classes, branch by branch, except on branches that are deleted.
pub(super) fn edit<'a>(
    draft: &Draft<'a>,
    ledger: &Ledger,
    doomed: &BTreeSet<BranchName>,
) -> Result<Vec<Edits<'a>>, Stop> {
    let mut held: BTreeMap<BranchName, Vec<(ClassName, Claim)>> = BTreeMap::new();
    for claim in ledger.list_own() {
        if let Thing::Class { branch, name } = &claim.thing
            && !doomed.contains(branch)
        {
            let classes = held.entry(branch.clone()).or_default();
            classes.push((name.clone(), claim));
        }
    }
    let mut all = Vec::new();
    let mut needs = Needs::default();
    for (branch, classes) in held {
        let Some(branch) = draft.state.live_branch(&branch) else {
            continue;
        };
        let Some(mut edits) = needs.take(Edits::on(draft, branch))? else {
            continue;
        };
        for (class, claim) in classes {
            let known = needs.take(find_held(draft, branch, &class, &claim))?;
            if let Some(known) = known.flatten() {
                edits.remove(&class, known, true)?;
            }
        }
        if !edits.is_empty() {
            all.push(edits);
        }
    }
    needs.settle()?;
    Ok(all)
}

/// The live branches of the owner. `main` stays: it ends with its database.
fn list_branches<'a>(draft: &Draft<'a>, own: &[Claim]) -> Vec<&'a BranchState> {
    let branches = own.iter().filter_map(|claim| {
        let Thing::Branch { name } = &claim.thing else {
            return None;
        };
        let branch = draft.state.live_branch(name)?;
        (branch.created_at == claim.created_at && !name.is_main()).then_some(branch)
    });
    branches.collect()
}

fn write_command(draft: &mut Draft) -> Result<(), Stop> {
    let aggregate = AggregateId::Database(draft.command.database.clone());
    draft.command(aggregate, None, None)
}
