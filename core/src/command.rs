//! What a client may wish for.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    envelope::EventType,
    id::{CommandId, EventId, LogPosition, Sequence},
    json::Json,
    name::{BranchName, ClassName, DatabaseName, InstanceId},
};

/// A wish, with who asked for it.
#[derive(Debug, Clone)]
pub struct Command {
    /// The command's id; the same id is the same command.
    pub id: CommandId,
    /// The database that it is about.
    pub database: DatabaseName,
    /// What is wished for.
    pub action: Action,
    /// Who asked, and on whose behalf.
    pub origin: Origin,
}

/// Where a command comes from. None of this is part of its payload.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The person or program, as authenticated.
    pub actor: Option<String>,
    /// The listener that took it: `gateway`, `oms`.
    pub service: String,
    /// The client's name for the whole conversation.
    pub correlation_id: Uuid,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// `metadata` of the request.
    pub client: Option<Json>,
}

/// Values as a client sends them: keys are property ids or labels.
pub type RawData = IndexMap<String, Json>;

/// The payload of a command: exactly what the client sent, as the log keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Makes a database.
    CreateDatabase {
        /// What people read about it.
        #[serde(default)]
        description: String,
        /// Kept, not interpreted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        options: Option<Json>,
    },
    /// Seals a database's log.
    DeleteDatabase {
        /// The sequence that the client saw.
        expected_seq: Sequence,
    },
    /// Makes a class.
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
        /// What is given replaces what was, the rest stays.
        patch: Json,
        /// The sequence that the client saw.
        expected_seq: Sequence,
    },
    /// Deletes a class.
    DeleteClass {
        /// The branch.
        branch: BranchName,
        /// The class.
        class: ClassName,
        /// The sequence that the client saw.
        expected_seq: Sequence,
        /// Also when it has instances or is referred to.
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
    /// Makes many instances of one class.
    BulkCreate {
        /// The branch.
        branch: BranchName,
        /// The class, by id or label.
        class: String,
        /// One instance a row.
        instances: Vec<RawData>,
        /// The id of each row, in their order; derived from the data when empty (contract §3).
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        ids: Vec<InstanceId>,
        /// The rows are whole: what one leaves out stays out, whatever the class has for it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        without_defaults: bool,
        /// What to do about a row that is refused.
        #[serde(default)]
        on_error: OnError,
    },
    /// Changes many instances, all or none.
    Transaction {
        /// The branch.
        branch: BranchName,
        /// The changes, each of another instance.
        commands: Vec<InstanceChange>,
    },
    /// Makes a branch.
    CreateBranch {
        /// Its name.
        branch: BranchName,
        /// The parent.
        from_branch: BranchName,
        /// The position of the parent to stand on; the log's end when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from_position: Option<LogPosition>,
    },
    /// Deletes a branch.
    DeleteBranch {
        /// Its name.
        branch: BranchName,
        /// Also when it is protected.
        #[serde(default)]
        force: bool,
    },
    /// Takes the changes of another branch in, as one transaction.
    MergeBranch {
        /// The branch merged into.
        branch: BranchName,
        /// The branch whose changes are taken.
        source: BranchName,
        /// What decides where both changed the same.
        #[serde(default)]
        strategy: Strategy,
        /// What decides single conflicts.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        resolutions: Vec<Resolution>,
    },
    /// Puts a branch and its own changes on the last position of its parent, or of another branch.
    RebaseBranch {
        /// The branch.
        branch: BranchName,
        /// The branch to stand on.
        onto: BranchName,
        /// What decides where both changed the same; `theirs` is the branch itself.
        #[serde(default)]
        strategy: Strategy,
        /// What decides single conflicts.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        resolutions: Vec<Resolution>,
    },
    /// Brings a branch back to what it showed at a position; what was deleted stays deleted.
    RollbackBranch {
        /// The branch.
        branch: BranchName,
        /// The position.
        to_position: LogPosition,
    },
    /// Gives a parked event up for one handler.
    DiscardEvent {
        /// The handler.
        handler: String,
        /// The event.
        event_id: EventId,
        /// Where it stands.
        event_position: LogPosition,
        /// Its aggregate, as text.
        aggregate_id: String,
        /// Why.
        #[serde(default)]
        reason: String,
    },
}

/// What a merge does where both sides changed the same. What the target deleted stays deleted,
/// whatever the strategy, and what breaks the ontology is never decided by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// Refuse the merge and name every conflict.
    #[default]
    Fail,
    /// Keep what the branch merged into has.
    Ours,
    /// Take what the source has.
    Theirs,
}

/// One side of a merge: `ours` is the branch merged into, `theirs` the source, as in git.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The branch merged into.
    Ours,
    /// The source.
    Theirs,
}

/// What decides one conflict: a side, or a value of the client's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Resolution {
    /// The aggregate on the branch merged into, as text.
    pub aggregate_id: String,
    /// The property; the whole aggregate when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub property: Option<String>,
    /// What to take.
    #[serde(flatten)]
    pub choice: Choice,
}

/// What a [`Resolution`] takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    /// What one side has.
    Take(Side),
    /// This value; only for a property.
    Value(Json),
}

/// What a bulk does about a row that is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    /// Refuse the whole bulk.
    #[default]
    Abort,
    /// Leave the row out and say so.
    Skip,
}

/// One change of one instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "SCREAMING_SNAKE_CASE",
    try_from = "WrittenChange"
)]
pub enum InstanceChange {
    /// Makes an instance.
    CreateInstance {
        /// The class, by id or label.
        class: String,
        /// The id; derived from the data when absent (contract §3).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<InstanceId>,
        /// Its values.
        data: RawData,
    },
    /// Patches an instance: what is given replaces, `null` removes.
    UpdateInstance {
        /// The class, by id or label.
        class: String,
        /// The id.
        id: InstanceId,
        /// The values that change.
        data: RawData,
        /// The sequence that the client saw.
        expected_seq: Sequence,
    },
    /// Deletes an instance, for good.
    DeleteInstance {
        /// The class, by id or label.
        class: String,
        /// The id.
        id: InstanceId,
        /// The sequence that the client saw.
        expected_seq: Sequence,
    },
}

/// A change as it is written. Values stay the text that they are, which rules out that serde
/// looks at `type` first and at the rest later.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenChange {
    #[serde(rename = "type")]
    kind: String,
    class: String,
    #[serde(default)]
    id: Option<InstanceId>,
    #[serde(default)]
    data: Option<RawData>,
    #[serde(default)]
    expected_seq: Option<Sequence>,
}

impl TryFrom<WrittenChange> for InstanceChange {
    type Error = String;

    fn try_from(written: WrittenChange) -> Result<Self, String> {
        let WrittenChange {
            kind,
            class,
            id,
            data,
            expected_seq,
        } = written;
        let needs = |field: &str| format!("{kind} needs {field}");
        match kind.as_str() {
            "CREATE_INSTANCE" => {
                let data = data.ok_or_else(|| needs("data"))?;
                Ok(Self::CreateInstance { class, id, data })
            }
            "UPDATE_INSTANCE" => Ok(Self::UpdateInstance {
                class,
                id: id.ok_or_else(|| needs("id"))?,
                data: data.ok_or_else(|| needs("data"))?,
                expected_seq: expected_seq.ok_or_else(|| needs("expected_seq"))?,
            }),
            "DELETE_INSTANCE" => Ok(Self::DeleteInstance {
                class,
                id: id.ok_or_else(|| needs("id"))?,
                expected_seq: expected_seq.ok_or_else(|| needs("expected_seq"))?,
            }),
            other => Err(format!(
                "type {other:?} is not one of CREATE_INSTANCE, UPDATE_INSTANCE, DELETE_INSTANCE"
            )),
        }
    }
}

impl InstanceChange {
    /// The class as the client named it, by id or by label.
    pub fn class(&self) -> &str {
        match self {
            Self::CreateInstance { class, .. }
            | Self::UpdateInstance { class, .. }
            | Self::DeleteInstance { class, .. } => class,
        }
    }
}

/// The identity and the size of what a client sent.
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

    /// The branch whose state decides, when it is one branch's.
    pub fn branch(&self) -> Option<&BranchName> {
        match self {
            Self::CreateClass { branch, .. }
            | Self::UpdateClass { branch, .. }
            | Self::DeleteClass { branch, .. }
            | Self::ChangeInstance { branch, .. }
            | Self::BulkCreate { branch, .. }
            | Self::Transaction { branch, .. } => Some(branch),
            _ => None,
        }
    }

    /// SHA-256 of what the client sent, hex: the identity of the payload.
    pub fn digest(&self, database: &DatabaseName) -> Result<String, serde_json::Error> {
        Ok(self.payload(database)?.digest)
    }

    /// What the client sent, as far as a writer needs it before it decides.
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
