//! What sinks have refused.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json, value::RawValue};

use crate::{Accepted, Client, Error, Write, calls, commands::Enveloped};

/// `GET /dead-letters`
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeadLetterList {
    /// What is parked.
    pub dead_letters: Vec<DeadLetter>,
    /// How many there are.
    pub count: u64,
}

/// One parked event.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The handler that parked it.
    pub handler: String,
    /// The database.
    pub database: String,
    /// Where it stands in the log.
    pub position: u64,
    /// What it is about.
    pub aggregate_id: String,
    /// Why it was refused.
    pub error: String,
    /// Which kind of failure that is.
    #[serde(default)]
    pub class: Option<String>,
    /// How often it was tried.
    #[serde(default)]
    pub attempts: u64,
    /// The event itself, as it stands in the log; lists leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envelope: Option<Box<RawValue>>,
    /// What this client has no name for.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Client {
    /// What is parked, of one database or of all.
    pub async fn dead_letters(&self, database: Option<&str>) -> Result<DeadLetterList, Error> {
        let request = self
            .call(&calls::LIST_DEAD_LETTERS, &[])
            .maybe_query("database", database);
        let answer: Enveloped<DeadLetterList> = request.fetch().await?;
        Ok(answer.data)
    }

    /// One, with its envelope.
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

    /// Has its aggregate tried again, in order.
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

    /// Gives it up for its handler; the log says so.
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
