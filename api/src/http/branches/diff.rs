//! Differences between branches, or between two positions of one branch.

use schemars::JsonSchema;
use serde::Serialize;
use spice_core::{
    id::LogPosition,
    model::ModelKey,
    name::{BranchName, ClassName},
};

use super::render::ChangedAggregate;
use crate::{
    http::{
        answer::{self, Answer, Success},
        call::Call,
        failure::Failure,
        parameters::{Branch, Parameter, known, path, whole},
        token::{self, Scope},
    },
    writer::{Against, Comparison, Mark, Snapshot, Summary},
};

/// `{from, to, base_position, changes, summary}`
#[derive(Serialize, JsonSchema)]
pub(crate) struct DiffAnswer<'a> {
    status: Success,
    /// The branch that is compared with.
    from: &'a BranchName,
    /// The branch with the changes.
    to: &'a BranchName,
    /// The last common position of the two.
    base_position: LogPosition,
    /// The position at which both are read.
    position: LogPosition,
    changes: Vec<ChangedAggregate<'a>>,
    /// The counts of all changes, not only of this page.
    summary: Summary,
    /// The next page's `cursor`, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// `/branches/{a}/diff?against=b`
pub(crate) async fn diff(call: Call) -> Answer {
    let branch = call.get(&path::BRANCH)?;
    let against = parse_against(&call)?;
    show(&call, branch, against).await
}

/// oms: `/version/{db}/diff?from=&to=`
pub(crate) async fn between(call: Call) -> Answer {
    let to = require_branch(&call, &known::TO, &known::TO_REF)?;
    let from = require_branch(&call, &known::FROM, &known::FROM_REF)?;
    let against = if call.get(&known::DIRECT)? {
        Against::Branch(from)
    } else {
        Against::Common(from)
    };
    show(&call, to, Some(against)).await
}

async fn show(call: &Call, branch: BranchName, against: Option<Against>) -> Answer {
    let database = call.database()?;
    let limit = call.get(&known::DIFF_LIMIT)?;
    let cursor = call.cursor()?;
    let standing = call.standing(&database).await?;
    let class = resolve_class(call, &standing.snapshot, &branch)?;
    let scope = scope(call, &standing.snapshot, &branch, class.as_ref());
    let cursor = cursor.map(|cursor| scope.open(cursor)).transpose()?;
    let place = cursor.map(|text| parse_place(&text).ok_or_else(|| refuse_cursor(call)));
    let (as_of, after) = match place.transpose()? {
        None => (standing.as_of, None),
        // Later pages show the state of the first one.
        Some((position, mark)) => (Some(position), Some(mark)),
    };
    if let Some(position) = as_of {
        // Another process may have issued the cursor.
        let writer = &call.api.engine.writer;
        let known = writer.snapshot_reaching(&database, position).await?;
        if position >= known.end {
            return Err(refuse_cursor(call));
        }
    }
    let comparison = Comparison {
        branch,
        against,
        as_of,
        class,
        after,
        limit,
    };
    let diff = call.api.engine.writer.diff(&database, &comparison).await?;
    let answer = DiffAnswer {
        status: Success::Success,
        from: &diff.from,
        to: &diff.to,
        base_position: diff.base_position,
        position: diff.position,
        changes: diff.changes.iter().map(ChangedAggregate::of).collect(),
        summary: diff.summary,
        cursor: (diff.next.as_ref())
            .map(|key| scope.seal(&write_place(diff.position, diff.summary, key))),
    };
    answer::ok(&answer)
}

/// The properties that identify the pages of one diff.
fn scope(
    call: &Call,
    snapshot: &Snapshot,
    branch: &BranchName,
    class: Option<&ClassName>,
) -> Scope {
    snapshot
        .scope("diff", branch)
        .with_option(call.written(&known::AGAINST))
        .with_option(call.written(&known::FROM))
        .with_option(call.written(&known::FROM_REF))
        .with_option(call.written(&known::FROM_POSITION))
        .with_option(call.written(&known::DIRECT))
        .with_option(class.map(ClassName::as_str))
}

fn parse_against(call: &Call) -> Result<Option<Against>, Failure> {
    let name = call.get(&known::AGAINST)?;
    let is_direct = call.get(&known::DIRECT)?;
    match (name, call.get(&known::FROM_POSITION)?) {
        (Some(_), Some(_)) => Err(Failure::invalid_query(
            "from_position",
            "from_position compares a branch with itself; it cannot be combined with against",
        )),
        (None, Some(position)) => Ok(Some(Against::Position(position))),
        (Some(name), None) if is_direct => Ok(Some(Against::Branch(name))),
        (Some(name), None) => Ok(Some(Against::Common(name))),
        (None, None) if is_direct => {
            Err(Failure::invalid_query("against", "direct needs `against`"))
        }
        (None, None) => Ok(None),
    }
}

/// The requested class, by id or label.
fn resolve_class(
    call: &Call,
    snapshot: &Snapshot,
    branch: &BranchName,
) -> Result<Option<ClassName>, Failure> {
    let Some(name) = call.get(&known::DIFF_CLASS)? else {
        return Ok(None);
    };
    let schema = snapshot.schemas.get(branch);
    let class = schema.and_then(|schema| schema.resolve(name));
    // It may have been deleted since.
    let id = class.map_or_else(|| name.parse(), |class| Ok(class.id.clone()));
    Ok(Some(id?))
}

/// A branch in the query, which must exist, under one of two names.
fn require_branch(
    call: &Call,
    name: &Parameter<Branch>,
    older: &Parameter<Branch>,
) -> Result<BranchName, Failure> {
    call.either(name, older)?.ok_or_else(|| {
        let name = name.name;
        let message = format!("{name} is missing; give the name of a branch");
        call.given.shape(name, "required", message)
    })
}

fn refuse_cursor(call: &Call) -> Failure {
    token::refuse(call.written(&known::NEXT).unwrap_or_default())
}

/// The place in a cursor: the state of the log, the counts of the first page, the end of this page.
fn write_place(position: LogPosition, summary: Summary, key: &ModelKey) -> String {
    let (added, modified, deleted) = (summary.added, summary.modified, summary.deleted);
    format!("{position} {added} {modified} {deleted} {key}")
}

fn parse_place(text: &str) -> Option<(LogPosition, Mark)> {
    let mut parts = text.splitn(5, ' ');
    let mut number = || whole(parts.next()?);
    let position = LogPosition(number()?);
    let summary = Summary {
        added: number()?,
        modified: number()?,
        deleted: number()?,
    };
    let key = ModelKey::from_stored(parts.next()?);
    key.entity()?;
    Some((position, Mark { key, summary }))
}
