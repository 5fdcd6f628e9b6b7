//! Answers of the api, and what class of outcome each is.

use serde_json::json;

use super::*;

#[test]
fn paths_are_encoded_and_bases_kept() {
    let client = ApiClient::new("http://127.0.0.1:8002/").unwrap();
    assert_eq!(
        client
            .url(["databases", "demo", "branches", "feature/what if"])
            .as_str(),
        "http://127.0.0.1:8002/api/v1/databases/demo/branches/feature%2Fwhat%20if"
    );
    let client = ApiClient::new("http://host/spice").unwrap();
    assert_eq!(
        client.url(["databases"]).as_str(),
        "http://host/spice/api/v1/databases"
    );
    assert!(ApiClient::new("mailto:a@b").is_err());
    assert!(ApiClient::new("nonsense").is_err());
}

#[test]
fn answers_of_every_shape_are_read() {
    let id = "11111111-2222-4333-8444-555555555555";
    let cases = [
        (
            json!({"status": "accepted", "data": {"command_id": id, "status": "processing"}}),
            Progress::Pending,
        ),
        (
            json!({"command_id": id, "status": "PENDING", "result": {"position": 3}}),
            Progress::Pending,
        ),
        (
            json!({"command_id": id, "status": "RETRYING"}),
            Progress::Pending,
        ),
        (
            json!({"status": "created", "data": {"command_id": id, "status": "completed"}}),
            Progress::Completed,
        ),
        (
            json!({"status": "success", "name": "b", "data": {"command_id": id, "name": "b"}}),
            Progress::Pending,
        ),
        (
            json!({"command_id": id, "status": "COMPLETED", "result": {}}),
            Progress::Completed,
        ),
        (
            json!({"status": "success", "data": {"command_id": id, "status": "COMPLETED"}}),
            Progress::Completed,
        ),
        (
            json!({"command_id": id, "status": "FAILED", "error": "discarded"}),
            Progress::Failed("discarded".into()),
        ),
    ];
    for (body, progress) in cases {
        let accepted = accepted(&body);
        assert_eq!(accepted.command.as_deref(), Some(id), "{body}");
        assert_eq!(accepted.progress, progress, "{body}");
    }
    let none = accepted(&json!({"status": "success", "name": "b", "data": {}}));
    assert_eq!(
        none,
        Accepted {
            command: None,
            progress: Progress::Completed
        }
    );
}

#[test]
fn refusals_are_classified() {
    let body = |code: &str| json!({"status": "error", "message": "no", "detail": {"error": code}});
    let class =
        |status: u16, code: &str| match refusal(StatusCode::from_u16(status).unwrap(), &body(code))
        {
            ApiError::Transient { .. } => "transient",
            ApiError::Conflict { .. } => "conflict",
            ApiError::Rejected { .. } => "rejected",
            ApiError::Invalid { .. } => "invalid",
        };
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
        assert_eq!(class(status, code), expected, "{status} {code}");
    }
    let told = refusal(
        StatusCode::UNPROCESSABLE_ENTITY,
        &json!({"message": "2 values", "detail": {"error": "validation_failed", "errors": [
            {"field": "a", "message": "a is no type"}, {"field": "b", "message": "b is missing"}]}}),
    );
    assert_eq!(told.to_string(), "2 values: a is no type; b is missing");
}

#[test]
fn a_class_is_read_with_its_sequence() {
    let body = json!({"status": "success", "data": {"id": "X", "label": "X", "event_sequence": 4, "position": 9}});
    let stored = Stored {
        definition: definition(&body),
        ..stored(&body)
    };
    assert_eq!(stored.sequence, Some(4));
    assert_eq!(stored.position, Some(9));
    assert_eq!(stored.definition["label"], "X");
}

#[test]
fn a_database_tells_how_far_its_projections_are() {
    let body = json!({"data": {"name": "d", "data": {"exists": true, "sequence": 1, "position": 9,
        "lag": {"graph": 2, "documents": 3}}}});
    assert_eq!(stored(&body).projected, Some(7));
    assert_eq!(stored(&body).position, Some(9));
    assert_eq!(stored(&json!({"data": {"position": 9}})).projected, None);
}
