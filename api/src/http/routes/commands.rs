//! The status of commands.

use axum::http::Method;
use spice_core::error::ErrorCode;

use crate::http::{
    answer::CommandResult,
    commands,
    operation::{Operation, Subject, reads},
    parameters::headers,
    push,
};

/// At both services.
pub(super) fn subject() -> Subject {
    Subject {
        name: "Commands",
        description: "The status of accepted commands.",
        operations: vec![
            reads(
                Method::GET,
                "/api/v1/commands/{id}/status",
                "getCommandStatus",
                "Returns the status of a command.",
                commands::status,
            )
            .answers::<CommandResult<'static>>(200, "The command.")
            .fails(&[ErrorCode::NotFound]),
            events(),
            socket(),
        ],
    }
}

fn events() -> Operation {
    reads(
        Method::GET,
        "/api/v1/commands/{id}/events",
        "watchCommand",
        "Streams the status of a command as server-sent events: the current status, then each change.",
        push::events,
    )
    .notes(
        "Each event is a `status` with a `CommandResult`. The stream ends after a final status \
         (`COMPLETED`, `FAILED`). A client that reconnects with the `Last-Event-ID` of the final \
         status gets 204, so that browsers stop reconnecting.",
    )
    .takes(&[&headers::LAST_EVENT_ID])
    .answers_as::<String>(200, "text/event-stream", "The statuses, as they change.")
    .answers_empty(204, "The client has already received the final status.")
    .fails(&[ErrorCode::NotFound])
}

fn socket() -> Operation {
    reads(
        Method::GET,
        "/ws/commands/{id}",
        "watchCommandOverWebSocket",
        "Streams the status of a command over a WebSocket: the current status, then each change.",
        push::socket,
    )
    .also_as("/api/v1/ws/commands/{id}")
    .notes(
        "Each text message is a `CommandResult`. The socket closes with code 1000 after a final \
         status, and with 1001 if the service stops before.",
    )
    .answers_empty(101, "The statuses follow.")
    .fails(&[ErrorCode::InvalidRequest, ErrorCode::NotFound])
}
