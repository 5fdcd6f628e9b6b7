//! Push instead of polling: server-sent events for commands and for a database's log, a WebSocket
//! for commands.

mod commands;
mod feed;
mod socket;

use std::{convert::Infallible, time::Duration};

use axum::{
    http::{HeaderName, HeaderValue},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::{Stream, StreamExt, stream};

pub(crate) use self::{
    commands::{events, socket},
    feed::database_events,
};
use crate::http::{call::Cut, failure::Failure};

/// After this time without an event a comment is sent, so that proxies keep the connection, and so
/// that a broken connection is noticed.
const ALIVE: Duration = Duration::from_secs(15);
/// How long a client should wait before it reconnects.
const RETRY: Duration = Duration::from_secs(2);

/// The refusal of a `Last-Event-ID` that this stream did not send.
fn not_an_id(given: &HeaderValue) -> Failure {
    let value = String::from_utf8_lossy(given.as_bytes());
    let message = format!(
        "Last-Event-ID must be the id of an event that this stream gave out, not {value:?}; leave \
         it out to begin anew"
    );
    Failure::token("last-event-id", "event_id", &value, message)
}

/// A stream of events as a response, until the service stops. It starts with `retry:`, so that the
/// head is sent immediately, and with the id of its start: a client that loses the connection
/// before its first event resumes there.
fn event_stream(
    place: Option<String>,
    following: impl Stream<Item = Event> + Send + 'static,
    cut: Cut,
) -> Response {
    let opening = Event::default().retry(RETRY);
    let opening = match place {
        Some(place) => opening.id(place),
        None => opening,
    };
    let opening = opening.comment("listening");
    let all = stream::iter([opening])
        .chain(following.take_until(async move { cut.wait().await }))
        .map(Ok::<_, Infallible>);
    let alive = KeepAlive::new().interval(ALIVE).text("alive");
    let mut response = Sse::new(all).keep_alive(alive).into_response();
    // Tells proxies not to buffer the answer.
    response.headers_mut().insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    response
}
