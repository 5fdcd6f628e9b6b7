//! What the writer shows of a database.

use std::{collections::BTreeMap, sync::Arc};

use spice_core::{
    error::{ErrorCode, Refusal},
    id::{LogPosition, StreamId},
    lineage::View,
    model::{BranchState, DatabaseState},
    name::BranchName,
    ontology::Schema,
    owner::Claims,
};

/// A database as it stands at its log's end.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Its log.
    pub stream: StreamId,
    /// Returns the position after the last envelope.
    pub end: LogPosition,
    /// The database itself.
    pub database: DatabaseState,
    /// Its live branches.
    pub branches: Arc<BTreeMap<BranchName, BranchState>>,
    /// The classes of each live branch.
    pub schemas: Arc<BTreeMap<BranchName, Arc<Schema>>>,
    /// Who declared what.
    pub claims: Arc<Claims>,
}

impl Snapshot {
    /// A live branch, or `not_found`.
    pub fn branch(&self, name: &BranchName) -> Result<&BranchState, Refusal> {
        self.branches.get(name).ok_or_else(|| no_branch(name))
    }

    /// The classes of a live branch, or `not_found`.
    pub fn schema(&self, name: &BranchName) -> Result<Arc<Schema>, Refusal> {
        self.branch(name)?;
        Ok(self.schemas.get(name).cloned().unwrap_or_default())
    }

    /// The view of a read on a live branch.
    pub fn view(&self, name: &BranchName) -> Result<View, Refusal> {
        let lineage = self.branch(name)?.lineage.clone();
        let stream = self.stream.clone();
        Ok(View { stream, lineage })
    }
}

/// A branch that does not exist.
pub(crate) fn no_branch(name: &BranchName) -> Refusal {
    let message = format!("there is no branch {name}");
    Refusal::new(ErrorCode::NotFound, message).with("branch", name.as_str())
}
