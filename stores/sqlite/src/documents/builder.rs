//! Making indexes on demand: the first list that would be served by one asks for it, later writes
//! keep it up, and it stays in the file.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use spice_core::port::StoreResult;
use tokio::time::Instant;

use super::sorted::{Built, Wanted, build_step};
use crate::database::{Database, Mode};

/// From how many documents on a class is worth an index.
const INDEX_FROM: u64 = 1_000;

/// Makes the indexes of a file when they are asked for.
#[derive(Clone)]
pub(super) struct Builder {
    database: Database,
    /// From how many documents on a class gets an index.
    pub(super) from: u64,
    building: Arc<Mutex<HashSet<Wanted>>>,
    /// One is made after the other: they would only push each other out of the page cache.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Builder {
    pub(super) fn new(database: &Database) -> Self {
        Self {
            database: database.clone(),
            from: INDEX_FROM,
            building: Arc::default(),
            turn: Arc::default(),
        }
    }

    /// Makes indexes for the next read: beside the work, unless it all runs inline.
    pub(super) async fn make(&self, missing: Vec<Wanted>) {
        for wanted in missing {
            if !self.building().insert(wanted.clone()) {
                continue;
            }
            let builder = self.clone();
            let build = async move { builder.make_one(wanted).await };
            match self.database.mode() {
                Mode::Inline => build.await,
                Mode::Threads => drop(tokio::spawn(build)),
            }
        }
    }

    async fn make_one(&self, wanted: Wanted) {
        let _turn = self.turn.lock().await;
        let started = Instant::now();
        let property = wanted.property.as_str();
        match self.make_steps(&wanted).await {
            Ok(Built::Wholly { left }) => {
                let milliseconds = started.elapsed().as_millis();
                tracing::info!(
                    property,
                    milliseconds,
                    left,
                    "built an index over a property"
                );
                if left == 0 {
                    tracing::warn!(property, "built the last index that a class can have");
                }
            }
            Ok(_) => tracing::debug!(property, "built no index over a property"),
            Err(error) => tracing::warn!(property, %error, "cannot build an index"),
        }
        self.building().remove(&wanted);
    }

    async fn make_steps(&self, wanted: &Wanted) -> StoreResult<Built> {
        loop {
            let step = wanted.clone();
            let write = move |connection: &_| build_step(connection, &step);
            let built = self.database.write(write).await?;
            if built != Built::Partly {
                return Ok(built);
            }
        }
    }

    fn building(&self) -> MutexGuard<'_, HashSet<Wanted>> {
        self.building.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
