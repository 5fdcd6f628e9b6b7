//! Events that sinks refused.

use axum::http::Method;
use serde_json::json;
use spice_core::{error::ErrorCode, json::Json};

use crate::http::{
    answer::{ApiResponse, CommandResult},
    bodies::DiscardBody,
    dead_letters::{self, DeadLetterDescription, DeadLetterList, ShownLetter},
    operation::{Operation, Subject, reads, writes},
    parameters::known,
};

/// At both services.
pub(super) fn subject() -> Subject {
    Subject {
        name: "Dead letters",
        description: "Events that a sink refused, parked in order.",
        operations: vec![list(), get(), retry(), discard()],
    }
}

fn list() -> Operation {
    reads(
        Method::GET,
        "/api/v1/dead-letters",
        "listDeadLetters",
        "Lists the parked events.",
        dead_letters::list,
    )
    .takes(&[&known::DATABASE])
    .answers::<ApiResponse<'static, DeadLetterList<'_>>>(200, "The dead letters.")
    .fails(&[
        ErrorCode::InvalidName,
        ErrorCode::NotFound,
        ErrorCode::Unavailable,
    ])
}

fn get() -> Operation {
    reads(
        Method::GET,
        "/api/v1/dead-letters/{db}/{handler}/{position}",
        "getDeadLetter",
        "Shows a parked event and its envelope.",
        dead_letters::get,
    )
    .answers::<ApiResponse<'static, DeadLetterDescription<'_>>>(200, "The dead letter.")
}

fn retry() -> Operation {
    writes(
        Method::POST,
        "/api/v1/dead-letters/{db}/{handler}/{position}/retry",
        "retryDeadLetter",
        "Applies the aggregate's parked events again, in order.",
        dead_letters::retry,
    )
    .optional_body::<Json>()
    .answers::<ApiResponse<'static, ShownLetter<'_>>>(202, "The events will be applied again.")
}

fn discard() -> Operation {
    writes(
        Method::POST,
        "/api/v1/dead-letters/{db}/{handler}/{position}/discard",
        "discardDeadLetter",
        "Discards an event for one sink, and records this in the log.",
        dead_letters::discard,
    )
    .optional_body::<DiscardBody>()
    .example(json!({"reason": "made by a test"}))
    .commands::<CommandResult<'static>>(200)
}
