//! Interprets answers and refusals of the api for the operator.

use serde::Deserialize;
use serde_json::{Map, Value};
use spice_client::{CommandState, CommandStatus, DatabaseDetails, Error, Merged, Refusal, Summary};
use spice_crds::{Finding, Plan};

use super::api::{Accepted, ApiError, ChangedThing, Comparison, Known, Progress};

/// The maximum number of findings in a plan.
const FINDINGS: usize = 20;

/// Whether the api answered that the thing does not exist. A 404 of a proxy has no code: it says
/// nothing about the thing.
pub(super) fn is_absent(error: &Error) -> bool {
    error.code() == Some("not_found")
}

/// What a read of a database says about its name.
pub(super) fn known(found: Result<&DatabaseDetails, &Error>) -> Result<Known, ApiError> {
    match found {
        Ok(details) => {
            let lag = details.lag.graph.max(details.lag.documents);
            Ok(Known {
                exists: true,
                over: 0,
                generation: details
                    .other
                    .get("generation")
                    .and_then(Value::as_u64)
                    .unwrap_or_default(),
                position: details.position,
                projected: (details.position + 1).saturating_sub(lag),
            })
        }
        Err(error) if is_absent(error) => {
            let detail = error.refusal().map(|refusal| &refusal.detail);
            let over = detail.and_then(|detail| detail.get("generation")?.as_u64());
            Ok(Known {
                over: over.unwrap_or_default(),
                ..Known::default()
            })
        }
        Err(error) => Err(failure(error)),
    }
}

fn progress(state: CommandState) -> Progress {
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

/// How a branch differs from its parent, from a planned merge.
pub(super) fn comparison(base_position: Option<u64>, plan: &Merged) -> Comparison {
    let Summary {
        added,
        modified,
        deleted,
    } = plan.summary;
    let total = plan.other.get("conflicts_total").and_then(Value::as_u64);
    Comparison {
        base_position: base_position.unwrap_or_default(),
        changes: added + modified + deleted,
        conflicts: total.unwrap_or(plan.conflicts.len() as u64),
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

/// The answer to a command.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    command_id: Option<String>,
    position: Option<u64>,
    #[serde(default)]
    changes: Vec<ChangedThing>,
    status: Option<String>,
}

impl From<Answer> for Accepted {
    fn from(answer: Answer) -> Self {
        let is_pending =
            answer.command_id.is_some() && answer.status.as_deref() != Some("completed");
        Self {
            command: answer.command_id,
            position: answer.position,
            changes: answer.changes,
            progress: if is_pending {
                Progress::Pending
            } else {
                Progress::Completed
            },
        }
    }
}

/// The meaning of a failure. The message of a temporary failure is constant.
pub fn failure(error: &Error) -> ApiError {
    match error {
        Error::Refused(refusal) => refused(refusal),
        Error::InvalidUrl { .. } | Error::InvalidFile { .. } | Error::InvalidRequest { .. } => {
            ApiError::Rejected {
                reason: "invalid_request".into(),
                message: error.to_string(),
            }
        }
        Error::Insecure { .. } => ApiError::Transient {
            message: error.to_string(),
        },
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
    match (refusal.status, refusal.code.as_str()) {
        (status, "") => ApiError::Transient {
            message: format!("a proxy in front of the api answered {status}"),
        },
        (408 | 429 | 500..=599, _) => ApiError::Transient {
            message: format!("the api answered {}", refusal.status),
        },
        (_, "not_found") => missing(&refusal.detail)
            .map_or(ApiError::Conflict { message }, |what| ApiError::Missing {
                what,
            }),
        (_, "optimistic_concurrency_conflict" | "already_exists") => ApiError::Conflict { message },
        (_, "owned") => owned(&refusal.detail, message),
        (_, "not_adopted") => ApiError::NotAdopted { message },
        (_, "stale_generation") => ApiError::Stale { message },
        (_, "deleted") => ApiError::Deleted { message },
        (_, "unsafe_change") => ApiError::Unsafe {
            plan: Box::new(plan(&refusal.detail)),
            message,
        },
        (_, "validation_failed") => missing_parent(&refusal.detail).map_or_else(
            || ApiError::Rejected {
                reason: refusal.code.clone(),
                message,
            },
            |what| ApiError::Missing { what },
        ),
        (_, reason) => ApiError::Rejected {
            reason: reason.to_owned(),
            message,
        },
    }
}

/// The missing database or branch that a refusal names.
fn missing(detail: &Map<String, Value>) -> Option<String> {
    let name = |key: &str| Some(format!("{key} {}", detail.get(key)?.as_str()?));
    name("branch").or_else(|| name("database"))
}

/// The missing parent classes, if nothing else is wrong with the definitions.
fn missing_parent(detail: &Map<String, Value>) -> Option<String> {
    let errors = detail.get("errors")?.as_array()?;
    let parents: Option<Vec<&str>> = errors
        .iter()
        .map(|error| {
            let is_parent = error.get("rule")?.as_str()? == "parent";
            error.get("value")?.as_str().filter(|_| is_parent)
        })
        .collect();
    let mut parents = parents.filter(|parents| !parents.is_empty())?;
    parents.sort_unstable();
    parents.dedup();
    Some(format!("class {}", parents.join(", ")))
}

fn owned(detail: &Map<String, Value>, message: String) -> ApiError {
    let owner = detail.get("owner").cloned().unwrap_or_default();
    let generation = owner.get("generation").and_then(Value::as_i64);
    ApiError::Owned {
        owner: Box::new(serde_json::from_value(owner).unwrap_or_default()),
        generation: generation.unwrap_or_default(),
        message,
    }
}

fn plan(detail: &Map<String, Value>) -> Plan {
    let text = |from: &Value, key: &str| Some(from.get(key)?.as_str()?.to_owned());
    let number = |from: &Value, key: &str| from.get(key).and_then(Value::as_i64);
    let findings = detail.get("findings").and_then(Value::as_array);
    let findings = findings.into_iter().flatten().take(FINDINGS);
    let findings: Vec<Finding> = findings
        .map(|finding| Finding {
            code: text(finding, "code").unwrap_or_default(),
            class: text(finding, "class_id"),
            field: text(finding, "field"),
            message: text(finding, "message").unwrap_or_default(),
            affected: number(finding, "affected"),
        })
        .collect();
    let total = detail.get("findings_total").and_then(Value::as_i64);
    let count = i64::try_from(findings.len()).unwrap_or_default();
    let hash = detail.get("hash").and_then(Value::as_str);
    Plan {
        hash: hash.unwrap_or_default().to_owned(),
        findings,
        findings_total: total.unwrap_or(count),
    }
}
