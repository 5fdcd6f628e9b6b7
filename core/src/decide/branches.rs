//! Merge, rebase and rollback of branches. Each is one transaction.
//!
//! All three work on the aggregates that differ: the state in base, source and target ([`case`]),
//! the result ([`settle`]), the check against the ontology ([`check`]), and the events ([`write`]).

mod base;
mod case;
#[cfg(test)]
pub(super) mod cells;
mod check;
mod claims;
mod classes;
mod rollback;
mod settle;
mod take;
mod write;

use std::collections::{BTreeSet, HashMap};

pub(super) use self::base::as_it_stood;
pub use self::base::common;
use self::case::{Case, Place};
use super::{Changes, Draft, Moment, Need, Stop, WriteState};
use crate::{
    command::{Action, Command},
    error::{ErrorCode, Refusal},
    event::UniqueChange,
    id::{AggregateId, LogPosition},
    json::Json,
    lineage::{Lineage, Span},
    merge::{Conflict, Difference, difference},
    model::{BranchState, ModelKey},
    name::ClassName,
};

/// The maximum number of aggregates in one command.
const MOST: usize = 100_000;

/// The maximum number of conflicts in a refusal.
const NAMED: usize = 1_000;

/// The result of a merge, a rebase or a rollback, done or planned.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The base of the changes: for a merge or a rebase, the common state of both branches; for a
    /// rollback, the branch at the position.
    pub base: Lineage,
    /// The changes on the branch; for a rebase, on top of the new parent.
    pub changes: Vec<Difference>,
    /// The open conflicts. If there are any, nothing is done.
    pub conflicts: Vec<Conflict>,
    /// What stays deleted on the branch although the other side has it, because a delete is final.
    pub stay_deleted: Vec<AggregateId>,
}

impl Plan {
    /// The last visible position of the base's own branch.
    pub fn base_position(&self) -> LogPosition {
        self.base
            .own()
            .map_or(LogPosition::ZERO, |level| level.until)
    }
}

/// Plans a merge, a rebase or a rollback with the decision of [`super::decide`], including
/// conflicts. Refused for every other command.
pub fn plan(state: &WriteState, moment: &Moment, command: &Command) -> Result<Plan, Stop> {
    let draft = Draft::new(state, moment, command);
    let work = work_out(&draft)?;
    let mut changes = Vec::new();
    for case in &work.cases {
        let after = case.after_data()?;
        let before = case.target.data();
        changes.extend(difference(case.aggregate.clone(), before, after.as_deref()));
    }
    Ok(Plan {
        base: work.base,
        changes,
        conflicts: work.conflicts,
        stay_deleted: work.stay_deleted,
    })
}

/// Decides a merge, a rebase or a rollback, and adds its envelopes.
pub(super) fn carry_out(draft: &mut Draft) -> Result<(), Stop> {
    let work = work_out(draft)?;
    if work.conflicts.is_empty() {
        write::write(draft, work)
    } else {
        Err(refused(&work.conflicts)?.into())
    }
}

/// The changes that one branch takes from another, aggregate by aggregate.
struct Work<'a> {
    state: &'a WriteState,
    /// The branch that changes.
    branch: &'a BranchState,
    /// The state below its changes: the branch itself, or the new parent of a rebase.
    ground: &'a BranchState,
    /// The source of the changes.
    source: Place<'a>,
    /// The common base.
    base: Lineage,
    /// Where the ground changed since the base.
    since: Vec<Span>,
    kind: Kind<'a>,
    /// Ordered by key; includes cases that only have to match a changed class.
    cases: Vec<Case<'a>>,
    places: HashMap<ModelKey, usize>,
    conflicts: Vec<Conflict>,
    stay_deleted: Vec<AggregateId>,
    /// The changes of unique values, by index of the case.
    unique: HashMap<usize, UniqueChange>,
}

/// Merge, rebase or rollback.
#[derive(Clone, Copy)]
enum Kind<'a> {
    Merge { source: &'a BranchState },
    Rebase,
    Rollback,
}

impl<'a> Work<'a> {
    /// Adds the states of these keys on all three sides.
    fn gather(&mut self, keys: Vec<ModelKey>) -> Result<(), Stop> {
        refuse_too_many(self.cases.len() + keys.len())?;
        let base = Place::Past(self.base.clone());
        let mut needs = Vec::new();
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            let Some(aggregate) = self.aggregate(&key) else {
                continue;
            };
            let sides = [
                needed(&mut needs, base.entry(self.state, &key))?,
                needed(&mut needs, self.source.entry(self.state, &key))?,
                needed(&mut needs, self.state.entry(self.ground, &key))?,
            ];
            found.push((key, aggregate, sides));
        }
        if !needs.is_empty() {
            return Err(Stop::Needs(needs));
        }
        for (key, aggregate, [base, source, target]) in found {
            let sides = [base.flatten(), source.flatten(), target.flatten()];
            self.places.insert(key.clone(), self.cases.len());
            self.cases.push(Case::read(key, aggregate, sides)?);
        }
        Ok(())
    }

    /// The aggregate of a key, on the branch that changes.
    fn aggregate(&self, key: &ModelKey) -> Option<AggregateId> {
        use crate::port::graph::Entity;
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
    fn case(&self, key: &ModelKey) -> Option<&Case<'a>> {
        self.places.get(key).map(|place| &self.cases[*place])
    }
}

fn work_out<'a>(draft: &Draft<'a>) -> Result<Work<'a>, Stop> {
    match &draft.command.action {
        Action::MergeBranch {
            branch,
            source,
            strategy,
            resolutions,
        } => {
            let sides = take::merge(draft, branch, source)?;
            take::work_out(draft, &sides, *strategy, resolutions)
        }
        Action::RebaseBranch {
            branch,
            onto,
            strategy,
            resolutions,
        } => {
            let sides = take::rebase(draft, branch, onto)?;
            take::work_out(draft, &sides, *strategy, resolutions)
        }
        Action::RollbackBranch {
            branch,
            to_position,
        } => rollback::work_out(draft, branch, *to_position),
        _ => {
            let message = "only a merge, a rebase or a rollback can be planned";
            Err(Refusal::new(ErrorCode::InvalidRequest, message).into())
        }
    }
}

/// The last position of the log.
fn last_position(draft: &Draft) -> LogPosition {
    draft.moment.position.before()
}

/// The answer, or none after recording what is needed first.
fn needed<T>(needs: &mut Vec<Need>, answer: Result<T, Stop>) -> Result<Option<T>, Stop> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(Stop::Needs(more)) => {
            needs.extend(more);
            Ok(None)
        }
        Err(refused) => Err(refused),
    }
}

/// The classes and instances that were written within spans, optionally only instances of some
/// classes. Refused if there are too many.
fn list_changed(
    state: &WriteState,
    spans: &[Span],
    classes: Option<&BTreeSet<ClassName>>,
) -> Result<Vec<ModelKey>, Stop> {
    let keys = state.changed(&Changes {
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

fn refused(conflicts: &[Conflict]) -> Result<Refusal, serde_json::Error> {
    let first = conflicts.first().map_or("", |first| &first.message);
    let count = conflicts.len();
    let message = match count {
        1 => format!("there is a conflict: {first}"),
        _ => format!("there are {count} conflicts; the first: {first}"),
    };
    let named = Json::of(&conflicts[..count.min(NAMED)])?;
    let refusal = Refusal::new(ErrorCode::MergeConflict, message).with_written("conflicts", named);
    if count > NAMED {
        return Ok(refusal.with("conflicts_total", count));
    }
    Ok(refusal)
}

/// The fields as a state of the case's kind.
fn state_of(case: &Case, fields: &crate::merge::Fields) -> Result<Json, Stop> {
    Ok(case.content().put_together(fields)?)
}
