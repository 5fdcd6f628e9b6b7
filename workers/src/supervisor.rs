//! Runs relay and workers for the logs of this process's share: finds logs, runs a task where there
//! is work, restarts failed tasks, and shows their status.

mod keeper;
mod metrics;
mod replays;
mod rest;
mod run;
mod shared;
mod sinks;
mod tally;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use spice_core::{
    id::StreamId,
    port::hints::{Listener, Topic},
};
use spice_telemetry::Source;
use tokio::{sync::watch, time::timeout};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

pub use self::shared::{Ports, Role, WorkersConfig};
use self::{keeper::Keeper, metrics::Report, shared::Shared, tally::Tally};
pub use crate::share::LeaseConfig;
use crate::status::WorkerStatus;

/// The running workers. If it is dropped, they end as well, but nothing waits for them.
pub struct Workers {
    shared: Arc<Shared>,
    _guard: DropGuard,
}

impl Workers {
    /// Starts them on the current runtime.
    pub fn start(ports: Ports, config: WorkersConfig) -> Self {
        let token = CancellationToken::new();
        let shared = Arc::new(Shared {
            ports,
            config,
            token: token.clone(),
            tracker: TaskTracker::new(),
            tasks: Mutex::new(BTreeMap::new()),
            leases: Mutex::new(BTreeMap::new()),
            replays: Tally::default(),
        });
        let (sender, streams) = watch::channel(BTreeSet::new());
        for role in shared.config.roles.clone() {
            let keeper = Keeper::new(Arc::clone(&shared), role, streams.clone());
            shared.tracker.spawn(keeper.run());
        }
        shared.tracker.spawn(discover(Arc::clone(&shared), sender));
        Self {
            shared,
            _guard: token.drop_guard(),
        }
    }

    /// Returns the status of every log of this process's share, by log and role.
    pub fn statuses(&self) -> BTreeMap<(StreamId, Role), WorkerStatus> {
        let tasks = self.shared.lock();
        tasks
            .iter()
            .map(|(key, task)| (key.clone(), task.reporter.subscribe().borrow().clone()))
            .collect()
    }

    /// Their metrics.
    pub fn source(&self) -> Arc<dyn Source> {
        Arc::new(Report(Arc::clone(&self.shared)))
    }

    /// Follows one status; none for a log that is not in this process's share.
    pub fn status(&self, stream: &StreamId, role: Role) -> Option<watch::Receiver<WorkerStatus>> {
        let tasks = self.shared.lock();
        let task = tasks.get(&(stream.clone(), role))?;
        Some(task.reporter.subscribe())
    }

    /// Ends them: finishes the current batches and releases the leases.
    pub async fn shutdown(self) {
        self.shared.token.cancel();
        self.shared.tracker.close();
        self.shared.tracker.wait().await;
    }
}

/// Finds logs, for the keepers of all roles.
async fn discover(shared: Arc<Shared>, known: watch::Sender<BTreeSet<StreamId>>) {
    let backoff = shared.backoff("discover");
    let mut logs = Listener::new(&*shared.ports.hints, Topic::Logs);
    let mut failures = 0;
    loop {
        let pause = async {
            match shared.ports.log.streams().await {
                Ok(streams) => {
                    failures = 0;
                    known.send_if_modified(|known| {
                        let before = known.len();
                        known.extend(streams);
                        known.len() > before
                    });
                    // A hint may get lost: it looks by itself from time to time.
                    let _ = timeout(shared.config.engine.look_again, logs.wait()).await;
                }
                Err(error) => {
                    failures += 1;
                    tracing::warn!(%error, "cannot list the logs");
                    tokio::time::sleep(backoff.delay(failures)).await;
                }
            }
        };
        if shared.token.run_until_cancelled(pause).await.is_none() {
            return;
        }
    }
}
