//! The log: the only commit point.

use async_trait::async_trait;
use bytes::Bytes;
use serde::Deserialize;

use super::StoreResult;
use crate::{
    error::StoreError,
    id::{LogPosition, StreamId},
    name::DatabaseName,
    port::store::Store,
    time::Timestamp,
};

const STORE: Store = Store::Log;

/// Envelopes that are appended together or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The position of the first envelope.
    pub first: LogPosition,
    /// One line per envelope, without line ends, in the order of their positions.
    pub lines: Vec<Bytes>,
}

impl Batch {
    /// Returns the position after the last envelope.
    pub fn end(&self) -> LogPosition {
        self.first.plus(self.lines.len() as u64)
    }

    /// Refuses a batch without envelopes, or with an envelope that is not exactly one line.
    pub fn check(&self) -> StoreResult<()> {
        let is_line = |line: &Bytes| !line.is_empty() && !line.contains(&b'\n');
        let reason = if self.lines.is_empty() {
            "a batch without envelopes"
        } else if !self.lines.iter().all(is_line) {
            "an envelope must be one non-empty line"
        } else {
            return Ok(());
        };
        Err(StoreError::rejected(STORE, reason))
    }
}

/// When an envelope was accepted, parsed from its line.
pub fn accepted_at(line: &[u8]) -> StoreResult<Timestamp> {
    /// The part of an envelope that a search by time needs.
    #[derive(Deserialize)]
    struct Stamp {
        occurred_at: Timestamp,
    }
    serde_json::from_slice::<Stamp>(line)
        .map(|stamp| stamp.occurred_at)
        .map_err(|error| {
            let reason = format!("a line has no readable occurred_at: {error}");
            StoreError::damaged(STORE, reason)
        })
}

/// The result of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Append {
    /// It is in the log, durably.
    Done,
    /// Another segment is at that position; nothing of ours was written.
    Occupied,
    /// No answer: the batch may be in the log, may get there later, or never. Settle it by reading
    /// the position. While nothing is there, send the same bytes again, and nothing else.
    Unknown,
}

/// An envelope that was read: its position and its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its position.
    pub position: LogPosition,
    /// The envelope's line, without the line end.
    pub line: Bytes,
}

/// Checks a move of the relay's checkpoint in a log that ends at `end`; the same for every adapter.
pub fn check_move(
    stream: &StreamId,
    from: LogPosition,
    to: LogPosition,
    end: LogPosition,
) -> StoreResult<()> {
    if to < from || to > end {
        return Err(StoreError::Rejected {
            store: Store::Log,
            reason: format!(
                "cannot move the checkpoint of {stream} from {from} to {to}: the log ends at {end}"
            ),
        });
    }
    Ok(())
}

/// The damage of a log that has no envelope at a position before its end.
pub fn missing(stream: &StreamId, position: LogPosition) -> StoreError {
    let reason = format!("{stream} has no envelope at position {position}");
    StoreError::damaged(STORE, reason)
}

/// One ordered log per database generation. Append is compare-and-set on the next position.
#[async_trait]
pub trait Log: Send + Sync {
    /// Every log, ordered by name and generation.
    async fn streams(&self) -> StoreResult<Vec<StreamId>>;

    /// The logs of one database, ordered by generation. An adapter lists only these, so the cost
    /// does not grow with the number of databases.
    async fn generations(&self, database: &DatabaseName) -> StoreResult<Vec<StreamId>> {
        let mut streams = self.streams().await?;
        streams.retain(|stream| stream.database == *database);
        Ok(streams)
    }

    /// The position after the last envelope; zero for a log that does not exist. Fresh: it includes
    /// every append that was answered before the call, by any process.
    async fn end(&self, stream: &StreamId) -> StoreResult<LogPosition>;

    /// The end as this process last saw it. It may be behind [`Log::end`], but never ahead. For lag
    /// and display only: nothing may be refused or left out because of it.
    async fn known_end(&self, stream: &StreamId) -> StoreResult<LogPosition> {
        self.end(stream).await
    }

    /// Appends a batch at exactly `batch.first`, durably. An error means that nothing was written
    /// and nothing will be; an unknown result is [`Append::Unknown`]. [`Append::Done`] proves that
    /// the log ended at `batch.first` until then, so nobody has to read the end before an append.
    ///
    /// So it appends only after a tail that still exists. If the envelope before `batch.first` was
    /// in the log and is gone, nothing is written, the answer is an error, and [`Log::end`] returns
    /// the current end. An adapter that remembers the end checks its last segment before it writes:
    /// a directory compares the length and identity of the file, an object store the size and
    /// `ETag` of the object (one HEAD per append, because the conditional PUT alone would land
    /// after a gap).
    async fn append(&self, stream: &StreamId, batch: Batch) -> StoreResult<Append>;

    /// Envelopes from a position on, at most `limit` (at least one if there is one); empty at the
    /// end of the log.
    async fn read(
        &self,
        stream: &StreamId,
        from: LogPosition,
        limit: usize,
    ) -> StoreResult<Vec<Record>>;

    /// The envelope at a position; none where the log has nothing.
    async fn read_one(
        &self,
        stream: &StreamId,
        position: LogPosition,
    ) -> StoreResult<Option<Record>> {
        let record = self.read(stream, position, 1).await?.pop();
        Ok(record.filter(|record| record.position == position))
    }

    /// The envelopes at these positions, in the requested order; none where the log has nothing.
    async fn read_many(
        &self,
        stream: &StreamId,
        positions: &[LogPosition],
    ) -> StoreResult<Vec<Option<Record>>> {
        let mut found = Vec::with_capacity(positions.len());
        for position in positions {
            found.push(self.read_one(stream, *position).await?);
        }
        Ok(found)
    }

    /// The first position whose envelope was accepted after `time`; the end if there is none.
    async fn position_after(&self, stream: &StreamId, time: Timestamp) -> StoreResult<LogPosition>;

    /// Reads the relay's checkpoint of a log: every position below it was delivered.
    async fn checkpoint(&self, stream: &StreamId) -> StoreResult<LogPosition>;

    /// Moves the relay's checkpoint from exactly `from` to `to`. Returns false if it is elsewhere,
    /// because another relay has moved it.
    async fn move_checkpoint(
        &self,
        stream: &StreamId,
        from: LogPosition,
        to: LogPosition,
    ) -> StoreResult<bool>;
}
