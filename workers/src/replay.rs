//! Rebuilds a projection in parallel to the live one. The worker fills a shadow from the log like
//! any sink that is behind. The shadow is compared with the fold of the log and made live in one
//! commit; until then reads see the old sink. The old sink is kept up to date until it is dropped.
//!
//! A replay may be stopped anywhere: the next one continues with the existing shadow, or
//! [`abandon`] drops it.

use spice_core::{
    error::StoreError,
    handler::Projection,
    id::{LogPosition, StreamId},
    port::{
        StoreResult,
        hints::{Hints, LOOK_AGAIN, Listener, Topic},
        registry::{WorkKey, WorkerRegistry},
        sink::{Sink, SinkRole, Sinks},
    },
};
use tokio::time::timeout;

use crate::verify::{Report, Sources, verify_sink};

/// The result of a replay.
#[derive(Debug)]
pub enum Replayed {
    /// The shadow is live now.
    Swapped,
    /// The shadow differs from the log; it was dropped. The report lists the differences.
    Differs(Box<Report>),
    /// The shadow refuses events that the live sink has; it was dropped. Their positions.
    Refuses(Vec<LogPosition>),
    /// Another process has dropped the shadow meanwhile.
    Abandoned,
}

/// Rebuilds a projection of a log. Its worker must be running.
pub async fn replay(
    sources: Sources<'_>,
    hints: &dyn Hints,
    projection: Projection,
    stream: &StreamId,
) -> StoreResult<Replayed> {
    let sinks = sources.sinks(projection);
    let shadow = create_shadow(sinks, hints, stream).await?.generation;
    match make_live(sources, hints, (projection, stream), &shadow).await {
        Err(StoreError::Fenced { .. }) if !has_sink(sinks, stream, &shadow).await? => {
            Ok(Replayed::Abandoned)
        }
        replayed => replayed,
    }
}

/// Waits until a shadow is full, compares it with the log and makes it live.
async fn make_live(
    sources: Sources<'_>,
    hints: &dyn Hints,
    (projection, stream): (Projection, &StreamId),
    shadow: &str,
) -> StoreResult<Replayed> {
    let sinks = sources.sinks(projection);
    let end = sources.log.end(stream).await?;
    let registry = sources.registry;
    wait_caught_up(sinks, registry, hints, (stream, Some(shadow)), end).await?;
    let sink = find(sinks, stream, shadow).await?;
    let report = verify_sink(sources, stream, projection, &sink).await?;
    if !report.is_clean() {
        // A comparison with a shadow that another process drops meanwhile finds differences.
        if abandon(sources, hints, projection, stream).await? == 0 {
            return Ok(Replayed::Abandoned);
        }
        return Ok(Replayed::Differs(Box::new(report)));
    }
    let refused = find_newly_refused(sources, projection, stream, shadow).await?;
    if !refused.is_empty() {
        abandon(sources, hints, projection, stream).await?;
        return Ok(Replayed::Refuses(refused));
    }
    // The live sink continues meanwhile; the swap waits until the shadow has caught up with it.
    let mut progress = Listener::new(hints, Topic::Progress(stream.clone()));
    while !sinks.swap(stream, shadow).await? {
        await_progress(&mut progress, hints, stream).await;
    }
    hints.give(&Topic::Request(stream.clone()));
    Ok(Replayed::Swapped)
}

/// Creates a shadow, or finds the one that there is, and has the workers fill it.
pub async fn create_shadow(
    sinks: &dyn Sinks,
    hints: &dyn Hints,
    stream: &StreamId,
) -> StoreResult<Sink> {
    let shadow = sinks.create_shadow(stream).await?;
    hints.give(&Topic::Request(stream.clone()));
    Ok(shadow)
}

/// Drops the shadow of a projection, if there is one.
pub async fn abandon(
    sources: Sources<'_>,
    hints: &dyn Hints,
    projection: Projection,
    stream: &StreamId,
) -> StoreResult<usize> {
    drop_all(sources, hints, (projection, stream), SinkRole::Shadow).await
}

/// Drops the former live sinks; returns how many.
pub async fn drop_old(
    sources: Sources<'_>,
    hints: &dyn Hints,
    projection: Projection,
    stream: &StreamId,
) -> StoreResult<usize> {
    drop_all(sources, hints, (projection, stream), SinkRole::Old).await
}

async fn drop_all(
    sources: Sources<'_>,
    hints: &dyn Hints,
    (projection, stream): (Projection, &StreamId),
    role: SinkRole,
) -> StoreResult<usize> {
    let sinks = sources.sinks(projection);
    let mut dropped = sinks.sinks(stream).await?;
    dropped.retain(|sink| sink.role == role);
    for sink in &dropped {
        sinks.drop_sink(stream, &sink.generation, role).await?;
        let key = WorkKey::new(projection, stream, &sink.generation);
        sources.registry.forget_sink(&key).await?;
    }
    hints.give(&Topic::Request(stream.clone()));
    Ok(dropped.len())
}

/// Positions that the shadow has parked but the live sink has not.
async fn find_newly_refused(
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

/// Waits until a sink (the live one by default) reflects every position below `target` and the
/// registry has recorded it. It waits while a store is unavailable; any other failure is an error.
pub async fn wait_caught_up(
    sinks: &dyn Sinks,
    registry: &dyn WorkerRegistry,
    hints: &dyn Hints,
    (stream, generation): (&StreamId, Option<&str>),
    target: LogPosition,
) -> StoreResult<()> {
    let place = async || {
        let sink = match generation {
            Some(generation) => find(sinks, stream, generation).await?,
            None => sinks.sink(stream).await?,
        };
        let key = WorkKey::new(sinks.projection(), stream, &sink.generation);
        Ok(registry.recorded_position(&key).await?.min(sink.position))
    };
    let mut progress = Listener::new(hints, Topic::Progress(stream.clone()));
    loop {
        match place().await {
            Ok(position) if position >= target => return Ok(()),
            Err(error @ StoreError::Unavailable { .. }) => {
                tracing::debug!(%error, "place of a sink not seen");
            }
            Err(error) => return Err(error),
            Ok(_) => {}
        }
        await_progress(&mut progress, hints, stream).await;
    }
}

async fn await_progress(progress: &mut Listener<&dyn Hints>, hints: &dyn Hints, stream: &StreamId) {
    if timeout(LOOK_AGAIN, progress.wait()).await.is_err() {
        // The workers may not know that there is something to do.
        hints.give(&Topic::Request(stream.clone()));
    }
}

/// Whether a sink exists.
pub async fn has_sink(sinks: &dyn Sinks, stream: &StreamId, generation: &str) -> StoreResult<bool> {
    let all = sinks.sinks(stream).await?;
    Ok(all.iter().any(|sink| sink.generation == generation))
}

async fn find(sinks: &dyn Sinks, stream: &StreamId, generation: &str) -> StoreResult<Sink> {
    let all = sinks.sinks(stream).await?;
    let found = all.into_iter().find(|sink| sink.generation == generation);
    found.ok_or_else(|| StoreError::Fenced {
        store: sinks.projection().into(),
        reason: format!("{stream} has no sink {generation}"),
    })
}
