//! What must be unique, and what must not lead to nothing.

use serde_json::json;

use super::{
    AggregateState, Change, Draft, InstanceId, Json, ModelKey, Pending, Refusal, Scope, Stop,
};
use crate::{
    error::Violation,
    id::{AggregateId, InstanceRef},
    model::UniqueState,
    name::PropertyName,
    ontology::{Candidate, Class},
};

/// Checks what must be unique and what must not lead to nothing, and notes what the change does.
pub(super) fn claim(
    draft: &Draft,
    scope: &Scope,
    pending: &mut Pending,
    class: &Class,
    candidate: Candidate,
    change: Change,
) -> Result<Change, Stop> {
    let key = ModelKey::instance(&class.id, &candidate.id);
    if pending.instances.contains_key(&key) {
        return Err(twice(&change.aggregate).into());
    }
    let mut needs = Vec::new();
    let mut violations = Vec::new();
    for (property, digest, value) in &candidate.unique {
        let owner_key = ModelKey::unique(&class.id, property, digest);
        match owner(draft, scope, pending, &owner_key) {
            Ok(Some(owner)) if owner != candidate.id => {
                violations.push(taken(property, value, class, &owner));
            }
            Ok(_) => {}
            Err(Stop::Needs(more)) => needs.extend(more),
            Err(refused) => return Err(refused),
        }
    }
    for (predicate, target) in &candidate.strict {
        match is_live(draft, scope, pending, target) {
            Ok(true) => {}
            Ok(false) => violations.push(dangling(predicate, target)),
            Err(Stop::Needs(more)) => needs.extend(more),
            Err(refused) => return Err(refused),
        }
    }
    if !needs.is_empty() {
        return Err(Stop::Needs(needs));
    }
    if !violations.is_empty() {
        return Err(Refusal::validation(&violations).into());
    }
    for (property, digest) in &change.event.unique.released {
        pending
            .owners
            .insert(ModelKey::unique(&class.id, property, digest), None);
    }
    for (property, digest, _) in candidate.unique {
        let owner_key = ModelKey::unique(&class.id, &property, &digest);
        pending.owners.insert(owner_key, Some(candidate.id.clone()));
    }
    pending.instances.insert(key, true);
    Ok(change)
}

pub(super) fn owner(
    draft: &Draft,
    scope: &Scope,
    pending: &Pending,
    key: &ModelKey,
) -> Result<Option<InstanceId>, Stop> {
    if let Some(owner) = pending.owners.get(key) {
        return Ok(owner.clone());
    }
    match draft.state.entry(scope.branch, key)? {
        Some(entry) => Ok(entry.value.read::<UniqueState>()?.owner),
        None => Ok(None),
    }
}

pub(super) fn is_live(
    draft: &Draft,
    scope: &Scope,
    pending: &Pending,
    target: &InstanceRef,
) -> Result<bool, Stop> {
    let key = ModelKey::instance(&target.class, &target.id);
    if let Some(live) = pending.instances.get(&key) {
        return Ok(*live);
    }
    match draft.state.entry(scope.branch, &key)? {
        Some(entry) => Ok(entry.value.read::<AggregateState>()?.data.is_some()),
        None => Ok(false),
    }
}

pub(super) fn twice(aggregate: &AggregateId) -> Refusal {
    let message = format!("{aggregate} stands in this command twice; each may stand there once");
    let violation = Violation {
        field: "instance_id".into(),
        rule: "unique".into(),
        value: aggregate.to_string().into(),
        message,
    };
    Refusal::validation(&[violation])
}

pub(super) fn taken(
    property: &PropertyName,
    value: &Json,
    class: &Class,
    owner: &InstanceId,
) -> Violation {
    Violation {
        field: property.to_string(),
        rule: "unique".into(),
        value: value.to_value(),
        message: format!(
            "{property} is unique, and {}/{owner} has this value",
            class.id
        ),
    }
}

pub(super) fn dangling(predicate: &PropertyName, target: &InstanceRef) -> Violation {
    Violation {
        field: predicate.to_string(),
        rule: "integrity".into(),
        value: json!(target.to_string()),
        message: format!("{predicate} must refer to something that is there; {target} is not"),
    }
}
