//! Answers of the api, and the class of each.

use serde_json::{Map, json};
use spice_client::{CommandState, Refusal};

use super::*;

fn refusal(status: u16, code: &str) -> Error {
    Error::Refused(Box::new(Refusal {
        status,
        code: code.to_owned(),
        message: "no".to_owned(),
        detail: Map::new(),
        retry_after: None,
        request_id: None,
        body: Vec::new().into(),
    }))
}

#[test]
fn refusals_are_classified() {
    for (status, code, expected) in [
        (503, "unavailable", "transient"),
        (504, "timeout", "transient"),
        (500, "internal", "transient"),
        (429, "rate_limited", "transient"),
        (409, "optimistic_concurrency_conflict", "conflict"),
        (409, "already_exists", "conflict"),
        (404, "not_found", "conflict"),
        (409, "deleted", "rejected"),
        (409, "event_id_reused", "rejected"),
        (409, "failed_precondition", "rejected"),
        (403, "forbidden", "rejected"),
        (401, "unauthenticated", "rejected"),
        (400, "invalid_request", "invalid"),
        (422, "validation_failed", "invalid"),
    ] {
        let class = match failure(&refusal(status, code)) {
            ApiError::Transient { .. } => "transient",
            ApiError::Conflict { .. } => "conflict",
            ApiError::Rejected { .. } => "rejected",
            ApiError::Invalid { .. } => "invalid",
        };
        assert_eq!(class, expected, "{status} {code}");
    }
    assert_eq!(present::<()>(Err(refusal(404, "not_found"))), Ok(None));
    assert!(ApiClient::new("mailto:a@b").is_err());
}

#[test]
fn a_404_of_a_proxy_says_nothing_about_the_thing() {
    for status in [301, 404, 405, 403] {
        let answer = || refusal(status, "");
        let expected = ApiError::Transient {
            message: format!("a proxy in front of the api answered {status}"),
        };
        assert_eq!(present::<()>(Err(answer())), Err(expected.clone()));
        assert_eq!(failure(&answer()), expected);
        assert!(!is_absent(&answer()));
    }
}

#[test]
fn the_progress_of_a_command_is_read_from_its_status() {
    let status = |state: CommandState, parked: &[&str], error: Option<&str>| {
        let body = json!({"command_id": "c", "status": state, "parked": parked, "error": error});
        progress_of(serde_json::from_value(body).unwrap())
    };
    for state in [
        CommandState::Pending,
        CommandState::Processing,
        CommandState::Retrying,
    ] {
        assert_eq!(progress(state), Progress::Pending);
        assert_eq!(status(state, &[], None), Progress::Pending);
    }
    assert_eq!(
        status(CommandState::Retrying, &["graph_worker"], None),
        Progress::Parked(vec!["graph_worker".to_owned()])
    );
    assert_eq!(
        status(CommandState::Completed, &[], None),
        Progress::Completed
    );
    assert_eq!(
        status(CommandState::Failed, &[], Some("discarded")),
        Progress::Failed("discarded".into())
    );
    assert_eq!(
        status(CommandState::Failed, &[], None),
        Progress::Failed("the command is FAILED".into())
    );
}

#[test]
fn a_class_is_read_with_its_sequence() {
    let body = json!({"id": "X", "label": "X", "event_sequence": 4, "position": 9});
    let stored = class_stored(Exact::from(body).as_object().unwrap().clone());
    assert_eq!(stored.sequence, Some(4));
    assert_eq!(stored.position, Some(9));
    assert_eq!(stored.definition["label"], "X".into());
}

#[test]
fn a_database_shows_the_position_of_its_projections() {
    let body = json!({"sequence": 1, "position": 9, "lag": {"graph": 2, "documents": 3}});
    let stored = database_stored(&serde_json::from_value(body).unwrap());
    assert_eq!(stored.projected, Some(7));
    assert_eq!(stored.position, Some(9));
}
