//! Answers of the api, and the class of each.

use serde_json::{Map, Value, json};
use spice_client::{CommandState, Refusal};

use super::*;

fn refusal(status: u16, code: &str, detail: &Value) -> Error {
    Error::Refused(Box::new(Refusal {
        status,
        code: code.to_owned(),
        message: "no".to_owned(),
        detail: detail.as_object().cloned().unwrap_or_else(Map::new),
        retry_after: None,
        request_id: None,
        body: Vec::new().into(),
    }))
}

#[test]
fn refusals_are_classified() {
    let parent = json!({"errors": [{"class_id": "X", "rule": "parent", "value": "Y"}]});
    let mixed =
        json!({"errors": [{"rule": "parent", "value": "Y"}, {"rule": "type", "value": "t"}]});
    let owner = json!({"owner": {"cluster": "c", "kind": "Ontology", "namespace": "n", "name": "o", "uid": "u", "generation": 4}});
    let findings = json!({"hash": "h", "findings_total": 30, "findings": [
        {"code": "property_removed", "class_id": "X", "field": "properties", "message": "m", "affected": 2}]});
    for (status, code, detail, expected) in [
        (503, "unavailable", json!({}), "transient"),
        (504, "timeout", json!({}), "transient"),
        (500, "internal", json!({}), "transient"),
        (429, "rate_limited", json!({}), "transient"),
        (
            409,
            "optimistic_concurrency_conflict",
            json!({}),
            "conflict",
        ),
        (409, "already_exists", json!({}), "conflict"),
        (404, "not_found", json!({}), "conflict"),
        (
            404,
            "not_found",
            json!({"database": "d"}),
            "missing database d",
        ),
        (
            404,
            "not_found",
            json!({"database": "d", "branch": "b"}),
            "missing branch b",
        ),
        (422, "validation_failed", parent, "missing class Y"),
        (422, "validation_failed", mixed, "rejected"),
        (409, "owned", owner, "owned by Ontology n/o at 4"),
        (409, "not_adopted", json!({}), "not adopted"),
        (409, "stale_generation", json!({}), "stale"),
        (409, "deleted", json!({}), "deleted"),
        (
            409,
            "unsafe_change",
            findings,
            "unsafe h 1 of 30, 2 affected",
        ),
        (409, "failed_precondition", json!({}), "rejected"),
        (403, "forbidden", json!({}), "rejected"),
        (401, "unauthenticated", json!({}), "rejected"),
        (400, "invalid_request", json!({}), "rejected"),
    ] {
        let class = match failure(&refusal(status, code, &detail)) {
            ApiError::Transient { .. } => "transient".to_owned(),
            ApiError::Missing { what } => format!("missing {what}"),
            ApiError::Conflict { .. } => "conflict".to_owned(),
            ApiError::Owned {
                owner, generation, ..
            } => format!("owned by {owner} at {generation}"),
            ApiError::NotAdopted { .. } => "not adopted".to_owned(),
            ApiError::Stale { .. } => "stale".to_owned(),
            ApiError::Unsafe { plan, .. } => format!(
                "unsafe {} {} of {}, {} affected",
                plan.hash,
                plan.findings.len(),
                plan.findings_total,
                plan.findings[0].affected.unwrap()
            ),
            ApiError::Deleted { .. } => "deleted".to_owned(),
            ApiError::Rejected { .. } => "rejected".to_owned(),
        };
        assert_eq!(class, expected, "{status} {code}");
    }
    assert!(ApiClient::new("mailto:a@b").is_err());
}

#[test]
fn a_404_of_a_proxy_says_nothing_about_the_thing() {
    for status in [301, 404, 405, 403] {
        let answer = refusal(status, "", &json!({}));
        let expected = ApiError::Transient {
            message: format!("a proxy in front of the api answered {status}"),
        };
        assert_eq!(known(Err(&answer)), Err(expected.clone()));
        assert_eq!(failure(&answer), expected);
        assert!(!is_absent(&answer));
    }
}

#[test]
fn a_name_without_a_database_tells_its_last_generation() {
    let answer = |detail: Value| known(Err(&refusal(404, "not_found", &detail)));
    assert_eq!(answer(json!({"database": "d"})), Ok(Known::default()));
    let over = Known {
        over: 3,
        ..Known::default()
    };
    assert_eq!(answer(json!({"generation": 3})), Ok(over));
}

#[test]
fn a_database_shows_the_position_of_its_projections() {
    let body = json!({"sequence": 1, "position": 9, "lag": {"graph": 2, "documents": 3}});
    let details = serde_json::from_value(body).unwrap();
    let known = known(Ok(&details)).unwrap();
    assert_eq!((known.position, known.projected), (9, 7));
    assert!(known.exists);
}

#[test]
fn a_declaration_is_written_as_the_api_reads_it() {
    let declaration = Declaration {
        claim: Some(Claim {
            owner: Owner {
                cluster: "c".into(),
                kind: "Ontology".into(),
                namespace: "n".into(),
                name: "o".into(),
                uid: "u".into(),
            },
            generation: 4,
        }),
        adopt: spice_crds::Adopt::Always,
        recreate: true,
        change_policy: spice_crds::ChangePolicy::Unsafe,
        approve: None,
        dry_run: false,
        subject: Subject::Branch {
            name: "b".into(),
            from_branch: "main".into(),
            from_position: None,
        },
    };
    assert_eq!(
        serde_json::to_value(&declaration).unwrap(),
        json!({
            "owner": {"cluster": "c", "kind": "Ontology", "namespace": "n", "name": "o", "uid": "u"},
            "generation": 4, "adopt": "Always", "recreate": true, "change_policy": "Unsafe",
            "dry_run": false, "branch": {"name": "b", "from_branch": "main"},
        })
    );
}

#[test]
fn an_answer_is_read() {
    let read = |answer: Value| Accepted::from(serde_json::from_value::<Answer>(answer).unwrap());
    let nothing = read(json!({"changed": false, "dry_run": false, "changes": [], "findings": []}));
    assert_eq!(
        (nothing.command, nothing.progress),
        (None, Progress::Completed)
    );
    let change = json!([{"kind": "class", "name": "X", "change": "added"}]);
    for (status, progress) in [
        ("processing", Progress::Pending),
        ("completed", Progress::Completed),
    ] {
        let answer = read(
            json!({"changed": true, "command_id": "c", "position": 7, "status": status, "changes": change}),
        );
        assert_eq!((answer.position, &answer.progress), (Some(7), &progress));
        assert_eq!(answer.changes.len(), 1);
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
