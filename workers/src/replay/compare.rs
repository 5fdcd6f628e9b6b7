//! What a replay compares with the log, and what of the differences it means.

use std::collections::BTreeSet;

use spice_core::{
    handler::Projection,
    id::{BranchGeneration, LogPosition, StreamId},
    port::{StoreResult, graph::Entity},
    replay::{Finding, Replay, Scope},
};

use super::sinks::find;
use crate::{
    scan::scan,
    shape,
    verify::{Difference, Report, Sources, verify_sink},
};

/// Compares one sink with the log. The report has the differences within the scope of the replay.
pub(super) async fn compare(
    sources: Sources<'_>,
    replay: &Replay,
    projection: Projection,
    generation: &str,
) -> StoreResult<Report> {
    let stream = &replay.stream;
    let sinks = sources.sinks(projection);
    let sink = find(sinks, stream, generation).await?;
    let mut report = verify_sink(sources, stream, projection, &sink).await?;
    let scope = &replay.request.scope;
    if !report.is_clean() && !scope.is_everything() {
        let late = match scope.from {
            Some(from) => Some(find_written(sources, stream, from).await?),
            None => None,
        };
        report
            .differences
            .retain(|it| is_meant(scope, late.as_ref(), it));
    }
    if !report.is_clean() {
        // A sink that somebody drops meanwhile differs, too.
        find(sinks, stream, generation).await?;
    }
    Ok(report)
}

type Written = BTreeSet<(BranchGeneration, Entity)>;

fn is_meant(scope: &Scope, late: Option<&Written>, difference: &Difference) -> bool {
    let Difference { branch, entity, .. } = difference;
    let is_late = late.is_none_or(|late| late.contains(&(*branch, entity.clone())));
    is_late && scope.covers(*branch, entity)
}

/// The entities that the log has written from a position on.
async fn find_written(
    sources: Sources<'_>,
    stream: &StreamId,
    from: LogPosition,
) -> StoreResult<Written> {
    let end = sources.log.end(stream).await?;
    let mut written = Written::new();
    scan(sources.log, stream, from, end, |event| {
        let version = shape::version(event)?;
        written.extend(version.map(|it| (it.branch, it.state.entity)));
        Ok(())
    })
    .await?;
    Ok(written)
}

/// A difference as the record of a replay keeps it.
pub(super) fn describe(difference: &Difference) -> Finding {
    let entity = match &difference.entity {
        Entity::Class(class) => class.to_string(),
        Entity::Instance(instance) => instance.to_string(),
    };
    Finding {
        projection: difference.projection,
        branch: difference.branch,
        entity,
        kind: difference.kind,
        expected_sequence: difference.expected,
        found_sequence: difference.found,
    }
}

/// Positions that the shadow has parked but the live sink has not.
pub(super) async fn find_newly_refused(
    sources: Sources<'_>,
    projection: Projection,
    stream: &StreamId,
    shadow: &str,
) -> StoreResult<Vec<LogPosition>> {
    // A former live sink may have parked what the live one has by now.
    let live = sources.sinks(projection).sink(stream).await?.generation;
    let letters = sources.registry.dead_letters(Some(stream)).await?;
    let handlers = projection.handlers();
    let parked_by = |sink: &str| -> Vec<LogPosition> {
        let letters = letters
            .iter()
            .filter(|letter| letter.sink == sink && handlers.contains(&letter.handler.as_str()));
        letters.map(|letter| letter.position).collect()
    };
    let known = parked_by(&live);
    let mut refused = parked_by(shadow);
    refused.retain(|position| !known.contains(position));
    Ok(refused)
}
