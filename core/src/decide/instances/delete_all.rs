//! Deletes every instance of a class together with the class.

use super::{
    AggregateState, BranchState, Change, Current, Draft, ErrorCode, ModelKey, Pending, Refusal,
    Scope, Stop, change::decide_delete, class_not_found,
};
use crate::{name::ClassName, port::graph::Entity};

/// The maximum number of instances that are deleted with their class.
pub(in crate::decide) const MOST: usize = 10_000;

/// The deletion of each live instance of a class. Refused if there are too many for one command.
pub(in crate::decide) fn delete_all(
    draft: &Draft,
    branch: &BranchState,
    class: &ClassName,
) -> Result<Vec<Change>, Stop> {
    let schema = draft.state.schema(branch)?;
    let resolved = schema
        .get(class)
        .ok_or_else(|| class_not_found(class.as_str()))?;
    let keys = draft.state.live_instances(branch, class, MOST)?;
    if keys.len() > MOST {
        return Err(too_many(class).into());
    }
    let scope = Scope { branch, schema };
    let mut pending = Pending::default();
    let (mut changes, mut needs) = (Vec::with_capacity(keys.len()), Vec::new());
    for key in keys {
        let Some(Entity::Instance(instance)) = key.entity() else {
            continue;
        };
        let change = current(draft, branch, key).and_then(|current| match current {
            Some(current) => {
                let pending = &mut pending;
                decide_delete(draft, &scope, pending, resolved, &instance.id, &current).map(Some)
            }
            None => Ok(None),
        });
        match change {
            Ok(change) => changes.extend(change),
            Err(Stop::Needs(more)) => needs.extend(more),
            Err(refused) => return Err(refused),
        }
    }
    if needs.is_empty() {
        Ok(changes)
    } else {
        Err(Stop::Needs(needs))
    }
}

fn current(draft: &Draft, branch: &BranchState, key: &ModelKey) -> Result<Option<Current>, Stop> {
    let Some(entry) = draft.state.entry(branch, key)? else {
        return Ok(None);
    };
    let state: AggregateState = entry.value.read()?;
    let entry = entry.clone();
    Ok(state.data.is_some().then_some(Current { state, entry }))
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
