//! Changes of instances: one, or many at once, all or none.

mod change;
mod claim;
mod decision;
mod delete_all;
mod leave_out;
mod references;
mod rows;
mod scope;

use indexmap::IndexMap;
use serde_json::Value;

use self::{
    change::Numbered,
    decision::{New, decide_create},
    references::find_dangling,
    rows::refuse_rows,
    scope::Pending,
};
pub(super) use self::{
    decision::decide_change,
    delete_all::delete_all,
    rows::{Row, Rows, refuse_commands},
    scope::Scope,
};
use super::{draft::Draft, stop::Stop};
use crate::{
    command::{InstanceChange, OnError, RawData},
    error::{ErrorCode, Refusal},
    id::AggregateId,
    json::Json,
    name::{BranchName, InstanceId},
};

pub(super) fn change_one(
    draft: &mut Draft,
    branch: &BranchName,
    change: &InstanceChange,
) -> Result<(), Stop> {
    let scope = Scope::find(draft, branch)?;
    let change = decide_change(draft, &scope, &mut Pending::default(), change, 0)?;
    let decided = [Numbered { number: 0, change }];
    if let Some((_, dangling)) = find_dangling(draft, &scope, &decided)?.pop_first() {
        return Err(dangling.refusal().into());
    }
    let [Numbered { change, .. }] = decided;
    draft.command(
        change.aggregate.clone(),
        Some(change.sequence),
        Some(scope.branch),
    )?;
    change.push(draft, scope.branch)
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
    let scope = Scope::find(draft, branch)?;
    let resolved = scope.class(class)?;
    let mut rows = Rows::decide(draft, &scope, 1..instances.len() + 1, |pending, number| {
        let row = number - 1;
        let new = New {
            id: ids.get(row),
            data: &instances[row],
            row,
            without_defaults,
        };
        decide_create(draft, &scope, pending, resolved, &new)
    })?;
    let errors = std::mem::take(&mut rows.errors);
    if !errors.is_empty() && (on_error == OnError::Abort || rows.changes.is_empty()) {
        return Err(refuse_rows(&errors, instances.len()).into());
    }
    let aggregate = AggregateId::Branch(draft.command.database.clone(), branch.clone());
    if errors.is_empty() {
        draft.command(aggregate, None, Some(scope.branch))?;
    } else {
        let mut data: IndexMap<String, Json> = Json::of(&draft.command.action)?.read()?;
        let errors: Vec<_> = errors.iter().map(|row| row.to_json("row")).collect();
        data.insert("errors".into(), Value::from(errors).into());
        // The events contain the rows as written.
        data.shift_remove("instances");
        draft.command_with(aggregate, None, Some(scope.branch), &data)?;
    }
    rows.push(draft, scope.branch)
}
