//! The writer: group commit, decisions, compare-and-set, idempotency. One a process; it holds one
//! task a database log that it has met.

use std::{collections::BTreeMap, sync::Arc};

use spice_core::{
    command::Command,
    error::{ErrorCode, Refusal},
    id::{CommandId, LogPosition, Sequence, StreamId},
    json::Json,
    lineage::View,
    model::{BranchState, DatabaseState},
    name::{BranchName, DatabaseName},
    ontology::Schema,
    time::Timestamp,
};

/// What the client is told of an accepted command. A repeated command gets the first answer.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// The command.
    pub command_id: CommandId,
    /// The log that it stands in.
    pub stream: StreamId,
    /// Its position.
    pub position: LogPosition,
    /// The position of its last domain event: its effect is visible in a projection that has
    /// passed this.
    pub last: LogPosition,
    /// The sequence of its aggregate, when it touches one.
    pub sequence: Option<Sequence>,
    /// When it was accepted.
    pub occurred_at: Timestamp,
    /// `result`: `{instance_id, class_id, …}`, always with `sequence` and `position`.
    pub result: Json,
    /// Whether it stood in the log before this call.
    pub repeated: bool,
}

/// A database as it stands at its log's end.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Its log.
    pub stream: StreamId,
    /// The position after the last envelope.
    pub end: LogPosition,
    /// The database itself.
    pub database: DatabaseState,
    /// Its live branches.
    pub branches: BTreeMap<BranchName, BranchState>,
    /// The classes of each live branch.
    pub schemas: BTreeMap<BranchName, Arc<Schema>>,
}

impl Snapshot {
    /// A live branch, or `not_found`.
    pub fn branch(&self, name: &BranchName) -> Result<&BranchState, Refusal> {
        self.branches.get(name).ok_or_else(|| {
            Refusal::new(ErrorCode::NotFound, format!("there is no branch {name}"))
                .with("branch", name.as_str())
        })
    }

    /// The classes of a live branch, or `not_found`.
    pub fn schema(&self, name: &BranchName) -> Result<Arc<Schema>, Refusal> {
        self.branch(name)?;
        Ok(self.schemas.get(name).cloned().unwrap_or_default())
    }

    /// What a read on a live branch stands on, as it is or as it was at a position (inclusive).
    pub fn view(&self, name: &BranchName, as_of: Option<LogPosition>) -> Result<View, Refusal> {
        let branch = self.branch(name)?;
        let lineage = match as_of {
            None => branch.lineage.clone(),
            Some(position) => branch.lineage.at(position),
        };
        Ok(View { stream: self.stream.clone(), lineage })
    }
}

/// The writer's handle; cheap to clone.
#[derive(Clone)]
pub struct Writer {}

impl Writer {
    /// Decides a command and, when it is accepted, puts it into the log; answers after the PUT.
    pub async fn submit(&self, command: Command) -> Result<Receipt, Refusal> {
        let _ = command;
        unimplemented!()
    }

    /// A live database as it stands at its log's end, or `not_found`.
    pub async fn snapshot(&self, database: &DatabaseName) -> Result<Arc<Snapshot>, Refusal> {
        let _ = database;
        unimplemented!()
    }

    /// Every live database, by name.
    pub async fn databases(&self) -> Result<Vec<Arc<Snapshot>>, Refusal> {
        unimplemented!()
    }

    /// What an accepted command's receipt was, from registry and log; none for an unknown id.
    pub async fn receipt(&self, command: CommandId) -> Result<Option<Receipt>, Refusal> {
        let _ = command;
        unimplemented!()
    }
}
