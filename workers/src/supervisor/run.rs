//! One log in one role, as long as there is work.

use std::sync::Arc;

use spice_core::{error::StoreError, id::StreamId, port::registry::Lease};
use tokio_util::sync::CancellationToken;

use super::shared::{Role, Shared, Task};
use crate::{
    engine::{End, Engine, EnginePorts, Halt, Patience},
    relay::Relay,
};

/// Runs relay or engine of a log as long as there is work.
pub(super) async fn run_once(
    shared: &Shared,
    stream: &StreamId,
    role: Role,
    task: &Task,
    (lease, token): (&Lease, &CancellationToken),
) -> Result<End, StoreError> {
    let patience = Patience {
        reporter: task.reporter.clone(),
        token: token.clone(),
        backoff: shared.backoff(&format!("check/{}/{stream}", role.as_str())),
    };
    match patience.attempt(|| shared.check_log(stream)).await {
        Ok(()) => {}
        Err(Halt::Refused(error) | Halt::Damaged(error)) => return Err(error),
        Err(Halt::Stopped | Halt::Idle | Halt::Sealed) => return Ok(End::Stopped),
        Err(Halt::LookAgain(reason)) => {
            let store = "registry";
            return Err(StoreError::Unavailable { store, reason });
        }
    }
    let ports = shared.ports.clone();
    let stream = stream.clone();
    let Some(handler) = shared.handler(role) else {
        let config = shared.config.relay.clone();
        let relay = Relay::new(ports.log, ports.bus, ports.clock, stream, config);
        let relay = relay.told_by(task.reporter.clone());
        return relay.run(token.clone()).await;
    };
    let ports = EnginePorts {
        log: ports.log,
        bus: ports.bus,
        registry: ports.registry,
        clock: ports.clock,
    };
    let (lease, config) = (lease.clone(), shared.config.engine.clone());
    let engine = Engine::new(ports, handler, stream, lease, config);
    let engine = engine.told_by(task.reporter.clone(), Arc::clone(&task.nudge));
    engine.run(token.clone()).await
}
