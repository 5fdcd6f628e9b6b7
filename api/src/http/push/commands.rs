//! A command's status changes: the current status first, the end after the final one.

use axum::{
    extract::ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    http::StatusCode,
    response::{IntoResponse, sse::Event},
};
use futures::{Stream, StreamExt, stream};
use spice_core::{decide::Receipt, error::ErrorCode, id::LogPosition};

use super::{event_stream, not_an_id, socket::converse};
use crate::{
    http::{
        answer::Answer,
        call::Call,
        commands,
        failure::Failure,
        parameters::{headers::LAST_EVENT_ID, position},
    },
    read::followed::Following,
};

/// What a client may send on a socket: pings and a close.
const HEARD: usize = 4 << 10;

pub(crate) async fn events(call: Call) -> Answer {
    let receipt = commands::find_receipt(&call).await?;
    if let Some(seen) = call.get(&LAST_EVENT_ID)? {
        let [before, after] = [false, true].map(|is_final| place_after(&receipt, is_final));
        let text = seen.to_str().unwrap_or_default();
        match position(text) {
            // This tells a browser not to reconnect.
            Some(seen) if seen == after => return Ok(StatusCode::NO_CONTENT.into_response()),
            Some(seen) if seen == before => {}
            _ => return Err(not_an_id(seen)),
        }
    }
    // A client that reconnects before an event gets the current status, as at first.
    let statuses = follow(call.api.reads.follow(receipt).await?);
    let events = statuses.map(|(place, text)| {
        let event = Event::default().event("status");
        event.id(place.to_string()).data(text)
    });
    Ok(event_stream(None, events, call.cut.clone()))
}

/// The statuses of a command as `CommandResult`, each with the event id after it.
fn follow(following: Following) -> impl Stream<Item = (LogPosition, String)> {
    stream::unfold(following, |mut following| async move {
        let status = following.next().await?;
        let text = commands::write(&following.receipt, &status)
            .inspect_err(|error| tracing::error!(%error, "a status could not be written"))
            .ok()?;
        let place = place_after(&following.receipt, status.state.is_final());
        Some(((place, text), following))
    })
}

/// After its last event, once nothing will change; before that, at the command.
fn place_after(receipt: &Receipt, is_final: bool) -> LogPosition {
    if is_final {
        receipt.last.next()
    } else {
        receipt.position
    }
}

pub(crate) async fn socket(
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    call: Call,
) -> Answer {
    let receipt = commands::find_receipt(&call).await?;
    let upgrade = upgrade.map_err(|rejection| {
        let message = format!("this path is for WebSockets: {rejection}");
        Failure::new(ErrorCode::InvalidRequest, message)
    })?;
    let statuses = follow(call.api.reads.follow(receipt).await?);
    let texts = statuses.map(|(_, text)| text);
    let cut = call.cut.clone();
    Ok(upgrade
        .max_message_size(HEARD)
        .max_frame_size(HEARD)
        .on_upgrade(|socket| converse(socket, texts, cut)))
}
