//! The log: the only commit point.

use async_trait::async_trait;
use bytes::Bytes;
use serde::Deserialize;

use super::StoreResult;
use crate::{
    error::StoreError,
    id::{LogPosition, StreamId},
    name::DatabaseName,
    time::Timestamp,
};

const STORE: &str = "log";

/// Envelopes that are appended together, or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The position of the first envelope.
    pub first: LogPosition,
    /// One line an envelope, without line ends, in the order of their positions.
    pub lines: Vec<Bytes>,
}

impl Batch {
    /// The position after the last envelope.
    pub fn end(&self) -> LogPosition {
        self.first.plus(self.lines.len() as u64)
    }

    /// Refuses a batch that holds no envelope, or one that is not exactly one line.
    pub fn check(&self) -> StoreResult<()> {
        let is_line = |line: &Bytes| !line.is_empty() && !line.contains(&b'\n');
        let reason = if self.lines.is_empty() {
            "a batch without envelopes"
        } else if !self.lines.iter().all(is_line) {
            "an envelope must be one line that is not empty"
        } else {
            return Ok(());
        };
        Err(StoreError::Rejected {
            store: STORE,
            reason: reason.to_owned(),
        })
    }
}

/// When an envelope was accepted, read from its line.
pub fn accepted_at(line: &[u8]) -> StoreResult<Timestamp> {
    /// The part of an envelope that a search by time needs.
    #[derive(Deserialize)]
    struct Stamp {
        occurred_at: Timestamp,
    }
    serde_json::from_slice::<Stamp>(line)
        .map(|stamp| stamp.occurred_at)
        .map_err(|error| StoreError::Damaged {
            store: STORE,
            reason: format!("a line has no readable occurred_at: {error}"),
        })
}

/// What became of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Append {
    /// It is in the log, durably.
    Done,
    /// Another segment stands at that position; nothing of ours was written.
    Occupied,
    /// No answer: it may be in the log, may get there later, or never. Settle it by reading the
    /// position; while nothing is there, send the same bytes again and nothing else.
    Unknown,
}

/// One envelope as read: its position and its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where it stands.
    pub position: LogPosition,
    /// The envelope's line, without the line end.
    pub line: Bytes,
}

/// What every adapter asks of a move of the relay's checkpoint, in a log that ends at `end`.
pub fn check_move(
    stream: &StreamId,
    from: LogPosition,
    to: LogPosition,
    end: LogPosition,
) -> StoreResult<()> {
    if to < from || to > end {
        return Err(StoreError::Rejected {
            store: "log",
            reason: format!("a checkpoint of {stream} from {from} to {to}: the log ends at {end}"),
        });
    }
    Ok(())
}

/// One ordered log a database generation. Append is compare-and-set on the next position.
#[async_trait]
pub trait Log: Send + Sync {
    /// Every log there is, in order of name and generation.
    async fn streams(&self) -> StoreResult<Vec<StreamId>>;

    /// The logs of one database, in order of generation. An adapter lists only these, so that the
    /// cost does not grow with the number of databases.
    async fn generations(&self, database: &DatabaseName) -> StoreResult<Vec<StreamId>> {
        let mut streams = self.streams().await?;
        streams.retain(|stream| stream.database == *database);
        Ok(streams)
    }

    /// The position after the last envelope; zero for a log that does not exist. Fresh: it covers
    /// every append that was answered before the call, whoever made it.
    async fn end(&self, stream: &StreamId) -> StoreResult<LogPosition>;

    /// The end as this process last saw it. It may be behind [`Log::end`], never ahead. For lag
    /// and display: nothing may be refused or left out because of it.
    async fn known_end(&self, stream: &StreamId) -> StoreResult<LogPosition> {
        self.end(stream).await
    }

    /// Appends a batch at exactly `batch.first`, durably. An error means that nothing was written
    /// and nothing will be; a doubt is [`Append::Unknown`]. [`Append::Done`] proves that the log
    /// ended at `batch.first` until then: nobody has to read the end before an append.
    ///
    /// So it appends only behind a tail that is still there. When the envelope before `batch.first`
    /// was in the log and is gone, nothing is written, the answer is an error, and [`Log::end`] says
    /// where the log ends now. An adapter that remembers the end looks at its last segment before it
    /// writes: a directory at length and identity of the file, an object store at size and `ETag` of
    /// the object (one HEAD for each append: the conditional PUT alone would land behind a hole).
    async fn append(&self, stream: &StreamId, batch: Batch) -> StoreResult<Append>;

    /// Envelopes from a position on, at most `limit` of them (at least one where there is one);
    /// empty at the end of the log.
    async fn read(
        &self,
        stream: &StreamId,
        from: LogPosition,
        limit: usize,
    ) -> StoreResult<Vec<Record>>;

    /// The envelopes at these positions, in the order asked; none where the log has nothing.
    async fn read_many(
        &self,
        stream: &StreamId,
        positions: &[LogPosition],
    ) -> StoreResult<Vec<Option<Record>>> {
        let mut found = Vec::with_capacity(positions.len());
        for position in positions {
            let mut records = self.read(stream, *position, 1).await?;
            let record = records.pop();
            found.push(record.filter(|record| record.position == *position));
        }
        Ok(found)
    }

    /// The first position whose envelope was accepted after `time`; the end when there is none.
    async fn position_after(&self, stream: &StreamId, time: Timestamp) -> StoreResult<LogPosition>;

    /// Waits until the log is longer than `end`, or until the adapter cannot rule out that it is.
    /// A hint: correctness never depends on it.
    async fn wait_beyond(&self, stream: &StreamId, end: LogPosition);

    /// Waits until there may be more logs than the `known` number.
    async fn wait_streams(&self, known: usize);

    /// Reads the relay's checkpoint of a log: every position below it has been delivered.
    async fn checkpoint(&self, stream: &StreamId) -> StoreResult<LogPosition>;

    /// Moves the relay's checkpoint from exactly `from` forward to `to`. False when it stands
    /// elsewhere: another relay has moved it.
    async fn move_checkpoint(
        &self,
        stream: &StreamId,
        from: LogPosition,
        to: LogPosition,
    ) -> StoreResult<bool>;
}
