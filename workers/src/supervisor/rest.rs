//! A resting log: nothing runs for it until it has work.

use std::time::Duration;

use spice_core::{
    error::StoreError,
    id::{LogPosition, StreamId},
    port::{
        StoreResult,
        hints::{Hints, Listener, Topic},
        registry::WorkKey,
        sink::Sink,
    },
};

use super::{
    replays::{list_fed, until_replay},
    shared::{Role, Shared, Task},
};
use crate::engine::{Handler, is_finished};

/// Returns when a log has work for a role. Hints wake it; it also checks from time to time, in case
/// a sink, the registry or a hint was lost.
pub(super) async fn until_work(shared: &Shared, role: Role, stream: &StreamId, task: &Task) {
    if role == Role::Replay {
        return until_replay(shared, stream).await;
    }
    let mut signs = Signs::new(shared, stream);
    let backoff = shared.backoff(&format!("rest/{}/{stream}", role.as_str()));
    let handler = shared.handler(role);
    let (mut failures, mut checked) = (0, false);
    loop {
        let found = match &handler {
            _ if !checked => shared.check_log(stream).await.map(|()| None),
            handler => find_end(shared, handler.as_deref(), stream, task).await,
        };
        match found {
            Ok(None) if !checked => checked = true,
            // A refused log has a task, which reports the refusal.
            Ok(None) | Err(StoreError::LogRefused(_) | StoreError::Damaged { .. }) => return,
            Ok(Some((end, is_finished))) => {
                failures = 0;
                task.reporter.report_rest(end, is_finished);
                signs.next().await;
            }
            Err(error) => {
                failures += 1;
                task.reporter.report_pause(error.to_string(), failures);
                tokio::time::sleep(backoff.delay(failures)).await;
            }
        }
    }
}

/// Returns when one sink has work, or when that is unknown.
pub(super) async fn until_work_of(
    shared: &Shared,
    handler: &dyn Handler,
    stream: &StreamId,
    sink: &str,
) {
    let mut signs = Signs::new(shared, stream);
    let mut is_resting = true;
    while is_resting {
        signs.next().await;
        let done = async {
            let mut sinks = handler.sinks().sinks(stream).await?;
            sinks.retain(|found| found.generation == sink);
            done_by(shared, handler, stream, &sinks).await
        };
        is_resting = matches!(done.await, Ok(Some(_)));
    }
}

/// Returns the log's end, and whether the log is sealed there, if a role has no work; else none. The
/// statuses of its sinks follow a swap and a drop by another process.
async fn find_end(
    shared: &Shared,
    handler: Option<&dyn Handler>,
    stream: &StreamId,
    task: &Task,
) -> StoreResult<Option<(LogPosition, bool)>> {
    let done = match handler {
        Some(handler) => {
            let sinks = handler.sinks().sinks(stream).await?;
            task.keep_others(&sinks);
            let done = done_by(shared, handler, stream, &sinks).await?;
            if let Some(end) = done {
                task.rest_others(&sinks, end, &shared.ports.clock);
            }
            done
        }
        None => find_relayed_end(shared, stream).await?,
    };
    let Some(end) = done else {
        return Ok(None);
    };
    let is_finished = is_finished(&*shared.ports.log, stream, end).await?;
    Ok(Some((end, is_finished)))
}

/// Returns the log's end if the relay has published all of it, else none.
async fn find_relayed_end(shared: &Shared, stream: &StreamId) -> StoreResult<Option<LogPosition>> {
    let done = shared.ports.log.checkpoint(stream).await?;
    let end = shared.ports.log.end(stream).await?;
    Ok((done == end).then_some(end))
}

/// Returns the log's end if the sinks have all of it and no retry is requested, else none.
async fn done_by(
    shared: &Shared,
    handler: &dyn Handler,
    stream: &StreamId,
    sinks: &[Sink],
) -> StoreResult<Option<LogPosition>> {
    let registry = &shared.ports.registry;
    let end = shared.ports.log.end(stream).await?;
    for sink in &list_fed(shared, handler.projection(), stream, sinks.to_vec()).await? {
        let key = WorkKey::new(handler.projection(), stream, &sink.generation);
        if sink.position != end || registry.recorded_position(&key).await? != end {
            return Ok(None);
        }
    }
    let retries = has_retries(shared, handler, stream).await?;
    Ok((!retries).then_some(end))
}

/// Hints that a log may have work. Any of them may get lost.
struct Signs<'a> {
    log: Listener<&'a dyn Hints>,
    request: Listener<&'a dyn Hints>,
    /// After this long somebody looks without a hint.
    look_again: Duration,
}

impl<'a> Signs<'a> {
    fn new(shared: &'a Shared, stream: &StreamId) -> Self {
        let hints = &*shared.ports.hints;
        Self {
            log: Listener::new(hints, Topic::Log(stream.clone())),
            request: Listener::new(hints, Topic::Request(stream.clone())),
            look_again: shared.config.engine.look_again,
        }
    }

    /// Returns when it is time to look.
    async fn next(&mut self) {
        tokio::select! {
            biased;
            () = self.log.wait() => {}
            () = self.request.wait() => {}
            () = tokio::time::sleep(self.look_again) => {}
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
