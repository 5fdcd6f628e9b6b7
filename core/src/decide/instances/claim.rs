//! Unique values.

use super::{
    change::Change,
    scope::{Collision, Pending, Scope},
};
use crate::{
    decide::{
        draft::Draft,
        stop::{Needs, Stop},
        unique::{self, Held, held_values},
    },
    error::{Refusal, Violation},
    event::UniqueChange,
    json::{Json, Properties},
    model::ModelKey,
    name::{InstanceId, PropertyName},
    ontology::{Candidate, Class},
};

/// Checks unique values, and records in the event the values that the change claims and releases.
/// Strict references are checked when the whole command is known.
pub(super) fn claim(
    draft: &Draft,
    scope: &Scope,
    pending: &mut Pending,
    class: &Class,
    candidate: &Candidate,
    before: &Properties,
    mut change: Change,
) -> Result<Change, Stop> {
    let key = ModelKey::instance(&class.id, &candidate.id);
    pending.refuse_twice(&key, &change.aggregate)?;
    let desk = Desk {
        draft,
        scope,
        pending,
        class,
    };
    let mut found = Checks::default();
    let unique = desk.unique_change(candidate, before, &mut found)?;
    if !found.owners.is_empty() {
        pending.collision = Some(Collision {
            instance: key.clone(),
            with: std::mem::take(&mut found.owners),
        });
    }
    found.settle()?;
    note(pending, class, &candidate.id, &unique);
    pending.instances.insert(key, true);
    change.event.unique = unique;
    change.strict.clone_from(&candidate.strict);
    Ok(change)
}

/// Records that an instance releases all its values.
pub(super) fn release(
    draft: &Draft,
    scope: &Scope,
    pending: &mut Pending,
    class: &Class,
    id: &InstanceId,
    before: &Properties,
) -> Result<UniqueChange, Stop> {
    let desk = Desk {
        draft,
        scope,
        pending,
        class,
    };
    let mut found = Checks::default();
    let released = desk.find_owned(id, held_values(class, before), &mut found)?;
    found.settle()?;
    let unique = UniqueChange {
        claimed: Vec::new(),
        released,
    };
    note(pending, class, id, &unique);
    Ok(unique)
}

/// The results of checks: all violations, and all missing facts.
#[derive(Default)]
struct Checks {
    needs: Needs,
    violations: Vec<Violation>,
    /// The owners of the values.
    owners: Vec<ModelKey>,
}

impl Checks {
    fn settle(self) -> Result<(), Stop> {
        self.needs.settle()?;
        if !self.violations.is_empty() {
            return Err(Refusal::validation(&self.violations).into());
        }
        Ok(())
    }
}

/// Looks up the owners of the unique values of a class.
struct Desk<'a> {
    draft: &'a Draft<'a>,
    scope: &'a Scope<'a>,
    pending: &'a Pending,
    class: &'a Class,
}

impl Desk<'_> {
    /// The values that an instance newly claims, and those that it releases.
    fn unique_change(
        &self,
        candidate: &Candidate,
        before: &Properties,
        found: &mut Checks,
    ) -> Result<UniqueChange, Stop> {
        let mut held = held_values(self.class, before);
        let mut claimed = Vec::new();
        for (property, digest, value) in &candidate.unique {
            let wanted = (property.clone(), digest.clone());
            held.retain(|value| *value != wanted);
            match found.needs.take(self.owner(&wanted))?.flatten() {
                Some(owner) if owner == candidate.id => {}
                Some(owner) if found.needs.take(self.holds(&owner, &wanted))? == Some(true) => {
                    found
                        .violations
                        .push(report_taken(property, value, self.class, &owner));
                    found
                        .owners
                        .push(ModelKey::instance(&self.class.id, &owner));
                }
                _ => claimed.push(wanted),
            }
        }
        Ok(UniqueChange {
            claimed,
            released: self.find_owned(&candidate.id, held, found)?,
        })
    }

    /// The last instance that claimed a value.
    fn owner(&self, (property, digest): &Held) -> Result<Option<InstanceId>, Stop> {
        let key = ModelKey::unique(&self.class.id, property, digest);
        if let Some(owner) = self.pending.owners.get(&key) {
            return Ok(owner.clone());
        }
        unique::owner(self.draft.state, self.scope.branch, &key)
    }

    /// Whether an owner still has the value.
    fn holds(&self, owner: &InstanceId, held: &Held) -> Result<bool, Stop> {
        let (property, digest) = held;
        let claimed = ModelKey::unique(&self.class.id, property, digest);
        if self.pending.owners.contains_key(&claimed) {
            return Ok(true);
        }
        let key = ModelKey::instance(&self.class.id, owner);
        if self.pending.instances.get(&key) == Some(&false) {
            return Ok(false);
        }
        unique::holds(self.draft.state, self.scope.branch, self.class, owner, held)
    }

    /// The values that the instance itself has claimed.
    fn find_owned(
        &self,
        id: &InstanceId,
        held: Vec<Held>,
        found: &mut Checks,
    ) -> Result<Vec<Held>, Stop> {
        let mut owned = Vec::with_capacity(held.len());
        for value in held {
            if found.needs.take(self.owner(&value))?.flatten().as_ref() == Some(id) {
                owned.push(value);
            }
        }
        Ok(owned)
    }
}

/// Records the effects for later changes of the same command.
fn note(pending: &mut Pending, class: &Class, id: &InstanceId, unique: &UniqueChange) {
    let released = unique.released.iter().map(|value| (value, None));
    let claimed = unique.claimed.iter().map(|value| (value, Some(id.clone())));
    for ((property, digest), owner) in released.chain(claimed) {
        let key = ModelKey::unique(&class.id, property, digest);
        pending.owners.insert(key, owner);
    }
}

fn report_taken(
    property: &PropertyName,
    value: &Json,
    class: &Class,
    owner: &InstanceId,
) -> Violation {
    let class = &class.id;
    let message = format!("{property} is unique, but {class}/{owner} already has this value");
    Violation::new(property.as_str(), "unique", value.to_shown(), message)
}
