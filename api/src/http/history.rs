//! Every version of an instance, newest first: its state, who changed it, and what changed.

use schemars::JsonSchema;
use serde::Serialize;
use spice_core::{
    id::{InstanceRef, LogPosition},
    name::{BranchName, ClassName, InstanceId},
};

use crate::{
    http::{
        answer::{self, Answer},
        call::Call,
        lists::instance_not_found,
        parameters::{known, path},
    },
    read::{history::Change, wait::Needs},
};

/// A page of an instance's versions, newest first.
#[derive(Serialize, JsonSchema)]
pub(crate) struct InstanceHistory {
    class_id: ClassName,
    instance_id: InstanceId,
    branch: BranchName,
    limit: usize,
    versions: Vec<Change>,
    /// The start of the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
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
    let (versions, has_more) = reading.history(&instance, before, limit).await?;
    if versions.is_empty() && before == LogPosition::MAX {
        reading.class(&class_name).await?;
        return Err(instance_not_found(&instance));
    }
    let last = versions.last().filter(|_| has_more);
    answer::ok(&InstanceHistory {
        class_id: instance.class,
        instance_id: instance.id,
        branch: reading.branch.clone(),
        limit,
        cursor: last.map(|last| scope.seal(&last.position.to_string())),
        versions,
    })
}
