//! The log in memory: the same answers as the directory's, without threads, time or durability. For
//! simulations, in which a clone outlives the stopped "process".

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use spice_core::{
    error::StoreError,
    id::{LogPosition, StreamId},
    port::{
        Store, StoreResult,
        log::{Append, Batch, Log, Record, accepted_at, check_move},
    },
    time::Timestamp,
};

fn rejected(reason: String) -> StoreError {
    StoreError::Rejected {
        store: Store::Log,
        reason,
    }
}

#[derive(Default, Clone)]
struct Stream {
    lines: Vec<Bytes>,
    checkpoint: u64,
}

/// The log in memory. A clone is the same log.
#[derive(Clone, Default)]
pub struct MemoryLog {
    streams: Arc<Mutex<BTreeMap<StreamId, Stream>>>,
}

impl MemoryLog {
    /// An empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends from outside, at any time: this is how an append with a lost answer lands late, or
    /// finds its position occupied.
    pub fn append_late(&self, stream: &StreamId, batch: Batch) -> StoreResult<Append> {
        batch.check()?;
        let mut streams = self.lock();
        let end = streams.get(stream).map_or(0, |found| found.lines.len()) as u64;
        if batch.first.0 > end {
            return Err(rejected(format!(
                "an append at {} to the log of {stream}, which ends at {end}",
                batch.first
            )));
        }
        if batch.first.0 < end {
            return Ok(Append::Occupied);
        }
        let found = streams.entry(stream.clone()).or_default();
        found.lines.extend(batch.lines);
        Ok(Append::Done)
    }

    /// Every line of a log.
    pub fn lines(&self, stream: &StreamId) -> Vec<Bytes> {
        self.lock()
            .get(stream)
            .map_or_else(Vec::new, |found| found.lines.clone())
    }

    /// Replaces the content of a log, like someone who changes its files.
    pub fn put(&self, stream: &StreamId, lines: Vec<Bytes>) {
        let mut streams = self.lock();
        let found = streams.entry(stream.clone()).or_default();
        found.checkpoint = found.checkpoint.min(lines.len() as u64);
        found.lines = lines;
    }

    /// Another log with the current content of this one.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            streams: Arc::new(Mutex::new(self.lock().clone())),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<StreamId, Stream>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn length(&self, stream: &StreamId) -> u64 {
        self.lock().get(stream).map_or(0, |found| found.lines.len()) as u64
    }
}

#[async_trait]
impl Log for MemoryLog {
    async fn streams(&self) -> StoreResult<Vec<StreamId>> {
        let streams = self.lock();
        let written = streams.iter().filter(|(_, found)| !found.lines.is_empty());
        Ok(written.map(|(stream, _)| stream.clone()).collect())
    }

    async fn end(&self, stream: &StreamId) -> StoreResult<LogPosition> {
        Ok(LogPosition(self.length(stream)))
    }

    async fn append(&self, stream: &StreamId, batch: Batch) -> StoreResult<Append> {
        self.append_late(stream, batch)
    }

    async fn read(
        &self,
        stream: &StreamId,
        from: LogPosition,
        limit: usize,
    ) -> StoreResult<Vec<Record>> {
        let streams = self.lock();
        let Some(found) = streams.get(stream) else {
            return Ok(Vec::new());
        };
        let start = usize::try_from(from.0).unwrap_or(usize::MAX);
        let lines = found.lines.iter().zip(0..).skip(start).take(limit.max(1));
        Ok(lines
            .map(|(line, position)| Record {
                position: LogPosition(position),
                line: line.clone(),
            })
            .collect())
    }

    async fn position_after(&self, stream: &StreamId, time: Timestamp) -> StoreResult<LogPosition> {
        for (position, line) in (0..).zip(self.lines(stream)) {
            if accepted_at(&line)? > time {
                return Ok(LogPosition(position));
            }
        }
        self.end(stream).await
    }

    async fn checkpoint(&self, stream: &StreamId) -> StoreResult<LogPosition> {
        let streams = self.lock();
        Ok(LogPosition(
            streams.get(stream).map_or(0, |found| found.checkpoint),
        ))
    }

    async fn move_checkpoint(
        &self,
        stream: &StreamId,
        from: LogPosition,
        to: LogPosition,
    ) -> StoreResult<bool> {
        let mut streams = self.lock();
        let end = streams.get(stream).map_or(0, |found| found.lines.len()) as u64;
        check_move(stream, from, to, LogPosition(end))?;
        match streams.get_mut(stream) {
            Some(found) if found.checkpoint == from.0 => found.checkpoint = to.0,
            _ => return Ok(false),
        }
        Ok(true)
    }
}
