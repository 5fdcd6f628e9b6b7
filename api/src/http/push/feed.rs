//! A database's domain events as server-sent events. The id of an event is its position, so a
//! client that reconnects continues where it was.

use axum::{http::HeaderValue, response::sse::Event};
use futures::{Stream, stream};
use spice_core::{
    error::StoreError,
    id::{LogPosition, StreamId},
    name::DatabaseName,
    port::Store,
};

use super::{event_stream, not_an_id};
use crate::{
    http::{
        answer::Answer,
        call::Call,
        parameters::{headers::LAST_EVENT_ID, known, position, whole},
    },
    read::feed::{Feed, FeedEvent},
};

pub(crate) async fn database_events(call: Call) -> Answer {
    let database = call.database()?;
    let branch = call.get(&known::EVENTS_BRANCH)?;
    let reads = &call.api.reads;
    let feed = if let Some(seen) = call.get(&LAST_EVENT_ID)? {
        let (stream, seen_at) = parse(seen, &database).ok_or_else(|| not_an_id(seen))?;
        let feed = reads.feed_after(stream, seen_at, branch).await?;
        feed.ok_or_else(|| not_an_id(seen))?
    } else {
        let from = call.get(&known::EVENTS_FROM)?;
        reads.feed(&database, branch, from).await?
    };
    // Before a log's first event there is no id; a client that reconnects starts there again.
    let before = feed.position().0.checked_sub(1).map(LogPosition);
    let place = before.map(|before| place(feed.stream(), before));
    Ok(event_stream(place, events(feed), call.cut.clone()))
}

/// The id of an event: `7`, or `7.g2` in the second log of that name.
fn place(stream: &StreamId, position: LogPosition) -> String {
    match stream.generation {
        1 => position.to_string(),
        generation => format!("{position}.g{generation}"),
    }
}

/// The log and the position of an event id.
fn parse(given: &HeaderValue, database: &DatabaseName) -> Option<(StreamId, LogPosition)> {
    let text = given.to_str().ok()?;
    let (place, generation) = match text.split_once(".g") {
        None => (text, 1),
        Some((place, generation)) => (place, u32::try_from(whole(generation)?).ok()?),
    };
    let database = database.clone();
    let stream = StreamId {
        database,
        generation,
    };
    Some((stream, position(place)?))
}

/// Events until the log is sealed or cannot be read; a client that reconnects gets the reason.
fn events(feed: Feed) -> impl Stream<Item = Event> {
    stream::unfold(feed, |mut feed| async move {
        let next = feed.next().await;
        let event = next.and_then(|event| event.map(|it| render(feed.stream(), &it)).transpose());
        let event = event.unwrap_or_else(|error| {
            tracing::warn!(stream = %feed.stream(), %error, "a feed of events breaks off");
            None
        })?;
        Some((event, feed))
    })
}

fn render(stream: &StreamId, event: &FeedEvent) -> Result<Event, StoreError> {
    let line = std::str::from_utf8(&event.line).map_err(|error| StoreError::Damaged {
        store: Store::Log,
        reason: error.to_string(),
    })?;
    Ok(Event::default()
        .event(event.event_type.as_str())
        .id(place(stream, event.position))
        .data(line))
}
