//! The log on a directory: `{stream}/{first position, 20 digits}.ndjson.zst`, one process owns it.
//!
//! Why a crash at any instruction leaves nothing that the log does not explain:
//! - **append** writes a temporary file, syncs it, links it to its final name (which fails when
//!   the name is taken: the compare-and-set) and syncs the directory. Before the link nothing of
//!   it is in the log; after the link the whole of it is; what remains is a temporary file,
//!   which the next start removes. When a step after the link fails, the answer is
//!   [`Append::Unknown`], and the next call looks and settles it before anything is shown.
//! - **merge** writes and syncs the merged file, renames it over the first segment, syncs the
//!   directory, then removes the others. Until the rename nothing has changed; after it the
//!   others are contained in the merged one byte for byte, and the next start removes them.
//! - **a tail that is gone** is noticed by the next append and by the next look at the log's end: the
//!   last segment must still be the file that it was. What is missing is not part of the log from
//!   then on, and nothing is appended behind it.
//! - **checkpoint** is renamed into place and not synced: an older one publishes again.
//! - **start** reads names, end marks and the newest bytes; a log in which anything is damaged,
//!   missing or overlapping is refused with file and reason, and nothing of it is touched. It
//!   syncs every directory, root and parents included, before it shows or removes anything of it:
//!   names that a killed process left unsynced are durable before anybody has seen them.
//!
//! Blocking work runs on tokio's blocking threads and finishes there even when the caller has
//! gone, so a future that is dropped is an append that lands late.

mod append;
mod checkpoint;
mod durable;
mod failure;
mod fault;
mod index;
mod installation;
mod lock;
mod merge;
mod mutex;
mod read;
pub mod report;
mod scan;
mod state;
mod stream;
mod tail;
pub mod verify;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, RwLock},
};

use async_trait::async_trait;
use spice_core::{
    id::{InstallationId, LogPosition, StreamId},
    name::DatabaseName,
    port::{
        StoreResult,
        installation::Installed,
        log::{Append, Batch, Log, Record, check_move},
    },
    time::Timestamp,
};
use spice_store_segment::{Cache, Encoder};
use tokio::sync::Notify;

use self::{
    failure::{rejected, unavailable},
    fault::Faults,
    mutex::lock_mutex,
    stream::Stream,
};
pub use self::{
    lock::Owner,
    report::{Problem, Report, StreamReport},
    verify::verify,
};

/// What can be set.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Bytes of decoded segments that are kept for readers.
    pub cache_bytes: usize,
    /// Bytes of each log's newest segments whose checksums are verified at the start. Older ones
    /// are verified when they are read, and by [`verify::verify`].
    pub verified_at_start: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache_bytes: 16 << 20,
            verified_at_start: 256 << 20,
        }
    }
}

/// The log on a directory. A clone is the same log.
#[derive(Clone)]
pub struct DirectoryLog {
    inner: Arc<Inner>,
}

struct Inner {
    root: PathBuf,
    /// None when it is open for reading only.
    lock: Option<File>,
    streams: RwLock<BTreeMap<StreamId, Arc<Stream>>>,
    cache: Mutex<Cache>,
    encoders: Mutex<Vec<Encoder>>,
    problems: Mutex<Vec<Problem>>,
    /// Logs that have grown since they were last looked at for merging.
    grown: Mutex<BTreeSet<StreamId>>,
    merge_wake: Notify,
    faults: Faults,
}

impl Inner {
    /// Nothing is known of the directory yet.
    fn new(root: &Path, lock: Option<File>, options: Options) -> Self {
        Self {
            root: root.to_owned(),
            lock,
            streams: RwLock::default(),
            cache: Mutex::new(Cache::new(options.cache_bytes)),
            encoders: Mutex::default(),
            problems: Mutex::default(),
            grown: Mutex::default(),
            merge_wake: Notify::new(),
            faults: Faults::default(),
        }
    }
}

/// The result of claiming a directory.
pub enum Claim {
    /// This process owns it.
    Owned(DirectoryLog),
    /// Another process does.
    Taken(Owner),
}

impl DirectoryLog {
    /// Opens a directory for appending; makes it when it is not there. Fails when another
    /// process has it open. Blocks.
    pub fn open(root: impl AsRef<Path>) -> StoreResult<Self> {
        Self::open_with(root, Options::default())
    }

    /// [`DirectoryLog::open`] with settings.
    pub fn open_with(root: impl AsRef<Path>, options: Options) -> StoreResult<Self> {
        match Self::claim_with(root.as_ref(), options)? {
            Claim::Owned(log) => Ok(log),
            Claim::Taken(owner) => Err(owner.into()),
        }
    }

    /// Opens a directory for appending, unless another process has it open. Blocks.
    pub fn claim(root: impl AsRef<Path>) -> StoreResult<Claim> {
        Self::claim_with(root.as_ref(), Options::default())
    }

    fn claim_with(root: &Path, options: Options) -> StoreResult<Claim> {
        durable::create_directory(root)
            .map_err(|error| unavailable(format!("cannot create {}: {error}", root.display())))?;
        match lock::take(root)? {
            Ok(lock) => Ok(Claim::Owned(Self::load(root, Some(lock), options)?)),
            Err(owner) => Ok(Claim::Taken(owner)),
        }
    }

    /// Opens a directory for reading, also while another process has it open. Blocks.
    pub fn open_read_only(root: impl AsRef<Path>) -> StoreResult<Self> {
        Self::load(root.as_ref(), None, Options::default())
    }

    /// Whether a process has the directory open for appending: this one or another.
    pub async fn is_owned(&self) -> StoreResult<bool> {
        self.run_blocking(|inner| lock::is_held(&inner.root)).await
    }

    /// Everything that the start found not to be as it should be.
    pub fn problems(&self) -> Vec<Problem> {
        lock_mutex(&self.inner.problems).clone()
    }

    /// Merges small segments of a log once; whether there was something to merge.
    pub async fn merge_once(&self, stream: &StreamId) -> StoreResult<bool> {
        let stream = stream.clone();
        self.run_blocking(move |inner| inner.merge_once(&stream))
            .await
    }

    /// Merges small segments whenever a log has grown; never returns. To be run as a task of its
    /// own and dropped at the end, at any time.
    pub async fn maintain(&self) {
        loop {
            let wake = self.inner.merge_wake.notified();
            let grown = std::mem::take(&mut *lock_mutex(&self.inner.grown));
            for stream in grown {
                loop {
                    match self.merge_once(&stream).await {
                        Ok(true) => {}
                        Ok(false) => break,
                        Err(error) => {
                            tracing::warn!(%stream, %error, "cannot merge segments now");
                            break;
                        }
                    }
                }
            }
            wake.await;
        }
    }

    fn load(root: &Path, lock: Option<File>, options: Options) -> StoreResult<Self> {
        let inner = Inner::new(root, lock, options);
        inner.load(options.verified_at_start)?;
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    async fn run_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        let inner = Arc::clone(&self.inner);
        tokio::task::spawn_blocking(move || work(&inner))
            .await
            .unwrap_or_else(|error| Err(unavailable(format!("the work was stopped: {error}"))))
    }

    /// Makes sure that what is in memory is what is on disk, where that is in doubt.
    async fn freshen(&self, stream: &StreamId) -> StoreResult<Option<Arc<Stream>>> {
        if self.inner.lock.is_none() {
            let wanted = stream.clone();
            self.run_blocking(move |inner| inner.rescan(&wanted))
                .await?;
        }
        let Some(found) = self.inner.stream(stream) else {
            return Ok(None);
        };
        if found.is_uncertain() {
            let doubted = Arc::clone(&found);
            self.run_blocking(move |inner| inner.settle(&doubted))
                .await?;
        }
        found.check()?;
        Ok(Some(found))
    }
}

#[async_trait]
impl Log for DirectoryLog {
    async fn streams(&self) -> StoreResult<Vec<StreamId>> {
        if self.inner.lock.is_none() {
            self.run_blocking(|inner| inner.load(0)).await?;
        }
        Ok(self.inner.list_written())
    }

    async fn generations(&self, database: &DatabaseName) -> StoreResult<Vec<StreamId>> {
        if self.inner.lock.is_none() {
            self.run_blocking(|inner| inner.load(0)).await?;
        }
        Ok(self.inner.generations(database))
    }

    async fn end(&self, stream: &StreamId) -> StoreResult<LogPosition> {
        let Some(found) = self.freshen(stream).await? else {
            return Ok(LogPosition::ZERO);
        };
        if self.inner.lock.is_some() {
            let looked_at = Arc::clone(&found);
            self.run_blocking(move |inner| inner.check_unchanged_tail(&looked_at))
                .await?;
        }
        Ok(LogPosition(found.end()))
    }

    async fn known_end(&self, stream: &StreamId) -> StoreResult<LogPosition> {
        let Some(found) = self.inner.stream(stream) else {
            return Ok(LogPosition::ZERO);
        };
        found.check()?;
        Ok(LogPosition(found.end()))
    }

    async fn append(&self, stream: &StreamId, batch: Batch) -> StoreResult<Append> {
        batch.check()?;
        if self.inner.lock.is_none() {
            return Err(rejected("the directory is open for reading only"));
        }
        let target = self.inner.stream_or_new(stream);
        let inner = Arc::clone(&self.inner);
        let writing = Arc::clone(&target);
        let done = tokio::task::spawn_blocking(move || inner.append(&writing, &batch)).await;
        match done {
            Ok(answer) => answer,
            Err(error) if error.is_cancelled() => {
                Err(unavailable("the append was stopped before it started"))
            }
            Err(error) => {
                tracing::error!(%stream, %error, "an append was interrupted");
                target.mark_uncertain();
                Ok(Append::Unknown)
            }
        }
    }

    async fn read(
        &self,
        stream: &StreamId,
        from: LogPosition,
        limit: usize,
    ) -> StoreResult<Vec<Record>> {
        let Some(found) = self.freshen(stream).await? else {
            return Ok(Vec::new());
        };
        let limit = limit.max(1);
        let ready = self.inner.read_cached(&found, from.0, limit);
        if !ready.is_empty() || found.end() <= from.0 {
            return Ok(ready);
        }
        self.run_blocking(move |inner| inner.read(&found, from.0, limit))
            .await
    }

    async fn read_many(
        &self,
        stream: &StreamId,
        positions: &[LogPosition],
    ) -> StoreResult<Vec<Option<Record>>> {
        let Some(found) = self.freshen(stream).await? else {
            return Ok(vec![None; positions.len()]);
        };
        let positions = positions.to_vec();
        self.run_blocking(move |inner| inner.read_many(&found, &positions))
            .await
    }

    async fn position_after(&self, stream: &StreamId, time: Timestamp) -> StoreResult<LogPosition> {
        let Some(found) = self.freshen(stream).await? else {
            return Ok(LogPosition::ZERO);
        };
        self.run_blocking(move |inner| inner.position_after(&found, time))
            .await
            .map(LogPosition)
    }

    async fn checkpoint(&self, stream: &StreamId) -> StoreResult<LogPosition> {
        let Some(found) = self.freshen(stream).await? else {
            return Ok(LogPosition::ZERO);
        };
        self.run_blocking(move |_| found.checkpoint())
            .await
            .map(LogPosition)
    }

    async fn move_checkpoint(
        &self,
        stream: &StreamId,
        from: LogPosition,
        to: LogPosition,
    ) -> StoreResult<bool> {
        if self.inner.lock.is_none() {
            return Err(rejected("the directory is open for reading only"));
        }
        let found = self.freshen(stream).await?;
        let end = found.as_ref().map_or(0, |found| found.end());
        check_move(stream, from, to, LogPosition(end))?;
        let Some(found) = found else {
            return Ok(false);
        };
        self.run_blocking(move |_| found.move_checkpoint(from.0, to.0))
            .await
    }
}

#[async_trait]
impl Installed for DirectoryLog {
    async fn installation(&self) -> StoreResult<Option<InstallationId>> {
        self.run_blocking(|inner| installation::find(&inner.root))
            .await
    }

    async fn install(&self, id: InstallationId) -> StoreResult<InstallationId> {
        if self.inner.lock.is_none() {
            return Err(rejected("the directory is open for reading only"));
        }
        self.run_blocking(move |inner| installation::install(&inner.root, id))
            .await
    }
}
