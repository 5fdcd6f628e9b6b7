//! The versions of an instance, newest first, each with its origin and its changes.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use spice_core::{
    error::{Refusal, StoreError},
    id::{CommandId, EventId, InstanceRef, LogPosition, Sequence},
    json::Json,
    name::{BranchName, ClassName},
    port::graph::Entity,
    time::Timestamp,
};

use super::{reading::Reading, scan::read_state};

/// A version of an instance, compared with the previous one.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "InstanceChange")]
pub(crate) struct Change {
    pub(crate) position: LogPosition,
    sequence: Sequence,
    event_id: EventId,
    event_type: Option<&'static str>,
    command_id: Option<CommandId>,
    command_type: Option<String>,
    occurred_at: Timestamp,
    actor: Option<String>,
    /// The branch where it was written.
    branch: Option<BranchName>,
    /// The whole state; null if it was deleted.
    #[schemars(with = "Option<Map<String, Value>>")]
    data: Option<Json>,
    /// The properties that changed.
    changed_properties: Vec<String>,
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
            let (state, origin) = (&version.state, origins.remove(&version.state.position));
            changes.push(Change {
                position: state.position,
                sequence: state.sequence,
                event_id: state.event_id,
                event_type: origin.as_ref().map(|it| it.event_type.as_str()),
                command_id: origin.as_ref().map(|it| it.metadata.command_id),
                command_type: origin
                    .as_ref()
                    .and_then(|it| it.metadata.command_type.clone()),
                occurred_at: state.occurred_at,
                actor: origin.and_then(|it| it.actor),
                branch: level.map(|level| level.name.clone()),
                data: state.data.clone(),
                changed_properties: list_changes(before, state.data.as_ref())?,
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
