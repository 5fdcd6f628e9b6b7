//! The api over HTTP: reads, commands, and the meaning of its refusals.

mod answer;
mod api;

use std::time::Duration;

use reqwest::Method;
use spice_client::{Client, Credentials, Error, Read, Retries};
use spice_crds::Exact;

use answer::{class_stored, database_stored, is_absent, present, progress, progress_of};
pub use answer::{description_fields, failure, origin, refused};
pub use api::{Accepted, Api, ApiError, Command, Progress, Stored, Verb};

/// How long a command waits for the projections before its status is polled instead.
const WAIT: Duration = Duration::from_secs(10);

/// The api at a URL.
#[derive(Debug, Clone)]
pub struct ApiClient {
    client: Client,
}

impl ApiClient {
    /// A client of the gateway at `base`, for example `http://127.0.0.1:8002`.
    pub fn new(base: &str) -> Result<Self, ApiError> {
        Self::with_credentials(base, Credentials::default())
    }

    /// [`ApiClient::new`] with a token, or with authorities of its own.
    pub fn with_credentials(base: &str, credentials: Credentials) -> Result<Self, ApiError> {
        let client = Client::with_credentials(base, credentials);
        let client = client.map_err(|error| ApiError::Invalid {
            reason: "invalid_client".into(),
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
        Ok(found.map(progress_of))
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
            Err(error) if is_absent(&error) && command.verb == Verb::Delete => {
                return Ok(Accepted {
                    command: None,
                    progress: Progress::Completed,
                });
            }
            sent => sent.map_err(|error| failure(&error))?,
        };
        let mut far = progress(accepted.state);
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
