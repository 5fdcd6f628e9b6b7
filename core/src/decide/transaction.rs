//! Changes of many instances and classes of a branch: all or none.

use super::{
    classes::Edits,
    draft::Draft,
    instances::{Row, Rows, Scope, decide_change, refuse_commands},
    stop::{Needs, Stop},
};
use crate::{
    command::{Change, ClassChange, InstanceChange},
    error::{ErrorCode, Refusal},
    id::AggregateId,
    name::{BranchName, ClassName},
    ontology::Class,
};

/// Decides the classes first, then the instances by the classes after the command.
pub(super) fn transaction(
    draft: &mut Draft,
    branch: &BranchName,
    commands: &[Change],
) -> Result<(), Stop> {
    let mut edits = Edits::on(draft, draft.branch(branch)?)?;
    if commands.is_empty() {
        let message = "a transaction needs at least one command";
        return Err(Refusal::new(ErrorCode::InvalidRequest, message)
            .with("field", "commands")
            .into());
    }
    let mut classes: Vec<(usize, ClassName)> = Vec::new();
    let mut instances: Vec<(usize, &InstanceChange)> = Vec::new();
    let mut refused: Vec<Row> = Vec::new();
    let mut needs = Needs::default();
    for (number, command) in commands.iter().enumerate() {
        let change = match command {
            Change::Class(change) => change,
            Change::Instance(change) => {
                instances.push((number, change));
                continue;
            }
        };
        match needs.take(edit(draft, &mut edits, change)) {
            Ok(class) => classes.extend(class.map(|class| (number, class))),
            Err(Stop::Refused(refusal)) if refusal.code != ErrorCode::Internal => {
                refused.push(Row { number, refusal });
            }
            Err(stop) => return Err(stop),
        }
    }
    needs.settle()?;
    let scope = Scope {
        branch: edits.branch,
        schema: &edits.after,
        before: edits.before,
    };
    let numbers = 0..instances.len();
    let mut rows = Rows::decide(draft, &scope, numbers, |pending, index| {
        let (number, change) = instances[index];
        decide_change(draft, &scope, pending, change, number)
    })?;
    for row in &mut rows.errors {
        row.number = instances[row.number].0;
    }
    let mut broken = edits.check(draft, &rows.list_deleted())?;
    for (number, class) in classes {
        let refusal = broken.remove(&class);
        refused.extend(refusal.map(|refusal| Row { number, refusal }));
    }
    refused.append(&mut rows.errors);
    refused.sort_by_key(|row| row.number);
    if !refused.is_empty() {
        return Err(refuse_commands(&refused).into());
    }
    let aggregate = AggregateId::Branch(draft.command.database.clone(), branch.clone());
    draft.command(aggregate, None, Some(edits.branch))?;
    edits.push_written(draft)?;
    rows.push(draft, edits.branch)?;
    edits.push_deleted(draft)
}

/// Takes a change of a class, and returns the class.
fn edit<'a>(
    draft: &Draft<'a>,
    edits: &mut Edits<'a>,
    change: &ClassChange,
) -> Result<ClassName, Stop> {
    match change {
        ClassChange::CreateOntologyClass { definition } => {
            let class = Class::create(definition)?;
            let id = class.id.clone();
            edits.create(draft, class)?;
            Ok(id)
        }
        ClassChange::UpdateOntologyClass {
            class,
            definition,
            expected_seq,
        } => {
            edits.update(draft, class, definition, *expected_seq)?;
            Ok(class.clone())
        }
        ClassChange::DeleteOntologyClass {
            class,
            expected_seq,
        } => {
            edits.delete(draft, class, *expected_seq, false)?;
            Ok(class.clone())
        }
    }
}
