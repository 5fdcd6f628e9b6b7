//! A command's status changes: the current status first, the end after the final one.

use axum::{
    extract::ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    http::StatusCode,
    response::{IntoResponse, Response, sse::Event},
};
use futures::{Stream, stream};
use spice_core::{decide::Receipt, error::ErrorCode};

use super::{
    event_stream, last_seen, not_an_id,
    socket::converse,
    telling::{Telling, place},
};
use crate::http::{answer::Answer, call::Call, commands, failure::Failure, parameters::position};

/// What a client may send on a socket: pings and a close.
const HEARD: usize = 4 << 10;

pub(crate) async fn events(call: Call) -> Answer {
    let receipt = commands::receipt(&call).await?;
    if let Some(seen) = last_seen(&call)? {
        let [before, after] = [false, true].map(|is_final| place(&receipt, is_final));
        let text = seen.to_str().unwrap_or_default();
        match position(text) {
            // This tells a browser not to reconnect.
            Some(seen) if seen == after => return Ok(StatusCode::NO_CONTENT.into_response()),
            Some(seen) if seen == before => {}
            _ => return Err(not_an_id(seen)),
        }
    }
    // A client that reconnects before an event gets the current status, as at first.
    Ok(event_stream(None, statuses(telling(&call, receipt).await?)))
}

async fn telling(call: &Call, receipt: Receipt) -> Result<Telling, Failure> {
    let following = call.api.reads.follow(receipt).await?;
    Ok(Telling::new(following, call.ending.clone()))
}

fn statuses(telling: Telling) -> impl Stream<Item = Event> {
    stream::unfold(telling, |mut telling| async move {
        let told = telling.next().await?;
        let event = Event::default()
            .event("status")
            .id(told.place.to_string())
            .data(told.text);
        Some((event, telling))
    })
}

pub(crate) async fn socket(
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    call: Call,
) -> Result<Response, Failure> {
    let receipt = commands::receipt(&call).await?;
    let upgrade = upgrade.map_err(|rejection| {
        let message = format!("this path is for WebSockets: {rejection}");
        Failure::new(ErrorCode::InvalidRequest, message)
    })?;
    let telling = telling(&call, receipt).await?;
    Ok(upgrade
        .max_message_size(HEARD)
        .max_frame_size(HEARD)
        .on_upgrade(|socket| converse(socket, telling)))
}
