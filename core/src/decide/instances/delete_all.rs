//! Deletes every instance of a class together with the class.

use super::{
    change::Change,
    decision::decide_delete,
    scope::{Pending, Scope},
};
use crate::{
    decide::{
        draft::{Draft, class_not_found},
        stop::{Needs, Stop},
        version::Version,
    },
    error::{ErrorCode, Refusal},
    model::BranchState,
    name::ClassName,
    port::graph::Entity,
};

/// The maximum number of instances that are deleted with their class.
const MOST: usize = 10_000;

/// The deletion of each live instance of a class. Refused if there are too many for one command.
pub(in crate::decide) fn delete_all(
    draft: &Draft,
    branch: &BranchState,
    class: &ClassName,
) -> Result<Vec<Change>, Stop> {
    let scope = Scope::of(draft, branch)?;
    let resolved = scope
        .schema
        .get(class)
        .ok_or_else(|| class_not_found(class.as_str()))?;
    let keys = draft.state.live_instances(branch, class, MOST)?;
    if keys.len() > MOST {
        return Err(too_many(class).into());
    }
    let mut pending = Pending::default();
    let (mut changes, mut needs) = (Vec::with_capacity(keys.len()), Needs::default());
    for key in keys {
        let Some(Entity::Instance(instance)) = key.entity() else {
            continue;
        };
        let current = needs.take(Version::newest(draft.state, branch, key))?;
        let Some(current) = current.flatten().filter(Version::is_live) else {
            continue;
        };
        let pending = &mut pending;
        let change = decide_delete(draft, &scope, pending, resolved, &instance.id, &current);
        changes.extend(needs.take(change)?);
    }
    needs.settle()?;
    Ok(changes)
}

fn too_many(class: &ClassName) -> Refusal {
    let message = format!(
        "class {class} has more than {MOST} instances, and one command deletes at most that many \
         together with their class; delete instances first, for example in transactions of \
         {MOST}, then the class"
    );
    Refusal::new(ErrorCode::FailedPrecondition, message)
        .with("class_id", class.as_str())
        .with("most", MOST)
}
