//! The calls about replays that the operator needs.

use std::future::Future;

use spice_client::{Error, NewReplay, Replay, Write};

use crate::client::{ApiClient, ApiError, failure};

/// What a person asks of a replay that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instruction {
    /// Change what reads see.
    Approve,
    /// End before that.
    Cancel,
    /// Pause.
    Suspend,
    /// Go on.
    Resume,
}

/// The answer to a request for a replay.
#[derive(Debug, Clone)]
pub enum Started {
    /// The replay, now or by an earlier copy of the request.
    Replay(Box<Replay>),
    /// Nothing was recorded: this other replay changes the same projection.
    Busy(String),
}

/// The calls about replays.
pub trait ReplayApi: Send + Sync {
    /// A replay; none if the database has no such replay.
    fn find(
        &self,
        database: &str,
        replay: &str,
    ) -> impl Future<Output = Result<Option<Replay>, ApiError>> + Send;
    /// Requests a replay. The same key always means the same replay.
    fn start(
        &self,
        database: &str,
        replay: &NewReplay,
        key: &str,
    ) -> impl Future<Output = Result<Started, ApiError>> + Send;
    /// Gives a replay an instruction. Repeating it changes nothing.
    fn instruct(
        &self,
        database: &str,
        replay: &str,
        instruction: Instruction,
    ) -> impl Future<Output = Result<Replay, ApiError>> + Send;
}

impl ReplayApi for ApiClient {
    async fn find(&self, database: &str, replay: &str) -> Result<Option<Replay>, ApiError> {
        match self.client().replay(database, replay).await {
            Ok(replay) => Ok(Some(replay)),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(failure(&error)),
        }
    }

    async fn start(
        &self,
        database: &str,
        replay: &NewReplay,
        key: &str,
    ) -> Result<Started, ApiError> {
        let write = Write::default().key(key);
        match self.client().start_replay(database, replay, &write).await {
            Ok(replay) => Ok(Started::Replay(Box::new(replay))),
            Err(error) if error.code() == Some("already_exists") => Ok(Started::Busy(
                replay_of(&error).unwrap_or_default().to_owned(),
            )),
            Err(error) => Err(failure(&error)),
        }
    }

    async fn instruct(
        &self,
        database: &str,
        replay: &str,
        instruction: Instruction,
    ) -> Result<Replay, ApiError> {
        let client = self.client();
        let answer = match instruction {
            Instruction::Approve => client.approve_replay(database, replay).await,
            Instruction::Cancel => client.cancel_replay(database, replay).await,
            Instruction::Suspend => client.suspend_replay(database, replay).await,
            Instruction::Resume => client.resume_replay(database, replay).await,
        };
        answer.map_err(|error| failure(&error))
    }
}

/// The replay that a refusal is about.
fn replay_of(error: &Error) -> Option<&str> {
    error.refusal()?.detail.get("task_id")?.as_str()
}

/// Whether the database exists and has no such replay.
fn is_gone(error: &Error) -> bool {
    error.code() == Some("not_found") && replay_of(error).is_some()
}
