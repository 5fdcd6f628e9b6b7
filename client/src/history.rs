//! The versions of an instance.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

use crate::{Client, Error, Read, calls};

/// `GET …/instance/{id}/history`
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HistoryPage {
    /// The class.
    pub class_id: String,
    /// The instance.
    pub instance_id: String,
    /// Its versions, the newest first.
    pub versions: Vec<Version>,
    /// Where the next page starts; none: this was the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// What this client has no name for.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// One version of an instance, against the one before.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Version {
    /// Where it stands in the log.
    pub position: u64,
    /// Its sequence number.
    pub sequence: u64,
    /// What the log calls it.
    #[serde(default)]
    pub event_type: Option<String>,
    /// The command that made it.
    #[serde(default)]
    pub command_id: Option<String>,
    /// What that command was.
    #[serde(default)]
    pub command_type: Option<String>,
    /// When.
    pub occurred_at: String,
    /// Who.
    #[serde(default)]
    pub actor: Option<String>,
    /// The branch that it was written on.
    #[serde(default)]
    pub branch: Option<String>,
    /// The whole state; none: it was deleted.
    #[serde(default)]
    pub data: Option<Box<RawValue>>,
    /// The properties that are not what they were.
    #[serde(default)]
    pub changed_properties: Vec<String>,
    /// What this client has no name for.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Client {
    /// One page of the versions of an instance, the newest first.
    pub async fn history_page(
        &self,
        database: &str,
        class: &str,
        id: &str,
        read: &Read,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<HistoryPage, Error> {
        self.call(&calls::GET_HISTORY, &[database, class, id])
            .read(read)
            .query("limit", &limit.to_string())
            .maybe_query("cursor", cursor)
            .fetch()
            .await
    }
}
