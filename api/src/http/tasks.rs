//! The admin and task calls of the earlier system (contract §12): views of replays.

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use spice_core::{
    handler::Projection,
    name::{BranchName, DatabaseName, InstanceId},
    replay::{BranchScope, Replay, ReplayFailure, ReplayId, ReplayRequest, ReplayState, Scope},
    time::Timestamp,
};

use crate::http::{
    answer::{self, Answer},
    bodies::replay::{RecomputeBody, ReplayInstanceBody},
    call::Call,
    failure::Failure,
    parameters::{known, path},
    replays::{Requested, no_replay, request_replay, require_finished, shown::ShownReplay},
    submit::mark_replay,
};

/// `{task_id, status:"accepted", message, status_url}`
#[derive(Serialize, JsonSchema)]
pub(crate) struct TaskAccepted {
    task_id: ReplayId,
    #[schemars(extend("enum" = ["accepted"]))]
    status: &'static str,
    message: String,
    status_url: String,
}

/// `{tasks, total}`
#[derive(Serialize, JsonSchema)]
pub(crate) struct TaskList {
    tasks: Vec<Task>,
    /// How many there are, those over the limit included.
    total: usize,
}

/// A replay as a task.
#[derive(Serialize, JsonSchema)]
#[allow(clippy::struct_field_names, reason = "the names of the contract")]
pub(crate) struct Task {
    task_id: ReplayId,
    task_name: String,
    #[schemars(extend("enum" = ["replay"]))]
    task_type: &'static str,
    #[schemars(extend("enum" = ["PENDING", "PROCESSING", "COMPLETED", "FAILED", "CANCELLED"]))]
    status: &'static str,
    db_name: DatabaseName,
    created_at: Timestamp,
    started_at: Option<Timestamp>,
    completed_at: Option<Timestamp>,
    progress: TaskProgress,
    error: Option<ReplayFailure>,
}

/// How far a task is.
#[derive(Serialize, JsonSchema)]
struct TaskProgress {
    current: u64,
    total: u64,
    message: &'static str,
}

/// `{task_id, status, result}`
#[derive(Serialize, JsonSchema)]
pub(crate) struct TaskResult {
    task_id: ReplayId,
    #[schemars(extend("enum" = ["COMPLETED", "FAILED", "CANCELLED"]))]
    status: &'static str,
    result: ShownReplay,
}

pub(crate) async fn replay_instance(mut call: Call) -> Answer {
    let body: ReplayInstanceBody = call.json().await?;
    let (database, branch) = place(&call, &body.db_name, body.branch.as_deref())?;
    let instance: InstanceId = body.instance_id.parse()?;
    let requested = request_replay(&call, &database, false, |snapshot, _| {
        let generation = snapshot.branch(&branch)?.generation;
        let schema = snapshot.schema(&branch)?;
        let class = match schema.resolve(&body.class_id) {
            Some(class) => class.id.clone(),
            // It may have been deleted since.
            None => body.class_id.parse()?,
        };
        let scope = Scope {
            branch: Some(BranchScope {
                name: branch.clone(),
                generation,
            }),
            class: Some(class),
            instance: Some(instance.clone()),
            ..Scope::default()
        };
        Ok(ReplayRequest::in_place(Projection::ALL, scope))
    });
    accept(&requested.await?)
}

pub(crate) async fn recompute(mut call: Call) -> Answer {
    let body: RecomputeBody = call.json().await?;
    let (database, branch) = place(&call, &body.db_name, body.branch.as_deref())?;
    let requested = request_replay(&call, &database, false, |snapshot, _| {
        let scope = Scope {
            branch: Some(BranchScope {
                name: branch.clone(),
                generation: snapshot.branch(&branch)?.generation,
            }),
            part: Some(body.projection),
            ..Scope::default()
        };
        Ok(ReplayRequest::in_place([Projection::Documents], scope))
    });
    accept(&requested.await?)
}

/// The database and the branch in a body. A database that the caller does not see is refused
/// whether it exists or not.
fn place(
    call: &Call,
    database: &str,
    branch: Option<&str>,
) -> Result<(DatabaseName, BranchName), Failure> {
    let database = database.parse()?;
    let branch = match branch {
        Some(branch) => branch.parse()?,
        None => BranchName::main(),
    };
    call.require_sight(&database)?;
    Ok((database, branch))
}

fn accept(requested: &Requested) -> Answer {
    let id = requested.replay.id;
    let accepted = TaskAccepted {
        task_id: id,
        status: "accepted",
        message: format!(
            "what differs from the log of {} is rewritten",
            requested.replay.stream
        ),
        status_url: format!("/api/v1/tasks/{id}"),
    };
    let mut response = answer::json(StatusCode::ACCEPTED, &accepted)?;
    if requested.is_repeated {
        mark_replay(&mut response);
    }
    Ok(response)
}

pub(crate) async fn list(call: Call) -> Answer {
    let limit = call.get(&known::LIMIT)?;
    let mut replays = call.api.reads.replays(None).await?;
    replays.retain(|replay| call.caller.sees(&replay.stream.database));
    let total = replays.len();
    let mut tasks = Vec::new();
    for replay in replays.iter().take(limit) {
        tasks.push(Task::of(&call, replay).await?);
    }
    answer::ok(&TaskList { tasks, total })
}

pub(crate) async fn get(call: Call) -> Answer {
    let replay = find(&call).await?;
    answer::ok(&Task::of(&call, &replay).await?)
}

pub(crate) async fn result(call: Call) -> Answer {
    let replay = find(&call).await?;
    require_finished(&replay)?;
    answer::ok(&TaskResult {
        task_id: replay.id,
        status: status(replay.state),
        result: ShownReplay::of(&call, &replay).await?,
    })
}

/// The task in the path. One of a database that the caller does not see does not exist.
async fn find(call: &Call) -> Result<Replay, Failure> {
    let id = call.get(&path::TASK)?;
    let found = call.api.reads.replay(id).await?;
    let found = found.filter(|replay| call.caller.sees(&replay.stream.database));
    found.ok_or_else(|| no_replay(id))
}

impl Task {
    async fn of(call: &Call, replay: &Replay) -> Result<Self, Failure> {
        let progress = call.api.reads.replay_progress(replay).await?;
        Ok(Self {
            task_id: replay.id,
            task_name: format!(
                "{} replay of {}",
                replay.request.strategy.as_str(),
                replay.stream
            ),
            task_type: "replay",
            status: status(replay.state),
            db_name: replay.stream.database.clone(),
            created_at: replay.requested_at,
            started_at: replay.started_at,
            completed_at: replay.ended_at,
            progress: TaskProgress {
                current: progress.replayed,
                total: progress.total,
                message: replay.state.as_str(),
            },
            error: replay.failure.clone(),
        })
    }
}

/// A state in the words of commands.
fn status(state: ReplayState) -> &'static str {
    match state {
        ReplayState::Pending => "PENDING",
        ReplayState::Filling
        | ReplayState::Comparing
        | ReplayState::AwaitingApproval
        | ReplayState::Swapping
        | ReplayState::Dropping => "PROCESSING",
        ReplayState::Complete => "COMPLETED",
        ReplayState::Failed => "FAILED",
        ReplayState::Cancelled => "CANCELLED",
    }
}
