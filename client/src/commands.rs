//! Commands: the answer to an accepted write, and its status.

use std::{fmt, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::{Map, Value};

use crate::{Client, Error, calls};

/// `{status, message, data}`
#[derive(Debug, Deserialize)]
pub(crate) struct Enveloped<T> {
    pub(crate) data: T,
}

/// The status of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum CommandState {
    /// In the log.
    Pending,
    /// A sink has it.
    Processing,
    /// A sink is unavailable, or has parked it.
    Retrying,
    /// Graph and documents have it.
    Completed,
    /// A person has discarded it.
    Failed,
    /// Rolled back.
    Cancelled,
}

impl CommandState {
    /// Whether the status is final.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    /// The text in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Processing => "PROCESSING",
            Self::Retrying => "RETRYING",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [
            Self::Pending,
            Self::Processing,
            Self::Retrying,
            Self::Completed,
            Self::Failed,
            Self::Cancelled,
        ]
        .into_iter()
        .find(|state| state.as_str().eq_ignore_ascii_case(text))
    }
}

impl fmt::Display for CommandState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An accepted write: it is in the log and stays there.
///
/// The api answers in three shapes; this is their common part, plus the whole answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Accepted {
    /// The command, for asking its status.
    pub command_id: String,
    /// Its status at the time of the answer.
    pub state: CommandState,
    /// The `expected_seq` of the next write of the same aggregate.
    pub sequence: Option<u64>,
    /// The position of its last envelope.
    pub position: Option<u64>,
    /// The result in the answer.
    pub result: Map<String, Value>,
}

impl<'de> Deserialize<'de> for Accepted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut answer = Map::deserialize(deserializer)?;
        let mut result = match (answer.remove("data"), answer.remove("result")) {
            (Some(Value::Object(object)), _) | (_, Some(Value::Object(object))) => object,
            _ => Map::new(),
        };
        let id = answer
            .remove("command_id")
            .or_else(|| result.shift_remove("command_id"));
        let Some(Value::String(command_id)) = id else {
            return Err(D::Error::missing_field("command_id"));
        };
        let state = [answer.get("status"), result.get("status")]
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .find_map(CommandState::parse)
            .unwrap_or(CommandState::Pending);
        let number = |key: &str| result.get(key).and_then(Value::as_u64);
        let (sequence, position) = (number("sequence"), number("position"));
        Ok(Self {
            command_id,
            state,
            sequence,
            position,
            result,
        })
    }
}

/// `GET /commands/{id}/status`
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CommandStatus {
    /// The command.
    pub command_id: String,
    /// Its status.
    pub status: CommandState,
    /// The result after it is complete; before, its progress.
    #[serde(default)]
    pub result: Map<String, Value>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When graph and documents had it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<String>,
    /// The handlers that have parked it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parked: Vec<String>,
    /// Its steps, oldest first.
    #[serde(default)]
    pub history: Vec<Step>,
    /// Fields that this client does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// One step of a command.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Step {
    /// The status at that step.
    pub status: String,
    /// The time, if known.
    #[serde(default)]
    pub timestamp: Option<String>,
    /// A message.
    #[serde(default)]
    pub message: Option<String>,
}

impl Client {
    /// The status of a command.
    pub async fn command(&self, id: &str) -> Result<CommandStatus, Error> {
        self.call(&calls::GET_COMMAND, &[id]).fetch().await
    }

    /// Waits until a command's status is final, following the server's events.
    pub async fn wait_command(&self, id: &str, limit: Duration) -> Result<CommandStatus, Error> {
        let mut last = None;
        let finished = tokio::time::timeout(limit, self.finish(id, &mut last)).await;
        match finished {
            Ok(finished) => finished,
            Err(_) => Err(Error::Unfinished {
                command: id.to_owned(),
                status: last.map_or("not known", CommandState::as_str).to_owned(),
                limit,
            }),
        }
    }

    async fn finish(
        &self,
        id: &str,
        last: &mut Option<CommandState>,
    ) -> Result<CommandStatus, Error> {
        let mut events = self.command_events(id);
        loop {
            let status = match events.next().await? {
                Some(event) => match event.command() {
                    Some(status) => status,
                    None => continue,
                },
                // The service stopped, not the command; the next connection continues.
                None => self.command(id).await?,
            };
            *last = Some(status.status);
            if status.status.is_final() {
                return Ok(status);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    //! The three shapes of an accepted write.
    use serde_json::json;

    use super::*;

    #[test]
    fn accepted_writes_of_every_shape_are_read() {
        let id = "11111111-2222-4333-8444-555555555555";
        let cases = [
            (
                json!({"status": "accepted", "message": "", "data": {"command_id": id,
                    "status": "processing", "sequence": 1, "position": 3}}),
                CommandState::Processing,
            ),
            (
                json!({"status": "created", "message": "", "data": {"command_id": id,
                    "status": "completed", "sequence": 1, "position": 3}}),
                CommandState::Completed,
            ),
            (
                json!({"status": "success", "name": "b", "data": {"command_id": id, "name": "b",
                    "sequence": 1, "position": 3}}),
                CommandState::Pending,
            ),
            (
                json!({"command_id": id, "status": "COMPLETED", "result": {"message": "",
                    "sequence": 1, "position": 3}, "retry_count": 0}),
                CommandState::Completed,
            ),
        ];
        for (answer, state) in cases {
            let accepted: Accepted = serde_json::from_value(answer.clone()).unwrap();
            assert_eq!(accepted.command_id, id, "{answer}");
            assert_eq!(accepted.state, state, "{answer}");
            assert_eq!((accepted.sequence, accepted.position), (Some(1), Some(3)));
        }
        assert!(serde_json::from_value::<Accepted>(json!({"status": "success"})).is_err());
    }
}
