//! Changes of instances: one, or many at once, all or none.

mod change;
mod claim;
mod delete_all;
mod leave_out;
mod references;
mod rows;

use std::collections::HashMap;

use indexmap::IndexMap;
use serde_json::Value;

pub(super) use self::{change::superseded_version, delete_all::delete_all};
use self::{
    change::{New, decide_change, decide_create},
    claim::twice,
    references::dangling,
    rows::{Numbered, Row, Rows, refused_commands, refused_rows},
};
use super::{Draft, Fact, Stop, class_not_found};
use crate::{
    command::{InstanceChange, OnError, RawData},
    envelope::{EventType, Kind},
    error::{ErrorCode, Refusal},
    event::InstanceEvent,
    id::{AggregateId, InstanceRef, Sequence},
    json::Json,
    model::{AggregateState, BranchState, ModelEntry, ModelKey},
    name::{BranchName, InstanceId, PropertyName},
    ontology::Schema,
};

/// The effects of earlier changes of the same command, which the state does not contain yet.
#[derive(Default)]
struct Pending {
    /// Instances that were created (true) or deleted (false).
    instances: HashMap<ModelKey, bool>,
    owners: HashMap<ModelKey, Option<InstanceId>>,
    /// The collision with other changes, if that is why the last change was refused.
    collision: Option<Collision>,
}

/// The other changes that have an instance's unique values or id.
struct Collision {
    instance: ModelKey,
    with: Vec<ModelKey>,
}

impl Pending {
    /// Refuses an instance that occurs twice in the command.
    fn refuse_twice(&mut self, key: ModelKey, aggregate: &AggregateId) -> Refusal {
        self.collision = Some(Collision {
            with: vec![key.clone()],
            instance: key,
        });
        twice(aggregate)
    }
}

/// An allowed change, with its event.
pub(super) struct Change {
    event_type: EventType,
    aggregate: AggregateId,
    sequence: Sequence,
    event: InstanceEvent,
    /// References that must point to existing instances after the command.
    strict: Vec<(PropertyName, InstanceRef)>,
}

/// The version of an instance that a change starts from.
struct Current {
    state: AggregateState,
    entry: ModelEntry,
}

/// What all changes of one command share.
struct Scope<'a> {
    branch: &'a BranchState,
    schema: &'a Schema,
}

pub(super) fn change_one(
    draft: &mut Draft,
    branch: &BranchName,
    change: &InstanceChange,
) -> Result<(), Stop> {
    let scope = scope(draft, branch)?;
    let change = decide_change(draft, &scope, &mut Pending::default(), change, 0)?;
    let decided = [Numbered { number: 0, change }];
    if let Some((_, dangling)) = dangling(draft, &scope, &decided)?.pop_first() {
        return Err(dangling.refusal().into());
    }
    let [Numbered { change, .. }] = decided;
    draft.command(
        change.aggregate.clone(),
        Some(change.sequence),
        Some(scope.branch),
    )?;
    push_change(draft, scope.branch, change)
}

/// The rows of a bulk.
pub(super) struct Bulk<'a> {
    pub(super) instances: &'a [RawData],
    /// The id of each row; empty, or one per row.
    pub(super) ids: &'a [InstanceId],
    /// Whether defaults are not applied.
    pub(super) without_defaults: bool,
}

pub(super) fn bulk_create(
    draft: &mut Draft,
    branch: &BranchName,
    class: &str,
    bulk: &Bulk,
    on_error: OnError,
) -> Result<(), Stop> {
    let Bulk {
        instances,
        ids,
        without_defaults,
    } = *bulk;
    if !ids.is_empty() && ids.len() != instances.len() {
        let message = format!("{} ids for {} instances", ids.len(), instances.len());
        return Err(Refusal::new(ErrorCode::InvalidRequest, message)
            .with("field", "ids")
            .with("rule", "one per row, or none")
            .into());
    }
    let scope = scope(draft, branch)?;
    let resolved = scope
        .schema
        .resolve(class)
        .ok_or_else(|| class_not_found(class))?
        .clone();
    let rows = Rows::decide(draft, &scope, 1..instances.len() + 1, |pending, number| {
        let row = number - 1;
        let new = New {
            id: ids.get(row),
            data: &instances[row],
            row,
            without_defaults,
        };
        decide_create(draft, &scope, pending, &resolved, &new)
    })?;
    let errors = rows.errors;
    if !errors.is_empty() && (on_error == OnError::Abort || rows.changes.is_empty()) {
        return Err(refused_rows(&errors, instances.len()).into());
    }
    let aggregate = AggregateId::Branch(draft.command.database.clone(), branch.clone());
    if errors.is_empty() {
        draft.command(aggregate, None, Some(scope.branch))?;
    } else {
        let mut data: IndexMap<String, Json> = Json::of(&draft.command.action)?.read()?;
        let errors: Vec<_> = errors.into_iter().map(Row::into_json).collect();
        data.insert("errors".into(), Value::from(errors).into());
        // The events contain the rows as written.
        data.shift_remove("instances");
        draft.command_with(aggregate, None, Some(scope.branch), Json::of(&data)?)?;
    }
    push_all(draft, &scope, rows.changes)
}

pub(super) fn transaction(
    draft: &mut Draft,
    branch: &BranchName,
    commands: &[InstanceChange],
) -> Result<(), Stop> {
    let scope = scope(draft, branch)?;
    if commands.is_empty() {
        let message = "a transaction needs at least one command";
        return Err(Refusal::new(ErrorCode::InvalidRequest, message)
            .with("field", "commands")
            .into());
    }
    let rows = Rows::decide(draft, &scope, 0..commands.len(), |pending, index| {
        decide_change(draft, &scope, pending, &commands[index], index)
    })?;
    if !rows.errors.is_empty() {
        return Err(refused_commands(&rows.errors).into());
    }
    let aggregate = AggregateId::Branch(draft.command.database.clone(), branch.clone());
    draft.command(aggregate, None, Some(scope.branch))?;
    push_all(draft, &scope, rows.changes)
}

fn scope<'a>(draft: &Draft<'a>, branch: &BranchName) -> Result<Scope<'a>, Stop> {
    let branch = draft.branch(branch)?;
    Ok(Scope {
        branch,
        schema: draft.state.schema(branch)?,
    })
}

fn push_all(draft: &mut Draft, scope: &Scope, changes: Vec<Numbered>) -> Result<(), Stop> {
    for numbered in changes {
        push_change(draft, scope.branch, numbered.change)?;
    }
    Ok(())
}

pub(super) fn push_change(
    draft: &mut Draft,
    branch: &BranchState,
    change: Change,
) -> Result<(), Stop> {
    let data = Json::of(&change.event)?;
    let fact = Fact {
        event_type: change.event_type,
        kind: Kind::Domain,
        aggregate: change.aggregate,
        sequence: Some(change.sequence),
        data,
    };
    draft.push(fact, Some(branch));
    Ok(())
}
