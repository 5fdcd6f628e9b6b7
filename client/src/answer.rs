//! A complete answer.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::error::{Error, Refusal};

/// A complete answer with any status.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// The value of a text header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether the status means success.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The answer, if its status means success.
    pub(crate) fn require_success(self) -> Result<Self, Error> {
        if self.is_success() {
            return Ok(self);
        }
        let retry_after = self
            .header(RETRY_AFTER.as_str())
            .and_then(|seconds| seconds.trim().parse().ok())
            .map(Duration::from_secs);
        let request_id = self.header("x-request-id").map(str::to_owned);
        let refusal = Refusal::read(self.status, self.body, retry_after, request_id);
        Err(Error::Refused(Box::new(refusal)))
    }
}
