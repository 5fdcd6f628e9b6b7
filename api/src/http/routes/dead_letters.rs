//! Events that sinks refused.

use serde_json::json;
use spice_core::{
    access::Role,
    error::ErrorCode::{NotFound, Unavailable},
    json::Json,
};

use crate::http::{
    answer::{ApiResponse, CommandResult},
    bodies::DiscardBody,
    dead_letters::{self, DeadLetterDescription, DeadLetterList, ShownLetter},
    gate::{ADMIN, Rule, VIEWER},
    operation::{Subject, get, post},
    parameters::known::DATABASE,
};

/// The table.
pub(super) fn list_calls() -> Subject {
    let operations = vec![
        get(
            Rule::Anywhere(Role::Viewer),
            "listDeadLetters",
            dead_letters::list,
        )
        .at("/api/v1/dead-letters")
        .does("Lists the parked events.")
        .takes(&[&DATABASE])
        .answers::<ApiResponse<'static, DeadLetterList<'_>>>(200, "The dead letters.")
        .fails(&[NotFound, Unavailable]),
        get(VIEWER, "getDeadLetter", dead_letters::get)
            .at("/api/v1/dead-letters/{db}/{handler}/{position}")
            .does("Shows a parked event and its envelope.")
            .answers::<ApiResponse<'static, DeadLetterDescription<'_>>>(200, "The dead letter."),
        post(ADMIN, "retryDeadLetter", dead_letters::retry)
            .at("/api/v1/dead-letters/{db}/{handler}/{position}/retry")
            .does("Applies the aggregate's parked events again, in order.")
            .optional_body::<Json>(None)
            .answers::<ApiResponse<'static, ShownLetter<'_>>>(
                202,
                "The events will be applied again.",
            ),
        post(ADMIN, "discardDeadLetter", dead_letters::discard)
            .at("/api/v1/dead-letters/{db}/{handler}/{position}/discard")
            .does("Discards an event for one sink, and records this in the log.")
            .optional_body::<DiscardBody>(Some(json!({"reason": "made by a test"})))
            .commands::<CommandResult<'static>>(200),
    ];
    Subject {
        name: "Dead letters",
        description: "Events that a sink refused, parked in order.",
        operations,
    }
}
