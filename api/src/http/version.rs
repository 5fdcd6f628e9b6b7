//! oms: the history of a branch under its older name. Diff, merge and rollback are those of
//! branches.

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use spice_core::{
    envelope::Envelope,
    id::{CommandId, LogPosition, Sequence},
    name::BranchName,
    time::Timestamp,
};

use crate::{
    http::{
        answer::{self, Answer},
        call::Call,
        failure::Failure,
        parameters::known,
    },
    read::member::member,
};

/// `{branch, history, count, cursor?}`
#[derive(Serialize, JsonSchema)]
pub(crate) struct HistoryPage {
    branch: BranchName,
    history: Vec<Entry>,
    count: usize,
    /// The next page's `cursor`, if there may be more. A page may have fewer entries than requested
    /// before that.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// `{versions, count, branch, cursor?}`
#[derive(Serialize, JsonSchema)]
pub(crate) struct VersionPage {
    versions: Vec<Entry>,
    count: usize,
    branch: BranchName,
    /// The next page's `cursor`, if there may be more. A page may have fewer entries than requested
    /// before that.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// One command.
#[derive(Serialize, JsonSchema)]
struct Entry {
    position: LogPosition,
    command_id: CommandId,
    command_type: String,
    aggregate_id: String,
    actor: Option<String>,
    occurred_at: Timestamp,
    /// Missing for a command on many aggregates.
    sequence: Option<Sequence>,
    /// `message` of the request's `metadata`, or a description of the command.
    message: String,
}

/// `/version/{db}/history`
pub(crate) async fn history(call: Call) -> Answer {
    let (branch, history, cursor) = read_page(&call).await?;
    let page = HistoryPage {
        branch,
        count: history.len(),
        history,
        cursor,
    };
    answer::api(StatusCode::OK, "success", "the newest commands first", page)
}

/// gateway: `/databases/{db}/versions`
pub(crate) async fn versions(call: Call) -> Answer {
    let (branch, versions, cursor) = read_page(&call).await?;
    let page = VersionPage {
        count: versions.len(),
        versions,
        branch,
        cursor,
    };
    answer::json(StatusCode::OK, &page)
}

/// The branch, a page of its commands, and the next cursor.
async fn read_page(call: &Call) -> Result<(BranchName, Vec<Entry>, Option<String>), Failure> {
    let database = call.database()?;
    let branch = call.branch()?;
    let limit = call.get(&known::LIMIT)?;
    let standing = call.standing(&database).await?;
    let scope = standing.snapshot.scope("commands", &branch);
    let before = call.place_in(&scope)?;
    let writer = &call.api.engine.writer;
    let page = writer
        .history(&database, &branch, standing.as_of, before, limit)
        .await?;
    let commands = page.commands.into_iter().map(Entry::of).collect();
    let cursor = page.before.map(|before| scope.seal(&before.to_string()));
    Ok((branch, commands, cursor))
}

impl Entry {
    fn of(command: Envelope) -> Self {
        let (aggregate_id, metadata) = (command.aggregate.to_string(), command.metadata);
        let command_type = metadata.command_type.unwrap_or_default();
        let client = metadata.client.as_ref();
        let message = client.and_then(|client| member(client, "message"));
        Self {
            position: command.position,
            command_id: metadata.command_id,
            actor: command.actor,
            occurred_at: command.occurred_at,
            sequence: command.sequence,
            message: message.unwrap_or_else(|| format!("{command_type} {aggregate_id}")),
            command_type,
            aggregate_id,
        }
    }
}
