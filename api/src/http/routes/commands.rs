//! The status of commands.

use spice_core::{access::Role, error::ErrorCode};

use crate::http::{
    answer::CommandResult,
    commands,
    gate::Rule,
    operation::{Subject, get},
    parameters::headers::LAST_EVENT_ID,
    push,
};

/// The table.
pub(super) fn list_calls() -> Subject {
    let operations =
        vec![
        get(Rule::Anywhere(Role::Viewer), "getCommandStatus", commands::status)
            .at("/api/v1/commands/{id}/status")
            .does("Returns the status of a command.")
            .answers::<CommandResult<'static>>(200, "The command.")
            .fails(&[ErrorCode::NotFound]),
        get(Rule::Anywhere(Role::Viewer), "watchCommand", push::events)
            .at("/api/v1/commands/{id}/events")
            .does(
                "Streams the status of a command as server-sent events: the current status, then \
                 each change.",
            )
            .notes(
                "Each event is a `status` with a `CommandResult`. The stream ends after a final \
                 status (`COMPLETED`, `FAILED`). A client that reconnects with the \
                 `Last-Event-ID` of the final status gets 204, so that browsers stop reconnecting.",
            )
            .takes(&[&LAST_EVENT_ID])
            .answers_as::<String>(200, "text/event-stream", "The statuses, as they change.")
            .answers_empty(204, "The client has already received the final status.")
            .fails(&[ErrorCode::NotFound]),
        get(Rule::Anywhere(Role::Viewer), "watchCommandOverWebSocket", push::socket)
            .at("/ws/commands/{id}")
            .also_at("/api/v1/ws/commands/{id}", "/api/v1/ws/commands/{id}")
            .does(
                "Streams the status of a command over a WebSocket: the current status, then each \
                 change.",
            )
            .notes(
                "Each text message is a `CommandResult`. The socket closes with code 1000 after \
                 a final status, and with 1001 if the service stops before.",
            )
            .answers_empty(101, "The statuses follow.")
            .fails(&[ErrorCode::NotFound]),
    ];
    Subject {
        name: "Commands",
        description: "The status of accepted commands.",
        operations,
    }
}
