//! Rebuilding sinks: what a command waits for and reports.

use std::time::Duration;

use spice_core::{
    error::StoreError,
    id::{LogPosition, StreamId},
    port::{StoreResult, sink::SinkRole},
};
pub use spice_workers::replay::{Replayed, abandon, create_shadow, drop_old, replay};
use spice_workers::{
    replay::{has_sink, wait_caught_up},
    verify::{Projection, Sources},
};

use crate::stores::Stores;

const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// Waits until the sinks of a role reflect the log up to `end`. `progress` receives the sum of their
/// positions from time to time. Returns the projections whose sink another process has dropped.
pub async fn follow(
    stores: &Stores,
    (targets, role): (&[Projection], SinkRole),
    stream: &StreamId,
    end: LogPosition,
    progress: impl Fn(u64),
) -> StoreResult<Vec<Projection>> {
    let sources = stores.sources();
    let caught_up = async {
        let mut dropped = Vec::new();
        for target in targets {
            let sinks = sources.sinks(*target);
            let all = sinks.sinks(stream).await?;
            let Some(sink) = all.into_iter().find(|sink| sink.role == role) else {
                dropped.push(*target);
                continue;
            };
            let generation = sink.generation.as_str();
            let place = (stream, Some(generation));
            match wait_caught_up(sinks, sources.registry, &*stores.hints, place, end).await {
                Err(StoreError::Fenced { .. }) if !has_sink(sinks, stream, generation).await? => {
                    dropped.push(*target);
                }
                caught_up => caught_up?,
            }
        }
        StoreResult::Ok(dropped)
    };
    let mut caught_up = std::pin::pin!(caught_up);
    loop {
        match tokio::time::timeout(PROGRESS_EVERY, &mut caught_up).await {
            Ok(done) => return done,
            Err(_) => progress(sum_positions(sources, targets, stream, role).await?),
        }
    }
}

async fn sum_positions(
    sources: Sources<'_>,
    targets: &[Projection],
    stream: &StreamId,
    role: SinkRole,
) -> StoreResult<u64> {
    let mut total = 0;
    for target in targets {
        let sinks = sources.sinks(*target).sinks(stream).await?;
        let found = sinks.iter().find(|sink| sink.role == role);
        total += found.map_or(0, |sink| sink.position.0);
    }
    Ok(total)
}
