//! An api for a dry run: it reads from the real api and never writes to it. The core's own rules
//! decide each command on the state of the real api, and later reads show the accepted ones. So a
//! dry run decides as the real run would.

mod action;
mod facts;
mod refusal;
mod world;

use std::collections::HashMap;

use spice_client::Client;
use spice_operator::{
    Api, ApiClient, ApiError,
    client::{Accepted, Command, Progress, Stored},
};
use tokio::sync::Mutex;

use self::world::World;

/// Passes reads to the api and keeps writes.
pub(super) struct Rehearsal {
    api: ApiClient,
    client: Client,
    /// The databases that received a command.
    worlds: Mutex<HashMap<String, World>>,
}

impl Rehearsal {
    pub(super) fn new(api: ApiClient, client: Client) -> Self {
        let worlds = Mutex::default();
        Self {
            api,
            client,
            worlds,
        }
    }
}

impl Api for Rehearsal {
    async fn database(&self, database: &str) -> Result<Option<Stored>, ApiError> {
        let worlds = self.worlds.lock().await;
        match worlds.get(database) {
            Some(world) => Ok(world.database()),
            None => self.api.database(database).await,
        }
    }

    async fn branch(&self, database: &str, branch: &str) -> Result<Option<Stored>, ApiError> {
        let worlds = self.worlds.lock().await;
        match worlds.get(database) {
            Some(world) => world.branch(branch),
            None => self.api.branch(database, branch).await,
        }
    }

    async fn class(
        &self,
        database: &str,
        branch: &str,
        class: &str,
    ) -> Result<Option<Stored>, ApiError> {
        let mut worlds = self.worlds.lock().await;
        match worlds.get_mut(database) {
            Some(world) => world.class(&self.client, branch, class).await,
            None => self.api.class(database, branch, class).await,
        }
    }

    async fn command(&self, _: &str) -> Result<Option<Progress>, ApiError> {
        Ok(Some(Progress::Completed))
    }

    async fn send(&self, command: &Command) -> Result<Accepted, ApiError> {
        let (database, action) = action::of(command)?;
        let mut worlds = self.worlds.lock().await;
        let name = database.as_str().to_owned();
        let mut world = match worlds.remove(&name) {
            Some(world) => world,
            None => World::load(&self.client, database).await?,
        };
        let decided = world.send(&self.client, action).await;
        worlds.insert(name, world);
        decided?;
        Ok(Accepted {
            command: None,
            progress: Progress::Completed,
        })
    }
}
