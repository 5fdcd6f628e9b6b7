//! One log of the directory: its segments, its end, its writer's tools, its checkpoint.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use spice_core::{id::StreamId, port::StoreResult};

use spice_store_segment as segment;

use super::{
    checkpoint,
    failure::{damaged, unavailable},
    index::{Index, Segment},
    mutex::lock_mutex,
};

/// The tools of the one appender of a log.
#[derive(Default)]
pub(super) struct Writer {
    /// The log's directory, for syncs.
    pub(super) directory: Option<File>,
}

/// One log.
pub(super) struct Stream {
    pub(super) id: StreamId,
    pub(super) name: String,
    pub(super) directory: PathBuf,
    /// Locked while appending or while finding out the result of an append; one at a time.
    pub(super) writer: Mutex<Writer>,
    /// Locked while merging; one at a time.
    pub(super) merging: Mutex<()>,
    index: RwLock<Index>,
    end: AtomicU64,
    in_doubt: AtomicBool,
    refused: RwLock<Option<String>>,
    checkpoint: Mutex<Option<u64>>,
}

impl Stream {
    /// Creates an empty log.
    pub(super) fn new(root: &Path, id: &StreamId) -> Self {
        let name = id.to_string();
        Self {
            id: id.clone(),
            directory: root.join(&name),
            name,
            writer: Mutex::default(),
            merging: Mutex::default(),
            index: RwLock::default(),
            end: AtomicU64::new(0),
            in_doubt: AtomicBool::new(false),
            refused: RwLock::default(),
            checkpoint: Mutex::default(),
        }
    }

    pub(super) fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn index_mut(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the file of the segment that starts at a position.
    pub(super) fn file(&self, first: u64) -> PathBuf {
        self.directory.join(segment::file_name(first))
    }

    pub(super) fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    /// Returns whether the log exists: something was written, even if it is damaged now.
    pub(super) fn is_written(&self) -> bool {
        self.end() > 0 || self.check().is_err()
    }

    /// Replaces the known segments.
    pub(super) fn reset(&self, segments: Vec<Arc<Segment>>) {
        let mut index = self.index_mut();
        *index = Index::new(segments);
        // Still locked: what a reader finds in the index is never beyond the end.
        self.end.store(index.end(), Ordering::Release);
    }

    /// Adds a durable segment.
    pub(super) fn push(&self, segment: Arc<Segment>) {
        let mut index = self.index_mut();
        index.push(segment);
        // As in `reset`.
        self.end.store(index.end(), Ordering::Release);
    }

    /// Notes that the disk may hold more than the index.
    pub(super) fn mark_uncertain(&self) {
        self.in_doubt.store(true, Ordering::Release);
    }

    pub(super) fn mark_certain(&self) {
        self.in_doubt.store(false, Ordering::Release);
    }

    pub(super) fn is_uncertain(&self) -> bool {
        self.in_doubt.load(Ordering::Acquire)
    }

    /// Refuses the log: every later call on it fails with these reasons.
    pub(super) fn refuse(&self, reasons: &[String]) {
        let more = match reasons.len().saturating_sub(3) {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        let named = reasons[..reasons.len().min(3)].join("; ");
        let mut refused = self.refused.write().unwrap_or_else(PoisonError::into_inner);
        *refused = Some(format!("{named}{more}"));
    }

    /// Fails if the log is refused.
    pub(super) fn check(&self) -> StoreResult<()> {
        let refused = self.refused.read().unwrap_or_else(PoisonError::into_inner);
        refused
            .as_ref()
            .map_or(Ok(()), |reason| Err(damaged(reason.clone())))
    }

    pub(super) fn checkpoint(&self) -> StoreResult<u64> {
        self.known_checkpoint(&mut lock_mutex(&self.checkpoint))
    }

    /// Moves the checkpoint if it is at `from`; returns whether it did.
    pub(super) fn move_checkpoint(&self, from: u64, to: u64) -> StoreResult<bool> {
        let mut known = lock_mutex(&self.checkpoint);
        if self.known_checkpoint(&mut known)? != from {
            return Ok(false);
        }
        checkpoint::write(&self.directory, to)
            .map_err(|error| unavailable(format!("cannot write the checkpoint: {error}")))?;
        *known = Some(to);
        Ok(true)
    }

    fn known_checkpoint(&self, known: &mut Option<u64>) -> StoreResult<u64> {
        if let Some(position) = known {
            return Ok(*position);
        }
        let position = checkpoint::read(&self.directory, self.end())
            .map_err(|error| unavailable(format!("cannot read the checkpoint: {error}")))?;
        *known = Some(position);
        Ok(position)
    }
}
