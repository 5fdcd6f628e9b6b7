//! The versions of an instance, newest first, each with its origin and its changes.

use indexmap::IndexMap;
use spice_core::{
    envelope::Envelope,
    error::{Refusal, StoreError},
    id::{InstanceRef, LogPosition},
    json::Json,
    name::{BranchName, ClassName},
    port::graph::{Entity, Version},
};

use super::{reading::Reading, scan::read_state};

/// A version, compared with the previous one.
pub(crate) struct Change {
    pub(crate) version: Version,
    /// The event without its data; none if the log has lost it.
    pub(crate) origin: Option<Envelope>,
    /// The branch where it was written.
    pub(crate) branch: Option<BranchName>,
    /// The properties that differ from the version before.
    pub(crate) changed_properties: Vec<String>,
}

impl Reading {
    /// A page of the versions of an instance before a position, and whether more follow. Empty for
    /// an instance that never existed.
    pub(crate) async fn history(
        &self,
        instance: &InstanceRef,
        before: LogPosition,
        limit: usize,
    ) -> Result<(Vec<Change>, bool), StoreError> {
        let entity = Entity::Instance(instance.clone());
        // The version before the last one of the page shows what the last one changed.
        let graph = &self.reads.engine.graph;
        let found = graph
            .history_before(&self.view, &entity, before, limit + 1)
            .await?;
        let page = &found[..limit.min(found.len())];
        let positions = page.iter().map(|version| version.state.position).collect();
        let mut origins = self.origins(positions).await?;
        let mut changes = Vec::with_capacity(page.len());
        for (index, version) in page.iter().enumerate() {
            let before = found
                .get(index + 1)
                .and_then(|before| before.state.data.as_ref());
            let mut levels = self.view.lineage.levels().iter();
            let level = levels.find(|level| level.generation == version.branch);
            changes.push(Change {
                origin: origins.remove(&version.state.position),
                branch: level.map(|level| level.name.clone()),
                changed_properties: list_changes(before, version.state.data.as_ref())?,
                version: version.clone(),
            });
        }
        Ok((changes, found.len() > limit))
    }

    /// The class for a name. A deleted class still has the history of its instances.
    pub(crate) async fn class_or_deleted(&self, name: &str) -> Result<ClassName, Refusal> {
        let schema = self.schema().await?;
        if schema.resolve(name).is_none()
            && let Ok(deleted) = name.parse()
        {
            return Ok(deleted);
        }
        Ok(self.class(name).await?.id.clone())
    }
}

/// The properties that differ between two states, in the written order.
fn list_changes(before: Option<&Json>, after: Option<&Json>) -> Result<Vec<String>, StoreError> {
    let (before, after) = (properties(before)?, properties(after)?);
    let new = after
        .iter()
        .filter(|(name, value)| before.get(*name) != Some(*value));
    let gone = before.iter().filter(|(name, _)| !after.contains_key(*name));
    Ok(new.chain(gone).map(|(name, _)| name.clone()).collect())
}

fn properties(state: Option<&Json>) -> Result<IndexMap<String, Json>, StoreError> {
    Ok(state.map(read_state).transpose()?.unwrap_or_default())
}
