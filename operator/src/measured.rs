//! The api, with its commands counted.

use std::sync::Arc;

use tokio::time::Instant;

use crate::{
    client::{Accepted, Api, ApiError, Command, Comparison, Known, Progress},
    metrics::Metrics,
};

/// An api whose commands are counted.
pub(crate) struct Measured<A> {
    pub(crate) api: A,
    pub(crate) metrics: Arc<Metrics>,
}

impl<A: Api> Api for Measured<A> {
    async fn database(&self, name: &str) -> Result<Known, ApiError> {
        self.api.database(name).await
    }

    async fn command(&self, command: &str) -> Result<Option<Progress>, ApiError> {
        self.api.command(command).await
    }

    async fn compare(&self, database: &str, branch: &str) -> Result<Comparison, ApiError> {
        self.api.compare(database, branch).await
    }

    async fn send(&self, database: &str, command: &Command) -> Result<Accepted, ApiError> {
        let started = Instant::now();
        let result = self.api.send(database, command).await;
        let verb = match command {
            Command::Declare(_) => "declare",
            Command::HandOver(_) => "hand_over",
            Command::Delete(_) => "delete",
        };
        let outcome = match &result {
            Ok(accepted) if accepted.command.is_some() => "changed",
            Ok(_) => "unchanged",
            Err(ApiError::Transient { .. }) => "unavailable",
            Err(_) => "refused",
        };
        self.metrics.command(verb, outcome, started.elapsed());
        result
    }
}
