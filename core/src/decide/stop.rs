//! Why a decision does not accept a command.

use super::need::Need;
use crate::error::{ErrorCode, Refusal};

/// Why there is no acceptance.
#[derive(Debug, Clone)]
pub enum Stop {
    /// The command is refused.
    Refused(Refusal),
    /// The decision needs these facts first.
    Needs(Vec<Need>),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<serde_json::Error> for Stop {
    fn from(error: serde_json::Error) -> Self {
        Self::Refused(Refusal::new(
            ErrorCode::Internal,
            format!("cannot be serialized: {error}"),
        ))
    }
}

/// Missing facts, collected so that the caller fetches them all at once.
#[derive(Default)]
pub(super) struct Needs(Vec<Need>);

impl Needs {
    /// The answer; none if it needs facts, which are added.
    pub(super) fn take<T>(&mut self, answer: Result<T, Stop>) -> Result<Option<T>, Stop> {
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(Stop::Needs(more)) => {
                self.0.extend(more);
                Ok(None)
            }
            Err(refused) => Err(refused),
        }
    }

    /// The number of missing facts.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Stops the decision if facts are missing.
    pub(super) fn settle(self) -> Result<(), Stop> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(Stop::Needs(self.0))
    }
}
