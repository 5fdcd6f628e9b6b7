//! The fold of the log into the write model.

use serde::Serialize;

use super::{AggregateState, BranchState, DatabaseState, ModelEntry, ModelKey, UniqueState};
use crate::{
    envelope::{Envelope, EventType, Kind},
    error::StoreError,
    event::{
        BranchCreated, BranchDeleted, BranchMerged, BranchRebased, ClassEvent, DatabaseCreated,
        DatabaseUpdated, EventDiscarded, InstanceEvent, OwnersChanged,
    },
    id::{BranchGeneration, LogPosition, Sequence},
    json::{Json, Properties},
    lineage::Lineage,
    owner::OwnerState,
    port::Store,
    time::Timestamp,
};

/// An envelope whose data does not match its type. This is damage, because the api never writes it.
#[derive(Debug, thiserror::Error)]
#[error("the envelope at position {position} ({event_type}) cannot be read")]
pub struct UnreadableEnvelope {
    /// Its position.
    pub position: LogPosition,
    /// Its declared type.
    pub event_type: EventType,
    /// The error.
    #[source]
    pub source: serde_json::Error,
}

impl From<UnreadableEnvelope> for StoreError {
    fn from(error: UnreadableEnvelope) -> Self {
        Self::Damaged {
            store: Store::Log,
            reason: error.to_string(),
        }
    }
}

/// The entries of an envelope: the only way into the write model, live or rebuilt.
pub fn fold(envelope: &Envelope) -> Result<Vec<ModelEntry>, UnreadableEnvelope> {
    entries(envelope).map_err(|source| UnreadableEnvelope {
        position: envelope.position,
        event_type: envelope.event_type,
        source,
    })
}

fn entries(envelope: &Envelope) -> Result<Vec<ModelEntry>, serde_json::Error> {
    if envelope.metadata.kind == Kind::Command {
        return Ok(Vec::new());
    }
    let sequence = envelope.sequence.unwrap_or_default();
    match envelope.event_type {
        EventType::DatabaseCreated => {
            let event: DatabaseCreated = envelope.data.read()?;
            let database = DatabaseState {
                sequence,
                description: event.description,
                options: event.options,
                created_at: envelope.occurred_at,
                live: true,
            };
            let main = BranchState::main(envelope.occurred_at);
            Ok(vec![
                of_database(envelope, ModelKey::database(), &database)?,
                of_database(envelope, ModelKey::branch(&main.name), &main)?,
            ])
        }
        EventType::DatabaseUpdated => {
            let event: DatabaseUpdated = envelope.data.read()?;
            let database = DatabaseState {
                sequence,
                description: event.description,
                options: event.options,
                created_at: event.created_at,
                live: true,
            };
            let key = ModelKey::database();
            Ok(vec![of_database(envelope, key, &database)?])
        }
        EventType::DatabaseDeleted => {
            let database = DatabaseState {
                sequence,
                description: String::new(),
                options: None,
                created_at: envelope.occurred_at,
                live: false,
            };
            Ok(vec![of_database(
                envelope,
                ModelKey::database(),
                &database,
            )?])
        }
        EventType::BranchCreated
        | EventType::BranchDeleted
        | EventType::BranchMerged
        | EventType::BranchRebased => {
            let branch = branch_state(envelope, sequence)?;
            let key = ModelKey::branch(&branch.name);
            Ok(vec![of_database(envelope, key, &branch)?])
        }
        EventType::OntologyClassCreated
        | EventType::OntologyClassUpdated
        | EventType::OntologyClassDeleted => {
            let event: ClassEvent = envelope.data.read()?;
            let state = aggregate_state(envelope, event.created_at, event.class);
            Ok(vec![on_branch(
                envelope,
                ModelKey::class(&event.class_id),
                &state,
            )?])
        }
        EventType::InstanceCreated | EventType::InstanceUpdated | EventType::InstanceDeleted => {
            let event: InstanceEvent = envelope.data.read()?;
            instance_entries(envelope, &event)
        }
        EventType::EventDiscarded => {
            let event: EventDiscarded = envelope.data.read()?;
            let key = ModelKey::discard(event.event_position, &event.handler);
            Ok(vec![of_database(envelope, key, &event)?])
        }
        EventType::OwnersChanged => {
            let event: OwnersChanged = envelope.data.read()?;
            let entry =
                |state: &OwnerState| of_database(envelope, ModelKey::owner(&state.owner), state);
            event.owners.iter().map(entry).collect()
        }
        _ => Ok(Vec::new()),
    }
}

/// The state of a branch after one of its events.
fn branch_state(envelope: &Envelope, sequence: Sequence) -> Result<BranchState, serde_json::Error> {
    match envelope.event_type {
        EventType::BranchCreated => {
            let event: BranchCreated = envelope.data.read()?;
            let generation = BranchGeneration(envelope.position);
            Ok(BranchState {
                lineage: Lineage::above(event.branch.clone(), generation, &event.base),
                name: event.branch,
                generation,
                sequence,
                from: Some(event.from),
                from_position: event.from_position,
                contains: event.contains,
                created_at: envelope.occurred_at,
                live: true,
            })
        }
        EventType::BranchDeleted => {
            let event: BranchDeleted = envelope.data.read()?;
            Ok(BranchState {
                lineage: Lineage::main(),
                generation: event.branch_generation,
                sequence,
                from: None,
                from_position: LogPosition::ZERO,
                contains: Vec::new(),
                created_at: envelope.occurred_at,
                live: false,
                name: event.branch,
            })
        }
        EventType::BranchMerged => {
            let BranchMerged { branch, state, .. } = envelope.data.read()?;
            Ok(BranchState {
                name: branch,
                generation: state.generation,
                sequence,
                from: state.from,
                from_position: state.from_position,
                lineage: state.lineage,
                contains: state.contains,
                created_at: state.created_at,
                live: true,
            })
        }
        _ => {
            let event: BranchRebased = envelope.data.read()?;
            let generation = BranchGeneration(envelope.position);
            Ok(BranchState {
                lineage: Lineage::above(event.branch.clone(), generation, &event.base),
                name: event.branch,
                generation,
                sequence,
                from: Some(event.from),
                from_position: event.from_position,
                contains: event.contains,
                created_at: event.created_at,
                live: true,
            })
        }
    }
}

fn instance_entries(
    envelope: &Envelope,
    event: &InstanceEvent,
) -> Result<Vec<ModelEntry>, serde_json::Error> {
    let data = event
        .data
        .as_ref()
        .map(Json::of::<Properties>)
        .transpose()?;
    let state = aggregate_state(envelope, event.created_at, data);
    let key = ModelKey::instance(&event.class_id, &event.instance_id);
    let mut entries = vec![on_branch(envelope, key, &state)?];
    let renewed: Vec<_> = event.renewed_claims().collect();
    let claimed = event.unique.claimed.iter().chain(&renewed);
    let owners = (event.unique.released.iter().map(|value| (value, None)))
        .chain(claimed.map(|value| (value, Some(&event.instance_id))));
    for ((property, digest), owner) in owners {
        let key = ModelKey::unique(&event.class_id, property, digest);
        let owner = owner.cloned();
        entries.push(on_branch(envelope, key, &UniqueState { owner })?);
    }
    Ok(entries)
}

fn aggregate_state(
    envelope: &Envelope,
    created_at: Timestamp,
    data: Option<Json>,
) -> AggregateState {
    AggregateState {
        sequence: envelope.sequence.unwrap_or_default(),
        event_id: envelope.event_id,
        occurred_at: envelope.occurred_at,
        created_at,
        data,
    }
}

/// An entry of the whole database.
fn of_database(
    envelope: &Envelope,
    key: ModelKey,
    value: &impl Serialize,
) -> Result<ModelEntry, serde_json::Error> {
    entry(envelope, BranchGeneration::MAIN, key, value)
}

fn on_branch(
    envelope: &Envelope,
    key: ModelKey,
    value: &impl Serialize,
) -> Result<ModelEntry, serde_json::Error> {
    let branch = envelope.generation.branch.unwrap_or(BranchGeneration::MAIN);
    entry(envelope, branch, key, value)
}

fn entry(
    envelope: &Envelope,
    branch: BranchGeneration,
    key: ModelKey,
    value: &impl Serialize,
) -> Result<ModelEntry, serde_json::Error> {
    Ok(ModelEntry {
        branch,
        key,
        position: envelope.position,
        value: Json::of(value)?,
    })
}
