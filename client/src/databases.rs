//! Databases.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{Accepted, Client, Error, Read, Write, calls, commands::Enveloped};

/// `GET /databases`
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DatabaseList {
    /// The databases, by name.
    pub databases: Vec<DatabaseSummary>,
    /// How many there are.
    pub count: u64,
}

/// A database in a list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DatabaseSummary {
    /// Its name.
    pub name: String,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// The number of commands about the database itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// The position of the last envelope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// `damaged`, when it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// What this client has no name for.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// `GET /databases/{db}`
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Database {
    /// Its name.
    pub name: String,
    /// All that is told of it.
    #[serde(rename = "data")]
    pub details: DatabaseDetails,
    /// What this client has no name for.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// What is told of a database.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DatabaseDetails {
    /// What it is about.
    #[serde(default)]
    pub description: String,
    /// Its branches, by name.
    #[serde(default)]
    pub branches: Vec<String>,
    /// The number of commands about the database itself.
    pub sequence: u64,
    /// The position of the last envelope.
    pub position: u64,
    /// How much there is on `main`.
    #[serde(default)]
    pub counts: Counts,
    /// How many envelopes each sink is behind.
    #[serde(default)]
    pub lag: Lag,
    /// What this client has no name for.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// How much a database holds.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Classes.
    pub classes: u64,
    /// Instances.
    pub instances: u64,
    /// Instances of each class.
    #[serde(default)]
    pub by_class: Map<String, Value>,
}

/// How many envelopes each sink is behind.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Lag {
    /// The graph.
    pub graph: u64,
    /// The documents.
    pub documents: u64,
}

impl Client {
    /// All databases.
    pub async fn databases(&self) -> Result<DatabaseList, Error> {
        let answer: Enveloped<DatabaseList> =
            self.call(&calls::LIST_DATABASES, &[]).fetch().await?;
        Ok(answer.data)
    }

    /// A database. Of `read` only `at_least` and `timeout` count.
    pub async fn database(&self, name: &str, read: &Read) -> Result<Database, Error> {
        let read = Read {
            branch: None,
            as_of: None,
            ..read.clone()
        };
        let request = self.call(&calls::GET_DATABASE, &[name]).read(&read);
        let answer: Enveloped<Database> = request.fetch().await?;
        Ok(answer.data)
    }

    /// Makes a database.
    pub async fn create_database(
        &self,
        name: &str,
        description: &str,
        write: &Write,
    ) -> Result<Accepted, Error> {
        self.call(&calls::CREATE_DATABASE, &[])
            .json(&json!({"name": name, "description": description}))
            .write(&write.off_branch())
            .fetch()
            .await
    }

    /// Deletes a database.
    pub async fn delete_database(
        &self,
        name: &str,
        expected_sequence: u64,
        write: &Write,
    ) -> Result<Accepted, Error> {
        self.call(&calls::DELETE_DATABASE, &[name])
            .query("expected_seq", &expected_sequence.to_string())
            .write(&write.off_branch())
            .fetch()
            .await
    }
}
