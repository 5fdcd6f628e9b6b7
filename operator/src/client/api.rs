//! The calls of the api that the operator needs, and their answers.

use std::future::Future;

use spice_crds::{Exact, Fields};
use uuid::Uuid;

/// Why the api did not execute a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// The api is unavailable or busy. The same request may succeed later.
    #[error("{message}")]
    Transient {
        /// A constant message.
        message: String,
    },
    /// The state changed after the command was decided. Read it again.
    #[error("{message}")]
    Conflict {
        /// The message of the api.
        message: String,
    },
    /// The api refuses the command in the current state.
    #[error("{message}")]
    Rejected {
        /// The code of the refusal.
        reason: String,
        /// The message of the api.
        message: String,
    },
    /// The request can never succeed.
    #[error("{message}")]
    Invalid {
        /// The code of the refusal.
        reason: String,
        /// The message of the api.
        message: String,
    },
}

/// The effect of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Verb {
    Create,
    Update,
    Delete,
}

impl Verb {
    /// `create`, `update` or `delete`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// A write with its key. Sent twice, it is the same command.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// The effect.
    pub verb: Verb,
    /// The parts of the path after `/api/v1`.
    pub path: Vec<String>,
    /// The query.
    pub query: Vec<(&'static str, String)>,
    /// The body.
    pub body: Option<Exact>,
    /// The `Idempotency-Key`.
    pub key: Uuid,
}

/// The progress of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// In the log, but some projection does not have it yet.
    Pending,
    /// In the log, but these handlers cannot apply it; a person must retry or discard it.
    Parked(Vec<String>),
    /// Projected.
    Completed,
    /// Discarded by a person.
    Failed(String),
}

/// An accepted command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Its id, if the answer contains it.
    pub command: Option<String>,
    /// Its progress.
    pub progress: Progress,
}

/// A thing in the api: a database, a branch, a class.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stored {
    /// Its sequence number.
    pub sequence: Option<u64>,
    /// Its position, or that of the thing that it belongs to.
    pub position: Option<u64>,
    /// For a database: its projections show everything before this position.
    pub projected: Option<u64>,
    /// For a class, its definition; for a branch, where it starts; for a database, its description.
    pub definition: Fields,
}

/// The calls of the api that the operator needs.
pub trait Api: Send + Sync {
    /// A database; none if it does not exist.
    fn database(
        &self,
        database: &str,
    ) -> impl Future<Output = Result<Option<Stored>, ApiError>> + Send;
    /// A branch; none if it does not exist.
    fn branch(
        &self,
        database: &str,
        branch: &str,
    ) -> impl Future<Output = Result<Option<Stored>, ApiError>> + Send;
    /// A class of a branch; none if it does not exist.
    fn class(
        &self,
        database: &str,
        branch: &str,
        class: &str,
    ) -> impl Future<Output = Result<Option<Stored>, ApiError>> + Send;
    /// The progress of a command; none if it does not exist.
    fn command(
        &self,
        command: &str,
    ) -> impl Future<Output = Result<Option<Progress>, ApiError>> + Send;
    /// Sends a command.
    fn send(&self, command: &Command) -> impl Future<Output = Result<Accepted, ApiError>> + Send;
}
