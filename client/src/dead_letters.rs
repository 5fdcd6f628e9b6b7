//! Events that sinks have refused.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json, value::RawValue};

use crate::{Accepted, Client, Error, Write, calls, commands::Enveloped};

/// `GET /dead-letters`
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeadLetterList {
    /// The parked events.
    pub dead_letters: Vec<DeadLetter>,
    /// Their number.
    pub count: u64,
}

/// One parked event.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The handler that parked it.
    pub handler: String,
    /// The database.
    pub database: String,
    /// The position in the log.
    pub position: u64,
    /// The aggregate.
    pub aggregate_id: String,
    /// The reason.
    pub error: String,
    /// The kind of failure.
    #[serde(default)]
    pub class: Option<String>,
    /// The number of attempts.
    #[serde(default)]
    pub attempts: u64,
    /// The event as it is in the log; not in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envelope: Option<Box<RawValue>>,
    /// Fields that this client does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Client {
    /// The parked events of one database or of all.
    pub async fn dead_letters(&self, database: Option<&str>) -> Result<DeadLetterList, Error> {
        let request = self
            .call(&calls::LIST_DEAD_LETTERS, &[])
            .maybe_query("database", database);
        let answer: Enveloped<DeadLetterList> = request.fetch().await?;
        Ok(answer.data)
    }

    /// One parked event, with its envelope.
    pub async fn dead_letter(
        &self,
        database: &str,
        handler: &str,
        position: u64,
    ) -> Result<DeadLetter, Error> {
        let position = position.to_string();
        let values = [database, handler, &position];
        let request = self.call(&calls::GET_DEAD_LETTER, &values);
        let answer: Enveloped<DeadLetter> = request.fetch().await?;
        Ok(answer.data)
    }

    /// Requests a retry of its aggregate, in order.
    pub async fn retry_dead_letter(
        &self,
        database: &str,
        handler: &str,
        position: u64,
    ) -> Result<DeadLetter, Error> {
        let position = position.to_string();
        let values = [database, handler, &position];
        let request = self.call(&calls::RETRY_DEAD_LETTER, &values);
        let answer: Enveloped<DeadLetter> = request.fetch().await?;
        Ok(answer.data)
    }

    /// Discards it for its handler; the log records this.
    pub async fn discard_dead_letter(
        &self,
        database: &str,
        handler: &str,
        position: u64,
        reason: &str,
        write: &Write,
    ) -> Result<Accepted, Error> {
        let position = position.to_string();
        let values = [database, handler, &position];
        self.call(&calls::DISCARD_DEAD_LETTER, &values)
            .json(&json!({"reason": reason}))
            .write(&write.off_branch())
            .fetch()
            .await
    }
}
