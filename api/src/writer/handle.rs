//! The handle of a database's task: sends it requests, and sees what it publishes.

use std::{sync::Arc, time::Duration};

use spice_core::{
    error::{Refusal, StoreError},
    id::LogPosition,
};
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};

use super::{freshness::Freshness, ports::Ports, request::Request, snapshot::Snapshot};

/// How long a read waits for the log before it is answered from the known state.
const PATIENCE: Duration = Duration::from_secs(1);

/// The handle of a database's task.
#[derive(Clone)]
pub(super) struct Scribe {
    pub(super) requests: mpsc::Sender<Request>,
    pub(super) state: watch::Receiver<Standing>,
    pub(super) freshness: Arc<Freshness>,
}

/// What a database's task publishes.
#[derive(Debug, Clone)]
pub(super) enum Standing {
    /// It is reading the registry and the log.
    Opening,
    /// The database does not exist now.
    Absent,
    /// The database exists.
    Live(Arc<Snapshot>),
    /// The database cannot be opened.
    Failed(Refusal),
}

impl Scribe {
    /// Makes the snapshot cover everything that was in the log `behind` ago. While the log cannot
    /// be read, the snapshot stays unchanged.
    pub(super) async fn refresh(&mut self, ports: &Ports, behind: Duration) {
        if self.freshness.is_within(behind) {
            return;
        }
        match timeout(PATIENCE, self.compare(ports)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "cannot read the log; using the last known state of the database");
            }
            Err(_) => {
                tracing::warn!(
                    "no answer from the log in time; using the last known state of the database"
                );
            }
        }
    }

    async fn compare(&mut self, ports: &Ports) -> Result<(), StoreError> {
        let freshness = self.freshness.clone();
        let begun = freshness.begun();
        let _one_at_a_time = freshness.lock().await;
        if freshness.is_after(begun) {
            return Ok(());
        }
        let check = freshness.begin();
        let standing = self.state.borrow().clone();
        let mut end = LogPosition::MAX;
        match standing {
            // Both read the log's end when they are done, or return why they cannot.
            Standing::Opening | Standing::Failed(_) => return Ok(()),
            Standing::Absent => {}
            Standing::Live(snapshot) => match ports.end(&snapshot.stream).await {
                Ok(found) if found == snapshot.end => {
                    freshness.cover(&check);
                    return Ok(());
                }
                Ok(found) if found > snapshot.end => end = found,
                Err(error) if error.is_transient() => return Err(error),
                // The log became shorter or is damaged: the task will detect and report it.
                Ok(_) | Err(_) => {}
            },
        }
        freshness.ask();
        let is_current = |standing: &Standing| match standing {
            Standing::Live(snapshot) if snapshot.end >= end => true,
            Standing::Failed(_) => true,
            _ => freshness.is_after(check.number),
        };
        // Fails if the task has ended; the caller detects it.
        drop(self.state.wait_for(is_current).await);
        Ok(())
    }
}
