//! A database's domain events as they are appended. The id of an event is its position, so a
//! client that comes back goes on where it was: nothing is left out, nothing comes twice.

use std::{collections::VecDeque, sync::Arc};

use axum::{http::HeaderValue, response::sse::Event};
use futures::{Stream, stream};
use spice_core::{
    chain::ChainHead,
    envelope::{Envelope, EventType, Kind},
    error::StoreError,
    id::{AggregateId, LogPosition, StreamId},
    name::{BranchName, DatabaseName},
    port::log::{Log, Record},
};
use tokio_util::sync::CancellationToken;

use super::{event_stream, last_seen, not_an_id};
use crate::http::{
    answer::Answer,
    call::Call,
    failure::Failure,
    parameters::{known, position, whole},
    read::read_envelope,
};

/// Envelopes that are read at once.
const PAGE: usize = 100;

/// One who listens to a log.
struct Feed {
    log: Arc<dyn Log>,
    stream: StreamId,
    next: LogPosition,
    head: ChainHead,
    branch: Option<BranchName>,
    ready: VecDeque<Event>,
    is_sealed: bool,
    ending: CancellationToken,
}

pub(crate) async fn database_events(call: Call) -> Answer {
    let database = call.database()?;
    let branch = call.get(&known::EVENTS_BRANCH)?;
    let (stream, next) = match last_seen(&call)? {
        Some(seen) => {
            let place = Place::parse(seen).ok_or_else(|| not_an_id(seen))?;
            let resumed = place.resume(&call, &database).await?;
            resumed.ok_or_else(|| not_an_id(seen))?
        }
        None => begin(&call, &database, branch.as_ref()).await?,
    };
    let feed = Feed {
        log: Arc::clone(&call.api.engine.log),
        head: ChainHead::at(&stream, next),
        stream,
        next,
        branch,
        ready: VecDeque::new(),
        is_sealed: false,
        ending: call.ending.clone(),
    };
    // Before a log's first event there is no place; who comes back begins there again.
    let before = feed.next.0.checked_sub(1).map(LogPosition);
    let place = before.map(|before| Place::text(&feed.stream, before));
    Ok(event_stream(place, events(feed)))
}

/// Where a new client begins: at `from`, or at what comes next.
async fn begin(
    call: &Call,
    database: &DatabaseName,
    branch: Option<&BranchName>,
) -> Result<(StreamId, LogPosition), Failure> {
    let from = call.get(&known::EVENTS_FROM)?;
    let engine = &call.api.engine;
    let snapshot = engine.writer.snapshot(database).await?;
    if let Some(branch) = branch {
        snapshot.branch(branch)?;
    }
    let Some(from) = from else {
        return Ok((snapshot.stream.clone(), snapshot.end));
    };
    // Another process may have appended what this one has not seen.
    if from > snapshot.end {
        let end = engine.log.end(&snapshot.stream).await?;
        if from > end {
            let message = format!(
                "from: position {from} is beyond the log's end; the next position is {end}"
            );
            let text = from.to_string();
            return Err(Failure::token("from", "range", &text, message).with("position", end.0));
        }
    }
    Ok((snapshot.stream.clone(), from))
}

/// Where a client is: after an event of a log. `7`, or `7.g2` in the second of that name.
struct Place {
    position: LogPosition,
    generation: u32,
}

impl Place {
    fn parse(given: &HeaderValue) -> Option<Self> {
        let text = given.to_str().ok()?;
        let (place, generation) = match text.split_once(".g") {
            None => (text, 1),
            Some((place, generation)) => (place, u32::try_from(whole(generation)?).ok()?),
        };
        Some(Self {
            position: position(place)?,
            generation,
        })
    }

    fn text(stream: &StreamId, position: LogPosition) -> String {
        match stream.generation {
            1 => position.to_string(),
            generation => format!("{position}.g{generation}"),
        }
    }

    /// After the event that was seen last; none when there is no such event. What follows the end
    /// of a log that was sealed is the next one of that name.
    async fn resume(
        &self,
        call: &Call,
        database: &DatabaseName,
    ) -> Result<Option<(StreamId, LogPosition)>, Failure> {
        let log = &call.api.engine.log;
        let stream = StreamId {
            database: database.clone(),
            generation: self.generation,
        };
        let end = log.end(&stream).await?;
        if self.position >= end {
            // A database that was never there is not found, whatever the id.
            call.api.engine.writer.snapshot(database).await?;
            return Ok(None);
        }
        let next = self.position.next();
        if !is_over(log.as_ref(), &stream, next, end).await? {
            return Ok(Some((stream, next)));
        }
        let snapshot = call.api.engine.writer.snapshot(database).await?;
        Ok(Some((snapshot.stream.clone(), LogPosition::ZERO)))
    }
}

/// Whether no domain event will ever follow in a log, because it is sealed.
async fn is_over(
    log: &dyn Log,
    stream: &StreamId,
    next: LogPosition,
    end: LogPosition,
) -> Result<bool, Failure> {
    let last = LogPosition(end.0.saturating_sub(1));
    if next < last {
        return Ok(false);
    }
    let records = log.read(stream, last, 1).await?;
    let mark = records.first().map(|record| read_envelope(&record.line));
    Ok(mark
        .transpose()?
        .is_none_or(|it| it.event_type == EventType::DatabaseSealed))
}

fn events(feed: Feed) -> impl Stream<Item = Event> {
    stream::unfold(feed, |mut feed| async move {
        let event = feed.next().await?;
        Some((event, feed))
    })
}

impl Feed {
    /// The next event; none when the log is sealed, the service ends, or the log cannot be read: a
    /// client that comes back is told why.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.is_sealed {
                return None;
            }
            let records = tokio::select! {
                () = self.ending.cancelled() => return None,
                records = self.read() => records,
            };
            let taken =
                records.and_then(|records| records.iter().try_for_each(|record| self.take(record)));
            if let Err(error) = taken {
                tracing::warn!(stream = %self.stream, %error, "a feed of events breaks off");
                return None;
            }
        }
    }

    /// What comes next, once there is something.
    async fn read(&self) -> Result<Vec<Record>, StoreError> {
        loop {
            let records = self.log.read(&self.stream, self.next, PAGE).await?;
            if !records.is_empty() {
                return Ok(records);
            }
            self.log.wait_beyond(&self.stream, self.next).await;
        }
    }

    fn take(&mut self, record: &Record) -> Result<(), StoreError> {
        let damaged = |reason: String| StoreError::Damaged {
            store: "log",
            reason,
        };
        self.head.take(record.position, &record.line)?;
        let envelope =
            Envelope::from_line(&record.line).map_err(|error| damaged(error.to_string()))?;
        self.next = record.position.next();
        self.is_sealed |= envelope.event_type == EventType::DatabaseSealed;
        if envelope.metadata.kind != Kind::Domain || !self.concerns(&envelope.aggregate) {
            return Ok(());
        }
        let line = std::str::from_utf8(&record.line).map_err(|error| damaged(error.to_string()))?;
        self.ready.push_back(
            Event::default()
                .event(envelope.event_type.as_str())
                .id(Place::text(&self.stream, record.position))
                .data(line),
        );
        Ok(())
    }

    /// Whether it is of the branch, or of the database as a whole.
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
