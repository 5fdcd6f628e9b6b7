//! One database: a connection that writes, a few that read, the threads for their work, and the
//! release of memory when it is idle.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use rusqlite::{Connection, TransactionBehavior};
use spice_core::{
    error::StoreError,
    port::{Store, StoreResult},
};
use tokio::sync::Semaphore;

use super::{
    failure::{Attempt, Failure},
    open::{Location, Schema, mark_suspect, open_reader, open_writer},
};

/// Where the work of a store runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// On threads that may block: one switch per call.
    Threads,
    /// On the calling task, without threads or timers, for deterministic simulation.
    Inline,
}

/// The number of concurrent reads of a file.
const READERS: usize = 3;

/// A database that was idle for this long releases its page caches.
const IDLE: Duration = Duration::from_secs(3);

/// A database as the adapters use it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Database {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    mode: Mode,
    writer: Arc<tokio::sync::Mutex<Connection>>,
    path: Option<PathBuf>,
    readers: Option<Readers>,
    /// The number of uses, and whether a task waits for the next idle time.
    used: AtomicU64,
    watched: AtomicBool,
}

struct Readers {
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
}

impl Database {
    /// Opens a database; creates its tables if there are none.
    pub(crate) fn open(location: &Location, mode: Mode, schema: &Schema) -> StoreResult<Self> {
        let writer = open_writer(location, schema)?;
        let path = match location {
            Location::File(path) | Location::Kept(path) => Some(path.clone()),
            Location::Memory => None,
        };
        let pooled = mode == Mode::Threads && path.is_some();
        let readers = pooled.then(|| Readers {
            permits: Arc::new(Semaphore::new(READERS)),
            idle: Mutex::new(Vec::new()),
        });
        Ok(Self {
            inner: Arc::new(Inner {
                store: schema.store,
                mode,
                writer: Arc::new(tokio::sync::Mutex::new(writer)),
                path,
                readers,
                used: AtomicU64::new(0),
                watched: AtomicBool::new(false),
            }),
        })
    }

    /// Returns where the work runs.
    pub(crate) fn mode(&self) -> Mode {
        self.inner.mode
    }

    /// Runs reads that all see one snapshot.
    pub(crate) async fn read<T, F>(&self, work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Attempt<T> + Send + 'static,
    {
        let Some(readers) = &self.inner.readers else {
            let writer = Arc::clone(&self.inner.writer).lock_owned().await;
            return self.run(move |_| snapshot(&writer, work)).await;
        };
        let permit = Arc::clone(&readers.permits).acquire_owned().await;
        self.run(move |inner| {
            let _permit = permit;
            let reader = inner.take_reader()?;
            let result = snapshot(&reader, work);
            inner.return_reader(reader);
            result
        })
        .await
    }

    /// Runs a transaction: all of it, or nothing if `work` fails.
    pub(crate) async fn write<T, F>(&self, work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Attempt<T> + Send + 'static,
    {
        let mut writer = Arc::clone(&self.inner.writer).lock_owned().await;
        self.run(move |_| {
            let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = work(&transaction)?;
            transaction.commit()?;
            Ok(result)
        })
        .await
    }

    async fn run<T, F>(&self, work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Inner) -> Attempt<T> + Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        match self.inner.mode {
            Mode::Inline => inner.answer(work(&inner)),
            Mode::Threads => {
                self.watch();
                let task = tokio::task::spawn_blocking(move || inner.answer(work(&inner)));
                task.await.unwrap_or_else(|error| {
                    Err(StoreError::Unavailable {
                        store: self.inner.store,
                        reason: error.to_string(),
                    })
                })
            }
        }
    }

    /// Counts a use; the first one after an idle time starts the task that waits for the next idle
    /// time.
    fn watch(&self) {
        self.inner.used.fetch_add(1, Ordering::SeqCst);
        if !self.inner.watched.swap(true, Ordering::SeqCst) {
            tokio::spawn(trim_when_idle(Arc::downgrade(&self.inner)));
        }
    }
}

/// Waits until a database is idle, releases its memory, and ends.
async fn trim_when_idle(watched: Weak<Inner>) {
    let mut seen = None;
    loop {
        let Some(inner) = watched.upgrade() else {
            return;
        };
        let used = inner.used.load(Ordering::SeqCst);
        if seen == Some(used) {
            inner.watched.store(false, Ordering::SeqCst);
            // A use that came just now saw that the task was running.
            let is_idle = inner.used.load(Ordering::SeqCst) == used;
            if is_idle || inner.watched.swap(true, Ordering::SeqCst) {
                drop(tokio::task::spawn_blocking(move || inner.trim()));
                return;
            }
        }
        seen = Some(used);
        drop(inner);
        tokio::time::sleep(IDLE).await;
    }
}

impl Inner {
    /// Closes the readers and empties the writer's page cache.
    fn trim(&self) {
        if let Some(readers) = &self.readers {
            let mut idle = readers.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.drain(..).for_each(drop);
        }
        let Ok(writer) = self.writer.try_lock() else {
            return;
        };
        writer.flush_prepared_statement_cache();
        if let Err(error) = writer.execute_batch("PRAGMA shrink_memory") {
            tracing::warn!(store = %self.store, %error, "cannot release memory");
        }
    }

    fn answer<T>(&self, result: Attempt<T>) -> StoreResult<T> {
        result.map_err(|failure| {
            if let Some(path) = self.path.as_deref().filter(|_| failure.is_damage()) {
                mark_suspect(path);
            }
            failure.into_store_error(self.store)
        })
    }

    fn take_reader(&self) -> Attempt<Connection> {
        let idle = self.readers.as_ref().and_then(|readers| {
            let mut idle = readers.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.pop()
        });
        match (idle, &self.path) {
            (Some(reader), _) => Ok(reader),
            (None, Some(path)) => open_reader(path),
            (None, None) => Err(Failure::Rejected(
                "a database in memory has one connection".into(),
            )),
        }
    }

    fn return_reader(&self, reader: Connection) {
        if let Some(readers) = &self.readers {
            let mut idle = readers.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.push(reader);
        }
    }
}

/// Runs reads in a deferred transaction that is never committed: it only holds the snapshot.
fn snapshot<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Attempt<T>,
) -> Attempt<T> {
    let transaction = connection.unchecked_transaction()?;
    let result = work(&transaction)?;
    transaction.rollback()?;
    Ok(result)
}
