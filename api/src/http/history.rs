//! Every version of an instance, newest first: what it was, who made it so, and what changed.

use axum::http::StatusCode;
use indexmap::IndexMap;
use serde::Serialize;
use spice_core::{
    id::{CommandId, EventId, InstanceRef, LogPosition, Sequence},
    json::Json,
    name::{BranchName, ClassName, InstanceId},
    port::graph::{Entity, Version},
    time::Timestamp,
};

use crate::http::{
    answer::{self, Answer},
    call::Call,
    failure::Failure,
    lists::instance_not_found,
    origin::Origin,
    parameters::{known, path},
    read::Reading,
    wait::Needs,
};

/// A page of versions.
#[derive(Serialize)]
struct HistoryPage {
    class_id: ClassName,
    instance_id: InstanceId,
    branch: BranchName,
    limit: usize,
    versions: Vec<Change>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// One version, against the one before.
#[derive(Serialize)]
struct Change {
    position: LogPosition,
    sequence: Sequence,
    event_id: EventId,
    event_type: Option<&'static str>,
    command_id: Option<CommandId>,
    command_type: Option<String>,
    occurred_at: Timestamp,
    actor: Option<String>,
    /// The branch that it was written on.
    branch: Option<BranchName>,
    /// The whole state; null when it was deleted.
    data: Option<Json>,
    /// The properties that are not what they were.
    changed_properties: Vec<String>,
}

pub(crate) async fn history(call: Call) -> Answer {
    let class_name = call.get(&path::CLASS)?;
    let id = call.get(&path::INSTANCE)?;
    let limit = call.get(&known::HISTORY_LIMIT)?;
    let reading = call.reading(Needs::GRAPH).await?;
    let class = class_of(&call, &reading, &class_name).await?;
    let scope = reading
        .scope("history")
        .with(class.as_str())
        .with(id.as_str());
    let before = call.place_in(&scope)?.unwrap_or(LogPosition::MAX);
    let instance = InstanceRef { class, id };
    let entity = Entity::Instance(instance.clone());
    // The one before the last of the page tells what that one changed.
    let graph = &call.api.engine.graph;
    let found = graph
        .history_before(&reading.view, &entity, before, limit + 1)
        .await?;
    if found.is_empty() && before == LogPosition::MAX {
        reading.class(&call.api, &class_name).await?;
        return Err(instance_not_found(&instance));
    }
    let mut versions = Vec::with_capacity(limit.min(found.len()));
    for (index, version) in found.iter().take(limit).enumerate() {
        let stream = &reading.view.stream;
        let origin = call.api.origin(stream, version.position).await?;
        versions.push(change(&reading, version, found.get(index + 1), origin)?);
    }
    let last = versions.last().filter(|_| found.len() > limit);
    answer::json(
        StatusCode::OK,
        &HistoryPage {
            class_id: instance.class,
            instance_id: instance.id,
            branch: reading.branch.clone(),
            limit,
            cursor: last.map(|last| scope.seal(&last.position.to_string())),
            versions,
        },
    )
}

/// The class that a name stands for. One that was deleted still has the history of its instances.
async fn class_of(call: &Call, reading: &Reading, name: &str) -> Result<ClassName, Failure> {
    let schema = reading.schema(&call.api).await?;
    if schema.resolve(name).is_none()
        && let Ok(deleted) = name.parse()
    {
        return Ok(deleted);
    }
    Ok(reading.class(&call.api, name).await?.id.clone())
}

fn change(
    reading: &Reading,
    version: &Version,
    before: Option<&Version>,
    origin: Option<Origin>,
) -> Result<Change, Failure> {
    let mut levels = reading.view.lineage.levels().iter();
    let level = levels.find(|level| level.generation == version.branch);
    let before = before.and_then(|before| before.data.as_ref());
    let (event_type, origin) = (origin.as_ref().map(|it| it.event_type.as_str()), origin);
    Ok(Change {
        position: version.position,
        sequence: version.sequence,
        event_id: version.event_id,
        event_type,
        command_id: origin.as_ref().map(|it| it.command_id),
        command_type: origin.as_ref().and_then(|it| it.command_type.clone()),
        occurred_at: version.occurred_at,
        actor: origin.and_then(|it| it.actor),
        branch: level.map(|level| level.name.clone()),
        changed_properties: changed(before, version.data.as_ref())?,
        data: version.data.clone(),
    })
}

/// The properties that one state has and the other has not, or not so; in the order written.
fn changed(before: Option<&Json>, after: Option<&Json>) -> Result<Vec<String>, Failure> {
    let read = |state: Option<&Json>| match state {
        None => Ok(IndexMap::new()),
        Some(state) => state.read::<IndexMap<String, Json>>(),
    };
    let (before, after) = (read(before)?, read(after)?);
    let new = after
        .iter()
        .filter(|(name, value)| before.get(*name) != Some(*value));
    let gone = before.iter().filter(|(name, _)| !after.contains_key(*name));
    Ok(new.chain(gone).map(|(name, _)| name.clone()).collect())
}
