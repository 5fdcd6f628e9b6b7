//! A log at rest: nothing runs for it until it has work.

use spice_core::{
    error::StoreError,
    id::{LogPosition, StreamId},
    port::{StoreResult, registry::WorkKey},
};
use tokio::time::timeout;

use super::shared::{Role, Shared, Task};

/// Returns when a log has work for a role. Woken by the log and by the registry; looks by itself
/// from time to time, in case a sink or the registry was lost or a sign was.
pub(super) async fn until_work(shared: &Shared, role: Role, stream: &StreamId, task: &Task) {
    let backoff = shared.backoff(&format!("rest/{}/{stream}", role.as_str()));
    let (mut failures, mut checked) = (0, false);
    loop {
        let found = if checked {
            find_work(shared, role, stream).await
        } else {
            shared.check_log(stream).await.map(|()| None)
        };
        match found {
            Ok(None) if !checked => checked = true,
            // A log that is refused has a task, which says so.
            Ok(None) | Err(StoreError::LogRefused(_) | StoreError::Damaged { .. }) => return,
            Ok(Some(done)) => {
                failures = 0;
                task.reporter.resting(done);
                let signs = await_signs(shared, role, stream, done);
                let look_again = shared.config.engine.look_again;
                tokio::select! {
                    biased;
                    () = task.nudge.notified() => {}
                    _ = timeout(look_again, signs) => {}
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

/// The log's end when the role has dealt with all of it, else none.
async fn find_work(
    shared: &Shared,
    role: Role,
    stream: &StreamId,
) -> StoreResult<Option<LogPosition>> {
    let done = match shared.handler(role) {
        None => shared.ports.log.checkpoint(stream).await?,
        Some(handler) => {
            let sink = handler.sink(stream).await?;
            let key = WorkKey {
                worker: handler.worker().to_owned(),
                stream: stream.clone(),
                sink: sink.generation,
            };
            let worked = shared.ports.registry.worked(&key).await?;
            if worked != sink.position || has_retries(shared, role, stream).await? {
                return Ok(None);
            }
            worked
        }
    };
    let end = shared.ports.log.end(stream).await?;
    Ok((done == end).then_some(end))
}

/// Waits until the log is longer, or until somebody asks for a retry.
async fn await_signs(shared: &Shared, role: Role, stream: &StreamId, done: LogPosition) {
    let (log, registry) = (&shared.ports.log, &shared.ports.registry);
    let is_worker = shared.handler(role).is_some();
    let mut seen = 0;
    loop {
        tokio::select! {
            biased;
            () = log.wait_beyond(stream, done) => return,
            change = registry.wait_change(stream, seen), if is_worker => seen = change,
        }
        if has_retries(shared, role, stream).await.unwrap_or(true) {
            return;
        }
    }
}

async fn has_retries(shared: &Shared, role: Role, stream: &StreamId) -> Result<bool, StoreError> {
    let Some(handler) = shared.handler(role) else {
        return Ok(false);
    };
    let asked = shared.ports.registry.retries(stream).await?;
    let names = handler.names();
    Ok(asked.iter().any(|(name, _)| names.contains(&name.as_str())))
}
