//! Declarations of owners.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Client, CommandState, Error, Write, calls, commands::Enveloped};

/// What a declaration did, or would do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Declared {
    /// Whether anything changed, including who holds what. If not, nothing was written.
    pub changed: bool,
    /// Whether it was only planned.
    #[serde(default)]
    pub dry_run: bool,
    /// The command, if something was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command_id: Option<String>,
    /// `processing` or `completed`, if something was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The position of the last envelope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// Whether no data would be lost or invalid.
    pub safe: bool,
    /// The hash of an unsafe plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// What the change loses or invalidates; at most 20.
    #[serde(default)]
    pub findings: Vec<Map<String, Value>>,
    /// How many findings there are.
    #[serde(default)]
    pub findings_total: u64,
    /// Fields that this client does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Declared {
    /// The status of the command; complete if nothing was written.
    pub fn state(&self) -> CommandState {
        let status = self.status.as_deref();
        let state =
            status.map(|status| CommandState::parse(status).unwrap_or(CommandState::Pending));
        state.unwrap_or(CommandState::Completed)
    }
}

impl Client {
    /// Brings things to the declared state. `body` is the body of the call.
    pub async fn declare<B: Serialize + ?Sized>(
        &self,
        database: &str,
        body: &B,
        write: &Write,
    ) -> Result<Declared, Error> {
        let request = self.call(&calls::DECLARE, &[database]).json(body);
        let answer: Enveloped<Declared> = request.write(&write.off_branch()).fetch().await?;
        Ok(answer.data)
    }

    /// Ends the claims of an owner. `body` is the body of the call.
    pub async fn undeclare<B: Serialize + ?Sized>(
        &self,
        database: &str,
        body: &B,
        write: &Write,
    ) -> Result<Declared, Error> {
        let request = self.call(&calls::UNDECLARE, &[database]).json(body);
        let answer: Enveloped<Declared> = request.write(&write.off_branch()).fetch().await?;
        Ok(answer.data)
    }
}
