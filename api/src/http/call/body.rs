//! The body of a request: whether its head allows reading it, its maximum size, and its content.

use std::{error::Error as _, sync::PoisonError, time::Duration};

use axum::{
    body::{Body, to_bytes},
    http::header,
};
use bytes::Bytes;
use futures::StreamExt as _;
use http_body_util::LengthLimitError;
use serde::de::DeserializeOwned;
use spice_core::{error::ErrorCode, json::Json};

use super::Call;
use crate::http::{
    bodies,
    failure::{self, CONTENT_ENCODING, Failure},
};

/// How long the rest of a refused body is read.
const DRAINING: Duration = Duration::from_secs(5);
/// The maximum size of a body (contract §4).
const BODY_LIMIT: usize = 16 << 20;

impl Call {
    /// The parsed body.
    pub(crate) async fn json<T: DeserializeOwned>(&mut self) -> Result<T, Failure> {
        let bytes = self.bytes().await?;
        bodies::parse(self.surface, &bytes)
    }

    /// The body as it was written.
    pub(crate) async fn document(&mut self) -> Result<Json, Failure> {
        let bytes = self.bytes().await?;
        bodies::parse_document(self.surface, &bytes)
    }

    /// The parsed body, or none if it is empty.
    pub(crate) async fn optional_json<T: DeserializeOwned>(
        &mut self,
    ) -> Result<Option<T>, Failure> {
        if !self.has_body() {
            return Ok(None);
        }
        self.json().await.map(Some)
    }

    /// Whether the headers announce a body.
    pub(crate) fn has_body(&self) -> bool {
        let headers = &self.given.headers;
        let length = headers.get(header::CONTENT_LENGTH);
        length.is_some_and(|length| length != "0")
            || headers.contains_key(header::TRANSFER_ENCODING)
    }

    /// The body, parsed and as it was written.
    pub(crate) async fn json_as_written<T: DeserializeOwned>(
        &mut self,
    ) -> Result<(T, Json), Failure> {
        let bytes = self.bytes().await?;
        let value = bodies::parse(self.surface, &bytes)?;
        Ok((value, bodies::parse_document(self.surface, &bytes)?))
    }

    async fn bytes(&mut self) -> Result<Bytes, Failure> {
        let refused = self.check_body_headers().err();
        let waits = self.given.headers.contains_key(header::EXPECT);
        let own = self.body.get_mut().unwrap_or_else(PoisonError::into_inner);
        let body = std::mem::replace(own, Body::empty());
        if let Some(failure) = refused {
            // A client that sent `Expect` has not sent the body yet.
            if !waits {
                drain(body).await;
            }
            return Err(failure);
        }
        to_bytes(body, BODY_LIMIT).await.map_err(|error| {
            if is_over_limit(&error) {
                too_large()
            } else {
                Failure::new(
                    ErrorCode::InvalidRequest,
                    format!("the body was interrupted: {error}"),
                )
            }
        })
    }

    /// Checks the body's headers.
    fn check_body_headers(&self) -> Result<(), Failure> {
        self.check_content_type()?;
        self.check_content_encoding()?;
        let length = self.given.header(header::CONTENT_LENGTH.as_str());
        let announced = length.and_then(|length| length.parse::<usize>().ok());
        if announced.is_some_and(|length| length > BODY_LIMIT) {
            return Err(too_large());
        }
        Ok(())
    }

    fn check_content_type(&self) -> Result<(), Failure> {
        let given = self.given.headers.get(header::CONTENT_TYPE);
        let given = given.map_or("", |value| value.to_str().unwrap_or("?"));
        let mut parts = given.split(';').map(str::trim);
        let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
        let is_json = essence == "application/json"
            || essence
                .strip_prefix("application/")
                .and_then(|subtype| subtype.strip_suffix("+json"))
                .is_some_and(|subtype| !subtype.is_empty());
        if is_json && parts.all(is_in_utf8) {
            return Ok(());
        }
        let message = format!("a body must be application/json in UTF-8, not {given:?}");
        Err(unsupported("content-type", given, message))
    }

    /// Refuses compressed bodies.
    fn check_content_encoding(&self) -> Result<(), Failure> {
        let Some(given) = self.given.headers.get(header::CONTENT_ENCODING) else {
            return Ok(());
        };
        let given = given.to_str().unwrap_or("?");
        let mut codings = given.split(',').map(str::trim);
        if codings.all(|coding| coding.is_empty() || coding.eq_ignore_ascii_case("identity")) {
            return Ok(());
        }
        let message = format!(
            "a body with Content-Encoding {given:?} is not supported; send it without an encoding"
        );
        Err(unsupported(CONTENT_ENCODING, given, message))
    }
}

/// Whether a parameter of a media type only says that a text is UTF-8.
fn is_in_utf8(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else {
        return true;
    };
    let value = value.trim().trim_matches('"');
    let names = ["utf-8", "utf8", "us-ascii"];
    !name.trim().eq_ignore_ascii_case("charset")
        || names.iter().any(|name| value.eq_ignore_ascii_case(name))
}

fn unsupported(field: &str, value: &str, message: String) -> Failure {
    Failure::new(ErrorCode::UnsupportedMediaType, message)
        .with("field", field)
        .with("value", failure::cut(value.into()))
}

fn too_large() -> Failure {
    let message = format!("the body is too large; at most {BODY_LIMIT} bytes are allowed");
    Failure::new(ErrorCode::PayloadTooLarge, message).with("limit", BODY_LIMIT)
}

/// Reads and drops the rest, so that a client that is still sending gets the answer; up to a limit.
async fn drain(body: Body) {
    let mut chunks = body.into_data_stream();
    let mut left = 4 * BODY_LIMIT;
    let reading = async {
        while let Some(Ok(chunk)) = chunks.next().await {
            match left.checked_sub(chunk.len()) {
                Some(rest) => left = rest,
                None => break,
            }
        }
    };
    // After the limit, the client gets no more time.
    drop(tokio::time::timeout(DRAINING, reading).await);
}

fn is_over_limit(error: &axum::Error) -> bool {
    matches!(error.source(), Some(source) if source.is::<LengthLimitError>())
}
