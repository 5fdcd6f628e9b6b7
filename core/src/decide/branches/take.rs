//! Merge and rebase: taking the changes of another branch.

use super::{
    Kind, Place, Stop, Work, base::common, check::check, last_position, list_changed, needed,
    settle,
};
use crate::{
    command::{Resolution, Strategy},
    decide::Draft,
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
    let mut resolutions = settle::Resolutions::read(resolutions)?;
    let base = common(sides.source, sides.ground, last_position(draft));
    let mut spans = sides.source.lineage.beyond(&base);
    spans.extend(base.beyond(&sides.source.lineage));
    if matches!(sides.kind, Kind::Rebase) {
        spans.extend(sides.source.lineage.beyond(&sides.ground.lineage));
    }
    let mut needs = Vec::new();
    needed(&mut needs, draft.state.schema(sides.ground))?;
    let keys = needed(&mut needs, list_changed(draft.state, &spans, None))?;
    if !needs.is_empty() {
        return Err(Stop::Needs(needs));
    }
    let mut work = Work {
        state: draft.state,
        branch: sides.branch,
        ground: sides.ground,
        source: Place::Live(sides.source),
        since: sides.ground.lineage.beyond(&base),
        base,
        kind: sides.kind,
        cases: Vec::new(),
        places: std::collections::HashMap::new(),
        conflicts: Vec::new(),
        stay_deleted: Vec::new(),
        unique: std::collections::HashMap::new(),
    };
    work.gather(keys.unwrap_or_default())?;
    settle::settle(&mut work, strategy, &mut resolutions)?;
    let mut broken = check(&mut work)?;
    while resolutions.mend(&mut work, &broken)? {
        broken = check(&mut work)?;
    }
    resolutions.refuse_idle()?;
    let open: std::collections::HashSet<_> = (work.conflicts.iter())
        .map(|conflict| (conflict.aggregate.clone(), conflict.property.clone()))
        .collect();
    broken.retain(|conflict| {
        !open.contains(&(conflict.aggregate.clone(), conflict.property.clone()))
    });
    work.conflicts.extend(broken);
    Ok(work)
}
