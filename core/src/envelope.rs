//! The envelope: one line of the log, one value on the bus (contract §5), with the same bytes in
//! both.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, IgnoredAny},
};
use uuid::Uuid;

use crate::{
    chain::Chain,
    error::StoreError,
    id::{AggregateId, AggregateType, BranchGeneration, CommandId, EventId, LogPosition, Sequence},
    json::Json,
    name::DatabaseName,
    port::{log::Record, store::Store},
    time::Timestamp,
};

/// The version of the envelope format that this code writes.
pub const SCHEMA_VERSION: &str = "1";

macro_rules! event_types {
    ($($variant:ident = $text:literal,)*) => {
        /// The type of an envelope. A command is `<COMMAND>_REQUESTED`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs)]
        pub enum EventType { $($variant,)* }

        impl EventType {
            /// Every type.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The text in the envelope.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// Parses the text of [`EventType::as_str`].
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

event_types! {
    CreateDatabaseRequested = "CREATE_DATABASE_REQUESTED",
    DeleteDatabaseRequested = "DELETE_DATABASE_REQUESTED",
    CreateOntologyClassRequested = "CREATE_ONTOLOGY_CLASS_REQUESTED",
    UpdateOntologyClassRequested = "UPDATE_ONTOLOGY_CLASS_REQUESTED",
    DeleteOntologyClassRequested = "DELETE_ONTOLOGY_CLASS_REQUESTED",
    CreateInstanceRequested = "CREATE_INSTANCE_REQUESTED",
    UpdateInstanceRequested = "UPDATE_INSTANCE_REQUESTED",
    DeleteInstanceRequested = "DELETE_INSTANCE_REQUESTED",
    BulkCreateInstancesRequested = "BULK_CREATE_INSTANCES_REQUESTED",
    TransactionRequested = "TRANSACTION_REQUESTED",
    CreateBranchRequested = "CREATE_BRANCH_REQUESTED",
    DeleteBranchRequested = "DELETE_BRANCH_REQUESTED",
    MergeBranchRequested = "MERGE_BRANCH_REQUESTED",
    RebaseBranchRequested = "REBASE_BRANCH_REQUESTED",
    RollbackBranchRequested = "ROLLBACK_BRANCH_REQUESTED",
    DiscardEventRequested = "DISCARD_EVENT_REQUESTED",
    UpdateDatabaseRequested = "UPDATE_DATABASE_REQUESTED",
    DeclareRequested = "DECLARE_REQUESTED",
    DatabaseCreated = "DATABASE_CREATED",
    DatabaseUpdated = "DATABASE_UPDATED",
    DatabaseDeleted = "DATABASE_DELETED",
    OntologyClassCreated = "ONTOLOGY_CLASS_CREATED",
    OntologyClassUpdated = "ONTOLOGY_CLASS_UPDATED",
    OntologyClassDeleted = "ONTOLOGY_CLASS_DELETED",
    InstanceCreated = "INSTANCE_CREATED",
    InstanceUpdated = "INSTANCE_UPDATED",
    InstanceDeleted = "INSTANCE_DELETED",
    BranchCreated = "BRANCH_CREATED",
    BranchDeleted = "BRANCH_DELETED",
    BranchMerged = "BRANCH_MERGED",
    BranchRebased = "BRANCH_REBASED",
    DatabaseOpened = "DATABASE_OPENED",
    DatabaseSealed = "DATABASE_SEALED",
    EventDiscarded = "EVENT_DISCARDED",
    OwnersChanged = "OWNERS_CHANGED",
}

impl EventType {
    /// The command's name (`CREATE_INSTANCE`), if the envelope is a command.
    pub fn command_type(self) -> Option<&'static str> {
        self.as_str().strip_suffix("_REQUESTED")
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for EventType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for EventType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom(format!("unknown event type {text:?}")))
    }
}

/// The role of an envelope in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// An accepted command.
    Command,
    /// An effect of an accepted command.
    Domain,
    /// A record of the log itself.
    Control,
}

/// The ontology that a decision used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OntologyRef {
    /// `branch:<name>`.
    #[serde(rename = "ref")]
    pub reference: String,
    /// The last position that the decision saw.
    pub position: LogPosition,
}

/// The metadata of an envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// Command, domain event or control event.
    pub kind: Kind,
    /// The command of this envelope: itself, or its cause.
    pub command_id: CommandId,
    /// The command's type, for example `CREATE_INSTANCE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command_type: Option<String>,
    /// The service that appended it: `gateway`, `oms`, `operator`, …
    pub service: String,
    /// The client's id for a sequence of requests.
    pub correlation_id: Uuid,
    /// The event that caused this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<EventId>,
    /// W3C trace context: of the command's span if spans are exported, else of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// The ontology that the decision used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ontology: Option<OntologyRef>,
    /// For a command: SHA-256 of what the client sent, hex. The same id with another digest is
    /// refused (`event_id_reused`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload_digest: Option<String>,
    /// Metadata that the client added to the command; not part of the payload's digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Json>,
    /// The run that produced the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// The code that produced the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_sha: Option<String>,
}

/// The generations of an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generations {
    /// The generation of the database: 1, and one more for each recreation.
    pub database: u32,
    /// The generation of the branch: the position of its creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<BranchGeneration>,
}

/// One fact in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The id of the fact; for a command, the command id.
    pub event_id: EventId,
    /// The type.
    pub event_type: EventType,
    /// The aggregate.
    pub aggregate: AggregateId,
    /// When it was accepted; never goes back within a log.
    pub occurred_at: Timestamp,
    /// The user who asked for it.
    pub actor: Option<String>,
    /// The data, in the shape of its type ([`crate::event`]).
    pub data: Json,
    /// The metadata.
    pub metadata: Metadata,
    /// The aggregate's sequence; none for commands on many aggregates.
    pub sequence: Option<Sequence>,
    /// The position in the log.
    pub position: LogPosition,
    /// The database of the log.
    pub database: DatabaseName,
    /// The generations of database and branch.
    pub generation: Generations,
    /// On the first envelope of an append: the hash of everything before ([`crate::chain`]).
    pub chain: Option<Chain>,
}

/// The serialized envelope: field names and order of contract §5.
#[derive(Serialize, Deserialize)]
struct Written<D> {
    event_id: EventId,
    event_type: EventType,
    aggregate_type: AggregateType,
    aggregate_id: String,
    occurred_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    actor: Option<String>,
    data: D,
    metadata: Metadata,
    schema_version: String,
    sequence_number: Option<Sequence>,
    position: LogPosition,
    database: DatabaseName,
    generation: Generations,
    /// The last field, so that it can be found without parsing the line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    chain: Option<Chain>,
}

impl Serialize for Envelope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Written {
            event_id: self.event_id,
            event_type: self.event_type,
            aggregate_type: self.aggregate.aggregate_type(),
            aggregate_id: self.aggregate.to_string(),
            occurred_at: self.occurred_at,
            actor: self.actor.clone(),
            data: &self.data,
            metadata: self.metadata.clone(),
            schema_version: SCHEMA_VERSION.to_owned(),
            sequence_number: self.sequence,
            position: self.position,
            database: self.database.clone(),
            generation: self.generation,
            chain: self.chain,
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Envelope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::<Json>::deserialize(deserializer)?;
        written.into_envelope(|data| data)
    }
}

impl<T> Written<T> {
    fn into_envelope<E: serde::de::Error>(self, data: impl Fn(T) -> Json) -> Result<Envelope, E> {
        if self.schema_version != SCHEMA_VERSION {
            return Err(E::custom(format!(
                "unknown schema_version {:?}; this program reads {SCHEMA_VERSION:?}",
                self.schema_version
            )));
        }
        let aggregate =
            AggregateId::parse(self.aggregate_type, &self.aggregate_id).map_err(E::custom)?;
        Ok(Envelope {
            event_id: self.event_id,
            event_type: self.event_type,
            aggregate,
            occurred_at: self.occurred_at,
            actor: self.actor,
            data: data(self.data),
            metadata: self.metadata,
            sequence: self.sequence_number,
            position: self.position,
            database: self.database,
            generation: self.generation,
            chain: self.chain,
        })
    }
}

impl Envelope {
    /// The envelope's line, without the line end.
    pub fn to_line(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// Reads a line.
    pub fn from_line(line: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(line)
    }

    /// Reads a line without its data, which may be as large as a body; `data` is then `null`.
    pub fn head_from_line(line: &[u8]) -> Result<Self, serde_json::Error> {
        let written: Written<IgnoredAny> = serde_json::from_slice(line)?;
        written.into_envelope(|_| Json::null())
    }
}

impl Record {
    /// Parses the line. A line that is not an envelope is damage of the log.
    pub fn envelope(&self) -> Result<Envelope, StoreError> {
        Envelope::from_line(&self.line).map_err(|error| self.damage(&error))
    }

    /// [`Record::envelope`] without its data.
    pub fn head(&self) -> Result<Envelope, StoreError> {
        Envelope::head_from_line(&self.line).map_err(|error| self.damage(&error))
    }

    fn damage(&self, error: &serde_json::Error) -> StoreError {
        let position = self.position;
        let reason = format!("position {position} is not a valid envelope: {error}");
        StoreError::damaged(Store::Log, reason)
    }
}
