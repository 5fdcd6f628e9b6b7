//! The refusals of a call, by status: those that follow from its parts, and its own.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use spice_core::error::ErrorCode;

use super::{headers, parameters};
use crate::http::{Surface, failure::shape_code, gate::Rule, operation::Operation};

/// The schemas of errors.
pub(super) fn add_schemas(schemas: &mut Map<String, Value>) {
    let codes: Vec<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    let code = json!({
        "description": "The stable code of the error.",
        "type": "string",
        "enum": codes,
    });
    let error = json!({
        "description": "Why a request was refused.",
        "type": "object",
        "properties": {
            "status": {"const": "error"},
            "message": {"type": "string", "description": "A message for people."},
            "detail": {
                "type": "object",
                "description": "The code and its details.",
                "properties": {
                    "error": {"$ref": "#/components/schemas/ErrorCode"},
                    "field": {"type": "string", "description": "What is wrong."},
                    "known": {"type": "array", "description": "The existing alternatives."},
                    "errors": {
                        "type": "array",
                        "description": "Each value that breaks a rule, or each invalid row or command.",
                    },
                    "aggregate_id": {"type": "string"},
                    "expected_seq": {"type": "integer"},
                    "actual_seq": {"type": "integer"},
                },
                "required": ["error"],
            },
        },
        "required": ["status", "message", "detail"],
    });
    schemas.insert("ErrorCode".into(), code);
    schemas.insert("Error".into(), error);
}

/// The refusal codes of a call, by status.
pub(super) fn group_by_status(
    surface: Surface,
    operation: &Operation,
) -> BTreeMap<u16, BTreeSet<&'static str>> {
    let mut by_status: BTreeMap<u16, BTreeSet<&'static str>> = BTreeMap::new();
    for code in collect_codes(surface, operation) {
        let codes = by_status.entry(code.http_status()).or_default();
        codes.insert(code.as_str());
    }
    by_status
}

/// The answer of a status.
pub(super) fn describe_response(status: u16, codes: &BTreeSet<&'static str>) -> Value {
    let listed: Vec<String> = codes.iter().map(|code| format!("`{code}`")).collect();
    let codes = json!({"properties": {"detail": {"properties": {"error": {"enum": codes}}}}});
    let error = json!({"$ref": "#/components/schemas/Error"});
    let mut sent = headers::of_answer(false);
    if matches!(status, 429 | 503) {
        sent["Retry-After"] = headers::reference("RetryAfter");
    }
    json!({
        "description": listed.join(", "),
        "headers": sent,
        "content": {"application/json": {"schema": {"allOf": [error, codes]}}},
    })
}

fn collect_codes(surface: Surface, operation: &Operation) -> Vec<ErrorCode> {
    let mut codes = vec![operation.refusal(), ErrorCode::InvalidRequest];
    codes.extend(&operation.failures);
    if operation.rule_at(surface) != Rule::Open {
        codes.extend([
            ErrorCode::Unauthenticated,
            ErrorCode::Forbidden,
            ErrorCode::RateLimited,
        ]);
    }
    if operation.address.path.contains("{db}") {
        codes.extend([
            ErrorCode::InvalidName,
            ErrorCode::NotFound,
            ErrorCode::Unavailable,
        ]);
    }
    for parameter in parameters::of(operation) {
        codes.extend(parameter.refusal(surface));
    }
    if operation.body.is_some() {
        codes.extend([
            ErrorCode::PayloadTooLarge,
            ErrorCode::UnsupportedMediaType,
            shape_code(surface),
        ]);
    }
    if operation.is_command {
        codes.extend([ErrorCode::EventIdReused, ErrorCode::Unavailable]);
    }
    codes
}
