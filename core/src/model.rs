//! The write model: the state for decisions, as entries that a pure fold makes from the log. Every
//! entry is a version: it is valid from its position on, on its branch, until a later one.

mod fold;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::fold::{UnreadableEnvelope, fold};
use crate::{
    error::StoreError,
    event::BranchAt,
    id::{BranchGeneration, CommandId, EventId, LogPosition, Sequence, StreamId},
    json::Json,
    lineage::Lineage,
    name::{BranchName, ClassName, InstanceId, PropertyName},
    owner::Owner,
    port::{
        Store,
        graph::{Entity, State},
    },
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
    /// Prefix of all owners of declared things.
    pub const OWNERS: &'static str = "o:";

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
    /// [`crate::event::EventDiscarded`].
    pub fn discard(position: LogPosition, handler: &str) -> Self {
        Self(format!("x:{:020}/{handler}", position.0).into())
    }

    /// An owner of declared things; its value is the [`crate::owner::OwnerState`].
    pub fn owner(owner: &Owner) -> Self {
        Self(format!("o:{}", owner.key()).into())
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
    /// One of the `…State` types of this module; for a discard, its event; for an owner, its state.
    pub value: Json,
}

impl ModelEntry {
    /// Parses the value. A value that cannot be parsed is damage of the registry.
    pub fn read<'a, T: Deserialize<'a>>(&'a self) -> Result<T, StoreError> {
        self.value.read().map_err(|error| {
            let reason = format!("entry {} cannot be read: {error}", self.key);
            StoreError::damaged(Store::Registry, reason)
        })
    }

    /// The state of the class or instance of the key. Any other key is damage of the registry.
    pub fn state(&self) -> Result<State, StoreError> {
        let entity = self.key.entity().ok_or_else(|| {
            let reason = format!("entry {} is no class and no instance", self.key);
            StoreError::damaged(Store::Registry, reason)
        })?;
        let state: AggregateState = self.read()?;
        Ok(State {
            entity,
            position: self.position,
            sequence: state.sequence,
            event_id: state.event_id,
            occurred_at: state.occurred_at,
            created_at: state.created_at,
            data: state.data,
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
/// log. The documents must then get its versions from the write model before it can be read (design,
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
