//! The api over HTTP: what is read of it, the commands that it is sent, and what its refusals
//! mean.

mod answer;

use std::{future::Future, time::Duration};

use reqwest::Method;
use spice_client::{Client, Error, Read, Retries};
use spice_crds::{Exact, Fields};
use uuid::Uuid;

use answer::{class_stored, database_stored, present, progress};
pub use answer::{described, failure, origin, refused};

/// How long a command waits for the projections before its status is asked for instead.
const WAIT: Duration = Duration::from_secs(10);

/// Why the api did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// It is away or busy: the same request may succeed later.
    #[error("{message}")]
    Transient {
        /// A sentence that is the same each time.
        message: String,
    },
    /// The state is no longer what it was when the command was decided: look again.
    #[error("{message}")]
    Conflict {
        /// What the api said.
        message: String,
    },
    /// It will not do it as things are.
    #[error("{message}")]
    Rejected {
        /// The code of the refusal.
        reason: String,
        /// What the api said.
        message: String,
    },
    /// What is asked can never be done.
    #[error("{message}")]
    Invalid {
        /// The code of the refusal.
        reason: String,
        /// What the api said.
        message: String,
    },
}

/// What a command does.
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

/// A write, decided and named: sent twice, it is the same command.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// What it does.
    pub verb: Verb,
    /// The parts of the path behind `/api/v1`.
    pub path: Vec<String>,
    /// The query.
    pub query: Vec<(&'static str, String)>,
    /// The body.
    pub body: Option<Exact>,
    /// The `Idempotency-Key`.
    pub key: Uuid,
}

/// How far a command has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// In the log; some projection has not caught up.
    Pending,
    /// Projected.
    Completed,
    /// Discarded by a person.
    Failed(String),
}

/// An accepted command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Its id, when the answer tells it.
    pub command: Option<String>,
    /// How far it has come.
    pub progress: Progress,
}

/// Something that the api has: a database, a branch, a class.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stored {
    /// Its sequence number.
    pub sequence: Option<u64>,
    /// Its position, or that of what it belongs to.
    pub position: Option<u64>,
    /// A database: its projections show what was written before this position.
    pub projected: Option<u64>,
    /// A class: its definition. A branch: where it starts. A database: its description.
    pub definition: Fields,
}

/// What the operator asks of the api.
pub trait Api: Send + Sync {
    /// A database; none: 404.
    fn database(
        &self,
        database: &str,
    ) -> impl Future<Output = Result<Option<Stored>, ApiError>> + Send;
    /// A branch; none: 404.
    fn branch(
        &self,
        database: &str,
        branch: &str,
    ) -> impl Future<Output = Result<Option<Stored>, ApiError>> + Send;
    /// A class of a branch; none: 404.
    fn class(
        &self,
        database: &str,
        branch: &str,
        class: &str,
    ) -> impl Future<Output = Result<Option<Stored>, ApiError>> + Send;
    /// How far a command has come; none: 404.
    fn command(
        &self,
        command: &str,
    ) -> impl Future<Output = Result<Option<Progress>, ApiError>> + Send;
    /// Sends a command.
    fn send(&self, command: &Command) -> impl Future<Output = Result<Accepted, ApiError>> + Send;
}

/// The api behind a URL.
#[derive(Debug, Clone)]
pub struct ApiClient {
    client: Client,
}

impl ApiClient {
    /// A client of the gateway at `base`, e.g. `http://127.0.0.1:8002`.
    pub fn new(base: &str) -> Result<Self, ApiError> {
        let client = Client::new(base).map_err(|error| ApiError::Invalid {
            reason: "invalid_url".into(),
            message: error.to_string(),
        })?;
        // A pass that fails is repeated as a whole, after a backoff of its own.
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
        // A branch tells where it was made (its generation) and where it starts.
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
        // The api finds classes by label, too; a namesake is another class.
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
