//! A command that waits for its answer, and the answer.

use spice_core::{
    command::Command,
    decide::{Receipt, Tallies},
    error::Refusal,
    idempotency::IdempotencyKey,
};
use tokio::sync::oneshot;

/// A command that is in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Accepted {
    /// The answer.
    pub receipt: Receipt,
    /// Whether it was accepted before, and this is its first answer again.
    pub is_replay: bool,
}

pub(super) type Answer = Result<Accepted, Refusal>;

/// A command that waits for its answer.
pub(super) struct Request {
    pub(super) command: Command,
    /// The key that the command's id is derived from, if the client sent one.
    pub(super) key: Option<IdempotencyKey>,
    /// The instances that were counted for the decision.
    pub(super) tallies: Tallies,
    pub(super) digest: String,
    /// The size of its payload.
    pub(super) bytes: usize,
    pub(super) answer: oneshot::Sender<Answer>,
}

impl Request {
    pub(super) fn creates_database(&self) -> bool {
        self.command.action.creates_database()
    }
}
