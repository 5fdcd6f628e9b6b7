//! The sinks of a replay: waiting until one is full, dropping those that nobody needs.

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

use crate::verify::Sources;

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

/// Makes a shadow live, once it has caught up with the live sink.
pub(super) async fn swap_in(
    sinks: &dyn Sinks,
    hints: &dyn Hints,
    stream: &StreamId,
    shadow: &str,
) -> StoreResult<()> {
    let mut progress = Listener::new(hints, Topic::Progress(stream.clone()));
    while !sinks.swap(stream, shadow).await? {
        await_progress(&mut progress, hints, stream).await;
    }
    Ok(())
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

/// The sink of a generation; fenced if it is gone.
pub(super) async fn find(
    sinks: &dyn Sinks,
    stream: &StreamId,
    generation: &str,
) -> StoreResult<Sink> {
    let all = sinks.sinks(stream).await?;
    let found = all.into_iter().find(|sink| sink.generation == generation);
    found.ok_or_else(|| StoreError::Fenced {
        store: sinks.projection().into(),
        reason: format!("{stream} has no sink {generation}"),
    })
}
