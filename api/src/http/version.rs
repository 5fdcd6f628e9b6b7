//! oms: the history of a branch under its older name. Diff, merge and rollback are those of
//! branches.

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use spice_core::{
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
    read::wait::Needs,
    writer::Commanded,
};

/// `{branch, history, count, cursor?}`
#[derive(Serialize, JsonSchema)]
pub(crate) struct HistoryPage<'a> {
    branch: &'a BranchName,
    history: Vec<Entry<'a>>,
    count: usize,
    /// The next page's `cursor`, if there may be more. A page may have fewer entries than requested
    /// before that.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// `{versions, count, branch, cursor?}`
#[derive(Serialize, JsonSchema)]
pub(crate) struct VersionPage<'a> {
    versions: Vec<Entry<'a>>,
    count: usize,
    branch: &'a BranchName,
    /// The next page's `cursor`, if there may be more. A page may have fewer entries than requested
    /// before that.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// One command.
#[derive(Serialize, JsonSchema)]
struct Entry<'a> {
    position: LogPosition,
    command_id: CommandId,
    command_type: &'a str,
    aggregate_id: String,
    actor: Option<&'a str>,
    occurred_at: Timestamp,
    /// Missing for a command on many aggregates.
    sequence: Option<Sequence>,
    /// `message` of the request's `metadata`, or a description of the command.
    message: String,
}

/// `/version/{db}/history`
pub(crate) async fn history(call: Call) -> Answer {
    let found = page(&call).await?;
    let page = HistoryPage {
        branch: &found.branch,
        count: found.commands.len(),
        history: found.commands.iter().map(Entry::of).collect(),
        cursor: found.cursor,
    };
    answer::api(StatusCode::OK, "success", "the newest commands first", page)
}

/// gateway: `/databases/{db}/versions`
pub(crate) async fn versions(call: Call) -> Answer {
    let found = page(&call).await?;
    let page = VersionPage {
        branch: &found.branch,
        count: found.commands.len(),
        versions: found.commands.iter().map(Entry::of).collect(),
        cursor: found.cursor,
    };
    answer::json(StatusCode::OK, &page)
}

/// A page of commands.
struct Found {
    branch: BranchName,
    commands: Vec<Commanded>,
    cursor: Option<String>,
}

async fn page(call: &Call) -> Result<Found, Failure> {
    let database = call.database()?;
    let branch = call.branch()?;
    let limit = call.get(&known::LIMIT)?;
    let standing = call.standing(&database, Needs::NOTHING).await?;
    let scope = standing.snapshot.scope("commands", &branch);
    let before = call.place_in(&scope)?;
    let writer = &call.api.engine.writer;
    let page = writer
        .history(&database, &branch, standing.as_of, before, limit)
        .await?;
    Ok(Found {
        branch,
        commands: page.commands,
        cursor: page.before.map(|before| scope.seal(&before.to_string())),
    })
}

impl<'a> Entry<'a> {
    fn of(command: &'a Commanded) -> Self {
        let aggregate_id = command.aggregate.to_string();
        let command_type = &command.command_type;
        let said = command.message.clone();
        Self {
            position: command.position,
            command_id: command.command_id,
            command_type,
            actor: command.actor.as_deref(),
            occurred_at: command.occurred_at,
            sequence: command.sequence,
            message: said.unwrap_or_else(|| format!("{command_type} {aggregate_id}")),
            aggregate_id,
        }
    }
}
