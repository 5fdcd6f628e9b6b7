//! Comparing graph and documents with the fold of the log, and repairing what differs.

use std::time::Duration;

use spice_core::{
    id::{LogPosition, StreamId},
    port::StoreResult,
};
pub use spice_workers::verify::{Projection, Repaired, Report};
use spice_workers::{
    replay::wait_caught_up,
    verify::{repair, verify},
};

use crate::stores::Stores;

/// How long a projection that is behind may take to catch up before it is reported as behind.
const PATIENCE: Duration = Duration::from_secs(5);

/// Waits a moment for projections that another process applies.
pub async fn wait_for_projections(
    stores: &Stores,
    stream: &StreamId,
    end: LogPosition,
) -> StoreResult<()> {
    let sources = stores.sources();
    for projection in Projection::ALL {
        let sinks = sources.sinks(projection);
        let live = (stream, None);
        let caught_up = wait_caught_up(sinks, sources.registry, &*stores.hints, live, end);
        if sinks.sink(stream).await?.position < end
            && let Ok(waited) = tokio::time::timeout(PATIENCE, caught_up).await
        {
            waited?;
        }
    }
    Ok(())
}

/// Compares the projections of a log, and rewrites what differs if `mend` says so. The report is of the
/// projections as they are afterwards.
pub async fn check(
    stores: &Stores,
    stream: &StreamId,
    mend: bool,
) -> StoreResult<(Report, Option<Repaired>)> {
    let sources = stores.sources();
    let report = Box::pin(verify(sources, stream)).await?;
    if !mend || report.differences.is_empty() {
        return Ok((report, None));
    }
    let repaired = Box::pin(repair(sources, &report)).await?;
    Ok((Box::pin(verify(sources, stream)).await?, Some(repaired)))
}
