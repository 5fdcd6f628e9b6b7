//! A database and its branches at a past position: from the write model, which keeps every version,
//! and from the log's tail.

use std::collections::BTreeMap;

use spice_core::{
    error::{Refusal, StoreError},
    id::{BranchGeneration, LogPosition, StreamId},
    lineage::{Lineage, View},
    model::{BranchState, DatabaseState, ModelEntry, ModelKey, fold},
    name::BranchName,
};

use super::reads::Reads;
use crate::writer::{Snapshot, no_branch};

/// The number of envelopes per read.
const PAGE: usize = 1_000;

impl Reads {
    /// The lineage of a branch at a position: that of the branch then, or else what the current one
    /// shows of its parents.
    pub(super) async fn view_at(
        &self,
        snapshot: &Snapshot,
        name: &BranchName,
        position: LogPosition,
    ) -> Result<View, Refusal> {
        let now = snapshot.branches.get(name);
        let is_same = now.is_some_and(|now| now.generation.0 <= position);
        let then = if is_same {
            None
        } else {
            self.branch_at(snapshot, name, position).await?
        };
        let Some(branch) = then.as_ref().or(now) else {
            return Err(no_branch(name));
        };
        Ok(View {
            stream: snapshot.stream.clone(),
            lineage: branch.lineage.at(position),
        })
    }

    /// A branch at a position; none if it did not exist.
    pub(crate) async fn branch_at(
        &self,
        snapshot: &Snapshot,
        name: &BranchName,
        position: LogPosition,
    ) -> Result<Option<BranchState>, StoreError> {
        Ok(self.branches_at(snapshot, position).await?.remove(name))
    }

    /// The branches that existed at a position.
    pub(crate) async fn branches_at(
        &self,
        snapshot: &Snapshot,
        position: LogPosition,
    ) -> Result<BTreeMap<BranchName, BranchState>, StoreError> {
        let entries = self
            .entries_at(&snapshot.stream, ModelKey::BRANCHES, position)
            .await?;
        let mut branches = BTreeMap::new();
        for entry in entries.values() {
            let branch: BranchState = entry.read()?;
            if branch.live {
                branches.insert(branch.name.clone(), branch);
            }
        }
        Ok(branches)
    }

    /// The database at a position.
    pub(crate) async fn database_at(
        &self,
        snapshot: &Snapshot,
        position: LogPosition,
    ) -> Result<Option<DatabaseState>, StoreError> {
        let key = ModelKey::database();
        let entries = self
            .entries_at(&snapshot.stream, key.as_str(), position)
            .await?;
        entries.get(&key).map(ModelEntry::read).transpose()
    }

    /// The newest entries of the whole database at a position.
    async fn entries_at(
        &self,
        stream: &StreamId,
        prefix: &str,
        position: LogPosition,
    ) -> Result<BTreeMap<ModelKey, ModelEntry>, StoreError> {
        let lineage = Lineage::main().at(position);
        // The tail first, so that nothing is missed in between.
        let tail = self.tail(stream, position.next(), prefix).await?;
        let model = &self.engine.model;
        let stored = model.scan_all(stream, &lineage, prefix).await?;
        let of_database = |entry: &ModelEntry| entry.branch == BranchGeneration::MAIN;
        let newest = stored
            .into_iter()
            .chain(tail.into_iter().filter(of_database));
        Ok(newest.map(|entry| (entry.key.clone(), entry)).collect())
    }

    /// The entries of the log's tail, up to `end`, that the registry does not reflect yet.
    pub(super) async fn tail(
        &self,
        stream: &StreamId,
        end: LogPosition,
        prefix: &str,
    ) -> Result<Vec<ModelEntry>, StoreError> {
        let mut next = self.engine.model.reflected_position(stream).await?;
        let mut entries = Vec::new();
        while next < end {
            let records = self.engine.log.read(stream, next, PAGE).await?;
            let Some(last) = records.last() else {
                break;
            };
            next = last.position.next();
            for record in records.iter().filter(|record| record.position < end) {
                let made = fold(&record.envelope()?)?;
                let wanted = |entry: &ModelEntry| entry.key.as_str().starts_with(prefix);
                entries.extend(made.into_iter().filter(wanted));
            }
        }
        Ok(entries)
    }
}
