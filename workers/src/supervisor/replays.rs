//! The replays of one log: waiting for a request, and carrying out those that are not finished.

use std::collections::BTreeSet;

use futures::{StreamExt, stream::FuturesUnordered};
use spice_core::{
    error::StoreError,
    handler::Projection,
    id::StreamId,
    port::{
        StoreResult,
        hints::{Listener, Topic},
        replays::change,
        sink::{Sink, SinkRole},
    },
    replay::{Replay, ReplayFault, ReplayId},
};
use tokio::{sync::mpsc, time::timeout};
use tokio_util::sync::CancellationToken;

use super::shared::Shared;
use crate::{replay::Replayer, verify::Sources};

/// Returns when a log has a replay that is not finished. Hints wake it; it also looks from time to
/// time.
pub(super) async fn until_replay(shared: &Shared, stream: &StreamId) {
    let topic = Topic::Request(stream.clone());
    let mut requests = Listener::new(&*shared.ports.hints, topic);
    let backoff = shared.backoff(&format!("replays/{stream}"));
    let mut failures = 0;
    loop {
        let pause = match shared.ports.registry.open_replays(stream).await {
            Ok(open) if !open.is_empty() => return,
            Ok(_) => {
                failures = 0;
                shared.config.engine.look_again
            }
            Err(error) => {
                failures += 1;
                tracing::debug!(%error, %stream, "cannot look for replays");
                backoff.delay(failures)
            }
        };
        // A hint may get lost, and a store comes back by itself.
        let _ = timeout(pause, requests.wait()).await;
    }
}

/// The sinks of a log that may be fed: all but a shadow whose replay is suspended.
pub(super) async fn list_fed(
    shared: &Shared,
    projection: Projection,
    stream: &StreamId,
    mut sinks: Vec<Sink>,
) -> StoreResult<Vec<Sink>> {
    let is_shadow = |sink: &Sink| sink.role == SinkRole::Shadow;
    if sinks.iter().any(is_shadow) {
        let open = shared.ports.registry.open_replays(stream).await?;
        let is_held = open.iter().any(|replay| replay.holds_back(projection));
        sinks.retain(|sink| !(is_held && is_shadow(sink)));
    }
    Ok(sinks)
}

/// Carries out the replays of a log until none is left. All futures are polled together: one that
/// waits for a store in line must not stand still while another waits behind it.
pub(super) async fn run_replays(
    shared: &Shared,
    stream: &StreamId,
    token: &CancellationToken,
) -> StoreResult<()> {
    let (sender, mut found) = mpsc::unbounded_channel();
    let mut listing = std::pin::pin!(list_open(shared, stream, sender));
    let mut running = FuturesUnordered::new();
    let mut known = BTreeSet::new();
    loop {
        tokio::select! {
            biased;
            () = token.cancelled() => return Ok(()),
            Some(open) = found.recv() => {
                for replay in open {
                    if known.insert(replay.id) {
                        running.push(carry_out(shared, replay));
                    }
                }
                if running.is_empty() {
                    return Ok(());
                }
            }
            Some(ended) = running.next() => {
                known.remove(&ended?);
                if running.is_empty() {
                    return Ok(());
                }
            }
            failure = &mut listing => return Err(failure),
        }
    }
}

/// Lists the unfinished replays of a log whenever there may be another one. Returns only a failure.
async fn list_open(
    shared: &Shared,
    stream: &StreamId,
    found: mpsc::UnboundedSender<Vec<Replay>>,
) -> StoreError {
    let topic = Topic::Request(stream.clone());
    let mut requests = Listener::new(&*shared.ports.hints, topic);
    loop {
        match shared.ports.registry.open_replays(stream).await {
            // Fails only when nobody wants to know.
            Ok(open) => drop(found.send(open)),
            Err(error) => return error,
        }
        // A hint may get lost: it looks by itself from time to time.
        let _ = timeout(shared.config.engine.look_again, requests.wait()).await;
    }
}

async fn carry_out(shared: &Shared, replay: Replay) -> StoreResult<ReplayId> {
    let (ports, stream, id) = (&shared.ports, &replay.stream, replay.id);
    match shared.check_log(stream).await {
        Err(error) if error.is_damage() => fail(shared, &replay, &error).await?,
        checked => checked?,
    }
    let replayer = Replayer {
        sources: Sources {
            log: &*ports.log,
            graph: &*ports.graph,
            documents: &*ports.documents,
            registry: &*ports.registry,
        },
        hints: &*ports.hints,
        clock: &*ports.clock,
        backoff: shared.backoff(&format!("replay/{id}")),
        look_again: shared.config.engine.look_again,
        report: &|replay| shared.replays.note(replay),
    };
    shared.replays.note(&replay);
    let carried_out = replayer.carry_out(stream, id).await;
    // Another process may have finished it.
    shared.replays.forget(id);
    carried_out.map(|_| id)
}

/// Nothing is rebuilt from a log that is not the one that the stores have seen.
async fn fail(shared: &Shared, replay: &Replay, error: &StoreError) -> StoreResult<()> {
    let Some(fault) = ReplayFault::of(error) else {
        return Ok(());
    };
    let failed = change(&*shared.ports.registry, replay.id, |replay| {
        let is_new = !replay.state.is_decided();
        if is_new {
            replay.fail(fault, error.to_string());
        }
        Ok(is_new)
    });
    if let Err(refusal) = failed.await {
        tracing::warn!(%refusal, replay = %replay.id, "a replay cannot be ended");
    }
    Ok(())
}
