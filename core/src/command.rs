//! Commands of clients.

mod change;
mod declare;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

pub use self::{
    change::{Change, ClassChange, InstanceChange, RawData},
    declare::{Adopt, ChangePolicy, Declaration, Declared},
};
use crate::{
    envelope::EventType,
    id::{CommandId, EventId, LogPosition, Sequence},
    json::Json,
    name::{BranchName, ClassName, DatabaseName, InstanceId},
};

/// A command, with its origin.
#[derive(Debug, Clone)]
pub struct Command {
    /// The command's id. The same id means the same command.
    pub id: CommandId,
    /// The database.
    pub database: DatabaseName,
    /// The requested action.
    pub action: Action,
    /// The origin of the request.
    pub origin: Origin,
}

/// The origin of a command. It is not part of the payload.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The person or program, as authenticated.
    pub actor: Option<String>,
    /// The service that received it: `gateway`, `oms`.
    pub service: String,
    /// The client's id for a sequence of requests.
    pub correlation_id: Uuid,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// `metadata` of the request.
    pub client: Option<Json>,
}

/// The payload of a command: exactly what the client sent, as the log keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Creates a database.
    CreateDatabase {
        /// A description for people.
        #[serde(default)]
        description: String,
        /// Kept, but not interpreted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        options: Option<Json>,
    },
    /// Changes the description of a database.
    UpdateDatabase {
        /// The new description.
        description: String,
        /// The sequence that the client has read.
        expected_seq: Sequence,
    },
    /// Brings things to the state that their owner declares, or ends its claims.
    Declare(Box<Declaration>),
    /// Seals a database's log.
    DeleteDatabase {
        /// The sequence that the client has read.
        expected_seq: Sequence,
    },
    /// Creates a class.
    CreateClass {
        /// The branch.
        branch: BranchName,
        /// `OntologyCreate` of contract §3.
        definition: Json,
    },
    /// Replaces parts of a class.
    UpdateClass {
        /// The branch.
        branch: BranchName,
        /// The class.
        class: ClassName,
        /// Given fields replace the old ones; other fields stay.
        patch: Json,
        /// The sequence that the client has read.
        expected_seq: Sequence,
    },
    /// Deletes a class.
    DeleteClass {
        /// The branch.
        branch: BranchName,
        /// The class.
        class: ClassName,
        /// The sequence that the client has read.
        expected_seq: Sequence,
        /// Delete it even if it has instances or is referred to.
        #[serde(default)]
        force: bool,
    },
    /// Changes one instance.
    ChangeInstance {
        /// The branch.
        branch: BranchName,
        /// The change.
        change: InstanceChange,
    },
    /// Creates many instances of one class.
    BulkCreate {
        /// The branch.
        branch: BranchName,
        /// The class, by id or label.
        class: String,
        /// One instance per row.
        instances: Vec<RawData>,
        /// The id of each row, in order; derived from the data if empty (contract §3).
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        ids: Vec<InstanceId>,
        /// Whether rows are complete: the defaults of the class are not applied.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        without_defaults: bool,
        /// What to do about a refused row.
        #[serde(default)]
        on_error: OnError,
    },
    /// Changes many instances and classes: all or none.
    Transaction {
        /// The branch.
        branch: BranchName,
        /// The changes, each of another instance or class.
        commands: Vec<Change>,
    },
    /// Creates a branch.
    CreateBranch {
        /// Its name.
        branch: BranchName,
        /// The parent.
        from_branch: BranchName,
        /// The position of the parent; by default the end of the log.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from_position: Option<LogPosition>,
    },
    /// Deletes a branch.
    DeleteBranch {
        /// Its name.
        branch: BranchName,
        /// Delete it even if it is protected.
        #[serde(default)]
        force: bool,
    },
    /// Merges the changes of another branch, as one transaction.
    MergeBranch {
        /// The branch merged into (the target).
        branch: BranchName,
        /// The branch whose changes are merged (the source).
        source: BranchName,
        /// How to decide conflicts.
        #[serde(default)]
        strategy: Strategy,
        /// Decisions about single conflicts.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        resolutions: Vec<Resolution>,
    },
    /// Rebases a branch onto the current position of its parent or of another branch.
    RebaseBranch {
        /// The branch.
        branch: BranchName,
        /// The new parent.
        onto: BranchName,
        /// How to decide conflicts; `theirs` is the branch itself.
        #[serde(default)]
        strategy: Strategy,
        /// Decisions about single conflicts.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        resolutions: Vec<Resolution>,
    },
    /// Restores a branch to its state at a position. What was deleted stays deleted.
    RollbackBranch {
        /// The branch.
        branch: BranchName,
        /// The position.
        to_position: LogPosition,
    },
    /// Discards a parked event for one handler.
    DiscardEvent {
        /// The handler.
        handler: String,
        /// The event.
        event_id: EventId,
        /// The position of the event.
        event_position: LogPosition,
        /// Its aggregate, as text.
        aggregate_id: String,
        /// The reason.
        #[serde(default)]
        reason: String,
    },
}

/// How a merge decides conflicts. Whatever the strategy, what the target deleted stays deleted, and
/// conflicts with the ontology stay undecided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// Refuse the merge and name every conflict.
    #[default]
    Fail,
    /// Keep the target's state.
    Ours,
    /// Take the source's state.
    Theirs,
}

/// A side of a merge: as in git, `ours` is the target and `theirs` is the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The branch merged into (the target).
    Ours,
    /// The source.
    Theirs,
}

/// A decision about one conflict: a side, or a value from the client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Resolution {
    /// The aggregate on the target, as text.
    pub aggregate_id: String,
    /// The property; by default the whole aggregate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub property: Option<String>,
    /// The decision.
    #[serde(flatten)]
    pub choice: Choice,
}

/// The choice of a [`Resolution`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    /// The state of one side.
    Take(Side),
    /// A given value; only for a property.
    Value(Json),
}

/// What a bulk does about a refused row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    /// Refuse the whole bulk.
    #[default]
    Abort,
    /// Leave the row out and report it.
    Skip,
}

/// The digest and the size of what a client sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// SHA-256, hex.
    pub digest: String,
    /// Its length as JSON.
    pub bytes: usize,
}

impl Action {
    /// The type of the command's envelope.
    pub fn event_type(&self) -> EventType {
        match self {
            Self::CreateDatabase { .. } => EventType::CreateDatabaseRequested,
            Self::UpdateDatabase { .. } => EventType::UpdateDatabaseRequested,
            Self::Declare(_) => EventType::DeclareRequested,
            Self::DeleteDatabase { .. } => EventType::DeleteDatabaseRequested,
            Self::CreateClass { .. } => EventType::CreateOntologyClassRequested,
            Self::UpdateClass { .. } => EventType::UpdateOntologyClassRequested,
            Self::DeleteClass { .. } => EventType::DeleteOntologyClassRequested,
            Self::ChangeInstance { change, .. } => match change {
                InstanceChange::CreateInstance { .. } => EventType::CreateInstanceRequested,
                InstanceChange::UpdateInstance { .. } => EventType::UpdateInstanceRequested,
                InstanceChange::DeleteInstance { .. } => EventType::DeleteInstanceRequested,
            },
            Self::BulkCreate { .. } => EventType::BulkCreateInstancesRequested,
            Self::Transaction { .. } => EventType::TransactionRequested,
            Self::CreateBranch { .. } => EventType::CreateBranchRequested,
            Self::DeleteBranch { .. } => EventType::DeleteBranchRequested,
            Self::MergeBranch { .. } => EventType::MergeBranchRequested,
            Self::RebaseBranch { .. } => EventType::RebaseBranchRequested,
            Self::RollbackBranch { .. } => EventType::RollbackBranchRequested,
            Self::DiscardEvent { .. } => EventType::DiscardEventRequested,
        }
    }

    /// The branch whose state decides, for commands on one branch.
    pub fn branch(&self) -> Option<&BranchName> {
        match self {
            Self::CreateClass { branch, .. }
            | Self::UpdateClass { branch, .. }
            | Self::DeleteClass { branch, .. }
            | Self::ChangeInstance { branch, .. }
            | Self::BulkCreate { branch, .. }
            | Self::Transaction { branch, .. } => Some(branch),
            Self::Declare(declaration) => match &declaration.declared {
                Declared::Classes { branch, .. } => Some(branch),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether it creates a missing database.
    pub fn creates_database(&self) -> bool {
        match self {
            Self::CreateDatabase { .. } => true,
            Self::Declare(declaration) => matches!(declaration.declared, Declared::Database { .. }),
            _ => false,
        }
    }

    /// The branch that it creates.
    pub fn created_branch(&self) -> Option<&BranchName> {
        match self {
            Self::CreateBranch { branch, .. } => Some(branch),
            Self::Declare(declaration) => match &declaration.declared {
                Declared::Branch { name, .. } => Some(name),
                _ => None,
            },
            _ => None,
        }
    }

    /// SHA-256 of what the client sent, hex: the identity of the payload.
    pub fn digest(&self, database: &DatabaseName) -> Result<String, serde_json::Error> {
        Ok(self.payload(database)?.digest)
    }

    /// The digest and the size of what the client sent, which a writer needs before it decides.
    pub fn payload(&self, database: &DatabaseName) -> Result<Payload, serde_json::Error> {
        let text = serde_json::to_vec(self)?;
        let mut hasher = Sha256::new();
        hasher.update(database.as_str().as_bytes());
        hasher.update([0]);
        hasher.update(&text);
        Ok(Payload {
            digest: format!("{:x}", hasher.finalize()),
            bytes: text.len(),
        })
    }
}
