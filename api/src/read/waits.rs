//! What reads count of their waits.

use spice_core::error::{ErrorCode, Refusal};
use spice_telemetry::{Counter, Family, Gauge, Histogram, Scrape, table};
use tokio::time::Instant;

/// What a wait is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum For {
    /// The end of a command's work: `Prefer: wait`.
    Command,
    /// A position in the log.
    Log,
    /// A position in the sinks.
    Sink,
}

impl For {
    fn label(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Log => "log",
            Self::Sink => "sink",
        }
    }
}

/// How a wait ended.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ended {
    Done,
    Timeout,
    Failed,
    Abandoned,
}

impl Ended {
    fn label(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Timeout => "timeout",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
        }
    }

    /// How a wait with this result ended.
    pub(super) fn with<T>(result: &Result<T, Refusal>) -> Self {
        match result {
            Ok(_) => Self::Done,
            Err(refusal) if refusal.code == ErrorCode::Timeout => Self::Timeout,
            Err(_) => Self::Failed,
        }
    }
}

/// The waits of one process.
pub(crate) struct Waits {
    ended: Family<Counter, 2>,
    duration: Family<Histogram, 1>,
    open: Family<Gauge, 1>,
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            ended: table::WAITS.family(),
            duration: table::WAIT_DURATION.family(),
            open: table::OPEN_WAITS.family(),
        }
    }
}

impl Waits {
    /// Begins a wait. It counts as abandoned when it is dropped without [`Wait::end`].
    pub(super) fn begin(&self, what: For) -> Wait<'_> {
        self.open.with([what.label().into()]).inc();
        Wait {
            waits: self,
            what,
            ended: Ended::Abandoned,
            started: Instant::now(),
        }
    }

    pub(crate) fn report(&self, scrape: &mut Scrape) {
        scrape.add(&self.ended);
        scrape.add(&self.duration);
        scrape.add(&self.open);
    }
}

/// A wait that goes on.
pub(super) struct Wait<'a> {
    waits: &'a Waits,
    what: For,
    ended: Ended,
    started: Instant,
}

impl Wait<'_> {
    /// Ends the wait.
    pub(super) fn end(mut self, ended: Ended) {
        self.ended = ended;
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let (waits, what) = (self.waits, self.what.label());
        waits.open.with([what.into()]).dec();
        let ended = self.ended.label();
        waits.ended.with([what.into(), ended.into()]).inc();
        let took = self.started.elapsed().as_secs_f64();
        waits.duration.with([what.into()]).observe(took);
    }
}
