//! Filling a sink anew: it is emptied, and its worker fills it from the log like any sink that
//! is behind.

use std::time::Duration;

use spice_core::{
    id::{LogPosition, StreamId},
    port::{
        StoreResult,
        graph::Sink,
        registry::{WorkKey, WorkerRegistry},
    },
};

use crate::engine::Handler;

/// The registry's signs are hints; this is how long one may be missing.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Throws away what a handler's sink knows of a log. Its worker finds out when it applies next,
/// at its next heartbeat, or when it is nudged.
pub async fn rebuild(handler: &dyn Handler, stream: &StreamId) -> StoreResult<Sink> {
    handler.reset(stream).await
}

/// Waits until a handler's sink reflects everything below `target` and the registry says so.
/// A store that is away meanwhile is waited for; anything else is an error.
pub async fn wait_caught_up(
    handler: &dyn Handler,
    registry: &dyn WorkerRegistry,
    stream: &StreamId,
    target: LogPosition,
) -> StoreResult<()> {
    let mut seen = 0;
    loop {
        match place(handler, registry, stream).await {
            Ok(position) if position >= target => return Ok(()),
            Err(error) if !error.is_transient() => return Err(error),
            Ok(_) | Err(_) => {}
        }
        let change = registry.wait_change(stream, seen);
        seen = tokio::time::timeout(LOOK_AGAIN, change)
            .await
            .unwrap_or(seen);
    }
}

async fn place(
    handler: &dyn Handler,
    registry: &dyn WorkerRegistry,
    stream: &StreamId,
) -> StoreResult<LogPosition> {
    let sink = handler.sink(stream).await?;
    let key = WorkKey {
        worker: handler.worker().to_owned(),
        stream: stream.clone(),
        sink: sink.generation,
    };
    Ok(registry.worked(&key).await?.min(sink.position))
}
