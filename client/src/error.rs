//! Why a call did not bring what was asked for, as values.

use std::{collections::BTreeMap, fmt, time::Duration};

use bytes::Bytes;
use serde_json::{Map, Value, value::RawValue};

/// A call that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL is not one of an api.
    #[error("{url:?} is not the URL of an api: {reason}")]
    InvalidUrl {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The request could not be made from what was given.
    #[error("cannot write the request: {reason}")]
    InvalidRequest {
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing listens there, or the way is barred: the request was not received.
    #[error("cannot reach {server}; is it running?")]
    Unreachable {
        /// The server.
        server: String,
        /// What was seen.
        #[source]
        source: reqwest::Error,
    },
    /// No whole answer came in time; whether the request had an effect is not known.
    #[error("{server} did not answer in time")]
    Late {
        /// The server.
        server: String,
        /// What was seen.
        #[source]
        source: reqwest::Error,
    },
    /// The connection broke before the answer was whole; whether the request had an effect is
    /// not known.
    #[error("the connection to {server} broke")]
    Broken {
        /// The server.
        server: String,
        /// What was seen.
        #[source]
        source: reqwest::Error,
    },
    /// Nothing came for so long that the connection must be broken: a stream that lives is never
    /// silent.
    #[error("no data from {server} for {} s", limit.as_secs())]
    Silent {
        /// The server.
        server: String,
        /// For how long.
        limit: Duration,
    },
    /// The answer is not one that this client can read.
    #[error("cannot read the answer of {server} to {call}: {reason}")]
    Unreadable {
        /// The server.
        server: String,
        /// Method and path.
        call: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The command was not done before the time was over.
    #[error("command {command} is still {status} after {} s", limit.as_secs())]
    Unfinished {
        /// The command.
        command: String,
        /// Its status.
        status: String,
        /// How long it was waited for.
        limit: Duration,
    },
    /// The api said no.
    #[error(transparent)]
    Refused(Box<Refusal>),
}

/// What the api refused, and why (contract: the error shape).
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The stable code, e.g. `not_found`; empty when the answer has none (a proxy's, say).
    pub code: String,
    /// A sentence for people.
    pub message: String,
    /// The fields that go with the code.
    pub detail: Map<String, Value>,
    /// When to try again, as the server wants it.
    pub retry_after: Option<Duration>,
    /// `X-Request-Id`, by which the server's log has the request.
    pub request_id: Option<String>,
    /// The answer as it came: its numbers have all their digits, those of `detail` may not.
    pub body: Bytes,
}

/// What a refused request names and does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing<'a> {
    /// The database of this name.
    Database(&'a str),
    /// The branch of this name.
    Branch(&'a str),
    /// The class of this id or label, on the branch.
    Class(&'a str),
}

/// What a failure means to who called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// It may pass: the same call may go well later.
    Transient,
    /// The state is not what the call takes it for: look again, and decide anew.
    Conflict,
    /// The call will not go well as it is.
    Refused,
}

impl Error {
    /// What the failure means.
    pub fn class(&self) -> Class {
        match self {
            Self::Unreachable { .. }
            | Self::Late { .. }
            | Self::Broken { .. }
            | Self::Silent { .. }
            | Self::Unfinished { .. } => Class::Transient,
            Self::InvalidUrl { .. } | Self::InvalidRequest { .. } | Self::Unreadable { .. } => {
                Class::Refused
            }
            Self::Refused(refusal) => refusal.class(),
        }
    }

    /// The refusal, when the api said no.
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

    /// Whether there is no such thing.
    pub fn is_not_found(&self) -> bool {
        self.status() == Some(404)
    }

    /// Whether repeating a request that is safe to repeat is worth while at once.
    pub(crate) fn passes(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Broken { .. } | Self::Silent { .. } => true,
            Self::Refused(refusal) => {
                matches!(refusal.status, 429 | 502 | 503) && !refusal.detail.contains_key("damaged")
            }
            _ => false,
        }
    }
}

/// The fields of an object; none of anything else. A field that holds a number beyond what a
/// [`Value`] can be is its text.
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
    /// What does not exist, when the request was refused for a database, a branch or a class.
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

    /// Reads the error shape; anything else still makes a refusal with its status.
    pub(crate) fn read(
        status: u16,
        body: Bytes,
        retry_after: Option<Duration>,
        request_id: Option<String>,
    ) -> Self {
        let told: BTreeMap<String, Box<RawValue>> =
            serde_json::from_slice(&body).unwrap_or_default();
        let mut detail = told.get("detail").map_or_else(Map::new, |it| fields(it));
        let code = match detail.remove("error") {
            Some(Value::String(code)) => code,
            _ => String::new(),
        };
        let message = told.get("message").map(|it| serde_json::from_str(it.get()));
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

    /// What the refusal means.
    pub fn class(&self) -> Class {
        match self.status {
            408 | 429 | 500..=599 => Class::Transient,
            409 => Class::Conflict,
            _ => Class::Refused,
        }
    }

    /// The messages of the single fields, rows or commands that it names.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        ["errors", "commands"]
            .into_iter()
            .filter_map(|key| self.detail.get(key)?.as_array())
            .flatten()
            .filter_map(|entry| entry.get("message")?.as_str())
    }
}

/// How many of the fields a message names.
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

#[cfg(test)]
mod tests {
    //! Refusals, read.
    use super::*;

    #[test]
    fn what_is_missing_is_read_from_the_detail_and_not_from_the_message() {
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
    fn a_number_beyond_every_float_hides_no_refusal() {
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
