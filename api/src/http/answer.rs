//! Common answers: `ApiResponse` and `CommandResult` (contract §2).

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use spice_core::{id::CommandId, json::Json, time::Timestamp};

use crate::{http::failure::Failure, read::status::Step};

/// The answer of a handler.
pub(crate) type Answer = Result<Response, Failure>;

/// `ApiResponse` of contract §2.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "{T}Response")]
pub(crate) struct ApiResponse<'a, T> {
    #[schemars(extend("enum" = ["success", "created", "accepted", "warning", "partial"]))]
    status: &'static str,
    message: &'a str,
    data: T,
}

/// `CommandResult` of contract §2, with our `history`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct CommandResult<'a> {
    pub(crate) command_id: CommandId,
    #[schemars(extend("enum" = [
        "PENDING", "PROCESSING", "RETRYING", "COMPLETED", "FAILED", "CANCELLED"
    ]))]
    pub(crate) status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Map<String, Value>>")]
    pub(crate) result: Option<&'a Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) completed_at: Option<Timestamp>,
    pub(crate) retry_count: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parked: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) history: Option<&'a [Step]>,
}

/// The `status` of an answer other than `ApiResponse`.
#[derive(Serialize, JsonSchema, Clone, Copy, Default)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum Success {
    #[default]
    Success,
}

/// Any value as a JSON response.
pub(crate) fn json<T: Serialize>(status: StatusCode, value: &T) -> Answer {
    let body = serde_json::to_vec(value)?;
    Ok((status, [(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// A value as the JSON of a 200.
pub(crate) fn ok<T: Serialize>(value: &T) -> Answer {
    json(StatusCode::OK, value)
}

/// `{status:"success", message, data}`.
pub(crate) fn success<T: Serialize>(message: &str, data: T) -> Answer {
    api(StatusCode::OK, "success", message, data)
}

/// `{status, message, data}`.
pub(crate) fn api<T: Serialize>(
    code: StatusCode,
    status: &'static str,
    message: &str,
    data: T,
) -> Answer {
    json(
        code,
        &ApiResponse {
            status,
            message,
            data,
        },
    )
}
