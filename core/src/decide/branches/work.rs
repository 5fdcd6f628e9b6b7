//! The aggregates that differ between two branches, with their states on all sides.

use std::collections::{BTreeSet, HashMap};

use super::case::{Case, Place};
use crate::{
    decide::{
        need::Changes,
        state::WriteState,
        stop::{Needs, Stop},
    },
    error::{ErrorCode, Refusal},
    event::UniqueChange,
    id::AggregateId,
    lineage::{Lineage, Span},
    merge::Conflict,
    model::{BranchState, ModelKey},
    name::ClassName,
    port::graph::Entity,
};

/// The maximum number of aggregates in one command.
const MOST: usize = 100_000;

/// The changes that one branch takes from another, aggregate by aggregate.
pub(super) struct Work<'a> {
    pub(super) state: &'a WriteState,
    /// The branch that changes.
    pub(super) branch: &'a BranchState,
    /// The state below its changes: the branch itself, or the new parent of a rebase.
    pub(super) ground: &'a BranchState,
    /// The source of the changes.
    pub(super) source: Place<'a>,
    /// The common base.
    pub(super) base: Lineage,
    /// Where the ground changed since the base.
    pub(super) since: Vec<Span>,
    pub(super) kind: Kind<'a>,
    /// Ordered by key; includes cases that only have to match a changed class.
    pub(super) cases: Vec<Case<'a>>,
    pub(super) places: HashMap<ModelKey, usize>,
    pub(super) conflicts: Vec<Conflict>,
    pub(super) stay_deleted: Vec<AggregateId>,
    /// The changes of unique values, by index of the case.
    pub(super) unique: HashMap<usize, UniqueChange>,
}

/// Merge, rebase or rollback.
#[derive(Clone, Copy)]
pub(super) enum Kind<'a> {
    Merge { source: &'a BranchState },
    Rebase,
    Rollback,
}

impl<'a> Work<'a> {
    /// Adds everything that was written within spans.
    pub(super) fn gather_written(&mut self, spans: &[Span]) -> Result<(), Stop> {
        let mut needs = Needs::default();
        needs.take(self.state.schema(self.ground))?;
        let keys = needs.take(list_changed(self.state, spans, None))?;
        needs.settle()?;
        self.gather(keys.unwrap_or_default())
    }

    /// Adds the states of these keys on all three sides.
    pub(super) fn gather(&mut self, keys: Vec<ModelKey>) -> Result<(), Stop> {
        refuse_too_many(self.cases.len() + keys.len())?;
        let base = Place::Past(self.base.clone());
        let mut needs = Needs::default();
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            let Some(aggregate) = self.aggregate(&key) else {
                continue;
            };
            let sides = [
                needs.take(base.entry(self.state, &key))?,
                needs.take(self.source.entry(self.state, &key))?,
                needs.take(self.state.entry(self.ground, &key))?,
            ];
            found.push((key, aggregate, sides));
        }
        needs.settle()?;
        for (key, aggregate, [base, source, target]) in found {
            let sides = [base.flatten(), source.flatten(), target.flatten()];
            self.places.insert(key.clone(), self.cases.len());
            self.cases.push(Case::read(key, aggregate, sides)?);
        }
        Ok(())
    }

    /// The aggregate of a key, on the branch that changes.
    fn aggregate(&self, key: &ModelKey) -> Option<AggregateId> {
        let database = self.state.stream().database.clone();
        let branch = self.branch.name.clone();
        Some(match key.entity()? {
            Entity::Class(class) => AggregateId::OntologyClass(database, branch, class),
            Entity::Instance(instance) => {
                AggregateId::Instance(database, branch, instance.class, instance.id)
            }
        })
    }

    /// The case of a key, if the key differs.
    pub(super) fn case(&self, key: &ModelKey) -> Option<&Case<'a>> {
        self.places.get(key).map(|place| &self.cases[*place])
    }
}

/// The classes and instances that were written within spans, optionally only instances of some
/// classes. Refused if there are too many.
pub(super) fn list_changed(
    state: &WriteState,
    spans: &[Span],
    classes: Option<&BTreeSet<ClassName>>,
) -> Result<Vec<ModelKey>, Stop> {
    let keys = state.list_changed(&Changes {
        spans: spans.to_vec(),
        classes: classes.cloned(),
        most: MOST,
    })?;
    refuse_too_many(keys.len())?;
    Ok(keys)
}

fn refuse_too_many(count: usize) -> Result<(), Refusal> {
    if count <= MOST {
        return Ok(());
    }
    let message =
        format!("more than {MOST} aggregates differ; one command can change at most that many");
    Err(Refusal::new(ErrorCode::FailedPrecondition, message).with("most", MOST))
}
