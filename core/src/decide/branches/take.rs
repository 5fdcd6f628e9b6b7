//! Merge and rebase: taking the changes of another branch.

use std::collections::{HashMap, HashSet};

use super::{
    base::find_common,
    case::Place,
    check::check,
    settle::{Resolutions, settle},
    work::{Kind, Work},
};
use crate::{
    command::{Resolution, Strategy},
    decide::{draft::Draft, stop::Stop},
    error::{ErrorCode, Refusal},
    model::BranchState,
    name::BranchName,
};

/// The sides of a merge or rebase.
pub(super) struct Sides<'a> {
    branch: &'a BranchState,
    ground: &'a BranchState,
    source: &'a BranchState,
    kind: Kind<'a>,
}

/// A merge of `source` into `into`.
pub(super) fn merge<'a>(
    draft: &Draft<'a>,
    into: &BranchName,
    source: &BranchName,
) -> Result<Sides<'a>, Refusal> {
    let branch = draft.branch(into)?;
    let source = draft.branch(source)?;
    if source.generation == branch.generation {
        let message = format!("branch {into} cannot be merged into itself");
        return Err(refusal(message, "into", into));
    }
    Ok(Sides {
        branch,
        ground: branch,
        source,
        kind: Kind::Merge { source },
    })
}

/// A rebase of `branch` onto `onto`: merges the changes of the branch into the state of `onto`.
pub(super) fn rebase<'a>(
    draft: &Draft<'a>,
    branch: &BranchName,
    onto: &BranchName,
) -> Result<Sides<'a>, Refusal> {
    let source = draft.branch(branch)?;
    let ground = draft.branch(onto)?;
    if branch.is_main() {
        let message = "branch main has no parent and cannot be rebased";
        return Err(Refusal::new(ErrorCode::Forbidden, message).with("branch", branch.as_str()));
    }
    if ground.generation == source.generation {
        let message = format!("branch {branch} cannot be rebased onto itself");
        return Err(refusal(message, "onto", onto));
    }
    if ground.lineage.down_from(source.generation).is_some() {
        let message =
            format!("branch {branch} cannot be rebased onto {onto}, which is based on it");
        return Err(refusal(message, "onto", onto));
    }
    Ok(Sides {
        branch: source,
        ground,
        source,
        kind: Kind::Rebase,
    })
}

fn refusal(message: String, field: &str, branch: &BranchName) -> Refusal {
    Refusal::new(ErrorCode::InvalidRequest, message)
        .with("field", field)
        .with("value", branch.as_str())
}

/// The results for everything that the source has changed.
pub(super) fn work_out<'a>(
    draft: &Draft<'a>,
    sides: &Sides<'a>,
    strategy: Strategy,
    resolutions: &[Resolution],
) -> Result<Work<'a>, Stop> {
    let mut resolutions = Resolutions::read(resolutions)?;
    let base = find_common(sides.source, sides.ground, draft.last_position());
    let mut spans = sides.source.lineage.spans_beyond(&base);
    spans.extend(base.spans_beyond(&sides.source.lineage));
    if matches!(sides.kind, Kind::Rebase) {
        spans.extend(sides.source.lineage.spans_beyond(&sides.ground.lineage));
    }
    let mut work = Work {
        state: draft.state,
        branch: sides.branch,
        ground: sides.ground,
        source: Place::Live(sides.source),
        since: sides.ground.lineage.spans_beyond(&base),
        base,
        kind: sides.kind,
        cases: Vec::new(),
        places: HashMap::new(),
        conflicts: Vec::new(),
        stay_deleted: Vec::new(),
        unique: HashMap::new(),
    };
    work.gather_written(&spans)?;
    settle(&mut work, strategy, &mut resolutions)?;
    let mut broken = check(&mut work)?;
    while resolutions.mend(&mut work, &broken)? {
        broken = check(&mut work)?;
    }
    resolutions.refuse_idle()?;
    let open: HashSet<_> = (work.conflicts.iter())
        .map(|conflict| (conflict.aggregate.clone(), conflict.property.clone()))
        .collect();
    broken.retain(|conflict| {
        !open.contains(&(conflict.aggregate.clone(), conflict.property.clone()))
    });
    work.conflicts.extend(broken);
    Ok(work)
}
