//! Refusals of the core as the operator would get them from the gateway.

use serde_json::Value;
use spice_core::{
    error::{ErrorCode, Refusal},
    name::InvalidName,
};
use spice_operator::{ApiError, client::refused};

/// What the operator would make of the answer that the gateway gives to a refusal.
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

pub(super) fn misnamed(invalid: InvalidName) -> ApiError {
    refusal(&Refusal::from(invalid))
}

/// The refusal of an answer that cannot be read.
pub(super) fn damaged(error: &impl ToString) -> ApiError {
    refusal(&Refusal::new(ErrorCode::Internal, error.to_string()))
}

/// The refusal of an action that cannot be decided here.
pub(super) fn unknown(message: &str) -> ApiError {
    refusal(&Refusal::new(ErrorCode::FailedPrecondition, message))
}
