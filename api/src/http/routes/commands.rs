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
        "Returns the status of a command: now, then each change, as server-sent events.",
        push::events,
    )
    .notes(
        "Each event is a `status` with a `CommandResult`. The stream ends after a final status \
         (`COMPLETED`, `FAILED`); a client that comes back with the `Last-Event-ID` of that one \
         gets 204, which keeps browsers from asking again.",
    )
    .takes(&[&headers::LAST_EVENT_ID])
    .answers_as::<String>(200, "text/event-stream", "The statuses, as they come.")
    .answers_empty(204, "The final status was seen already.")
    .fails(&[ErrorCode::NotFound])
}

fn socket() -> Operation {
    reads(
        Method::GET,
        "/ws/commands/{id}",
        "watchCommandOverWebSocket",
        "Returns the status of a command: now, then each change, over a WebSocket.",
        push::socket,
    )
    .also_as("/api/v1/ws/commands/{id}")
    .notes(
        "Each text message is a `CommandResult`. After a final status the socket is closed with \
         code 1000; with 1001 when the service ends before that.",
    )
    .answers_empty(101, "The statuses follow.")
    .fails(&[ErrorCode::InvalidRequest, ErrorCode::NotFound])
}
