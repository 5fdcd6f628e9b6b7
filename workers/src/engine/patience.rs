//! Calls to stores: the class of a failure decides whether to wait, to start over, or to stop.

use spice_backoff::Seeded;
use spice_core::{error::StoreError, port::StoreResult};
use tokio_util::sync::CancellationToken;

use crate::status::{Reporter, WorkerState};

/// Why the work on a log cannot simply continue.
#[derive(Debug)]
pub(crate) enum Halt {
    /// The caller stopped it.
    Stopped,
    /// There was nothing to do for a while.
    Idle,
    /// The sink no longer exists.
    Gone,
    /// The log is sealed and processed.
    Sealed,
    /// Something that the work depends on has changed: start over.
    LookAgain(String),
    /// A store refused for good.
    Refused(StoreError),
    /// A store's content is damaged.
    Damaged(StoreError),
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Fenced { .. } | StoreError::Unavailable { .. } => {
                Self::LookAgain(error.to_string())
            }
            StoreError::Rejected { .. } | StoreError::UnknownCursor { .. } => Self::Refused(error),
            StoreError::Damaged { .. } | StoreError::LogRefused(_) => Self::Damaged(error),
        }
    }
}

/// Retries without limit what may still succeed, and reports it.
pub(crate) struct Patience {
    pub(crate) reporter: Reporter,
    pub(crate) token: CancellationToken,
    pub(crate) backoff: Seeded,
}

impl Patience {
    /// Calls until the answer is not "unavailable". It can be stopped between two calls.
    pub(crate) async fn attempt<T, F>(&self, mut call: impl FnMut() -> F) -> Result<T, Halt>
    where
        F: Future<Output = StoreResult<T>>,
    {
        let mut retries = 0;
        loop {
            match call().await {
                Ok(answer) => {
                    if retries > 0 {
                        tracing::info!(retries, "goes on");
                        self.reporter.set(WorkerState::Running);
                    }
                    return Ok(answer);
                }
                Err(error) if error.is_transient() => {
                    retries += 1;
                    self.pause(error.to_string(), retries).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Reports why nothing happens, and waits. Only the first of several failures in a row is a warning.
    pub(crate) async fn pause(&self, reason: String, retries: u32) -> Result<(), Halt> {
        if retries > 1 {
            tracing::debug!(reason, retries, "still paused");
        } else {
            tracing::warn!(reason, "paused");
        }
        self.reporter.report_pause(reason, retries);
        self.wait(retries).await
    }

    /// Waits as long as the n-th failure in a row requires.
    pub(crate) async fn wait(&self, failures: u32) -> Result<(), Halt> {
        let delay = tokio::time::sleep(self.backoff.delay(failures));
        self.token
            .run_until_cancelled(delay)
            .await
            .ok_or(Halt::Stopped)
    }
}
