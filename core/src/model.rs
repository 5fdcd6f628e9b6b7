//! The write model: the state for decisions, as entries that a pure fold makes from the log. Every
//! entry is a version: it is valid from its position on, on its branch, until a later one.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    envelope::{Envelope, EventType, Kind},
    error::StoreError,
    event::{
        BranchAt, BranchCreated, BranchDeleted, BranchMerged, BranchRebased, ClassEvent,
        DatabaseCreated, EventDiscarded, InstanceEvent,
    },
    id::{BranchGeneration, CommandId, EventId, LogPosition, Sequence, StreamId},
    json::{Json, Properties},
    lineage::Lineage,
    name::{BranchName, ClassName, InstanceId, PropertyName},
    port::graph::Entity,
    time::Timestamp,
};

/// The key of an entry; ordered so that a prefix scan finds all entries of a kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelKey(Box<str>);

impl ModelKey {
    /// Prefix of all branches.
    pub const BRANCHES: &'static str = "b:";
    /// Prefix of all classes.
    pub const CLASSES: &'static str = "c:";
    /// Prefix of all instances.
    pub const INSTANCES: &'static str = "i:";
    /// Prefix of all discards.
    pub const DISCARDS: &'static str = "x:";

    /// The database itself.
    pub fn database() -> Self {
        Self("d".into())
    }

    /// A branch, by name. The entries of all branches are stored on `main`.
    pub fn branch(name: &BranchName) -> Self {
        Self(format!("b:{name}").into())
    }

    /// A class.
    pub fn class(class: &ClassName) -> Self {
        Self(format!("c:{class}").into())
    }

    /// An instance.
    pub fn instance(class: &ClassName, id: &InstanceId) -> Self {
        Self(format!("i:{class}/{id}").into())
    }

    /// Prefix of all instances of a class.
    pub fn instances_of(class: &ClassName) -> String {
        format!("i:{class}/")
    }

    /// The owner of a unique value.
    pub fn unique(class: &ClassName, property: &PropertyName, digest: &str) -> Self {
        Self(format!("u:{class}/{property}/{digest}").into())
    }

    /// A discard of an event for one handler, ordered by the event's position; its value is the
    /// [`EventDiscarded`].
    pub fn discard(position: LogPosition, handler: &str) -> Self {
        Self(format!("x:{:020}/{handler}", position.0).into())
    }

    /// A key before all discards of the event at `position`, and after all discards of earlier
    /// events.
    pub fn discards_from(position: LogPosition) -> Self {
        Self(format!("x:{:020}", position.0).into())
    }

    /// Reads a key that an adapter stored.
    pub fn from_stored(text: &str) -> Self {
        Self(text.into())
    }

    /// The instance or class of the key; none for other keys.
    pub fn entity(&self) -> Option<Entity> {
        if let Some(class) = self.0.strip_prefix(Self::CLASSES) {
            return class.parse().ok().map(Entity::Class);
        }
        let instance = self.0.strip_prefix(Self::INSTANCES)?;
        instance.parse().ok().map(Entity::Instance)
    }

    /// The key's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ModelKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One version of one entry of the write model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelEntry {
    /// The branch where it was written; `main` for data of the whole database.
    pub branch: BranchGeneration,
    /// The key.
    pub key: ModelKey,
    /// The position from which it is valid.
    pub position: LogPosition,
    /// One of the `…State` types of this module; for a discard, its event.
    pub value: Json,
}

impl ModelEntry {
    /// Parses the value. A value that cannot be parsed is damage of the registry.
    pub fn read<'a, T: Deserialize<'a>>(&'a self) -> Result<T, StoreError> {
        self.value.read().map_err(|error| StoreError::Damaged {
            store: "registry",
            reason: format!("entry {} cannot be read: {error}", self.key),
        })
    }
}

/// The place of a command in the log, for idempotency and for its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandEntry {
    /// The command.
    pub id: CommandId,
    /// Its log.
    pub stream: StreamId,
    /// The position of the command's envelope.
    pub position: LogPosition,
    /// The position of its last domain event.
    pub last: LogPosition,
    /// SHA-256 of its payload, hex.
    pub payload_digest: String,
}

/// The state of an instance or of a class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AggregateState {
    /// The number of the last accepted command.
    pub sequence: Sequence,
    /// The last event.
    pub event_id: EventId,
    /// When it was accepted.
    pub occurred_at: Timestamp,
    /// When the aggregate was created.
    pub created_at: Timestamp,
    /// The whole state; none if it was deleted, which is final.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Json>,
}

/// The state of a branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchState {
    /// The branch.
    pub name: BranchName,
    /// Its generation.
    pub generation: BranchGeneration,
    /// The number of the last accepted command on the branch itself.
    pub sequence: Sequence,
    /// The parent branch; none for `main`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<BranchAt>,
    /// The last visible position of the parent.
    pub from_position: LogPosition,
    /// The lineage of the branch.
    pub lineage: Lineage,
    /// Further snapshots that it contains after merges and rebases: each a branch at the time when
    /// it was merged. The base of a merge is chosen among them; the newest hundred are enough.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contains: Vec<Lineage>,
    /// When it was created.
    pub created_at: Timestamp,
    /// Whether it was not deleted.
    pub live: bool,
}

/// Positions between a branch point at the end of the log and the branch's event: those of the
/// command itself.
const OWN_COMMAND: u64 = 2;

/// Whether a branch that is created at `position` starts at an earlier state than the end of the
/// log. The documents must then read its versions from the log before it can be read (design,
/// Branches).
pub fn is_past(from_position: LogPosition, position: LogPosition) -> bool {
    from_position.plus(OWN_COMMAND) < position
}

impl BranchState {
    /// `main`, as it is after the creation of a database.
    pub fn main(created_at: Timestamp) -> Self {
        Self {
            name: BranchName::main(),
            generation: BranchGeneration::MAIN,
            sequence: Sequence(1),
            from: None,
            from_position: LogPosition::ZERO,
            lineage: Lineage::main(),
            contains: Vec::new(),
            created_at,
            live: true,
        }
    }
}

/// The state of a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseState {
    /// The number of the last accepted command on the database itself.
    pub sequence: Sequence,
    /// A description for people.
    pub description: String,
    /// Kept, but not interpreted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<Json>,
    /// When it was created.
    pub created_at: Timestamp,
    /// Whether its log was not sealed.
    pub live: bool,
}

/// The owner of a unique value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UniqueState {
    /// The instance that has the value; none if it was released.
    pub owner: Option<InstanceId>,
}

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
            store: "log",
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
        entries.push(on_branch(
            envelope,
            key,
            &UniqueState {
                owner: owner.cloned(),
            },
        )?);
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

fn of_database<T: Serialize>(
    envelope: &Envelope,
    key: ModelKey,
    value: &T,
) -> Result<ModelEntry, serde_json::Error> {
    let value = Json::of(value)?;
    Ok(ModelEntry {
        branch: BranchGeneration::MAIN,
        key,
        position: envelope.position,
        value,
    })
}

fn on_branch<T: Serialize>(
    envelope: &Envelope,
    key: ModelKey,
    value: &T,
) -> Result<ModelEntry, serde_json::Error> {
    let branch = envelope.generation.branch.unwrap_or(BranchGeneration::MAIN);
    Ok(ModelEntry {
        branch,
        key,
        position: envelope.position,
        value: Json::of(value)?,
    })
}
