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
    /// Its versions, newest first.
    pub versions: Vec<Version>,
    /// The start of the next page; none for the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Fields that this client does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A version of an instance, compared with the previous one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Version {
    /// The position in the log.
    pub position: u64,
    /// Its sequence number.
    pub sequence: u64,
    /// The type of the event.
    #[serde(default)]
    pub event_type: Option<String>,
    /// The command that caused it.
    #[serde(default)]
    pub command_id: Option<String>,
    /// The type of that command.
    #[serde(default)]
    pub command_type: Option<String>,
    /// The time.
    pub occurred_at: String,
    /// The user.
    #[serde(default)]
    pub actor: Option<String>,
    /// The branch where it was written.
    #[serde(default)]
    pub branch: Option<String>,
    /// The whole state; none if it was deleted.
    #[serde(default)]
    pub data: Option<Box<RawValue>>,
    /// The properties that changed.
    #[serde(default)]
    pub changed_properties: Vec<String>,
    /// Fields that this client does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Client {
    /// One page of the versions of an instance, newest first.
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
