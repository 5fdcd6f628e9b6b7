//! The api over HTTP: reads, commands, and the meaning of its refusals.

mod answer;
mod api;

use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;
use spice_client::{Client, Credentials, Decisions, Error, Merge, Read, Retries, Write};

use answer::{Answer, comparison, is_absent, known, progress_of};
pub use answer::{failure, refused};
pub use api::{
    Accepted, Api, ApiError, Change, ChangedThing, Claim, Command, Comparison, Declaration,
    Deletion, HandOver, Known, Owner, Progress, Subject, Thing,
};

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
        let client = client.map_err(|error| ApiError::Rejected {
            reason: "invalid_client".into(),
            message: error.to_string(),
        })?;
        // A failed pass is repeated as a whole, with a backoff of its own, so the client does not
        // retry.
        let client = client.with_retries(Retries::NONE);
        Ok(Self { client })
    }

    /// The client, for calls whose answers it describes.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }
}

#[derive(Deserialize)]
struct Enveloped {
    data: Answer,
}

impl Api for ApiClient {
    async fn database(&self, name: &str) -> Result<Known, ApiError> {
        let found = self.client.database(name, &Read::default()).await;
        known(found.as_ref().map(|database| &database.details))
    }

    async fn command(&self, command: &str) -> Result<Option<Progress>, ApiError> {
        match self.client.command(command).await {
            Ok(found) => Ok(Some(progress_of(found))),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(failure(&error)),
        }
    }

    async fn compare(&self, database: &str, branch: &str) -> Result<Comparison, ApiError> {
        let compare = async {
            let found = self.client.branch(database, branch).await?;
            let plan = Merge {
                into: found.from_branch.unwrap_or_else(|| "main".to_owned()),
                decisions: Decisions {
                    dry_run: true,
                    ..Decisions::default()
                },
            };
            let write = Write::default();
            let plan = self.client.merge(database, branch, &plan, &write).await?;
            Ok(comparison(found.from_position, &plan))
        };
        compare.await.map_err(|error: Error| failure(&error))
    }

    async fn send(&self, database: &str, command: &Command) -> Result<Accepted, ApiError> {
        let call = match command {
            Command::Declare(_) => "declare",
            Command::HandOver(_) | Command::Delete(_) => "undeclare",
        };
        let parts = ["api", "v1", "databases", database, call];
        let request = self.client.request_parts(Method::POST, parts);
        // Both calls are idempotent by nature. A key would repeat an old answer instead.
        let request = match command {
            Command::Declare(declaration) => request.json(declaration),
            Command::HandOver(hand_over) => request.json(hand_over),
            Command::Delete(deletion) => request.json(deletion),
        };
        let answer: Result<Enveloped, Error> = request.prefer_wait(WAIT).fetch().await;
        let answer = answer.map_err(|error| failure(&error))?;
        Ok(answer.data.into())
    }
}

#[cfg(test)]
mod tests;
