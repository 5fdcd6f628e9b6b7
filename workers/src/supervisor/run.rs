//! The task of one log in one role.

use spice_core::{
    error::StoreError,
    id::StreamId,
    port::{Store, StoreResult, registry::Lease},
};
use tokio_util::sync::CancellationToken;

use super::{
    replays::run_replays,
    shared::{Role, Shared, Task},
    sinks::Engines,
};
use crate::{
    engine::{Halt, Patience},
    relay::Relay,
};

/// Runs the relay, the engines or the replays of a log while there is work.
pub(super) async fn run_once(
    shared: &Shared,
    stream: &StreamId,
    role: Role,
    task: &Task,
    (lease, token): (&Lease, &CancellationToken),
) -> StoreResult<()> {
    if role == Role::Replay {
        return run_replays(shared, stream, token).await;
    }
    let patience = Patience {
        reporter: task.reporter.clone(),
        token: token.clone(),
        backoff: shared.backoff(&format!("check/{}/{stream}", role.as_str())),
    };
    match patience.attempt(|| shared.check_log(stream)).await {
        Ok(()) => {}
        Err(Halt::Refused(error) | Halt::Damaged(error)) => return Err(error),
        Err(Halt::LookAgain(reason)) => {
            let store = Store::Registry;
            return Err(StoreError::Unavailable { store, reason });
        }
        Err(_) => return Ok(()),
    }
    if let Some(handler) = shared.handler(role) {
        let engines = Engines {
            shared,
            patience: &patience,
            handler,
            stream,
            task,
            lease,
            token,
        };
        return engines.run().await;
    }
    let (ports, config) = (shared.ports.clone(), shared.config.relay.clone());
    let hints = ports.hints;
    let relay = Relay::new(
        ports.log,
        ports.bus,
        hints,
        ports.clock,
        stream.clone(),
        config,
    );
    let relay = relay.report_to(task.reporter.clone());
    relay.run(token.clone()).await.map(drop)
}
