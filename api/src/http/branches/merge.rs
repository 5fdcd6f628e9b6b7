//! Merge, rebase and rollback: answered right after the PUT, or planned.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spice_core::{
    command::Action,
    decide::Receipt,
    id::{AggregateId, CommandId, LogPosition, Sequence},
    json::Json,
    merge::{Conflict, Undecided},
};
use tokio::time::timeout_at;

use super::{
    bodies::{
        MergeBody, OlderMergeBody, RebaseBody, RollbackBody, VersionRollbackBody, or_main,
        resolutions,
    },
    render::ChangedAggregate,
};
use crate::{
    http::{
        answer::{self, Answer, Success},
        call::Call,
        failure::Failure,
        parameters::path,
        submit::Submitted,
    },
    writer::{Diff, Summary},
};

/// The maximum number of changes in an answer; its summary counts all of them, and a diff lists the
/// rest.
const LISTED: usize = 1_000;

/// `{merged, command_id?, changes, conflicts}`
#[derive(Default, Serialize, JsonSchema)]
pub(crate) struct MergeAnswer<'a> {
    status: Success,
    message: &'a str,
    /// Whether it was done; false for a dry run.
    merged: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    command_id: Option<CommandId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<Sequence>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<LogPosition>,
    /// The changes on the branch, at most the first thousand. The states before and after are
    /// included in a dry run, or if the client prefers to wait.
    #[schemars(with = "Vec<ChangedAggregate<'a>>")]
    changes: Changes<'a>,
    /// The open conflicts of a dry run, at most the first thousand.
    #[schemars(with = "Vec<Undecided<'a>>")]
    conflicts: &'a [Conflict],
    /// The number of conflicts, if not all are listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    conflicts_total: Option<usize>,
    /// What stays deleted on the branch although the other side has it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Option<Vec<String>>")]
    stay_deleted: Vec<String>,
    /// The count of all changes.
    summary: Summary,
}

/// Changes with the states before and after, or as a receipt lists them.
#[derive(Serialize)]
#[serde(untagged)]
enum Changes<'a> {
    Whole(Vec<ChangedAggregate<'a>>),
    Short(Vec<Json>),
}

impl Default for Changes<'_> {
    fn default() -> Self {
        Self::Short(Vec::new())
    }
}

/// `/branches/{a}/merge`
pub(crate) async fn merge(mut call: Call) -> Answer {
    let source = call.get(&path::BRANCH)?;
    let body: MergeBody = call.json().await?;
    let action = Action::MergeBranch {
        branch: body.into.parse()?,
        source,
        strategy: body.strategy.unwrap_or_default().into(),
        resolutions: resolutions(&call, body.resolutions)?,
    };
    carry_out(&call, action, None, body.dry_run).await
}

/// `/branches/{a}/rebase`
pub(crate) async fn rebase(mut call: Call) -> Answer {
    let branch = call.get(&path::BRANCH)?;
    let body: RebaseBody = call.optional_json().await?.unwrap_or_default();
    let action = Action::RebaseBranch {
        branch,
        onto: or_main(body.onto)?,
        strategy: body.strategy.unwrap_or_default().into(),
        resolutions: resolutions(&call, body.resolutions)?,
    };
    carry_out(&call, action, None, body.dry_run).await
}

/// `/branches/{a}/rollback`
pub(crate) async fn rollback(mut call: Call) -> Answer {
    let branch = call.get(&path::BRANCH)?;
    let body: RollbackBody = call.json().await?;
    let to_position = body.to_position;
    let action = Action::RollbackBranch {
        branch,
        to_position,
    };
    carry_out(&call, action, None, body.dry_run).await
}

/// `/merge/simulate`: the older name of a dry run.
pub(crate) async fn simulate(mut call: Call) -> Answer {
    let body: OlderMergeBody = call.json().await?;
    if body.dry_run == Some(false) {
        let message = "dry_run must be true or left out: a simulation writes nothing";
        return Err(call.refuse("dry_run", "const", false, message));
    }
    merge_older(&call, body, true).await
}

/// `/merge/resolve`, and oms' `/version/{db}/merge`: older names of a merge.
pub(crate) async fn merge_earlier(mut call: Call) -> Answer {
    let body: OlderMergeBody = call.json().await?;
    let dry_run = body.dry_run.unwrap_or_default();
    merge_older(&call, body, dry_run).await
}

/// oms: `/version/{db}/rollback`
pub(crate) async fn roll_version_back(mut call: Call) -> Answer {
    let body: VersionRollbackBody = call.json().await?;
    let action = Action::RollbackBranch {
        branch: or_main(body.branch)?,
        to_position: body.to_position,
    };
    carry_out(&call, action, None, body.dry_run).await
}

async fn merge_older(call: &Call, body: OlderMergeBody, dry_run: bool) -> Answer {
    let client = body.client()?;
    let action = Action::MergeBranch {
        branch: body.target_branch.parse()?,
        source: body.source_branch.parse()?,
        strategy: body.strategy.unwrap_or_default().into(),
        resolutions: resolutions(call, body.resolutions)?,
    };
    carry_out(call, action, client, dry_run).await
}

/// Changes a branch, or only reports what would happen. `client` is the client's message and author
/// for the log.
async fn carry_out(call: &Call, action: Action, client: Option<Json>, dry_run: bool) -> Answer {
    if dry_run {
        rehearse(call, action).await
    } else {
        execute(call, action, client).await
    }
}

/// Reports what would happen.
async fn rehearse(call: &Call, action: Action) -> Answer {
    let database = call.database()?;
    // Nothing is written, but an invalid key is refused all the same.
    call.key()?;
    let command = call.command(database, action, None);
    let plan = call.api.engine.writer.plan(&command).await;
    let plan = plan.map_err(|refusal| Failure::of_refusal(call.surface, refusal))?;
    let changes = plan.changes.iter().take(LISTED);
    let conflicts = plan.conflicts.len();
    answer::ok(&MergeAnswer {
        message: if conflicts == 0 {
            "this is what would happen; nothing was done"
        } else {
            "there are open conflicts; nothing was done"
        },
        changes: Changes::Whole(changes.map(ChangedAggregate::of).collect()),
        conflicts: &plan.conflicts[..conflicts.min(LISTED)],
        conflicts_total: (conflicts > LISTED).then_some(conflicts),
        stay_deleted: plan.stay_deleted.iter().map(ToString::to_string).collect(),
        summary: Summary::of(&plan.changes),
        ..MergeAnswer::default()
    })
}

/// Reports what happened, from the log; with complete changes for a client that prefers to wait.
async fn execute(call: &Call, action: Action, client: Option<Json>) -> Answer {
    let message = describe(&action);
    let submitted = call.submit(call.database()?, action, client).await?;
    let receipt = &submitted.receipt;
    let outcome = read_outcome(receipt);
    let diff = find_changes(call, &submitted).await;
    let answer = answer::ok(&MergeAnswer {
        message,
        merged: true,
        command_id: Some(receipt.command_id),
        sequence: receipt.sequence,
        position: Some(receipt.last),
        changes: match &diff {
            Some(diff) => Changes::Whole(diff.changes.iter().map(ChangedAggregate::of).collect()),
            None => Changes::Short(outcome.changes),
        },
        stay_deleted: outcome.stay_deleted,
        summary: outcome.summary,
        ..MergeAnswer::default()
    })?;
    Ok(submitted.finish(answer))
}

fn describe(action: &Action) -> &'static str {
    match action {
        Action::RebaseBranch { .. } => "the branch is already at the other branch's last position",
        Action::RollbackBranch { .. } => "the branch already has its state at the position",
        _ => "the changes are merged",
    }
}

/// The changes on the branch, from the log.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Outcome {
    changes: Vec<Json>,
    summary: Summary,
    stay_deleted: Vec<String>,
}

fn read_outcome(receipt: &Receipt) -> Outcome {
    let outcome = receipt.result.read();
    outcome.unwrap_or_else(|error| {
        let command_id = receipt.command_id;
        tracing::error!(%command_id, %error, "a receipt lists no changes");
        Outcome::default()
    })
}

/// The complete changes, if the registry has them within the client's preferred wait. The command
/// is accepted in any case.
async fn find_changes(call: &Call, submitted: &Submitted) -> Option<Diff> {
    let (deadline, receipt) = (submitted.deadline?, &submitted.receipt);
    let AggregateId::Branch(_, branch) = &receipt.aggregate else {
        return None;
    };
    let diff = call.api.engine.writer.diff_command(receipt, branch, LISTED);
    match timeout_at(deadline, diff).await.ok()? {
        Ok(diff) => Some(diff),
        Err(refusal) => {
            let command_id = receipt.command_id;
            tracing::warn!(%command_id, %refusal, "the changes are answered in short");
            None
        }
    }
}
