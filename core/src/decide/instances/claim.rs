//! Unique values.

use super::{
    AggregateState, Change, Collision, Draft, InstanceId, Json, ModelKey, Pending, Refusal, Scope,
    Stop,
};
use crate::{
    decide::Need,
    error::Violation,
    event::UniqueChange,
    id::AggregateId,
    json::Properties,
    model::UniqueState,
    name::PropertyName,
    ontology::{Candidate, Class},
};

/// A unique value: the property and the digest of the value.
type Held = (PropertyName, String);

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
    if pending.instances.contains_key(&key) {
        return Err(pending.refuse_twice(key, &change.aggregate).into());
    }
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
    let released = desk.find_owned(id, unique_pairs(class, before), &mut found)?;
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
    needs: Vec<Need>,
    violations: Vec<Violation>,
    /// The owners of the values.
    owners: Vec<ModelKey>,
}

impl Checks {
    /// The answer; none if a fact is missing.
    fn answer<T>(&mut self, answer: Result<T, Stop>) -> Result<Option<T>, Stop> {
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(Stop::Needs(more)) => {
                self.needs.extend(more);
                Ok(None)
            }
            Err(refused) => Err(refused),
        }
    }

    fn settle(self) -> Result<(), Stop> {
        if !self.needs.is_empty() {
            return Err(Stop::Needs(self.needs));
        }
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
        let mut held = unique_pairs(self.class, before);
        let mut claimed = Vec::new();
        for (property, digest, value) in &candidate.unique {
            let wanted = (property.clone(), digest.clone());
            held.retain(|value| *value != wanted);
            match found.answer(self.owner(&wanted))?.flatten() {
                Some(owner) if owner == candidate.id => {}
                Some(owner) if found.answer(self.holds(&owner, &wanted))?.unwrap_or(false) => {
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
        match self.draft.state.entry(self.scope.branch, &key)? {
            Some(entry) => Ok(entry.value.read::<UniqueState>()?.owner),
            None => Ok(None),
        }
    }

    /// Whether an owner still has the value. While the class did not declare it unique, the owner
    /// may have changed or lost it without releasing it.
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
        let Some(entry) = self.draft.state.entry(self.scope.branch, &key)? else {
            return Ok(false);
        };
        let state: AggregateState = entry.value.read()?;
        let Some(data) = state.data else {
            return Ok(false);
        };
        Ok(unique_pairs(self.class, &data.read()?).contains(held))
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
            if found.answer(self.owner(&value))?.flatten().as_ref() == Some(id) {
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

fn unique_pairs(class: &Class, properties: &Properties) -> Vec<Held> {
    let values = class.unique_values(properties);
    values
        .into_iter()
        .map(|(property, digest, _)| (property, digest))
        .collect()
}

pub(super) fn twice(aggregate: &AggregateId) -> Refusal {
    let message = format!("{aggregate} occurs twice in this command; it may occur only once");
    let violation = Violation {
        field: "instance_id".into(),
        rule: "unique".into(),
        value: aggregate.to_string().into(),
        message,
    };
    Refusal::validation(&[violation])
}

fn report_taken(
    property: &PropertyName,
    value: &Json,
    class: &Class,
    owner: &InstanceId,
) -> Violation {
    Violation {
        field: property.to_string(),
        rule: "unique".into(),
        value: value.to_shown(),
        message: format!(
            "{property} is unique, but {}/{owner} already has this value",
            class.id
        ),
    }
}
