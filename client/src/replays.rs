//! Replays: projections rebuilt from the log.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    Client, Error, Write,
    calls::{self, Call},
    commands::Enveloped,
};

/// A request for a replay. What is left out has the default of the server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct NewReplay {
    /// `graph`, `documents`; all by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub targets: Option<Vec<String>>,
    /// `BlueGreen` or `InPlace`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
    /// Whether the result is compared with the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify: Option<bool>,
    /// `None` or `Manual`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<String>,
    /// Whether the former live projections are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_old: Option<bool>,
    /// Only this branch; only with `InPlace`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Only what was written at this position or later; only with `InPlace`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// Whether it waits until somebody resumes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
}

/// `GET …/replays`
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReplayList {
    /// The replays, the newest first.
    pub replays: Vec<Replay>,
    /// Their number.
    pub count: u64,
}

/// A replay, and how far it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Replay {
    /// Its id.
    pub task_id: String,
    /// The database.
    pub database: String,
    /// Its state.
    pub state: ReplayState,
    /// Whether it waits until somebody resumes it.
    pub suspended: bool,
    /// The events to replay, for all projections together.
    pub events_total: u64,
    /// Those that are replayed.
    pub events_replayed: u64,
    /// How many were replayed in a second.
    pub events_per_second: u64,
    /// Whether the projections equal the log, as far as they were compared.
    pub digests_match: Option<bool>,
    /// How many entities differ from the log.
    pub differences: Option<u64>,
    /// When it was requested.
    pub requested_at: String,
    /// When a person approved it.
    #[serde(default)]
    pub approved_at: Option<String>,
    /// When its first step was done.
    pub started_at: Option<String>,
    /// When it finished.
    pub ended_at: Option<String>,
    /// Why it has failed.
    pub error: Option<ReplayFailure>,
    /// Fields that this client does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The step that a replay is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayState {
    /// Nothing was done yet.
    Pending,
    /// The copies are filled.
    Filling,
    /// They are compared with the log.
    Comparing,
    /// A person must approve.
    AwaitingApproval,
    /// The copies become live.
    Swapping,
    /// The copies are dropped.
    Dropping,
    /// Reads see the rebuilt projections.
    Complete,
    /// Reads see what they saw before.
    Failed,
    /// It was cancelled; reads see what they saw before.
    Cancelled,
    /// A state that this client does not know.
    #[serde(other)]
    Unknown,
}

impl ReplayState {
    /// Whether it never changes again.
    pub fn is_finished(self) -> bool {
        matches!(self, Self::Complete | Self::Failed | Self::Cancelled)
    }
}

/// Why a replay has failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayFailure {
    /// Its code: `projection_differs`, `events_refused`, …
    pub code: String,
    /// A message for people.
    pub message: String,
}

impl Client {
    /// Requests a replay. With the key of an earlier request it returns that one.
    pub async fn start_replay(
        &self,
        database: &str,
        replay: &NewReplay,
        write: &Write,
    ) -> Result<Replay, Error> {
        let request = self.call(&calls::START_REPLAY, &[database]).json(replay);
        let request = request.write(&write.off_branch());
        let answer: Enveloped<Replay> = request.fetch().await?;
        Ok(answer.data)
    }

    /// The replays of a database.
    pub async fn replays(&self, database: &str) -> Result<ReplayList, Error> {
        let request = self.call(&calls::LIST_REPLAYS, &[database]);
        let answer: Enveloped<ReplayList> = request.fetch().await?;
        Ok(answer.data)
    }

    /// A replay.
    pub async fn replay(&self, database: &str, task_id: &str) -> Result<Replay, Error> {
        self.about(&calls::GET_REPLAY, database, task_id).await
    }

    /// A finished replay.
    pub async fn replay_result(&self, database: &str, task_id: &str) -> Result<Replay, Error> {
        self.about(&calls::GET_REPLAY_RESULT, database, task_id)
            .await
    }

    /// Lets a replay that waits for an approval swap.
    pub async fn approve_replay(&self, database: &str, task_id: &str) -> Result<Replay, Error> {
        self.about(&calls::APPROVE_REPLAY, database, task_id).await
    }

    /// Ends a replay before the swap.
    pub async fn cancel_replay(&self, database: &str, task_id: &str) -> Result<Replay, Error> {
        self.about(&calls::CANCEL_REPLAY, database, task_id).await
    }

    /// Pauses a replay before the swap.
    pub async fn suspend_replay(&self, database: &str, task_id: &str) -> Result<Replay, Error> {
        self.about(&calls::SUSPEND_REPLAY, database, task_id).await
    }

    /// Lets a paused replay go on.
    pub async fn resume_replay(&self, database: &str, task_id: &str) -> Result<Replay, Error> {
        self.about(&calls::RESUME_REPLAY, database, task_id).await
    }

    /// A call about one replay; each may be repeated.
    async fn about(&self, call: &Call, database: &str, task_id: &str) -> Result<Replay, Error> {
        let request = self.call(call, &[database, task_id]).allow_repeats();
        let answer: Enveloped<Replay> = request.fetch().await?;
        Ok(answer.data)
    }
}
