//! Converts refusals of the core to the errors that the operator would get from the gateway.

use serde_json::Value;
use spice_client::Declared;
use spice_core::{
    error::{ErrorCode, Refusal},
    name::InvalidName,
};
use spice_operator::{ApiError, client::refused};

/// The error that the operator would make of the gateway's answer to a refusal.
pub(super) fn refusal(refusal: &Refusal) -> ApiError {
    let has = |key: &str| refusal.detail.get(key).is_some_and(Value::is_string);
    let of_shape = refusal.code == ErrorCode::InvalidRequest;
    let code = if of_shape && has("field") && has("rule") {
        ErrorCode::ValidationFailed
    } else {
        refusal.code
    };
    refused(&spice_client::Refusal {
        status: code.http_status(),
        code: code.as_str().to_owned(),
        message: refusal.message.clone(),
        detail: refusal.detail.clone(),
        retry_after: None,
        request_id: None,
        body: bytes::Bytes::new(),
    })
}

/// The error for a plan that loses or invalidates data.
pub(super) fn unsafe_error(plan: &Declared) -> ApiError {
    let first = plan
        .findings
        .first()
        .and_then(|it| it.get("message")?.as_str());
    let message = format!(
        "the change would lose or invalidate data: {}",
        first.unwrap_or_default()
    );
    let findings = plan.findings.iter().cloned().map(Value::from);
    refusal(
        &Refusal::new(ErrorCode::UnsafeChange, message)
            .with("hash", plan.hash.clone())
            .with("findings", findings.collect::<Vec<_>>())
            .with("findings_total", plan.findings_total),
    )
}

pub(super) fn invalid_name_error(invalid: InvalidName) -> ApiError {
    refusal(&Refusal::from(invalid))
}

/// The error for an answer that cannot be read.
pub(super) fn damage_error(error: &impl ToString) -> ApiError {
    refusal(&Refusal::new(ErrorCode::Internal, error.to_string()))
}

/// The error for an action that cannot be decided here.
pub(super) fn undecidable_error(message: &str) -> ApiError {
    refusal(&Refusal::new(ErrorCode::FailedPrecondition, message))
}
