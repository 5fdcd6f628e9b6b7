//! What reads and writes have in common.

use std::time::Duration;

/// How long the api waits for `at_least` when nothing is said.
const USUAL_WAIT: Duration = Duration::from_secs(10);

/// Where a read looks, and how new what it sees has to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Read {
    /// The branch; none: `main`.
    pub branch: Option<String>,
    /// The past to look at: a position, inclusive, or an RFC 3339 time.
    pub as_of: Option<String>,
    /// A position or a command that has to show.
    pub at_least: Option<String>,
    /// How long it may take until that shows; in whole seconds.
    pub timeout: Option<Duration>,
}

impl Read {
    /// On a branch, as it is now.
    pub fn on(branch: &str) -> Self {
        Self {
            branch: Some(branch.to_owned()),
            ..Self::default()
        }
    }

    /// The same, at a position or a time.
    #[must_use]
    #[allow(clippy::needless_pass_by_value)] // a number or a text
    pub fn as_of(mut self, moment: impl ToString) -> Self {
        self.as_of = Some(moment.to_string());
        self
    }

    /// The same, once a position or a command shows.
    #[must_use]
    #[allow(clippy::needless_pass_by_value)] // a number or a text
    pub fn at_least(mut self, shown: impl ToString) -> Self {
        self.at_least = Some(shown.to_string());
        self
    }

    pub(crate) fn waits(&self) -> Duration {
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
    /// The branch; none: `main`, or none at all for calls that have their branch elsewhere.
    pub branch: Option<String>,
    /// The `Idempotency-Key`; one is made when there is none.
    pub key: Option<String>,
    /// How long to wait for the projections; none: not at all.
    pub wait: Option<Duration>,
}

impl Write {
    /// On a branch, without waiting.
    pub fn on(branch: &str) -> Self {
        Self {
            branch: Some(branch.to_owned()),
            ..Self::default()
        }
    }

    /// The same, under a key.
    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    /// The same, waiting for the projections.
    #[must_use]
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = Some(wait);
        self
    }

    /// Without a branch, for calls that have none in the query.
    pub(crate) fn off_branch(&self) -> Self {
        Self {
            branch: None,
            ..self.clone()
        }
    }
}
