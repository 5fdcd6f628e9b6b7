//! Unique values: claims, releases, and collisions.

use std::collections::{BTreeMap, HashMap};

use super::{
    case::{Outcome, properties},
    classes::Classes,
    work::Work,
};
use crate::{
    decide::{
        stop::{Needs, Stop},
        unique::{self, Held, held_values},
    },
    event::UniqueChange,
    id::AggregateId,
    json::Json,
    merge::{Conflict, Fields},
    model::ModelKey,
    name::{ClassName, InstanceId, PropertyName},
    ontology::{Candidate, Class},
};

/// The effects of all changes on unique values. Their order makes no difference: one instance may
/// claim what another releases.
pub(super) struct Claims<'w, 'a> {
    work: &'w Work<'a>,
    classes: &'w Classes<'a>,
    changes: Vec<Change<'w>>,
    /// Who claims a value, by index of the change.
    wanted: BTreeMap<ModelKey, Vec<usize>>,
}

/// The values that one instance had and claims.
struct Change<'w> {
    place: usize,
    class: &'w ClassName,
    id: Option<InstanceId>,
    had: Vec<Held>,
    wants: Vec<(PropertyName, String, Json)>,
}

impl<'w, 'a> Claims<'w, 'a> {
    pub(super) fn new(work: &'w Work<'a>, classes: &'w Classes<'a>) -> Self {
        Self {
            work,
            classes,
            changes: Vec::new(),
            wanted: BTreeMap::new(),
        }
    }

    /// Adds the result of an instance; none means deleted.
    pub(super) fn change(
        &mut self,
        place: usize,
        class: &'w ClassName,
        candidate: Option<&Candidate>,
    ) {
        let target = &self.work.cases[place].target;
        let had = match (self.classes.before().get(class), target.fields()) {
            (Some(class), Some(fields)) => unique_pairs(class, fields),
            _ => Vec::new(),
        };
        let wants = candidate.map_or_else(Vec::new, |candidate| candidate.unique.clone());
        if had.is_empty() && wants.is_empty() {
            return;
        }
        let index = self.changes.len();
        for (property, digest, _) in &wants {
            let key = ModelKey::unique(class, property, digest);
            self.wanted.entry(key).or_default().push(index);
        }
        let id = match &self.work.cases[place].aggregate {
            AggregateId::Instance(_, _, _, id) => Some(id.clone()),
            _ => None,
        };
        self.changes.push(Change {
            place,
            class,
            id,
            had,
            wants,
        });
    }

    /// The changes of unique values, by index of the case.
    pub(super) fn settle(
        &self,
        needs: &mut Needs,
        broken: &mut Vec<Conflict>,
    ) -> Result<HashMap<usize, UniqueChange>, Stop> {
        let mut unique = HashMap::with_capacity(self.changes.len());
        for change in &self.changes {
            let mut own = UniqueChange::default();
            for (property, digest, value) in &change.wants {
                let held = (property.clone(), digest.clone());
                let key = ModelKey::unique(change.class, property, digest);
                let owner = needs.take(self.owner(&key))?.flatten();
                if let Some(other) = self.rival(change, &key, &held, owner.as_ref(), needs)? {
                    broken.push(self.report_taken(change, property, value, &other));
                } else if owner != change.id {
                    own.claimed.push(held);
                }
            }
            for held in &change.had {
                let is_wanted = |(property, digest, _): &(PropertyName, String, Json)| {
                    *property == held.0 && *digest == held.1
                };
                let key = ModelKey::unique(change.class, &held.0, &held.1);
                if !change.wants.iter().any(is_wanted)
                    && !self.wanted.contains_key(&key)
                    && needs.take(self.owner(&key))?.flatten() == change.id
                {
                    own.released.push(held.clone());
                }
            }
            if !own.is_empty() {
                unique.insert(change.place, own);
            }
        }
        Ok(unique)
    }

    /// Another instance that has or claims the value.
    fn rival(
        &self,
        change: &Change,
        key: &ModelKey,
        held: &Held,
        owner: Option<&InstanceId>,
        needs: &mut Needs,
    ) -> Result<Option<InstanceId>, Stop> {
        let wanted = self.wanted.get(key).into_iter().flatten();
        let mut others = wanted.map(|index| &self.changes[*index]);
        if let Some(other) = others.find(|other| other.place != change.place) {
            return Ok(other.id.clone());
        }
        let Some(owner) = owner.filter(|owner| Some(*owner) != change.id.as_ref()) else {
            return Ok(None);
        };
        let holds = needs.take(self.holds(change.class, owner, held))?;
        Ok((holds == Some(true)).then(|| owner.clone()))
    }

    fn owner(&self, key: &ModelKey) -> Result<Option<InstanceId>, Stop> {
        unique::owner(self.work.state, self.work.ground, key)
    }

    /// Whether an owner keeps the value without claiming it again.
    fn holds(&self, class: &ClassName, owner: &InstanceId, held: &Held) -> Result<bool, Stop> {
        let Some(understood) = self.classes.after().get(class) else {
            return Ok(false);
        };
        let key = ModelKey::instance(class, owner);
        if let Some(case) = self.work.case(&key) {
            let kept = case
                .target
                .fields()
                .filter(|_| case.outcome == Outcome::Keep);
            return Ok(kept.is_some_and(|fields| unique_pairs(understood, fields).contains(held)));
        }
        unique::holds(self.work.state, self.work.ground, understood, owner, held)
    }

    fn report_taken(
        &self,
        change: &Change,
        property: &PropertyName,
        value: &Json,
        other: &InstanceId,
    ) -> Conflict {
        let case = &self.work.cases[change.place];
        let message = format!(
            "{property} of {} is unique, but {}/{other} also has {value}",
            case.name(),
            change.class
        );
        case.conflict(Some(property.as_str()), Some("unique"), message)
    }
}

fn unique_pairs(class: &Class, fields: &Fields) -> Vec<Held> {
    if !class.properties().iter().any(|property| property.unique) {
        return Vec::new();
    }
    properties(fields).map_or_else(|_| Vec::new(), |properties| held_values(class, &properties))
}
