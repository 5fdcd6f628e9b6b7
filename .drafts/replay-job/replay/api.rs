//! The calls about replays that the operator needs.

use std::future::Future;

use spice_client::{Error, NewReplay, Replay, Write};

use crate::client::ApiClient;

/// A wish about a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Let it swap.
    Approve,
    /// End it before the swap.
    Cancel,
    /// Pause it.
    Suspend,
    /// Let it go on.
    Resume,
}

/// The calls about replays.
pub trait ReplayApi: Send + Sync {
    /// A replay; none if there is none, or no such database.
    fn find(
        &self,
        database: &str,
        task: &str,
    ) -> impl Future<Output = Result<Option<Replay>, Error>> + Send;
    /// Requests a replay. With the same key it is the same replay.
    fn start(
        &self,
        database: &str,
        replay: &NewReplay,
        key: &str,
    ) -> impl Future<Output = Result<Replay, Error>> + Send;
    /// Asks something of a replay.
    fn ask(
        &self,
        database: &str,
        task: &str,
        wish: Wish,
    ) -> impl Future<Output = Result<Replay, Error>> + Send;
}

impl ReplayApi for ApiClient {
    async fn find(&self, database: &str, task: &str) -> Result<Option<Replay>, Error> {
        match self.client().replay(database, task).await {
            Ok(replay) => Ok(Some(replay)),
            Err(error) if error.code() == Some("not_found") => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn start(&self, database: &str, replay: &NewReplay, key: &str) -> Result<Replay, Error> {
        let write = Write::default().key(key);
        self.client().start_replay(database, replay, &write).await
    }

    async fn ask(&self, database: &str, task: &str, wish: Wish) -> Result<Replay, Error> {
        let client = self.client();
        match wish {
            Wish::Approve => client.approve_replay(database, task).await,
            Wish::Cancel => client.cancel_replay(database, task).await,
            Wish::Suspend => client.suspend_replay(database, task).await,
            Wish::Resume => client.resume_replay(database, task).await,
        }
    }
}
