//! Classes of the ontology: one change at a time.

mod edits;
mod rules;

use std::collections::BTreeSet;

pub(super) use self::{edits::Edits, rules::find_late_unique};
use super::{draft::Draft, instances::delete_all, stop::Stop};
use crate::{
    id::Sequence,
    json::Json,
    name::{BranchName, ClassName},
    ontology::Class,
};

pub(super) fn create(
    draft: &mut Draft,
    branch: &BranchName,
    definition: &Json,
) -> Result<(), Stop> {
    let class = Class::create(definition)?;
    let id = class.id.clone();
    let mut edits = Edits::on(draft, draft.branch(branch)?)?;
    edits.create(draft, class)?;
    write_one(draft, &edits, &id)?;
    edits.push_written(draft)
}

pub(super) fn update(
    draft: &mut Draft,
    branch: &BranchName,
    class: &ClassName,
    patch: &Json,
    expected: Sequence,
) -> Result<(), Stop> {
    let mut edits = Edits::on(draft, draft.branch(branch)?)?;
    edits.update(draft, class, patch, expected)?;
    write_one(draft, &edits, class)?;
    edits.push_written(draft)
}

pub(super) fn delete(
    draft: &mut Draft,
    branch: &BranchName,
    class: &ClassName,
    expected: Sequence,
    force: bool,
) -> Result<(), Stop> {
    let branch = draft.branch(branch)?;
    let mut edits = Edits::on(draft, branch)?;
    edits.delete(draft, class, expected, force)?;
    let instances = if force {
        delete_all(draft, branch, class)?
    } else {
        Vec::new()
    };
    write_one(draft, &edits, class)?;
    for instance in instances {
        instance.push(draft, branch)?;
    }
    edits.push_deleted(draft)
}

/// Checks the only change, and adds the command's envelope.
fn write_one<'a>(draft: &mut Draft<'a>, edits: &Edits<'a>, class: &ClassName) -> Result<(), Stop> {
    let mut refused = edits.check(draft, &BTreeSet::new())?;
    if let Some((_, refusal)) = refused.pop_first() {
        return Err(refusal.into());
    }
    let aggregate = edits.aggregate(draft, class);
    draft.command(aggregate, edits.sequence(), Some(edits.branch))
}
