//! Rebuilding sinks: what a command requests, waits for and reports.

use std::{future::Future, time::Duration};

use spice_core::{
    error::{Refusal, StoreError},
    id::{LogPosition, StreamId},
    port::{
        StoreResult,
        hints::{LOOK_AGAIN, Listener, Topic},
        replays::{Start, change},
        sink::Sinks,
    },
    replay::{Replay, ReplayId, ReplayRequest},
};
pub use spice_workers::replay::{abandon, drop_old};
use spice_workers::{replay::wait_caught_up, verify::Projection};
use tokio::time::timeout;
use uuid::Uuid;

use crate::stores::Stores;

const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// Requests that a projection is rebuilt beside the live one, which is kept. If a replay of it is
/// not finished, that one goes on. The workers of the process that owns the log carry it out.
pub async fn request(
    stores: &Stores,
    stream: &StreamId,
    projection: Projection,
) -> StoreResult<ReplayId> {
    let request = ReplayRequest {
        keep_old: true,
        ..ReplayRequest::blue_green([projection])
    };
    let (id, now) = (ReplayId(Uuid::now_v7()), stores.clock.now());
    let replay = Replay::new(id, stream.clone(), request, None, now);
    let id = match stores.work.start_replay(&replay).await? {
        Start::Started => id,
        Start::Exists(other) | Start::Running(other) => other.id,
    };
    stores.hints.give(&Topic::Request(stream.clone()));
    Ok(id)
}

/// Waits until replays of a log are finished. `progress` receives the sum of the positions of their
/// shadows from time to time. Returns each replay; none for one that is gone.
pub async fn wait_finished(
    stores: &Stores,
    stream: &StreamId,
    ids: &[ReplayId],
    progress: impl Fn(u64),
) -> StoreResult<Vec<Option<Replay>>> {
    let finished = async {
        let topic = Topic::Progress(stream.clone());
        let mut changes = Listener::new(&*stores.hints, topic);
        loop {
            let mut found = Vec::with_capacity(ids.len());
            for id in ids {
                found.push(stores.work.replay(*id).await?);
            }
            let is_open = |it: &Option<Replay>| matches!(it, Some(it) if !it.state.is_finished());
            if !found.iter().any(is_open) {
                return Ok(found);
            }
            // A hint may get lost: it looks by itself from time to time.
            let _ = timeout(LOOK_AGAIN, changes.wait()).await;
        }
    };
    let shadows = async || {
        let mut total = 0;
        for id in ids {
            if let Some(replay) = stores.work.replay(*id).await? {
                total += sum_positions(stores, &replay).await?;
            }
        }
        Ok(total)
    };
    show(finished, shadows, progress).await
}

/// Cancels the unfinished replays of a projection of a log, and drops a shadow that is left.
pub async fn cancel(
    stores: &Stores,
    stream: &StreamId,
    projection: Projection,
) -> Result<usize, Refusal> {
    for replay in stores.work.open_replays(stream).await? {
        if replay.request.targets.contains(&projection) {
            change(&*stores.work, replay.id, Replay::cancel).await?;
        }
    }
    let dropped = abandon(stores.sources(), &*stores.hints, projection, stream).await?;
    Ok(dropped)
}

/// Waits until the live sinks of a log reflect it up to `end`. `progress` receives the sum of their
/// positions from time to time.
pub async fn catch_up(
    stores: &Stores,
    stream: &StreamId,
    end: LogPosition,
    progress: impl Fn(u64),
) -> StoreResult<()> {
    let sources = stores.sources();
    let caught_up = async {
        for projection in Projection::ALL {
            let sinks = sources.sinks(projection);
            let place = (stream, None);
            wait_caught_up(sinks, sources.registry, &*stores.hints, place, end).await?;
        }
        Ok(())
    };
    let positions = async || {
        let mut total = 0;
        for projection in Projection::ALL {
            total += sources.sinks(projection).sink(stream).await?.position.0;
        }
        Ok(total)
    };
    show(caught_up, positions, progress).await
}

/// Waits for something, and shows the progress meanwhile.
async fn show<T, F: Future<Output = StoreResult<u64>>>(
    work: impl Future<Output = StoreResult<T>>,
    count: impl Fn() -> F,
    progress: impl Fn(u64),
) -> StoreResult<T> {
    let mut work = std::pin::pin!(work);
    loop {
        match timeout(PROGRESS_EVERY, &mut work).await {
            Ok(done) => return done,
            Err(_) => match count().await {
                Ok(count) => progress(count),
                Err(StoreError::Unavailable { .. }) => {}
                Err(error) => return Err(error),
            },
        }
    }
}

/// The sum of the positions of a replay's shadows.
async fn sum_positions(stores: &Stores, replay: &Replay) -> StoreResult<u64> {
    let mut total = 0;
    for target in &replay.targets {
        let sinks: &dyn Sinks = stores.sources().sinks(target.projection);
        let sinks = sinks.sinks(&replay.stream).await?;
        let mut sinks = sinks.iter();
        let found = sinks.find(|sink| target.sink.as_ref() == Some(&sink.generation));
        total += found.map_or(0, |sink| sink.position.0);
    }
    Ok(total)
}
