//! Failures of calls, as values.

use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

use bytes::Bytes;
use serde_json::{Map, Value, value::RawValue};

use crate::tls::TlsFault;

/// A failed call.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL is invalid.
    #[error("{url:?} is not the URL of an api: {reason}")]
    InvalidUrl {
        /// The given value.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file with a token or with authorities cannot be used.
    #[error("cannot use {}: {reason}", path.display())]
    InvalidFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The request could not be built from the arguments.
    #[error("cannot write the request: {reason}")]
    InvalidRequest {
        /// What is wrong with it.
        reason: String,
    },
    /// The server cannot be reached: it did not receive the request.
    #[error("cannot reach {server}; is it running?")]
    Unreachable {
        /// The server.
        server: String,
        /// The reason.
        #[source]
        source: reqwest::Error,
    },
    /// There is no secure connection to the server: it did not receive the request.
    #[error("cannot make a secure connection to {server}: {fault}")]
    Insecure {
        /// The server.
        server: String,
        /// What is wrong with it.
        fault: TlsFault,
        /// The reason.
        #[source]
        source: reqwest::Error,
    },
    /// No complete answer in time; it is unknown whether the request had an effect.
    #[error("{server} did not answer in time")]
    Late {
        /// The server.
        server: String,
        /// The reason.
        #[source]
        source: reqwest::Error,
    },
    /// The connection broke before the answer was complete; it is unknown whether the request had
    /// an effect.
    #[error("the connection to {server} broke")]
    Broken {
        /// The server.
        server: String,
        /// The reason.
        #[source]
        source: reqwest::Error,
    },
    /// A stream sent nothing for so long that its connection must be broken: a live stream is never
    /// silent.
    #[error("no data from {server} for {} s", limit.as_secs())]
    Silent {
        /// The server.
        server: String,
        /// How long.
        limit: Duration,
    },
    /// This client cannot read the answer.
    #[error("cannot read the answer of {server} to {call}: {reason}")]
    Unreadable {
        /// The server.
        server: String,
        /// Method and path.
        call: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The command was not done in time.
    #[error("command {command} is still {status} after {} s", limit.as_secs())]
    Unfinished {
        /// The command.
        command: String,
        /// Its status.
        status: String,
        /// How long the client waited.
        limit: Duration,
    },
    /// The api refused the request.
    #[error(transparent)]
    Refused(Box<Refusal>),
}

/// A refusal of the api (contract: the error shape).
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The stable code, for example `not_found`; empty if the answer has none, as from a proxy.
    pub code: String,
    /// A message for people.
    pub message: String,
    /// The details of the code.
    pub detail: Map<String, Value>,
    /// When to try again, according to the server.
    pub retry_after: Option<Duration>,
    /// `X-Request-Id`, which identifies the request in the server's log.
    pub request_id: Option<String>,
    /// The unchanged answer: its numbers have all their digits, those of `detail` may not.
    pub body: Bytes,
}

/// The missing thing that a refused request names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing<'a> {
    /// The database of this name.
    Database(&'a str),
    /// The branch of this name.
    Branch(&'a str),
    /// The class of this id or label, on the branch.
    Class(&'a str),
}

/// What a failure means for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// It may be temporary: the same call may succeed later.
    Transient,
    /// The state has changed: read it again and decide again.
    Conflict,
    /// The same call cannot succeed.
    Refused,
}

impl Error {
    /// The class of the failure.
    pub fn class(&self) -> Class {
        match self {
            Self::Unreachable { .. }
            | Self::Insecure { .. }
            | Self::Late { .. }
            | Self::Broken { .. }
            | Self::Silent { .. }
            | Self::Unfinished { .. } => Class::Transient,
            Self::InvalidUrl { .. }
            | Self::InvalidFile { .. }
            | Self::InvalidRequest { .. }
            | Self::Unreadable { .. } => Class::Refused,
            Self::Refused(refusal) => refusal.class(),
        }
    }

    /// The refusal, if the api refused the request.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// The HTTP status of a refusal.
    pub fn status(&self) -> Option<u16> {
        self.refusal().map(|refusal| refusal.status)
    }

    /// The code of a refusal.
    pub fn code(&self) -> Option<&str> {
        self.refusal().map(|refusal| refusal.code.as_str())
    }

    /// Whether the requested thing does not exist.
    pub fn is_not_found(&self) -> bool {
        self.status() == Some(404)
    }

    /// Whether an immediate retry is useful, if the request is safe to repeat.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Broken { .. } | Self::Silent { .. } => true,
            Self::Refused(refusal) => {
                matches!(refusal.status, 429 | 502 | 503) && !refusal.detail.contains_key("damaged")
            }
            _ => false,
        }
    }
}

/// The fields of an object; empty for anything else. A field with a number that a [`Value`] cannot
/// represent becomes its text.
fn fields(detail: &RawValue) -> Map<String, Value> {
    if let Ok(fields) = serde_json::from_str(detail.get()) {
        return fields;
    }
    let fields: BTreeMap<String, Box<RawValue>> =
        serde_json::from_str(detail.get()).unwrap_or_default();
    let fields = fields.into_iter().map(|(key, value)| {
        let tree = serde_json::from_str(value.get());
        (key, tree.unwrap_or_else(|_| value.get().into()))
    });
    fields.collect()
}

impl Refusal {
    /// The missing database, branch or class that caused the refusal.
    pub fn missing(&self) -> Option<Missing<'_>> {
        if self.code != "not_found" || self.detail.contains_key("instance_id") {
            return None;
        }
        let name = |key: &str| self.detail.get(key).and_then(Value::as_str);
        let database = name("database").map(Missing::Database);
        let branch = || name("branch").map(Missing::Branch);
        database
            .or_else(branch)
            .or_else(|| name("class_id").map(Missing::Class))
    }

    /// Parses the error shape; any other answer becomes a refusal with its status.
    pub(crate) fn read(
        status: u16,
        body: Bytes,
        retry_after: Option<Duration>,
        request_id: Option<String>,
    ) -> Self {
        let parts: BTreeMap<String, Box<RawValue>> =
            serde_json::from_slice(&body).unwrap_or_default();
        let mut detail = parts.get("detail").map_or_else(Map::new, |it| fields(it));
        let code = match detail.remove("error") {
            Some(Value::String(code)) => code,
            _ => String::new(),
        };
        let message = parts
            .get("message")
            .map(|it| serde_json::from_str(it.get()));
        Self {
            status,
            code,
            message: message
                .and_then(Result::ok)
                .unwrap_or_else(|| format!("HTTP {status}")),
            detail,
            retry_after,
            request_id,
            body,
        }
    }

    /// The class of the refusal.
    pub fn class(&self) -> Class {
        match self.status {
            408 | 429 | 500..=599 => Class::Transient,
            409 => Class::Conflict,
            _ => Class::Refused,
        }
    }

    /// The messages about single fields, rows or commands.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        ["errors", "commands"]
            .into_iter()
            .filter_map(|key| self.detail.get(key)?.as_array())
            .flatten()
            .filter_map(|entry| entry.get("message")?.as_str())
    }
}

/// The maximum number of fields in a message.
const TOLD: usize = 5;

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        let more = self
            .fields()
            .filter(|field| !self.message.contains(field))
            .take(TOLD);
        for (index, field) in more.enumerate() {
            f.write_str(if index == 0 { ": " } else { "; " })?;
            f.write_str(field)?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}

/// An error and its sources in one line.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    //! Tests for parsing refusals.
    use super::*;

    #[test]
    fn the_missing_thing_is_read_from_the_detail() {
        let read = |detail: &str| {
            let body = format!(r#"{{"status":"error","message":"no branch","detail":{detail}}}"#);
            Refusal::read(404, body.into(), None, None)
        };
        let found = read(r#"{"error":"not_found","database":"shop"}"#);
        assert_eq!(found.missing(), Some(Missing::Database("shop")));
        let found = read(r#"{"error":"not_found","branch":"what-if"}"#);
        assert_eq!(found.missing(), Some(Missing::Branch("what-if")));
        let found = read(r#"{"error":"not_found","class_id":"Product"}"#);
        assert_eq!(found.missing(), Some(Missing::Class("Product")));
        for other in [
            r#"{"error":"not_found","class_id":"Product","instance_id":"p1"}"#,
            r#"{"error":"not_found","command_id":"c"}"#,
            r#"{"error":"validation_failed","class_id":"Product"}"#,
        ] {
            assert_eq!(read(other).missing(), None, "{other}");
        }
    }

    #[test]
    fn a_number_beyond_every_float_does_not_hide_a_refusal() {
        let digits = "9".repeat(400);
        let body = format!(
            r#"{{"status":"error","message":"no","detail":{{"error":"invalid_query","value":{digits},"maximum":5}}}}"#
        );
        let refusal = Refusal::read(400, body.into(), None, None);
        assert_eq!(
            (refusal.code.as_str(), refusal.message.as_str()),
            ("invalid_query", "no")
        );
        assert_eq!(refusal.detail["value"], digits.as_str());
        assert_eq!(refusal.detail["maximum"], 5);
        assert_eq!(
            Refusal::read(502, "<html>".into(), None, None).message,
            "HTTP 502"
        );
    }
}
