//! A resting log: nothing runs for it until it has work.

use spice_core::{
    error::StoreError,
    id::{LogPosition, StreamId},
    port::{StoreResult, registry::WorkKey},
};
use tokio::time::timeout;

use super::shared::{Role, Shared, Task};
use crate::engine::Handler;

/// Returns when a log has work for a role. The log and the registry wake it; it also checks from
/// time to time, in case a sink, the registry or a notification was lost.
pub(super) async fn until_work(shared: &Shared, role: Role, stream: &StreamId, task: &Task) {
    let backoff = shared.backoff(&format!("rest/{}/{stream}", role.as_str()));
    let handler = shared.handler(role);
    let (mut failures, mut checked) = (0, false);
    loop {
        let found = match &handler {
            _ if !checked => shared.check_log(stream).await.map(|()| None),
            Some(handler) => done_by(shared, &**handler, stream).await,
            None => relayed(shared, stream).await,
        };
        match found {
            Ok(None) if !checked => checked = true,
            // A refused log has a task, which reports the refusal.
            Ok(None) | Err(StoreError::LogRefused(_) | StoreError::Damaged { .. }) => return,
            Ok(Some(done)) => {
                failures = 0;
                task.reporter.resting(done);
                let signs = await_signs(shared, handler.as_deref(), stream, done);
                tokio::select! {
                    biased;
                    () = task.nudge.notified() => {}
                    _ = timeout(shared.config.engine.look_again, signs) => {}
                }
            }
            Err(error) => {
                failures += 1;
                task.reporter.paused(error.to_string(), failures);
                tokio::time::sleep(backoff.delay(failures)).await;
            }
        }
    }
}

/// Returns when one sink may have work, or when the next check is due.
pub(super) async fn until_work_of(
    shared: &Shared,
    handler: &dyn Handler,
    stream: &StreamId,
    sink: &str,
) {
    let sinks = handler.sinks().sinks(stream).await.unwrap_or_default();
    let found = sinks.iter().find(|found| found.generation == sink);
    if let Some(found) = found {
        let signs = await_signs(shared, Some(handler), stream, found.position);
        let _looks = timeout(shared.config.engine.look_again, signs).await;
    }
}

/// Returns the log's end if the relay has published all of it, else none.
async fn relayed(shared: &Shared, stream: &StreamId) -> StoreResult<Option<LogPosition>> {
    let done = shared.ports.log.checkpoint(stream).await?;
    let end = shared.ports.log.end(stream).await?;
    Ok((done == end).then_some(end))
}

/// Returns the log's end if every sink has all of it and no retry is requested, else none.
async fn done_by(
    shared: &Shared,
    handler: &dyn Handler,
    stream: &StreamId,
) -> StoreResult<Option<LogPosition>> {
    let registry = &shared.ports.registry;
    let sinks = handler.sinks().sinks(stream).await?;
    let end = shared.ports.log.end(stream).await?;
    for sink in sinks {
        let key = WorkKey {
            worker: handler.projection().worker().to_owned(),
            stream: stream.clone(),
            sink: sink.generation,
        };
        if sink.position != end || registry.worked(&key).await? != end {
            return Ok(None);
        }
    }
    let retries = has_retries(shared, handler, stream).await?;
    Ok((!retries).then_some(end))
}

/// Waits until the log is longer, or until a person requests a retry.
async fn await_signs(
    shared: &Shared,
    handler: Option<&dyn Handler>,
    stream: &StreamId,
    done: LogPosition,
) {
    let (log, registry) = (&shared.ports.log, &shared.ports.registry);
    let mut seen = 0;
    loop {
        tokio::select! {
            biased;
            () = log.wait_beyond(stream, done) => return,
            change = registry.wait_change(stream, seen), if handler.is_some() => seen = change,
        }
        if let Some(handler) = handler
            && has_retries(shared, handler, stream).await.unwrap_or(true)
        {
            return;
        }
    }
}

async fn has_retries(
    shared: &Shared,
    handler: &dyn Handler,
    stream: &StreamId,
) -> StoreResult<bool> {
    let asked = shared.ports.registry.retries(stream).await?;
    let handlers = handler.projection().handlers();
    let mut names = asked.iter().map(|(name, _)| name.as_str());
    Ok(names.any(|name| handlers.contains(&name)))
}
