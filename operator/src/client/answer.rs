//! Interprets answers and refusals of the api for the operator.

use spice_client::{CommandState, CommandStatus, DatabaseDetails, Error, Refusal};
use spice_crds::{Exact, Fields};

use super::api::{ApiError, Progress, Stored};

/// Whether the api answered that the thing does not exist. A 404 of a proxy has no code: it says
/// nothing about the thing.
pub(super) fn is_absent(error: &Error) -> bool {
    error.code() == Some("not_found")
}

/// The result; none if the thing does not exist.
pub(super) fn present<T>(found: Result<T, Error>) -> Result<Option<T>, ApiError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(failure(&error)),
    }
}

pub(super) fn database_stored(details: &DatabaseDetails) -> Stored {
    let lag = details.lag.graph.max(details.lag.documents);
    Stored {
        sequence: Some(details.sequence),
        position: Some(details.position),
        projected: Some((details.position + 1).saturating_sub(lag)),
        definition: description_fields(&details.description),
    }
}

/// The fields that a database got at its creation.
pub fn description_fields(description: &str) -> Fields {
    [("description".to_owned(), description.into())].into()
}

/// The start of a branch, as fields.
pub fn origin(branch: Option<&str>, position: Option<u64>) -> Fields {
    let branch = branch.map(|branch| ("from_branch".to_owned(), branch.into()));
    let position = position.map(|at| ("from_position".to_owned(), at.into()));
    branch.into_iter().chain(position).collect()
}

pub(super) fn class_stored(definition: Fields) -> Stored {
    let number = |key| definition.get(key).and_then(Exact::as_u64);
    Stored {
        sequence: number("event_sequence"),
        position: number("position"),
        projected: None,
        definition,
    }
}

pub(super) fn progress(state: CommandState) -> Progress {
    match state {
        CommandState::Completed => Progress::Completed,
        CommandState::Failed | CommandState::Cancelled => {
            Progress::Failed(format!("the command is {state}"))
        }
        CommandState::Pending | CommandState::Processing | CommandState::Retrying => {
            Progress::Pending
        }
    }
}

/// The progress of a command, from its status.
pub(super) fn progress_of(found: CommandStatus) -> Progress {
    match progress(found.status) {
        Progress::Failed(message) => Progress::Failed(found.error.unwrap_or(message)),
        Progress::Pending if !found.parked.is_empty() => Progress::Parked(found.parked),
        other => other,
    }
}

/// The meaning of a failure. The message of a temporary failure is constant.
pub fn failure(error: &Error) -> ApiError {
    match error {
        Error::Refused(refusal) => refused(refusal),
        Error::InvalidUrl { .. } | Error::InvalidFile { .. } | Error::InvalidRequest { .. } => {
            ApiError::Invalid {
                reason: "invalid_request".into(),
                message: error.to_string(),
            }
        }
        _ => {
            tracing::debug!(%error, "no answer from the api");
            ApiError::Transient {
                message: "cannot reach the api".into(),
            }
        }
    }
}

/// The meaning of a refusal.
pub fn refused(refusal: &Refusal) -> ApiError {
    let message = refusal.to_string();
    let reason = refusal.code.clone();
    match refusal.status {
        _ if reason.is_empty() => ApiError::Transient {
            message: format!("a proxy in front of the api answered {}", refusal.status),
        },
        408 | 429 | 500..=599 => ApiError::Transient {
            message: format!("the api answered {}", refusal.status),
        },
        404 => ApiError::Conflict { message },
        409 if matches!(
            reason.as_str(),
            "optimistic_concurrency_conflict" | "already_exists"
        ) =>
        {
            ApiError::Conflict { message }
        }
        400 | 413 | 415 | 422 => ApiError::Invalid { reason, message },
        _ => ApiError::Rejected { reason, message },
    }
}
