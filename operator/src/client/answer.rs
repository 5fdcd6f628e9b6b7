//! Reads the api's answers: by name, wherever in the answer they stand.

use reqwest::StatusCode;
use serde_json::{Map, Value};

use super::{Accepted, ApiError, Progress, Stored};

/// The containers of an answer, the innermost first.
fn containers(body: &Value) -> impl Iterator<Item = &Value> {
    [
        "/data/data",
        "/data/result",
        "/data/ontology",
        "/data",
        "/result",
        "/ontology",
        "",
    ]
    .into_iter()
    .filter_map(|pointer| body.pointer(pointer))
}

pub(super) fn find<'a>(body: &'a Value, key: &str) -> Option<&'a Value> {
    containers(body)
        .find_map(|container| container.get(key))
        .filter(|value| !value.is_null())
}

pub(super) fn stored(body: &Value) -> Stored {
    let number = |key| find(body, key).and_then(Value::as_u64);
    let sequence = number("event_sequence").or_else(|| number("sequence"));
    // A branch tells where it was made (its generation) and where it starts.
    let position = number("position").or_else(|| number("from_position"));
    let lag = find(body, "lag").and_then(|lag| {
        let of = |sink: &str| lag.get(sink).and_then(Value::as_u64);
        Some(of("graph")?.max(of("documents")?))
    });
    Stored {
        sequence,
        position,
        projected: position
            .zip(lag)
            .map(|(end, lag)| (end + 1).saturating_sub(lag)),
        definition: Map::new(),
    }
}

pub(super) fn definition(body: &Value) -> Map<String, Value> {
    containers(body)
        .filter_map(Value::as_object)
        .find(|container| container.contains_key("label"))
        .cloned()
        .unwrap_or_default()
}

pub(super) fn accepted(body: &Value) -> Accepted {
    let command = find(body, "command_id")
        .and_then(Value::as_str)
        .map(str::to_owned);
    let unknown = if command.is_some() {
        Progress::Pending
    } else {
        Progress::Completed
    };
    Accepted {
        progress: progress(body).unwrap_or(unknown),
        command,
    }
}

/// The statuses of commands; an answer's own are others.
const COMMAND_STATUSES: [&str; 6] = [
    "PENDING",
    "PROCESSING",
    "RETRYING",
    "COMPLETED",
    "FAILED",
    "CANCELLED",
];

pub(super) fn progress(body: &Value) -> Option<Progress> {
    let status = containers(body)
        .filter_map(|container| container.get("status"))
        .filter_map(Value::as_str)
        .map(str::to_ascii_uppercase)
        .find(|status| COMMAND_STATUSES.contains(&status.as_str()))?;
    Some(match status.as_str() {
        "COMPLETED" => Progress::Completed,
        "FAILED" | "CANCELLED" => Progress::Failed(
            find(body, "error")
                .and_then(|error| error.as_str().map(str::to_owned))
                .unwrap_or_else(|| format!("the command is {status}")),
        ),
        _ => Progress::Pending,
    })
}

pub(super) fn refusal(status: StatusCode, body: &Value) -> ApiError {
    let code = body
        .pointer("/detail/error")
        .and_then(Value::as_str)
        .unwrap_or("refused")
        .to_owned();
    let message = message_of(body).unwrap_or_else(|| format!("the api answered {status}"));
    match status.as_u16() {
        408 | 429 | 500..=599 => ApiError::Transient {
            message: format!("the api answered {}", status.as_u16()),
        },
        404 => ApiError::Conflict { message },
        409 if code == "optimistic_concurrency_conflict" || code == "already_exists" => {
            ApiError::Conflict { message }
        }
        400 | 413 | 415 | 422 => ApiError::Invalid {
            reason: code,
            message,
        },
        _ => ApiError::Rejected {
            reason: code,
            message,
        },
    }
}

/// What the api says, with the fields that it names.
fn message_of(body: &Value) -> Option<String> {
    let message = body.get("message")?.as_str()?.to_owned();
    let fields: Vec<&str> = body
        .pointer("/detail/errors")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.get("message")?.as_str())
        .filter(|field| !message.contains(field))
        .take(5)
        .collect();
    Some(if fields.is_empty() {
        message
    } else {
        format!("{message}: {}", fields.join("; "))
    })
}
