//! Branches. Their names may hold `/`, so they are the rest of a path: a plain `/` and `%2F` mean
//! the same in them.

pub(crate) mod bodies;
pub(crate) mod diff;
pub(crate) mod merge;
pub(crate) mod render;

use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::{Value, json};
use spice_core::{
    command::Action,
    decide::Receipt,
    envelope::EventType,
    error::StoreError,
    model::{BranchState, UnreadableEnvelope, fold},
    name::{BranchName, DatabaseName},
};

use crate::http::{
    Surface,
    answer::{self, Answer},
    bodies::BranchBody,
    call::Call,
    failure::Failure,
    parameters::{known, path},
    read::read_envelope,
    submit::Submitted,
    wait::Needs,
};

pub(crate) async fn list(call: Call) -> Answer {
    let database = call.database()?;
    let standing = call.standing(&database, Needs::NOTHING).await?;
    let branches = match standing.as_of {
        None => standing.snapshot.branches.clone(),
        Some(position) => {
            let api = &call.api;
            Arc::new(api.branches_at(&standing.snapshot, position).await?)
        }
    };
    let branches: Vec<Value> = branches
        .values()
        .map(|branch| describe(&database, branch))
        .collect();
    answer::json(
        StatusCode::OK,
        &json!({"count": branches.len(), "branches": branches}),
    )
}

pub(crate) async fn create(mut call: Call) -> Answer {
    let database = call.database()?;
    let body: BranchBody = call.json().await?;
    let given = match call.surface {
        Surface::Gateway | Surface::Funnel => body.name.or(body.branch_name),
        Surface::Oms => body.branch_name.or(body.name),
    };
    let Some(given) = given else {
        let field = match call.surface {
            Surface::Gateway | Surface::Funnel => "name",
            Surface::Oms => "branch_name",
        };
        return Err(Failure::new(
            spice_core::error::ErrorCode::InvalidRequest,
            "a branch needs a name",
        )
        .with("field", field));
    };
    let branch: BranchName = given.parse()?;
    let from_branch = match body.from_branch {
        None => BranchName::main(),
        Some(name) => name.parse()?,
    };
    let from_position = body.from_position;
    let action = Action::CreateBranch {
        branch: branch.clone(),
        from_branch,
        from_position,
    };
    let submitted = call.submit(database, action, None).await?;
    changed(&call, &submitted, &branch).await
}

pub(crate) async fn get(call: Call) -> Answer {
    show(&call, call.get(&path::BRANCH)?).await
}

pub(crate) async fn delete(call: Call) -> Answer {
    let database = call.database()?;
    let branch = call.get(&path::BRANCH)?;
    let force = call.get(&known::FORCE)?;
    let action = Action::DeleteBranch {
        branch: branch.clone(),
        force,
    };
    let submitted = call.submit(database, action, None).await?;
    changed(&call, &submitted, &branch).await
}

/// oms: `/branch/{db}/branch/{name}/info`, and `/branch/{db}/{name}/info`.
pub(crate) async fn info(call: Call) -> Answer {
    show(&call, call.get(&path::BRANCH)?).await
}

async fn show(call: &Call, branch: BranchName) -> Answer {
    let database = call.database()?;
    let standing = call.standing(&database, Needs::NOTHING).await?;
    let snapshot = &standing.snapshot;
    let found = match standing.as_of {
        None => Some(snapshot.branch(&branch)?.clone()),
        Some(position) => call.api.branch_at(snapshot, &branch, position).await?,
    };
    let found = found.ok_or_else(|| {
        Failure::not_found(format!("there was no branch {branch} at that position"))
            .with("branch", branch.as_str())
    })?;
    named(&branch, &describe(&database, &found))
}

/// The answer to a branch that was made or deleted: at once, for it holds from its decision on.
/// From the log alone, so that a retry gets the first answer whatever came after it.
async fn changed(call: &Call, submitted: &Submitted, branch: &BranchName) -> Answer {
    let receipt = &submitted.receipt;
    let mut data = match made(call, receipt).await? {
        Some(state) => describe(&receipt.stream.database, &state),
        None => json!({"name": branch}),
    };
    data["command_id"] = receipt.command_id.to_string().into();
    data["sequence"] = receipt.sequence.map(|sequence| sequence.0).into();
    data["position"] = receipt.last.0.into();
    Ok(submitted.finish(named(branch, &data)?))
}

/// The branch that a command made.
async fn made(call: &Call, receipt: &Receipt) -> Result<Option<BranchState>, Failure> {
    let (first, last) = (receipt.position, receipt.last);
    let limit = usize::try_from(last.0.saturating_sub(first.0) + 1).unwrap_or(usize::MAX);
    let log = &call.api.engine.log;
    for record in log.read(&receipt.stream, first, limit).await? {
        if record.position > last {
            break;
        }
        let envelope = read_envelope(&record.line)?;
        if envelope.event_type != EventType::BranchCreated {
            continue;
        }
        let entry = fold(&envelope)
            .map_err(|error| damaged(&error))?
            .into_iter()
            .next();
        return Ok(entry.map(|entry| entry.value.read()).transpose()?);
    }
    Ok(None)
}

fn damaged(error: &UnreadableEnvelope) -> StoreError {
    StoreError::Damaged {
        store: "log",
        reason: error.to_string(),
    }
}

fn named(branch: &BranchName, data: &Value) -> Answer {
    answer::json(
        StatusCode::OK,
        &json!({"status": "success", "name": branch, "data": data}),
    )
}

fn describe(database: &DatabaseName, branch: &BranchState) -> Value {
    json!({
        "name": branch.name,
        "current": branch.name.is_main(),
        "from_branch": branch.from.as_ref().map(|from| &from.name),
        "from_position": branch.from.as_ref().map(|_| branch.from_position),
        "generation": branch.generation,
        "sequence": branch.sequence,
        "created_at": branch.created_at,
        "protected": branch.name.is_protected(),
        "database": database,
    })
}
