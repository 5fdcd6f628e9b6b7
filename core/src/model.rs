//! The write model: what decisions rest on, as entries that a pure fold makes of the log. Every
//! entry is a version: it holds from its position on, on its branch, until a later one.

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

/// The key of an entry; ordered so that a prefix scan finds all of a kind.
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

    /// A branch, by name; the entries of all branches stand at `main`.
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

    /// A discard of an event for one handler, in order of the event's position; its value is the
    /// [`EventDiscarded`] itself.
    pub fn discard(position: LogPosition, handler: &str) -> Self {
        Self(format!("x:{:020}/{handler}", position.0).into())
    }

    /// A key before all discards of the event at `position` and after all of events before it.
    pub fn discards_from(position: LogPosition) -> Self {
        Self(format!("x:{:020}", position.0).into())
    }

    /// Reads what an adapter stored.
    pub fn from_stored(text: &str) -> Self {
        Self(text.into())
    }

    /// The instance or the class that the key is of; none for keys of anything else.
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
    /// The branch that it was written on; `main` for what belongs to the whole database.
    pub branch: BranchGeneration,
    /// What it is about.
    pub key: ModelKey,
    /// From which position on it holds.
    pub position: LogPosition,
    /// One of the `…State` types of this module; of a discard, its event.
    pub value: Json,
}

impl ModelEntry {
    /// Reads the value; one that cannot be read is damage of the registry.
    pub fn read<'a, T: Deserialize<'a>>(&'a self) -> Result<T, StoreError> {
        self.value.read().map_err(|error| StoreError::Damaged {
            store: "registry",
            reason: format!("entry {} cannot be read: {error}", self.key),
        })
    }
}

/// Where a command stands in the log, for idempotency and for its status.
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
    /// The whole state; none when it was deleted, for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Json>,
}

/// The state of a branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchState {
    /// The branch.
    pub name: BranchName,
    /// Which one of that name.
    pub generation: BranchGeneration,
    /// The number of the last accepted command on the branch itself.
    pub sequence: Sequence,
    /// The branch it stands on; none for `main`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<BranchAt>,
    /// The last position of the parent that shows.
    pub from_position: LogPosition,
    /// What a read on the branch looks through.
    pub lineage: Lineage,
    /// What else it holds, by merges and rebases: branches, each as it stood when it was taken in.
    /// The base of a merge is found among these; the newest hundred are enough.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contains: Vec<Lineage>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether it has not been deleted.
    pub live: bool,
}

/// Positions between a branch point at the log's end and the branch's event: the command's own.
const OWN_COMMAND: u64 = 2;

/// Whether a branch that is created at `position` stands on what the log had passed by then. The
/// documents then have to take what it shows from the log before it can be read (design, Branches).
pub fn is_past(from_position: LogPosition, position: LogPosition) -> bool {
    from_position.plus(OWN_COMMAND) < position
}

impl BranchState {
    /// `main`, as it is from a database's creation on.
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
    /// What people read about it.
    pub description: String,
    /// Kept, not interpreted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<Json>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether its log has not been sealed.
    pub live: bool,
}

/// The owner of a unique value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UniqueState {
    /// The instance that holds the value; none when it was given up.
    pub owner: Option<InstanceId>,
}

/// An envelope whose data is not of its type's shape: damage, for the api never writes such.
#[derive(Debug, thiserror::Error)]
#[error("the envelope at position {position} ({event_type}) cannot be read")]
pub struct UnreadableEnvelope {
    /// Where it stands.
    pub position: LogPosition,
    /// What it claims to be.
    pub event_type: EventType,
    /// What is wrong with it.
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

/// The entries that an envelope makes: the only way into the write model, live or rebuilt.
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

/// The state of a branch after an event of it.
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
