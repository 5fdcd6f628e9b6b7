//! Instances: one change, many at once, all or none.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{Draft, Fact, Need, Stop, class_not_found, instance_not_found};
use crate::{
    command::{InstanceChange, OnError, RawData},
    envelope::{EventType, Kind},
    error::{ErrorCode, Refusal, Violation},
    event::{BranchAt, InstanceEvent, Superseded, UniqueChange},
    id::{AggregateId, InstanceRef, Sequence},
    json::{Json, Properties},
    model::{AggregateState, BranchState, ModelEntry, ModelKey, UniqueState},
    name::{BranchName, InstanceId, PropertyName},
    ontology::{Candidate, Class, Schema},
};

/// What earlier changes of the same command did, which the state does not know yet.
#[derive(Default)]
struct Pending {
    /// Instances made (true) or deleted (false).
    instances: HashMap<ModelKey, bool>,
    owners: HashMap<ModelKey, Option<InstanceId>>,
}

/// A change that is allowed: the event to be.
struct Change {
    event_type: EventType,
    aggregate: AggregateId,
    sequence: Sequence,
    event: InstanceEvent,
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
    let decided = decide_change(draft, &scope, &mut Pending::default(), change, 0)?;
    draft.command(
        decided.aggregate.clone(),
        Some(decided.sequence),
        Some(scope.branch),
    )?;
    push_change(draft, &scope, decided)
}

pub(super) fn bulk_create(
    draft: &mut Draft,
    branch: &BranchName,
    class: &str,
    instances: &[RawData],
    on_error: OnError,
) -> Result<(), Stop> {
    let scope = scope(draft, branch)?;
    let resolved = scope
        .schema
        .resolve(class)
        .ok_or_else(|| class_not_found(class))?
        .clone();
    let mut pending = Pending::default();
    let mut rows = Rows::default();
    for (row, data) in instances.iter().enumerate() {
        let decided = decide_create(draft, &scope, &mut pending, &resolved, None, data, row);
        rows.take(row + 1, decided)?;
    }
    rows.settle()?;
    let errors = rows.errors;
    if !errors.is_empty() && (on_error == OnError::Abort || rows.changes.is_empty()) {
        return Err(refused_rows(&errors, instances.len()).into());
    }
    let aggregate = AggregateId::Branch(draft.command.database.clone(), branch.clone());
    let mut data: serde_json::Map<String, Value> = Json::of(&draft.command.action)?.read()?;
    if !errors.is_empty() {
        data.insert(
            "errors".into(),
            errors.into_iter().map(Row::into_json).collect(),
        );
        // The rows as written are in the events; a tree here would lose digits of the numbers.
        data.remove("instances");
        draft.command_with(
            aggregate,
            None,
            Some(scope.branch),
            Value::Object(data).into(),
        )?;
    } else {
        draft.command(aggregate, None, Some(scope.branch))?;
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
    let mut pending = Pending::default();
    let mut rows = Rows::default();
    for (index, change) in commands.iter().enumerate() {
        rows.take(
            index,
            decide_change(draft, &scope, &mut pending, change, index),
        )?;
    }
    rows.settle()?;
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

/// The rows of a bulk or a transaction as they are decided one after the other.
#[derive(Default)]
struct Rows {
    changes: Vec<Change>,
    errors: Vec<Row>,
    needs: Vec<Need>,
}

/// One refused row.
struct Row {
    number: usize,
    refusal: Refusal,
}

impl Row {
    fn into_json(self) -> Value {
        let mut row = self.refusal.to_detail();
        if let Value::Object(fields) = &mut row {
            fields.insert("row".into(), self.number.into());
            fields.insert("message".into(), self.refusal.message.into());
        }
        row
    }
}

impl Rows {
    fn take(&mut self, number: usize, decided: Result<Change, Stop>) -> Result<(), Stop> {
        match decided {
            Ok(change) => self.changes.push(change),
            Err(Stop::Needs(needs)) => self.needs.extend(needs),
            Err(Stop::Refused(refusal)) if refusal.code == ErrorCode::Internal => {
                return Err(refusal.into());
            }
            Err(Stop::Refused(refusal)) => self.errors.push(Row { number, refusal }),
        }
        Ok(())
    }

    /// What is needed is asked for all rows at once.
    fn settle(&mut self) -> Result<(), Stop> {
        if self.needs.is_empty() {
            Ok(())
        } else {
            Err(Stop::Needs(std::mem::take(&mut self.needs)))
        }
    }
}

fn refused_rows(errors: &[Row], total: usize) -> Refusal {
    let mut refusal = errors.first().map_or_else(
        || Refusal::new(ErrorCode::ValidationFailed, ""),
        |row| Refusal::new(row.refusal.code, row.refusal.message.clone()),
    );
    let first = errors.first().map_or(0, |row| row.number);
    refusal.message = format!(
        "{} of {total} rows are refused; the first is row {first}: {}",
        errors.len(),
        refusal.message
    );
    let rows = errors.iter().map(|row| {
        Row {
            number: row.number,
            refusal: row.refusal.clone(),
        }
        .into_json()
    });
    refusal.with("errors", rows.collect::<Vec<_>>())
}

/// 422 when any command breaks the ontology, else the first one's code; each named by its index.
fn refused_commands(errors: &[Row]) -> Refusal {
    let code = errors
        .iter()
        .map(|row| row.refusal.code)
        .find(|code| *code == ErrorCode::ValidationFailed)
        .or_else(|| errors.first().map(|row| row.refusal.code))
        .unwrap_or(ErrorCode::InvalidRequest);
    let commands: Vec<Value> = errors
        .iter()
        .map(|row| {
            let mut detail = row.refusal.to_detail();
            if let Value::Object(fields) = &mut detail {
                fields.insert("index".into(), row.number.into());
                fields.insert("message".into(), row.refusal.message.clone().into());
            }
            detail
        })
        .collect();
    let first = errors.first().map_or_else(String::new, |row| {
        format!("command {}: {}", row.number, row.refusal.message)
    });
    Refusal::new(code, format!("the transaction is refused; {first}")).with("commands", commands)
}

fn decide_change(
    draft: &Draft,
    scope: &Scope,
    pending: &mut Pending,
    change: &InstanceChange,
    row: usize,
) -> Result<Change, Stop> {
    let name = change.class();
    let class = scope
        .schema
        .resolve(name)
        .ok_or_else(|| class_not_found(name))?;
    match change {
        InstanceChange::CreateInstance { id, data, .. } => {
            decide_create(draft, scope, pending, class, id.as_ref(), data, row)
        }
        InstanceChange::UpdateInstance {
            id,
            data,
            expected_seq,
            ..
        } => {
            let current = current(draft, scope, class, change, id, *expected_seq)?;
            let before: Properties = match &current.state.data {
                Some(data) => data.read()?,
                None => Properties::new(),
            };
            let candidate = class.patched_instance(id, &before, data)?;
            let change = Change {
                event_type: EventType::InstanceUpdated,
                aggregate: aggregate(draft, scope, class, id),
                sequence: current.state.sequence.next(),
                event: event(draft, scope, class, &candidate, Some((&before, &current))),
            };
            claim(draft, scope, pending, class, candidate, change)
        }
        InstanceChange::DeleteInstance {
            id, expected_seq, ..
        } => {
            let current = current(draft, scope, class, change, id, *expected_seq)?;
            decide_delete(draft, scope, pending, class, id, &current)
        }
    }
}

fn decide_create(
    draft: &Draft,
    scope: &Scope,
    pending: &mut Pending,
    class: &Class,
    id: Option<&InstanceId>,
    data: &RawData,
    row: usize,
) -> Result<Change, Stop> {
    let candidate = class.new_instance(id, data, draft.command.id, row)?;
    let key = ModelKey::instance(&class.id, &candidate.id);
    let aggregate = aggregate(draft, scope, class, &candidate.id);
    if pending.instances.contains_key(&key) {
        return Err(twice(&aggregate).into());
    }
    if let Some(entry) = draft.state.entry(scope.branch, &key)? {
        let state: AggregateState = entry.value.read()?;
        let (code, what) = if state.data.is_some() {
            (ErrorCode::AlreadyExists, "is there already")
        } else {
            (ErrorCode::Deleted, "was deleted, and a delete is final")
        };
        let refusal = Refusal::new(code, format!("{}/{} {what}", class.id, candidate.id));
        return Err(refusal
            .with("aggregate_id", aggregate.to_string())
            .with("actual_seq", state.sequence.0)
            .into());
    }
    let event = event(draft, scope, class, &candidate, None);
    let change = Change {
        event_type: EventType::InstanceCreated,
        aggregate,
        sequence: Sequence(1),
        event,
    };
    claim(draft, scope, pending, class, candidate, change)
}

fn decide_delete(
    draft: &Draft,
    scope: &Scope,
    pending: &mut Pending,
    class: &Class,
    id: &InstanceId,
    current: &Current,
) -> Result<Change, Stop> {
    let aggregate = aggregate(draft, scope, class, id);
    let key = ModelKey::instance(&class.id, id);
    if pending.instances.insert(key, false).is_some() {
        return Err(twice(&aggregate).into());
    }
    let before: Properties = match &current.state.data {
        Some(data) => data.read()?,
        None => Properties::new(),
    };
    let released = unique_pairs(class, &before);
    for (property, digest) in &released {
        pending
            .owners
            .insert(ModelKey::unique(&class.id, property, digest), None);
    }
    let event = InstanceEvent {
        db_name: draft.command.database.clone(),
        branch: scope.branch.name.clone(),
        class_id: class.id.clone(),
        instance_id: id.clone(),
        created_at: current.state.created_at,
        data: None,
        unique: UniqueChange {
            claimed: Vec::new(),
            released,
        },
        superseded: superseded(draft, scope.branch, current),
    };
    let sequence = current.state.sequence.next();
    Ok(Change {
        event_type: EventType::InstanceDeleted,
        aggregate,
        sequence,
        event,
    })
}

/// The live version that an update or a delete starts from, at the sequence it expects.
fn current(
    draft: &Draft,
    scope: &Scope,
    class: &Class,
    change: &InstanceChange,
    id: &InstanceId,
    expected: Sequence,
) -> Result<Current, Stop> {
    let key = ModelKey::instance(&class.id, id);
    let Some(entry) = draft.state.entry(scope.branch, &key)? else {
        return Err(instance_not_found(change, id).into());
    };
    let state: AggregateState = entry.value.read()?;
    if state.data.is_none() {
        return Err(instance_not_found(change, id).with("deleted", true).into());
    }
    if state.sequence != expected {
        let aggregate = aggregate(draft, scope, class, id);
        return Err(Refusal::conflict(&aggregate, expected, state.sequence).into());
    }
    Ok(Current {
        state,
        entry: entry.clone(),
    })
}

/// Checks what must be unique and what must not lead to nothing, and notes what the change does.
fn claim(
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

fn owner(
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

fn is_live(
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

fn event(
    draft: &Draft,
    scope: &Scope,
    class: &Class,
    candidate: &Candidate,
    before: Option<(&Properties, &Current)>,
) -> InstanceEvent {
    let held = before
        .map(|(state, _)| unique_pairs(class, state))
        .unwrap_or_default();
    let holds: Vec<(PropertyName, String)> = candidate
        .unique
        .iter()
        .map(|(property, digest, _)| (property.clone(), digest.clone()))
        .collect();
    let unique = UniqueChange {
        released: held
            .iter()
            .filter(|value| !holds.contains(value))
            .cloned()
            .collect(),
        claimed: holds
            .into_iter()
            .filter(|value| !held.contains(value))
            .collect(),
    };
    InstanceEvent {
        db_name: draft.command.database.clone(),
        branch: scope.branch.name.clone(),
        class_id: class.id.clone(),
        instance_id: candidate.id.clone(),
        created_at: before.map_or(draft.moment.occurred_at, |(_, current)| {
            current.state.created_at
        }),
        data: Some(candidate.properties.clone()),
        unique,
        superseded: before.and_then(|(_, current)| superseded(draft, scope.branch, current)),
    }
}

fn unique_pairs(class: &Class, properties: &Properties) -> Vec<(PropertyName, String)> {
    let values = class.unique_values(properties);
    values
        .into_iter()
        .map(|(property, digest, _)| (property, digest))
        .collect()
}

fn superseded(draft: &Draft, branch: &BranchState, current: &Current) -> Option<Superseded> {
    superseded_version(draft, branch, &current.entry, &current.state)
}

/// The version before, when live branches above `branch` still show it. A branch that has a
/// version of its own is named too: its sequence is higher, so the copy is stale there.
pub(super) fn superseded_version(
    draft: &Draft,
    branch: &BranchState,
    entry: &ModelEntry,
    state: &AggregateState,
) -> Option<Superseded> {
    let branches: Vec<BranchAt> = draft
        .state
        .live_branches()
        .filter(|other| other.generation != branch.generation)
        .filter(|other| {
            let levels = other.lineage.levels();
            levels
                .iter()
                .any(|level| level.generation == branch.generation)
                && other.lineage.shows(entry.branch, entry.position)
        })
        .map(|other| BranchAt {
            name: other.name.clone(),
            generation: other.generation,
        })
        .collect();
    let data = state.data.clone()?;
    (!branches.is_empty()).then_some(Superseded {
        branches,
        event_id: state.event_id,
        sequence_number: state.sequence,
        position: entry.position,
        occurred_at: state.occurred_at,
        created_at: state.created_at,
        data,
    })
}

fn push_all(draft: &mut Draft, scope: &Scope, changes: Vec<Change>) -> Result<(), Stop> {
    for change in changes {
        push_change(draft, scope, change)?;
    }
    Ok(())
}

fn push_change(draft: &mut Draft, scope: &Scope, change: Change) -> Result<(), Stop> {
    let data = Json::of(&change.event)?;
    let fact = Fact {
        event_type: change.event_type,
        kind: Kind::Domain,
        aggregate: change.aggregate,
        sequence: Some(change.sequence),
        data,
    };
    draft.push(fact, Some(scope.branch));
    Ok(())
}

fn aggregate(draft: &Draft, scope: &Scope, class: &Class, id: &InstanceId) -> AggregateId {
    AggregateId::Instance(
        draft.command.database.clone(),
        scope.branch.name.clone(),
        class.id.clone(),
        id.clone(),
    )
}

fn twice(aggregate: &AggregateId) -> Refusal {
    let message = format!("{aggregate} stands in this command twice; each may stand there once");
    let violation = Violation {
        field: "instance_id".into(),
        rule: "unique".into(),
        value: aggregate.to_string().into(),
        message,
    };
    Refusal::validation(&[violation])
}

fn taken(property: &PropertyName, value: &Json, class: &Class, owner: &InstanceId) -> Violation {
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

fn dangling(predicate: &PropertyName, target: &InstanceRef) -> Violation {
    Violation {
        field: predicate.to_string(),
        rule: "integrity".into(),
        value: json!(target.to_string()),
        message: format!("{predicate} must refer to something that is there; {target} is not"),
    }
}
