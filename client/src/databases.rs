//! Databases.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{Accepted, Client, Error, Read, Write, calls, commands::Enveloped};

/// `GET /databases`
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DatabaseList {
    /// The databases, by name.
    pub databases: Vec<DatabaseSummary>,
    /// The number of databases.
    pub count: u64,
}

/// A database in a list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DatabaseSummary {
    /// Its name.
    pub name: String,
    /// The description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// When it was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// The number of commands about the database itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// The position of the last envelope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// `damaged` if its log is damaged or refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Fields that this client does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// `GET /databases/{db}`
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Database {
    /// Its name.
    pub name: String,
    /// The details.
    #[serde(rename = "data")]
    pub details: DatabaseDetails,
    /// Fields that this client does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The details of a database.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DatabaseDetails {
    /// The description.
    #[serde(default)]
    pub description: String,
    /// Its branches, by name.
    #[serde(default)]
    pub branches: Vec<String>,
    /// The number of commands about the database itself.
    pub sequence: u64,
    /// The position of the last envelope.
    pub position: u64,
    /// The counts on `main`.
    #[serde(default)]
    pub counts: Counts,
    /// The number of envelopes that each sink is behind.
    #[serde(default)]
    pub lag: Lag,
    /// Fields that this client does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The counts of a database.
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

/// The number of envelopes that each sink is behind.
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

    /// A database. Only `at_least` and `timeout` of `read` are used.
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

    /// Creates a database.
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

    /// Changes the description of a database.
    pub async fn update_database(
        &self,
        name: &str,
        description: &str,
        expected_sequence: u64,
        write: &Write,
    ) -> Result<Accepted, Error> {
        self.call(&calls::UPDATE_DATABASE, &[name])
            .query("expected_seq", &expected_sequence.to_string())
            .json(&json!({"description": description}))
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
