//! An api for a dry run: it reads from the real api and never writes to it. The core's own rules
//! decide each declaration on the state of the real api and the earlier declarations of the dry run.
//! The real api says what a declaration would lose, and what others own. So a dry run decides as
//! the real run would.

mod declaration;
mod facts;
mod refusal;
mod world;

use std::collections::HashMap;

use spice_client::{Client, Write};
use spice_operator::{
    Api, ApiClient, ApiError,
    client::{Accepted, Command, Comparison, Declaration, Known, Progress, failure},
};
use tokio::sync::Mutex;

use self::{
    refusal::{invalid_name_error, undecidable_error, unsafe_error},
    world::World,
};

/// Passes reads to the api and keeps writes.
pub(crate) struct Rehearsal {
    api: ApiClient,
    client: Client,
    /// The databases that received a command.
    worlds: Mutex<HashMap<String, World>>,
}

impl Rehearsal {
    pub(crate) fn new(api: ApiClient, client: Client) -> Self {
        let worlds = Mutex::default();
        Self {
            api,
            client,
            worlds,
        }
    }

    /// What the api says about the declaration alone. It does not know the earlier ones of the dry
    /// run.
    async fn ask(&self, database: &str, declaration: &Declaration) -> Result<(), ApiError> {
        let body = Declaration {
            dry_run: true,
            ..declaration.clone()
        };
        let answer = self
            .client
            .declare(database, &body, &Write::default())
            .await
            .map_err(|error| failure(&error))?;
        if answer.safe || answer.hash == declaration.approve {
            return Ok(());
        }
        Err(unsafe_error(&answer))
    }
}

impl Api for Rehearsal {
    async fn database(&self, name: &str) -> Result<Known, ApiError> {
        let worlds = self.worlds.lock().await;
        match worlds.get(name) {
            Some(world) => Ok(world.known()),
            None => self.api.database(name).await,
        }
    }

    async fn command(&self, _: &str) -> Result<Option<Progress>, ApiError> {
        Ok(Some(Progress::Completed))
    }

    async fn compare(&self, database: &str, branch: &str) -> Result<Comparison, ApiError> {
        self.api.compare(database, branch).await
    }

    async fn send(&self, database: &str, command: &Command) -> Result<Accepted, ApiError> {
        let Command::Declare(declaration) = command else {
            return Err(undecidable_error("a dry run ends no declaration"));
        };
        let mut worlds = self.worlds.lock().await;
        let mut world = if let Some(world) = worlds.remove(database) {
            world
        } else {
            let name = database.parse().map_err(invalid_name_error)?;
            World::load(&self.client, name).await?
        };
        let asked = self.ask(database, declaration).await;
        let decided = match asked {
            Err(refused) if world.is_untouched() || is_final(&refused) => Err(refused),
            _ => world.send(&self.client, declaration).await,
        };
        worlds.insert(database.to_owned(), world);
        let changes = decided?;
        Ok(Accepted {
            command: (!changes.is_empty()).then(|| "dry run".to_owned()),
            position: None,
            changes,
            progress: Progress::Completed,
        })
    }
}

/// Whether no earlier declaration of the dry run can change the api's refusal.
fn is_final(refused: &ApiError) -> bool {
    matches!(
        refused,
        ApiError::Transient { .. } | ApiError::Owned { .. } | ApiError::Unsafe { .. }
    )
}
