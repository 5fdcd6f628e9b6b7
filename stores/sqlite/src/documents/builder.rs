//! Builds indexes on demand: the first list that would use one requests it, later writes maintain
//! it, and it stays in the file.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use spice_core::port::StoreResult;
use tokio::time::Instant;

use super::sorted::{Built, Wanted, build_step};
use crate::database::{Database, Mode};

/// The number of documents from which a class is worth an index.
const INDEX_FROM: u64 = 1_000;

/// Builds the requested indexes of a file.
#[derive(Clone)]
pub(super) struct Builder {
    database: Database,
    /// The number of documents from which a class gets an index.
    pub(super) from: u64,
    building: Arc<Mutex<HashSet<Wanted>>>,
    /// Indexes are built one after the other: in parallel they would only evict each other from the
    /// page cache.
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

    /// Builds indexes for the next read: in the background, unless everything runs inline.
    pub(super) async fn build_all(&self, missing: Vec<Wanted>) {
        for wanted in missing {
            if !self.lock_building().insert(wanted.clone()) {
                continue;
            }
            let builder = self.clone();
            let build = async move { builder.build_one(wanted).await };
            match self.database.mode() {
                Mode::Inline => build.await,
                Mode::Threads => drop(tokio::spawn(build)),
            }
        }
    }

    async fn build_one(&self, wanted: Wanted) {
        let _turn = self.turn.lock().await;
        let started = Instant::now();
        let property = wanted.property.as_str();
        match self.build_in_steps(&wanted).await {
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
        self.lock_building().remove(&wanted);
    }

    async fn build_in_steps(&self, wanted: &Wanted) -> StoreResult<Built> {
        loop {
            let step = wanted.clone();
            let write = move |connection: &_| build_step(connection, &step);
            let built = self.database.write(write).await?;
            if built != Built::Partly {
                return Ok(built);
            }
        }
    }

    fn lock_building(&self) -> MutexGuard<'_, HashSet<Wanted>> {
        self.building.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
