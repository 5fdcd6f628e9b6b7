//! Every version of an instance, newest first: its state, who changed it, and what changed.

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use spice_core::{
    id::{CommandId, EventId, InstanceRef, LogPosition, Sequence},
    json::Json,
    name::{BranchName, ClassName, InstanceId},
    time::Timestamp,
};

use crate::{
    http::{
        answer::{self, Answer},
        call::Call,
        lists::instance_not_found,
        parameters::{known, path},
    },
    read::{history, wait::Needs},
};

/// A page of an instance's versions, newest first.
#[derive(Serialize, JsonSchema)]
pub(crate) struct InstanceHistory {
    class_id: ClassName,
    instance_id: InstanceId,
    branch: BranchName,
    limit: usize,
    versions: Vec<InstanceChange>,
    /// The start of the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// A version of an instance, compared with the previous one.
#[derive(Serialize, JsonSchema)]
pub(crate) struct InstanceChange {
    position: LogPosition,
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

pub(crate) async fn history(call: Call) -> Answer {
    let class_name = call.get(&path::CLASS)?;
    let id = call.get(&path::INSTANCE)?;
    let limit = call.get(&known::HISTORY_LIMIT)?;
    let reading = call.reading(Needs::GRAPH).await?;
    let class = reading.class_or_deleted(&class_name).await?;
    let scope = reading
        .scope("history")
        .with(class.as_str())
        .with(id.as_str());
    let before = call.place_in(&scope)?.unwrap_or(LogPosition::MAX);
    let instance = InstanceRef { class, id };
    let (changes, has_more) = reading.history(&instance, before, limit).await?;
    if changes.is_empty() && before == LogPosition::MAX {
        reading.class(&class_name).await?;
        return Err(instance_not_found(&instance));
    }
    let versions: Vec<InstanceChange> = changes.into_iter().map(InstanceChange::from).collect();
    let last = versions.last().filter(|_| has_more);
    answer::json(
        StatusCode::OK,
        &InstanceHistory {
            class_id: instance.class,
            instance_id: instance.id,
            branch: reading.branch.clone(),
            limit,
            cursor: last.map(|last| scope.seal(&last.position.to_string())),
            versions,
        },
    )
}

impl From<history::Change> for InstanceChange {
    fn from(change: history::Change) -> Self {
        let (version, origin) = (change.version, change.origin);
        let event_type = origin.as_ref().map(|origin| origin.event_type.as_str());
        Self {
            position: version.state.position,
            sequence: version.state.sequence,
            event_id: version.state.event_id,
            event_type,
            command_id: origin.as_ref().map(|it| it.metadata.command_id),
            command_type: origin
                .as_ref()
                .and_then(|it| it.metadata.command_type.clone()),
            occurred_at: version.state.occurred_at,
            actor: origin.and_then(|origin| origin.actor),
            branch: change.branch,
            data: version.state.data,
            changed_properties: change.changed_properties,
        }
    }
}
