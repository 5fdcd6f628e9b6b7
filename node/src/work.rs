//! The workers and the relay as roles of a process.

use std::time::Duration;

use spice_workers::{
    engine::EngineConfig,
    supervisor::{LeaseConfig, Workers, WorkersConfig},
};

use crate::stores::Stores;

/// How the workers of a process work.
#[derive(Debug, Clone, Copy)]
pub struct WorkSettings {
    /// A lease that is not renewed for this long goes to another process.
    pub lease_timeout: Duration,
    /// How often leases are renewed; at most half of the timeout.
    pub heartbeat: Duration,
    /// Attempts before an event that a sink refuses is parked.
    pub attempts: u32,
}

/// Starts the relay and every worker.
pub(crate) fn start_workers(stores: &Stores, settings: WorkSettings) -> Workers {
    let config = WorkersConfig {
        lease: LeaseConfig {
            ttl: settings.lease_timeout,
            heartbeat: settings.heartbeat,
            // Another process that held a lease of a log that this one owns has crashed.
            alone: stores.is_owner(),
            ..LeaseConfig::default()
        },
        engine: EngineConfig {
            attempts: settings.attempts.max(1),
            ..EngineConfig::default()
        },
        ..WorkersConfig::default()
    };
    Workers::start(stores.ports(), config)
}

/// The workers that apply the log to the sinks while a command waits for it: those of this process if
/// it owns the log, else those of the process that does.
pub struct Upkeep(Option<Workers>);

impl Upkeep {
    /// Starts workers here if this process owns the log.
    pub fn start(stores: &Stores, settings: WorkSettings) -> Self {
        let is_owner = stores.is_owner();
        Self(is_owner.then(|| start_workers(stores, settings)))
    }

    /// Ends the workers here.
    pub async fn end(self) {
        if let Some(workers) = self.0 {
            workers.shutdown().await;
        }
    }
}
