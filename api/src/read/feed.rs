//! A database's domain events as they are appended, from a place on, without gaps or repeats.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use spice_core::{
    chain::ChainHead,
    envelope::{EventType, Kind},
    error::{Refusal, StoreError},
    id::{AggregateId, LogPosition, StreamId},
    name::{BranchName, DatabaseName},
    port::{
        hints::{Hints, LOOK_AGAIN, Listener, Topic},
        log::{Log, Record},
    },
};
use tokio::time::timeout;

use super::{reading::misfit, reads::Reads};

/// The number of envelopes per read.
const PAGE: usize = 100;

/// A listener to a log.
pub(crate) struct Feed {
    log: Arc<dyn Log>,
    /// Hears of a longer log.
    appends: Listener<Arc<dyn Hints>>,
    stream: StreamId,
    next: LogPosition,
    head: ChainHead,
    branch: Option<BranchName>,
    ready: VecDeque<FeedEvent>,
    is_sealed: bool,
}

/// A domain event of a log.
pub(crate) struct FeedEvent {
    pub(crate) position: LogPosition,
    pub(crate) event_type: EventType,
    /// The envelope's line.
    pub(crate) line: Bytes,
}

impl Reads {
    /// A feed of a database from a position on, or of new events; of one branch, or of all.
    pub(crate) async fn feed(
        &self,
        database: &DatabaseName,
        branch: Option<BranchName>,
        from: Option<LogPosition>,
    ) -> Result<Feed, Refusal> {
        let snapshot = self.engine.writer.snapshot(database).await?;
        if let Some(branch) = &branch {
            snapshot.branch(branch)?;
        }
        let stream = snapshot.stream.clone();
        let Some(from) = from else {
            return Ok(self.feed_of(stream, snapshot.end, branch));
        };
        // Another process may have appended what this one has not seen.
        if from > snapshot.end {
            let end = self.engine.log.end(&stream).await?;
            if from > end {
                let message = format!(
                    "from: position {from} is after the end of the log; the next position is {end}"
                );
                let refusal = misfit("from", "range", &from.to_string(), message);
                return Err(refusal.with("position", end.0));
            }
        }
        Ok(self.feed_of(stream, from, branch))
    }

    /// A feed that continues after an event of a log; none if there is no such event. After the end
    /// of a sealed log comes the next one of that name.
    pub(crate) async fn feed_after(
        &self,
        stream: StreamId,
        position: LogPosition,
        branch: Option<BranchName>,
    ) -> Result<Option<Feed>, Refusal> {
        let end = self.engine.log.end(&stream).await?;
        if position >= end {
            // A database that never existed is not found, whatever the position.
            self.engine.writer.snapshot(&stream.database).await?;
            return Ok(None);
        }
        let next = position.next();
        if !self.is_over(&stream, next, end).await? {
            return Ok(Some(self.feed_of(stream, next, branch)));
        }
        let snapshot = self.engine.writer.snapshot(&stream.database).await?;
        let stream = snapshot.stream.clone();
        Ok(Some(self.feed_of(stream, LogPosition::ZERO, branch)))
    }

    /// Whether no domain event will ever follow in a log, because it is sealed.
    async fn is_over(
        &self,
        stream: &StreamId,
        next: LogPosition,
        end: LogPosition,
    ) -> Result<bool, StoreError> {
        let last = end.before();
        if next < last {
            return Ok(false);
        }
        let mark = self.engine.log.read_one(stream, last).await?;
        let mark = mark.as_ref().map(Record::head).transpose()?;
        Ok(mark.is_none_or(|it| it.event_type == EventType::DatabaseSealed))
    }

    fn feed_of(&self, stream: StreamId, next: LogPosition, branch: Option<BranchName>) -> Feed {
        Feed {
            log: Arc::clone(&self.engine.log),
            appends: self.engine.writer.listen(Topic::Log(stream.clone())),
            head: ChainHead::at(&stream, next),
            stream,
            next,
            branch,
            ready: VecDeque::new(),
            is_sealed: false,
        }
    }
}

impl Feed {
    /// The log.
    pub(crate) fn stream(&self) -> &StreamId {
        &self.stream
    }

    /// The position where it continues.
    pub(crate) fn position(&self) -> LogPosition {
        self.next
    }

    /// The next event; none if the log is sealed. Safe to drop while it waits.
    pub(crate) async fn next(&mut self) -> Result<Option<FeedEvent>, StoreError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            if self.is_sealed {
                return Ok(None);
            }
            for record in self.read().await? {
                self.take(record)?;
            }
        }
    }

    /// The next records, once there are any.
    async fn read(&mut self) -> Result<Vec<Record>, StoreError> {
        loop {
            let records = self.log.read(&self.stream, self.next, PAGE).await?;
            if !records.is_empty() {
                return Ok(records);
            }
            let _ = timeout(LOOK_AGAIN, self.appends.wait()).await;
        }
    }

    fn take(&mut self, record: Record) -> Result<(), StoreError> {
        self.head.take(record.position, &record.line)?;
        let envelope = record.envelope()?;
        self.next = record.position.next();
        self.is_sealed |= envelope.event_type == EventType::DatabaseSealed;
        if envelope.metadata.kind == Kind::Domain && self.concerns(&envelope.aggregate) {
            self.ready.push_back(FeedEvent {
                position: record.position,
                event_type: envelope.event_type,
                line: record.line,
            });
        }
        Ok(())
    }

    /// Whether it belongs to the branch, or to the database as a whole.
    fn concerns(&self, aggregate: &AggregateId) -> bool {
        let Some(wanted) = &self.branch else {
            return true;
        };
        match aggregate {
            AggregateId::Database(_) => true,
            AggregateId::Branch(_, branch)
            | AggregateId::OntologyClass(_, branch, _)
            | AggregateId::Instance(_, branch, _, _) => branch == wanted,
        }
    }
}
