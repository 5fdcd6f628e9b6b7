//! Refusals as responses: the error shape of contract §2.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::Value;
use spice_core::{
    error::{ErrorCode, Refusal, StoreError, Violation},
    json::Json,
    name::InvalidName,
};

use crate::http::Surface;

/// The maximum length of a value that a refusal shows completely.
const LONGEST: usize = 256;
/// The field of a body with an unsupported encoding.
pub(crate) const CONTENT_ENCODING: &str = "content-encoding";

/// A refused request. Boxed, because it is rare.
#[derive(Debug)]
pub(crate) struct Failure(Box<Refusal>);

#[derive(Serialize)]
struct ErrorShape<'a> {
    status: &'static str,
    message: &'a str,
    detail: Json,
}

impl Failure {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self(Box::new(Refusal::new(code, message)))
    }

    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.detail.insert(key.to_owned(), value.into());
        self
    }

    /// A body or a parameter of the wrong shape: 422 at the gateway, 400 at oms.
    pub(crate) fn shape(surface: Surface, violation: &Violation) -> Self {
        let listed = Refusal::validation(std::slice::from_ref(violation)).detail;
        let mut refusal = Refusal::new(shape_code(surface), violation.message.clone());
        refusal.detail = listed;
        Self(Box::new(refusal))
    }

    /// The core's refusal of a body's shape (`field` and `rule`), like [`Failure::shape`].
    pub(crate) fn of_refusal(surface: Surface, refusal: Refusal) -> Self {
        let text = |key: &str| Some(refusal.detail.get(key)?.as_str()?.to_owned());
        match (refusal.code, text("field"), text("rule")) {
            (ErrorCode::InvalidRequest, Some(field), Some(rule)) => {
                let value = refusal.detail.get("value").cloned().unwrap_or_default();
                let violation = Violation::new(field, rule, value, refusal.message);
                Self::shape(surface, &violation)
            }
            _ => refusal.into(),
        }
    }

    /// An invalid parameter or header: 400 at both services, with the name, the rule and the value.
    pub(crate) fn token(field: &str, rule: &str, value: &str, message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidRequest, message)
            .with("field", field)
            .with("rule", rule)
            .with("value", cut(value.into()))
    }

    /// A parameter or a condition that does not fit the call.
    pub(crate) fn invalid_query(field: &str, message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidQuery, message).with("field", field)
    }

    pub(crate) fn not_found(what: impl Into<String>) -> Self {
        Self::new(ErrorCode::NotFound, what)
    }

    /// The error shape with a given status.
    pub(crate) fn into_response_with(self, status: StatusCode) -> Response {
        let shape = ErrorShape {
            status: "error",
            message: &self.0.message,
            detail: self.0.to_written_detail(),
        };
        let body = serde_json::to_vec(&shape).unwrap_or_default();
        let mut response =
            (status, [(header::CONTENT_TYPE, "application/json")], body).into_response();
        let passes = matches!(self.0.code, ErrorCode::Unavailable | ErrorCode::RateLimited);
        let headers = response.headers_mut();
        if passes && !self.0.is_damage() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if self.0.code == ErrorCode::UnsupportedMediaType {
            // RFC 9110, 15.5.16: what would have been accepted.
            let is_encoding = self
                .0
                .detail
                .get("field")
                .is_some_and(|it| it == CONTENT_ENCODING);
            let (name, value) = if is_encoding {
                (header::ACCEPT_ENCODING, "identity")
            } else {
                (header::ACCEPT, "application/json")
            };
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.code.http_status())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        self.into_response_with(status)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self(Box::new(refusal))
    }
}

impl From<InvalidName> for Failure {
    fn from(invalid: InvalidName) -> Self {
        Refusal::from(invalid).into()
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Refusal::from(error).into()
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::new(
            ErrorCode::Internal,
            format!("a value cannot be written as JSON: {error}"),
        )
    }
}

/// The code for a wrong shape (contract §2).
pub(crate) fn shape_code(surface: Surface) -> ErrorCode {
    match surface {
        Surface::Oms => ErrorCode::InvalidRequest,
        Surface::Gateway | Surface::Funnel | Surface::Metrics => ErrorCode::ValidationFailed,
    }
}

/// A value, shortened if it is long.
pub(crate) fn cut(value: Value) -> Value {
    let text = value.to_string();
    if text.len() <= LONGEST {
        return value;
    }
    let text = value.as_str().unwrap_or(&text);
    let beginning: String = text.chars().take(LONGEST / 4).collect();
    format!("{beginning}…").into()
}

/// Words as a choice: `a, b or c`.
pub(crate) fn alternatives(words: &[&str]) -> String {
    match words {
        [but_last @ .., last] if !but_last.is_empty() => {
            format!("{} or {last}", but_last.join(", "))
        }
        words => words.concat(),
    }
}
