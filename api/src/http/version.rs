//! oms: the history of a branch under its older name. Diff, merge and rollback are those of
//! branches.

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use spice_core::{
    error::ErrorCode,
    id::{CommandId, LogPosition, Sequence},
    name::BranchName,
    time::Timestamp,
};

use crate::{
    http::{
        answer::{self, Answer},
        call::Call,
        failure::Failure,
        shapes::{Identifier, Moment},
        wait::Needs,
    },
    writer::Commanded,
};

/// The longest page, and the usual one.
const LIMIT: u64 = 1_000;
const USUAL_LIMIT: u64 = 100;

/// `{branch, history, count, cursor?}`
#[derive(Serialize, JsonSchema)]
pub(crate) struct HistoryPage<'a> {
    #[schemars(with = "String")]
    branch: &'a BranchName,
    history: Vec<Entry<'a>>,
    count: usize,
    /// The next page's `cursor`, when there may be more. A page may be short before that.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// One command.
#[derive(Serialize, JsonSchema)]
struct Entry<'a> {
    #[schemars(with = "u64")]
    position: LogPosition,
    #[schemars(with = "Identifier")]
    command_id: CommandId,
    command_type: &'a str,
    aggregate_id: String,
    actor: Option<&'a str>,
    #[schemars(with = "Moment")]
    occurred_at: Timestamp,
    /// None for what touches many aggregates.
    #[schemars(with = "Option<u64>")]
    sequence: Option<Sequence>,
    /// `message` of the request's `metadata`, or what was done to what.
    message: String,
}

/// `/version/{db}/history`
pub(crate) async fn history(call: Call) -> Answer {
    let database = call.database()?;
    let branch = call.branch()?;
    let limit = call.bounded("limit", USUAL_LIMIT, 1..=LIMIT)?;
    let before = match call.parameter("cursor") {
        None => None,
        Some(text) => Some(LogPosition(text.parse().map_err(|_| not_ours(text))?)),
    };
    let standing = call.standing(&database, Needs::NOTHING).await?;
    let writer = &call.api.engine.writer;
    let page = writer
        .history(&database, &branch, standing.as_of, before, limit)
        .await?;
    let history: Vec<Entry> = page.commands.iter().map(Entry::of).collect();
    let page = HistoryPage {
        branch: &branch,
        count: history.len(),
        history,
        cursor: page.before.map(|before| before.to_string()),
    };
    answer::api(StatusCode::OK, "success", "the newest commands first", page)
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

fn not_ours(text: &str) -> Failure {
    let message = format!("cursor must be one that a page gave out, not {text:?}");
    Failure::new(ErrorCode::InvalidQuery, message).with("field", "cursor")
}
