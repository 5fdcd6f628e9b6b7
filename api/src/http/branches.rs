//! Branches. Their names may contain `/`, so they are the rest of a path: a plain `/` and `%2F`
//! mean the same in them.

pub(crate) mod bodies;
pub(crate) mod diff;
pub(crate) mod merge;
pub(crate) mod render;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use spice_core::{
    command::Action,
    error::ErrorCode,
    id::{BranchGeneration, CommandId, LogPosition, Sequence},
    model::BranchState,
    name::{BranchName, DatabaseName},
    owner::{Claims, OwnerView, Thing},
    time::Timestamp,
};

use self::bodies::or_main;
use crate::http::{
    Surface,
    answer::{self, Answer, Success},
    bodies::BranchBody,
    call::Call,
    failure::Failure,
    parameters::{known, path},
    submit::Submitted,
};

/// `{count, branches}`
#[derive(Serialize, JsonSchema)]
pub(crate) struct BranchList<'a> {
    count: usize,
    branches: Vec<Branch<'a>>,
}

/// A branch.
#[derive(Serialize, JsonSchema)]
#[allow(clippy::struct_field_names, reason = "the names of the contract")]
pub(crate) struct Branch<'a> {
    name: &'a BranchName,
    /// Whether it is `main`.
    current: bool,
    from_branch: Option<&'a BranchName>,
    /// The last visible position of its parent.
    from_position: Option<LogPosition>,
    generation: BranchGeneration,
    sequence: Sequence,
    created_at: Timestamp,
    /// Whether deleting it needs `force`.
    protected: bool,
    /// Who declared the branch.
    owner: Option<OwnerView>,
    database: &'a DatabaseName,
}

/// `{status, name, data}`
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Named{T}")]
pub(crate) struct Named<'a, T> {
    status: Success,
    name: &'a BranchName,
    data: T,
}

/// The command that changed a branch.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum BranchChange<'a> {
    /// It created this branch.
    Created {
        #[serde(flatten)]
        branch: Branch<'a>,
        command_id: CommandId,
        position: LogPosition,
    },
    /// It deleted the branch with this name.
    Deleted {
        name: &'a BranchName,
        command_id: CommandId,
        sequence: Option<Sequence>,
        position: LogPosition,
    },
}

pub(crate) async fn list(call: Call) -> Answer {
    let database = call.database()?;
    let standing = call.standing(&database).await?;
    let snapshot = &standing.snapshot;
    let branches = match standing.as_of {
        None => Arc::clone(&snapshot.branches),
        Some(position) => Arc::new(call.api.reads.branches_at(snapshot, position).await?),
    };
    let claims = &standing.snapshot.claims;
    let branches = branches.values();
    let list = BranchList {
        count: branches.len(),
        branches: branches
            .map(|branch| Branch::of(&database, branch, claims))
            .collect(),
    };
    answer::ok(&list)
}

pub(crate) async fn create(mut call: Call) -> Answer {
    let database = call.database()?;
    let body: BranchBody = call.json().await?;
    let (name, field) = match call.surface {
        Surface::Oms => (body.branch_name.or(body.name), "branch_name"),
        _ => (body.name.or(body.branch_name), "name"),
    };
    let name = name.ok_or_else(|| {
        let message = "a branch needs a name";
        Failure::new(ErrorCode::InvalidRequest, message).with("field", field)
    })?;
    let branch: BranchName = name.parse()?;
    let action = Action::CreateBranch {
        branch: branch.clone(),
        from_branch: or_main(body.from_branch)?,
        from_position: body.from_position,
    };
    let submitted = call.submit(database, action, None).await?;
    answer_change(&call, &submitted, &branch).await
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
    answer_change(&call, &submitted, &branch).await
}

pub(crate) async fn get(call: Call) -> Answer {
    let branch = call.get(&path::BRANCH)?;
    let database = call.database()?;
    let standing = call.standing(&database).await?;
    let (snapshot, reads) = (&standing.snapshot, &call.api.reads);
    let found = match standing.as_of {
        None => Some(snapshot.branch(&branch)?.clone()),
        Some(position) => reads.branch_at(snapshot, &branch, position).await?,
    };
    let found = found.ok_or_else(|| {
        Failure::not_found(format!("branch {branch} did not exist at that position"))
            .with("branch", branch.as_str())
    })?;
    named(&branch, Branch::of(&database, &found, &snapshot.claims))
}

/// Answers the creation or deletion of a branch immediately, because it is in effect with its
/// decision. Reads only the log, so a retry gets the first answer whatever happened since.
async fn answer_change(call: &Call, submitted: &Submitted, branch: &BranchName) -> Answer {
    let receipt = &submitted.receipt;
    let (command_id, position) = (receipt.command_id, receipt.last);
    let created = call.api.reads.created_branch(receipt).await?;
    let data = match &created {
        Some(state) => BranchChange::Created {
            branch: Branch {
                sequence: receipt.sequence.unwrap_or(state.sequence),
                ..Branch::of(&receipt.stream.database, state, &Claims::default())
            },
            command_id,
            position,
        },
        None => BranchChange::Deleted {
            name: branch,
            command_id,
            sequence: receipt.sequence,
            position,
        },
    };
    Ok(submitted.finish(named(branch, data)?))
}

fn named<T: Serialize>(name: &BranchName, data: T) -> Answer {
    answer::ok(&Named {
        status: Success::Success,
        name,
        data,
    })
}

impl<'a> Branch<'a> {
    fn of(database: &'a DatabaseName, branch: &'a BranchState, claims: &Claims) -> Self {
        let from = branch.from.as_ref();
        let thing = Thing::Branch {
            name: branch.name.clone(),
        };
        Self {
            name: &branch.name,
            current: branch.name.is_main(),
            from_branch: from.map(|from| &from.name),
            from_position: from.map(|_| branch.from_position),
            generation: branch.generation,
            sequence: branch.sequence,
            created_at: branch.created_at,
            protected: branch.name.is_protected(),
            owner: claims.find_holder(&thing, branch.created_at, None),
            database,
        }
    }
}
