//! A command's status as it changes: the present one first, an end after the final one.

use axum::{
    extract::ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    http::StatusCode,
    response::{IntoResponse, Response, sse::Event},
};
use futures::{Stream, stream};
use spice_core::{decide::Receipt, error::ErrorCode, id::LogPosition};
use tokio_util::sync::CancellationToken;

use super::{event_stream, last_seen, not_an_id, socket::converse};
use crate::{
    http::{answer::Answer, call::Call, commands, failure::Failure, parameters::position},
    read::{followed::Following, status::CommandStatus},
};

/// What a client may send us on a socket: pings and a goodbye.
const HEARD: usize = 4 << 10;

/// A command's statuses as they come, until the final one or the end of the service.
pub(super) struct Telling {
    following: Following,
    ending: CancellationToken,
    is_over: bool,
}

/// A status to tell.
pub(super) struct Told {
    /// It, as `CommandResult`.
    pub(super) text: String,
    /// Where a client is that has seen it.
    place: LogPosition,
}

impl Telling {
    /// The next status to tell; none after the final one, and when the service ends.
    pub(super) async fn next(&mut self) -> Option<Told> {
        if self.is_over {
            return None;
        }
        let status = tokio::select! {
            () = self.ending.cancelled() => None,
            status = self.following.next() => status,
        };
        let told = status.and_then(|status| {
            self.is_over = status.state.is_final();
            tell(&self.following.receipt, &status)
        });
        self.is_over |= told.is_none();
        told
    }

    /// Whether the service ends before the command did.
    pub(super) fn is_cut(&self) -> bool {
        self.ending.is_cancelled()
    }
}

fn tell(receipt: &Receipt, status: &CommandStatus) -> Option<Told> {
    let text = commands::text(receipt, status)
        .inspect_err(|error| tracing::error!(%error, "a status could not be written"))
        .ok()?;
    Some(Told {
        text,
        place: place(receipt, status.state.is_final()),
    })
}

/// Past its last event, once nothing will change any more; at the command, before.
fn place(receipt: &Receipt, is_final: bool) -> LogPosition {
    if is_final {
        receipt.last.next()
    } else {
        receipt.position
    }
}

pub(crate) async fn events(call: Call) -> Answer {
    let receipt = commands::receipt(&call).await?;
    if let Some(seen) = last_seen(&call)? {
        let [before, after] = [false, true].map(|is_final| place(&receipt, is_final));
        let text = seen.to_str().unwrap_or_default();
        match position(text) {
            // To a browser this says that it need not connect again.
            Some(seen) if seen == after => return Ok(StatusCode::NO_CONTENT.into_response()),
            Some(seen) if seen == before => {}
            _ => return Err(not_an_id(seen)),
        }
    }
    // A client that comes back unheard is told the present status, as at first.
    Ok(event_stream(None, statuses(telling(&call, receipt).await?)))
}

async fn telling(call: &Call, receipt: Receipt) -> Result<Telling, Failure> {
    Ok(Telling {
        following: call.api.reads.follow(receipt).await?,
        ending: call.ending.clone(),
        is_over: false,
    })
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
