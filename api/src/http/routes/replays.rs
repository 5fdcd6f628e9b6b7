//! Replays.

use serde_json::json;
use spice_core::{
    error::ErrorCode::{AlreadyExists, EventIdReused, FailedPrecondition},
    json::Json,
};

use crate::http::{
    answer::ApiResponse,
    bodies::replay::ReplayBody,
    gate::{ADMIN, VIEWER},
    operation::{Operation, Subject, get, post},
    parameters::headers::IDEMPOTENCY_KEY,
    replays::{self, ReplayList, shown::ShownReplay},
};

/// The table.
pub(super) fn list_calls() -> Subject {
    let operations = vec![
        post(ADMIN, "startReplay", replays::start)
            .at_gateway("/api/v1/databases/{db}/replays")
            .does("Requests that projections are rebuilt from the log.")
            .notes(
                "The processes that work on the log carry it out, and continue after a restart. \
                 With the strategy `BlueGreen` reads see the former projection until the copy is \
                 full, equals the log and is approved; then they see the copy. A copy that differs \
                 from the log, or that refuses events, never becomes live. Only one unfinished \
                 replay changes a projection: another one is refused with the `task_id` of the \
                 first.",
            )
            .takes(&[&IDEMPOTENCY_KEY])
            .body::<ReplayBody>(json!({"targets": ["documents"], "approval": "Manual"}))
            .answers::<ApiResponse<'static, ShownReplay>>(202, "The replay is requested.")
            .fails(&[AlreadyExists, EventIdReused]),
        get(VIEWER, "listReplays", replays::list)
            .at_gateway("/api/v1/databases/{db}/replays")
            .does("Lists the replays of a database, the newest first.")
            .answers::<ApiResponse<'static, ReplayList>>(200, "The replays."),
        get(VIEWER, "getReplay", replays::get)
            .at_gateway("/api/v1/databases/{db}/replays/{task_id}")
            .does("Shows a replay and how far it is.")
            .answers::<ApiResponse<'static, ShownReplay>>(200, "The replay."),
        get(VIEWER, "getReplayResult", replays::result)
            .at_gateway("/api/v1/databases/{db}/replays/{task_id}/result")
            .does("Shows the result of a replay, once it is finished.")
            .answers::<ApiResponse<'static, ShownReplay>>(200, "The finished replay.")
            .fails(&[FailedPrecondition]),
        wish(post(ADMIN, "approveReplay", replays::approve))
            .at_gateway("/api/v1/databases/{db}/replays/{task_id}/approve")
            .does("Lets a replay that waits for an approval swap."),
        wish(post(ADMIN, "cancelReplay", replays::cancel))
            .at_gateway("/api/v1/databases/{db}/replays/{task_id}/cancel")
            .does("Ends a replay before the swap, and drops what it has built."),
        wish(post(ADMIN, "suspendReplay", replays::suspend))
            .at_gateway("/api/v1/databases/{db}/replays/{task_id}/suspend")
            .does("Pauses a replay before the swap. What it has built stays."),
        wish(post(ADMIN, "resumeReplay", replays::resume))
            .at_gateway("/api/v1/databases/{db}/replays/{task_id}/resume")
            .does("Lets a paused replay go on."),
    ];
    Subject {
        name: "Replays",
        description: "Projections rebuilt from the log while reads continue.",
        operations,
    }
}

/// What a person asks of a replay; it may be too late.
fn wish(operation: Operation) -> Operation {
    operation
        .optional_body::<Json>(None)
        .answers::<ApiResponse<'static, ShownReplay>>(202, "The replay, as it is now.")
        .fails(&[FailedPrecondition])
}
