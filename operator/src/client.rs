//! The api over HTTP: what is read of it, the commands that it is sent, and what its refusals
//! mean.

mod answer;

use std::{future::Future, time::Duration};

use reqwest::{Method, StatusCode, Url};
use serde_json::{Map, Value};
use uuid::Uuid;

use answer::{accepted, definition, find, progress, refusal, stored};

/// How long a command waits for the projections before its status is asked for instead.
const WAIT_SECONDS: u64 = 10;

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
    pub body: Option<Value>,
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
    /// A class: its definition.
    pub definition: Map<String, Value>,
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
    http: reqwest::Client,
    base: Url,
}

impl ApiClient {
    /// A client of the gateway at `base`, e.g. `http://127.0.0.1:8002`.
    pub fn new(base: &str) -> Result<Self, ApiError> {
        let invalid = |error: &dyn std::fmt::Display| ApiError::Invalid {
            reason: "invalid_url".into(),
            message: format!("{base:?} is not the URL of an api: {error}"),
        };
        let base_url = Url::parse(base).map_err(|error| invalid(&error))?;
        if base_url.cannot_be_a_base() {
            return Err(invalid(&"it has no host"));
        }
        let http = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(WAIT_SECONDS + 20))
            .build()
            .map_err(|error| invalid(&error))?;
        Ok(Self {
            http,
            base: base_url,
        })
    }

    fn url<'a>(&self, parts: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(parts);
        }
        url
    }

    async fn read(
        &self,
        parts: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Option<Value>, ApiError> {
        let request = self.http.get(self.url(parts.iter().copied())).query(query);
        let (status, body) = answer(request).await?;
        match status {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => Ok(Some(body)),
            status => Err(refusal(status, &body)),
        }
    }
}

impl Api for ApiClient {
    async fn database(&self, database: &str) -> Result<Option<Stored>, ApiError> {
        let body = self.read(&["databases", database], &[]).await?;
        Ok(body
            .filter(|body| find(body, "exists").and_then(Value::as_bool) != Some(false))
            .map(|body| stored(&body)))
    }

    async fn branch(&self, database: &str, branch: &str) -> Result<Option<Stored>, ApiError> {
        let body = self
            .read(&["databases", database, "branches", branch], &[])
            .await?;
        Ok(body.map(|body| stored(&body)))
    }

    async fn class(
        &self,
        database: &str,
        branch: &str,
        class: &str,
    ) -> Result<Option<Stored>, ApiError> {
        let parts = ["databases", database, "ontology", class];
        let body = self.read(&parts, &[("branch", branch)]).await?;
        let found = body.map(|body| Stored {
            definition: definition(&body),
            ..stored(&body)
        });
        // The api finds classes by label, too; a namesake is another class.
        Ok(found.filter(|found| found.definition.get("id").is_none_or(|id| id == class)))
    }

    async fn command(&self, command: &str) -> Result<Option<Progress>, ApiError> {
        let body = self.read(&["commands", command, "status"], &[]).await?;
        Ok(body.map(|body| progress(&body).unwrap_or(Progress::Pending)))
    }

    async fn send(&self, command: &Command) -> Result<Accepted, ApiError> {
        let method = match command.verb {
            Verb::Create => Method::POST,
            Verb::Update => Method::PUT,
            Verb::Delete => Method::DELETE,
        };
        let mut request = self
            .http
            .request(method, self.url(command.path.iter().map(String::as_str)))
            .query(&command.query)
            .header("idempotency-key", command.key.to_string())
            .header("prefer", format!("wait={WAIT_SECONDS}"));
        if let Some(body) = &command.body {
            request = request.json(body);
        }
        let (status, body) = answer(request).await?;
        if status == StatusCode::NOT_FOUND && command.verb == Verb::Delete {
            return Ok(Accepted {
                command: None,
                progress: Progress::Completed,
            });
        }
        if !status.is_success() {
            return Err(refusal(status, &body));
        }
        let mut accepted = accepted(&body);
        if let (Some(id), Progress::Pending) = (&accepted.command, &accepted.progress) {
            accepted.progress = self.command(id).await?.unwrap_or(Progress::Pending);
        }
        Ok(accepted)
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Result<(StatusCode, Value), ApiError> {
    let away = |error: reqwest::Error| {
        tracing::debug!(%error, "the api did not answer");
        ApiError::Transient {
            message: "the api cannot be reached".into(),
        }
    };
    let response = request.send().await.map_err(away)?;
    let status = response.status();
    let bytes = response.bytes().await.map_err(away)?;
    Ok((
        status,
        serde_json::from_slice(&bytes).unwrap_or(Value::Null),
    ))
}

#[cfg(test)]
mod tests;
