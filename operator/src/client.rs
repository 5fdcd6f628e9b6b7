//! The api over HTTP: reads, commands, and the meaning of its refusals.

mod answer;

use std::{future::Future, time::Duration};

use reqwest::Method;
use spice_client::{Client, Error, Read, Retries};
use spice_crds::{Exact, Fields};
use uuid::Uuid;

use answer::{class_stored, database_stored, present, progress};
pub use answer::{description_fields, failure, origin, refused};

/// How long a command waits for the projections before its status is polled instead.
const WAIT: Duration = Duration::from_secs(10);

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
    /// A database; none if the answer is 404.
    fn database(
        &self,
        database: &str,
    ) -> impl Future<Output = Result<Option<Stored>, ApiError>> + Send;
    /// A branch; none if the answer is 404.
    fn branch(
        &self,
        database: &str,
        branch: &str,
    ) -> impl Future<Output = Result<Option<Stored>, ApiError>> + Send;
    /// A class of a branch; none if the answer is 404.
    fn class(
        &self,
        database: &str,
        branch: &str,
        class: &str,
    ) -> impl Future<Output = Result<Option<Stored>, ApiError>> + Send;
    /// The progress of a command; none if the answer is 404.
    fn command(
        &self,
        command: &str,
    ) -> impl Future<Output = Result<Option<Progress>, ApiError>> + Send;
    /// Sends a command.
    fn send(&self, command: &Command) -> impl Future<Output = Result<Accepted, ApiError>> + Send;
}

/// The api at a URL.
#[derive(Debug, Clone)]
pub struct ApiClient {
    client: Client,
}

impl ApiClient {
    /// A client of the gateway at `base`, for example `http://127.0.0.1:8002`.
    pub fn new(base: &str) -> Result<Self, ApiError> {
        let client = Client::new(base).map_err(|error| ApiError::Invalid {
            reason: "invalid_url".into(),
            message: error.to_string(),
        })?;
        // A failed pass is repeated as a whole, with a backoff of its own, so the client does not
        // retry.
        let client = client.with_retries(Retries::NONE);
        Ok(Self { client })
    }
}

impl Api for ApiClient {
    async fn database(&self, database: &str) -> Result<Option<Stored>, ApiError> {
        let found = self.client.database(database, &Read::default()).await;
        Ok(present(found)?.map(|database| database_stored(&database.details)))
    }

    async fn branch(&self, database: &str, branch: &str) -> Result<Option<Stored>, ApiError> {
        let found = present(self.client.branch(database, branch).await)?;
        // A branch contains its generation (the position of its creation) and its start.
        Ok(found.map(|branch| Stored {
            sequence: branch.sequence,
            position: branch.from_position,
            definition: origin(branch.from_branch.as_deref(), branch.from_position),
            ..Stored::default()
        }))
    }

    async fn class(
        &self,
        database: &str,
        branch: &str,
        class: &str,
    ) -> Result<Option<Stored>, ApiError> {
        let read = Read::on(branch);
        let found = self.client.class_as(database, class, &read).await;
        let found = present(found)?.map(class_stored);
        // The api also finds classes by label. A class with this label but another id is a
        // different class.
        Ok(found.filter(|found| {
            let id = found.definition.get("id").and_then(Exact::as_str);
            id.is_none_or(|id| id == class)
        }))
    }

    async fn command(&self, command: &str) -> Result<Option<Progress>, ApiError> {
        let found = present(self.client.command(command).await)?;
        Ok(found.map(|found| progress(found.status, found.error)))
    }

    async fn send(&self, command: &Command) -> Result<Accepted, ApiError> {
        let method = match command.verb {
            Verb::Create => Method::POST,
            Verb::Update => Method::PUT,
            Verb::Delete => Method::DELETE,
        };
        let prefix = ["api", "v1"].into_iter();
        let parts = prefix.chain(command.path.iter().map(String::as_str));
        let mut request = self
            .client
            .request_parts(method, parts)
            .idempotency_key(&command.key.to_string())
            .prefer_wait(WAIT);
        for (name, value) in &command.query {
            request = request.query(name, value);
        }
        if let Some(body) = &command.body {
            request = request.json(body);
        }
        let sent: Result<spice_client::Accepted, Error> = request.fetch().await;
        let accepted = match sent {
            Err(error) if error.is_not_found() && command.verb == Verb::Delete => {
                return Ok(Accepted {
                    command: None,
                    progress: Progress::Completed,
                });
            }
            sent => sent.map_err(|error| failure(&error))?,
        };
        let mut far = progress(accepted.state, None);
        if far == Progress::Pending {
            let now = self.command(&accepted.command_id).await?;
            far = now.unwrap_or(Progress::Pending);
        }
        Ok(Accepted {
            command: Some(accepted.command_id),
            progress: far,
        })
    }
}

#[cfg(test)]
mod tests;
