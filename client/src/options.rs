//! Options of reads and writes.

use std::time::Duration;

/// The default wait for `at_least`.
const USUAL_WAIT: Duration = Duration::from_secs(10);

/// Where a read looks, and how new its result must be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Read {
    /// The branch; `main` if none.
    pub branch: Option<String>,
    /// A past state: a position (inclusive) or an RFC 3339 time.
    pub as_of: Option<String>,
    /// A position or a command that the result must include.
    pub at_least: Option<String>,
    /// The maximum wait for that, in whole seconds.
    pub timeout: Option<Duration>,
}

impl Read {
    /// A read of the current state of a branch.
    pub fn on(branch: &str) -> Self {
        Self {
            branch: Some(branch.to_owned()),
            ..Self::default()
        }
    }

    /// Reads the state at a position or a time.
    #[must_use]
    #[allow(clippy::needless_pass_by_value)] // a number or a text
    pub fn as_of(mut self, moment: impl ToString) -> Self {
        self.as_of = Some(moment.to_string());
        self
    }

    /// Waits until the result includes a position or a command.
    #[must_use]
    #[allow(clippy::needless_pass_by_value)] // a number or a text
    pub fn at_least(mut self, shown: impl ToString) -> Self {
        self.at_least = Some(shown.to_string());
        self
    }

    pub(crate) fn wait_time(&self) -> Duration {
        match (&self.at_least, &self.as_of, self.timeout) {
            (_, _, Some(timeout)) => timeout,
            (None, None, None) => Duration::ZERO,
            _ => USUAL_WAIT,
        }
    }
}

/// How a command is sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Write {
    /// The branch; `main` if none, or unused for calls that name their branch elsewhere.
    pub branch: Option<String>,
    /// The `Idempotency-Key`; generated if none.
    pub key: Option<String>,
    /// How long to wait for the projections; no wait if none.
    pub wait: Option<Duration>,
}

impl Write {
    /// A write on a branch, without waiting.
    pub fn on(branch: &str) -> Self {
        Self {
            branch: Some(branch.to_owned()),
            ..Self::default()
        }
    }

    /// Sets the key.
    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    /// Waits for the projections.
    #[must_use]
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = Some(wait);
        self
    }

    /// Removes the branch, for calls without one in the query.
    pub(crate) fn off_branch(&self) -> Self {
        Self {
            branch: None,
            ..self.clone()
        }
    }
}
