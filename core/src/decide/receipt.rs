//! The answer to an accepted command. It is derived only from the command's envelopes, so a retried
//! request gets the first answer from the log.

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    envelope::{Envelope, EventType, Kind},
    event::InstanceEvent,
    id::{AggregateId, CommandId, LogPosition, Sequence, StreamId},
    json::Json,
    merge::ChangeKind,
    time::Timestamp,
};

/// The maximum number of changes of a merge in a receipt.
const CHANGES: usize = 1_000;

/// The answer to an accepted command.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt {
    /// The command.
    pub command_id: CommandId,
    /// Its type.
    pub event_type: EventType,
    /// Its log.
    pub stream: StreamId,
    /// Its position.
    pub position: LogPosition,
    /// The position of its last event. A projection that has passed this position shows the
    /// command.
    pub last: LogPosition,
    /// Its aggregate.
    pub aggregate: AggregateId,
    /// The sequence of its aggregate, if it has one.
    pub sequence: Option<Sequence>,
    /// The time of acceptance.
    pub occurred_at: Timestamp,
    /// `result`: always with `position`, and with `sequence` if there is one.
    pub result: Json,
}

/// There is no command where one was expected.
#[derive(Debug, thiserror::Error)]
#[error("these envelopes do not start with a command")]
pub struct UnreadableCommand;

#[derive(Deserialize)]
struct BulkData {
    #[serde(default)]
    class: String,
    #[serde(default)]
    errors: Option<Json>,
}

/// The receipt of the command with these envelopes.
pub fn receipt(stream: &StreamId, envelopes: &[Envelope]) -> Result<Receipt, UnreadableCommand> {
    let is_command = |envelope: &&Envelope| envelope.metadata.kind == Kind::Command;
    let command = envelopes.iter().find(is_command).ok_or(UnreadableCommand)?;
    let events: Vec<&Envelope> = envelopes
        .iter()
        .filter(|envelope| envelope.metadata.kind != Kind::Command)
        .filter(|envelope| envelope.metadata.command_id == command.metadata.command_id)
        .collect();
    let last = events
        .last()
        .map_or(command.position, |event| event.position);
    let mut result = describe(command, &events);
    if let Some(sequence) = command.sequence {
        result.insert("sequence".into(), sequence.0.into());
    }
    result.insert("position".into(), last.0.into());
    Ok(Receipt {
        command_id: command.metadata.command_id,
        event_type: command.event_type,
        stream: stream.clone(),
        position: command.position,
        last,
        aggregate: command.aggregate.clone(),
        sequence: command.sequence,
        occurred_at: command.occurred_at,
        result: Json::from(Value::Object(result)),
    })
}

fn describe(command: &Envelope, events: &[&Envelope]) -> Map<String, Value> {
    let mut result = Map::new();
    let mut put = |key: &str, value: &str| result.insert(key.to_owned(), value.into());
    match &command.aggregate {
        AggregateId::Database(database) => {
            put("db_name", database.as_str());
        }
        AggregateId::Branch(database, branch) => {
            put("db_name", database.as_str());
            put("branch", branch.as_str());
        }
        AggregateId::OntologyClass(database, branch, class) => {
            put("class_id", class.as_str());
            put("db_name", database.as_str());
            put("branch", branch.as_str());
        }
        AggregateId::Instance(database, branch, class, id) => {
            put("instance_id", id.as_str());
            put("class_id", class.as_str());
            put("db_name", database.as_str());
            put("branch", branch.as_str());
        }
    }
    match command.event_type {
        EventType::BulkCreateInstancesRequested => describe_bulk(&mut result, command, events),
        EventType::TransactionRequested => {
            result.insert(
                "commands".into(),
                events.iter().map(|event| describe_touched(event)).collect(),
            );
        }
        EventType::DeclareRequested => {
            result.insert("changes".into(), list_changes(events).into());
        }
        EventType::DeleteOntologyClassRequested => {
            let is_instance = |event: &&&Envelope| event.event_type == EventType::InstanceDeleted;
            let count = events.iter().filter(is_instance).count();
            result.insert("deleted_instances".into(), count.into());
        }
        EventType::MergeBranchRequested
        | EventType::RebaseBranchRequested
        | EventType::RollbackBranchRequested => describe_merge(&mut result, command, events),
        _ => {}
    }
    result
}

/// The databases, branches and classes that a declaration changed.
fn list_changes(events: &[&Envelope]) -> Vec<Value> {
    let change = |event: &&Envelope| {
        let (kind, name) = match &event.aggregate {
            AggregateId::Database(name) => ("database", name.as_str()),
            AggregateId::Branch(_, name) => ("branch", name.as_str()),
            AggregateId::OntologyClass(_, _, name) => ("class", name.as_str()),
            AggregateId::Instance(..) => return None,
        };
        let change = match event.event_type {
            EventType::DatabaseCreated | EventType::BranchCreated => ChangeKind::Added,
            EventType::DatabaseUpdated => ChangeKind::Modified,
            EventType::DatabaseDeleted | EventType::BranchDeleted => ChangeKind::Deleted,
            other => change_of(other)?,
        };
        Some(json!({"kind": kind, "name": name, "change": change}))
    };
    events.iter().filter_map(change).collect()
}

/// Adds the source of a merge, the changes and their counts.
fn describe_merge(result: &mut Map<String, Value>, command: &Envelope, events: &[&Envelope]) {
    let wish: IndexMap<String, Json> = command.data.read().unwrap_or_default();
    for field in ["source", "onto", "to_position", "stay_deleted"] {
        if let Some(value) = wish.get(field) {
            result.insert(field.into(), value.to_value());
        }
    }
    let (mut changes, mut total, mut counts) = (Vec::new(), 0, [0, 0, 0]);
    for event in events {
        let Some(kind) = change_of(event.event_type) else {
            continue;
        };
        total += 1;
        counts[kind as usize] += 1;
        if changes.len() < CHANGES {
            changes.push(describe_change(event, kind));
        }
    }
    let [added, modified, deleted] = counts;
    result.insert("merged".into(), true.into());
    result.insert("changes".into(), changes.into());
    result.insert("changes_total".into(), total.into());
    result.insert(
        "summary".into(),
        json!({"added": added, "modified": modified, "deleted": deleted}),
    );
}

fn change_of(event_type: EventType) -> Option<ChangeKind> {
    match event_type {
        EventType::OntologyClassCreated | EventType::InstanceCreated => Some(ChangeKind::Added),
        EventType::OntologyClassUpdated | EventType::InstanceUpdated => Some(ChangeKind::Modified),
        EventType::OntologyClassDeleted | EventType::InstanceDeleted => Some(ChangeKind::Deleted),
        _ => None,
    }
}

fn describe_change(event: &Envelope, change: ChangeKind) -> Value {
    let aggregate = event.aggregate.to_string();
    match &event.aggregate {
        AggregateId::Instance(_, _, class, id) => json!({
            "aggregate_id": aggregate,
            "class_id": class,
            "instance_id": id,
            "change": change,
        }),
        AggregateId::OntologyClass(_, _, class) => json!({
            "aggregate_id": aggregate,
            "class_id": class,
            "change": change,
        }),
        _ => json!({"aggregate_id": aggregate, "change": change}),
    }
}

fn describe_bulk(result: &mut Map<String, Value>, command: &Envelope, events: &[&Envelope]) {
    let data: BulkData = command.data.read().unwrap_or(BulkData {
        class: String::new(),
        errors: None,
    });
    let rows: Vec<Value> = data
        .errors
        .and_then(|rows| rows.read().ok())
        .unwrap_or_default();
    let class = events
        .first()
        .and_then(|event| event.data.read::<InstanceEvent>().ok())
        .map_or(data.class, |event| event.class_id.to_string());
    let sample: Vec<Value> = events
        .iter()
        .take(10)
        .filter_map(|event| match &event.aggregate {
            AggregateId::Instance(_, _, _, id) => Some(id.as_str().into()),
            _ => None,
        })
        .collect();
    result.insert("class_id".into(), class.into());
    result.insert("instance_count".into(), events.len().into());
    result.insert("created".into(), events.len().into());
    result.insert("total".into(), (events.len() + rows.len()).into());
    result.insert("sample_instance_ids".into(), sample.into());
    if !rows.is_empty() {
        result.insert("errors".into(), rows.into());
    }
}

fn describe_touched(event: &Envelope) -> Value {
    let mut touched = Map::new();
    if let AggregateId::Instance(_, _, class, _) | AggregateId::OntologyClass(_, _, class) =
        &event.aggregate
    {
        touched.insert("class_id".into(), class.as_str().into());
    }
    if let AggregateId::Instance(_, _, _, id) = &event.aggregate {
        touched.insert("instance_id".into(), id.as_str().into());
    }
    touched.insert("aggregate_id".into(), event.aggregate.to_string().into());
    touched.insert("sequence".into(), json!(event.sequence));
    touched.into()
}
