//! Errors as values: the codes of contract §2, and what each means for HTTP, the exit code and
//! retries.

use std::fmt;

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use crate::{
    chain::LogFault,
    id::{AggregateId, Sequence},
    json::Json,
    name::InvalidName,
    port::store::Store,
};

/// The field of `detail` that names the damaged store.
const DAMAGED: &str = "damaged";

macro_rules! codes {
    ($($code:ident, $name:literal, $status:literal, $meaning:literal;)+) => {
        /// The kind of an error; one table for all interfaces.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $(
                #[doc = $meaning]
                $code,
            )+
        }

        impl ErrorCode {
            /// Every code, for tables and tests.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$code),+];

            /// The stable text that clients match on.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$code => $name,)+
                }
            }

            /// Its meaning in a sentence.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$code => $meaning,)+
                }
            }

            /// The HTTP status (contract §2).
            pub fn http_status(self) -> u16 {
                match self {
                    $(Self::$code => $status,)+
                }
            }
        }
    };
}

codes! {
    InvalidRequest, "invalid_request", 400, "The request is malformed.";
    InvalidName, "invalid_name", 400, "A name is invalid.";
    InvalidQuery, "invalid_query", 400, "The query uses something that the schema does not have, or exceeds a limit.";
    UnknownLabelKeys, "unknown_label_keys", 400, "The class does not have these keys.";
    ValidationFailed, "validation_failed", 422, "Values break the rules of the ontology; each is named.";
    NotFound, "not_found", 404, "The requested thing does not exist, or no longer exists.";
    AlreadyExists, "already_exists", 409, "It already exists.";
    Deleted, "deleted", 409, "It was deleted, and a delete is final.";
    OptimisticConcurrencyConflict, "optimistic_concurrency_conflict", 409, "It has changed: `actual_seq` is its current sequence. Read it again and decide again.";
    MergeConflict, "merge_conflict", 409, "Both branches changed the same thing differently; each conflict is named.";
    EventIdReused, "event_id_reused", 409, "The same id or key was used before with another payload.";
    Owned, "owned", 409, "Another owner has declared it.";
    NotAdopted, "not_adopted", 409, "It exists and has no owner, and the declaration must not take it over.";
    StaleGeneration, "stale_generation", 409, "A newer version of the declaring object was carried out.";
    UnsafeChange, "unsafe_change", 409, "The change would lose or invalidate data; each finding is named.";
    FailedPrecondition, "failed_precondition", 409, "Another step is required first.";
    Unauthenticated, "unauthenticated", 401, "The request has no valid credentials.";
    Forbidden, "forbidden", 403, "The request is not allowed.";
    PayloadTooLarge, "payload_too_large", 413, "The body is over the limit.";
    UnsupportedMediaType, "unsupported_media_type", 415, "The body is not JSON.";
    RateLimited, "rate_limited", 429, "Too many requests; `Retry-After` gives the seconds to wait.";
    Unavailable, "unavailable", 503, "A store is unavailable; `Retry-After` gives the seconds to wait.";
    Timeout, "timeout", 504, "The time ran out. A write may be in the log: send it again with the same key.";
    Internal, "internal", 500, "An internal error; the log of the process has details.";
}

impl ErrorCode {
    /// Its exit code on the command line.
    pub fn exit_code(self) -> u8 {
        exit_code_of_status(self.http_status())
    }

    /// Whether the same request may succeed later without changes.
    pub fn is_transient(self) -> bool {
        matches!(self, Self::RateLimited | Self::Unavailable | Self::Timeout)
    }
}

/// The exit code of the command line for an HTTP status: 2 invalid input, 3 not found, 4 conflict, 5
/// not allowed, 6 try again, 1 anything else.
pub fn exit_code_of_status(status: u16) -> u8 {
    match status {
        400 | 413 | 415 | 422 => 2,
        404 => 3,
        409 => 4,
        401 | 403 => 5,
        429 | 502..=504 => 6,
        _ => 1,
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A refused command, query or request, with the reason. It leaves no trace in the log.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The kind of refusal.
    pub code: ErrorCode,
    /// A message for people.
    pub message: String,
    /// Further fields of `detail`, in addition to `error`.
    pub detail: Map<String, Value>,
    /// Fields of `detail` that are sent as they were written, because a tree would round their
    /// numbers.
    written: Option<Box<IndexMap<String, Json>>>,
}

impl Refusal {
    /// A refusal with no further detail.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            detail: Map::new(),
            written: None,
        }
    }

    /// Adds a field to `detail`.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.detail.insert(key.to_owned(), value.into());
        self
    }

    /// Adds a field to `detail` whose numbers keep the digits that were written.
    #[must_use]
    pub fn with_written(mut self, key: &str, value: Json) -> Self {
        let tree = value.to_value();
        let written = self.written.get_or_insert_default();
        written.insert(key.to_owned(), value);
        self.with(key, tree)
    }

    /// 409: `expected_seq` is not the current sequence of the aggregate.
    pub fn conflict(aggregate: &AggregateId, expected: Sequence, actual: Sequence) -> Self {
        Self::new(
            ErrorCode::OptimisticConcurrencyConflict,
            format!("{aggregate} is at sequence {actual}, but expected_seq is {expected}"),
        )
        .with("aggregate_id", aggregate.to_string())
        .with("expected_seq", expected.0)
        .with("actual_seq", actual.0)
    }

    /// 422: one entry per field that breaks a rule.
    pub fn validation(violations: &[Violation]) -> Self {
        let first = violations
            .first()
            .map_or_else(String::new, |v| format!(": {}", v.message));
        Self::new(
            ErrorCode::ValidationFailed,
            format!(
                "{} value(s) break the rules of the ontology{first}",
                violations.len()
            ),
        )
        .with(
            "errors",
            violations
                .iter()
                .map(Violation::to_json)
                .collect::<Vec<_>>(),
        )
    }

    /// Whether it reports damage of a store, which needs repair.
    pub fn is_damage(&self) -> bool {
        self.detail.contains_key(DAMAGED)
    }

    /// The `detail` object of the error, as it is sent to a client.
    pub fn to_written_detail(&self) -> Json {
        let tree = self.to_detail();
        let (Some(written), Value::Object(fields)) = (&self.written, &tree) else {
            return tree.into();
        };
        let pairs = fields.iter().map(|(key, value)| {
            let exact = written.get(key).cloned();
            (key, exact.unwrap_or_else(|| value.clone().into()))
        });
        Json::of(&pairs.collect::<IndexMap<_, _>>()).unwrap_or_else(|_| tree.clone().into())
    }

    /// The `detail` object as a tree, for reading.
    pub fn to_detail(&self) -> Value {
        let mut detail = Map::new();
        detail.insert("error".into(), self.code.as_str().into());
        detail.extend(self.detail.clone());
        Value::Object(detail)
    }
}

impl From<InvalidName> for Refusal {
    fn from(invalid: InvalidName) -> Self {
        Self::new(ErrorCode::InvalidName, invalid.to_string())
            .with("kind", invalid.kind)
            .with("value", invalid.value)
            .with("rule", invalid.rule)
    }
}

/// One value that breaks one rule of the ontology.
#[derive(Debug, Clone, PartialEq)]
pub struct Violation {
    /// The property, with a path into lists and objects: `lines[2].price`.
    pub field: String,
    /// The rule: `required`, `type`, `min`, `pattern`, `unique`, `integrity`, …
    pub rule: String,
    /// The invalid value (long values are cut).
    pub value: Value,
    /// A message for people.
    pub message: String,
}

impl Violation {
    /// A value that breaks a rule.
    pub fn new(
        field: impl Into<String>,
        rule: impl Into<String>,
        value: impl Into<Value>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            field: field.into(),
            rule: rule.into(),
            value: value.into(),
            message: message.into(),
        }
    }

    fn to_json(&self) -> Value {
        json!({"field": self.field, "rule": self.rule, "value": self.value, "message": self.message})
    }
}

/// A store that failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// It is unavailable or too slow. The same call may succeed later. Its effect is unknown.
    #[error("{store} is unavailable: {reason}")]
    Unavailable {
        /// The store.
        store: Store,
        /// The reason.
        reason: String,
    },
    /// It refuses this request, now and later.
    #[error("{store} refused: {reason}")]
    Rejected {
        /// The store.
        store: Store,
        /// The reason.
        reason: String,
    },
    /// The store did not issue this cursor.
    #[error("{store} did not issue this cursor")]
    UnknownCursor {
        /// The store.
        store: Store,
    },
    /// Its content is damaged; nothing was read as data.
    #[error("{store} is damaged: {reason}")]
    Damaged {
        /// The store.
        store: Store,
        /// What was found, and where.
        reason: String,
    },
    /// A log was cut, changed or exchanged, or is not one chain. Nothing is written to it.
    #[error("log is refused: {0}")]
    LogRefused(Box<LogFault>),
    /// The caller was superseded (fence, sink generation); it must stop and check again.
    #[error("{store} refused a superseded caller: {reason}")]
    Fenced {
        /// The store.
        store: Store,
        /// The reason.
        reason: String,
    },
}

impl StoreError {
    /// A store that is unavailable.
    pub fn unavailable(store: Store, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self::Unavailable { store, reason }
    }

    /// A store that refuses a request.
    pub fn rejected(store: Store, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self::Rejected { store, reason }
    }

    /// A store with damaged content.
    pub fn damaged(store: Store, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self::Damaged { store, reason }
    }

    /// The kind of this failure.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Unavailable { .. }
            | Self::Fenced { .. }
            | Self::Damaged { .. }
            | Self::LogRefused(_) => ErrorCode::Unavailable,
            Self::UnknownCursor { .. } => ErrorCode::InvalidRequest,
            Self::Rejected { .. } => ErrorCode::Internal,
        }
    }

    /// Whether the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    /// Whether the stored data is wrong, so that a person has to act.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::LogRefused(_))
    }
}

impl From<LogFault> for StoreError {
    fn from(fault: LogFault) -> Self {
        Self::LogRefused(Box::new(fault))
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        let store = match &error {
            StoreError::Damaged { store, .. } => store,
            StoreError::LogRefused(fault) => {
                return Self::new(error.code(), error.to_string())
                    .with(DAMAGED, Store::Log.as_str())
                    .with("reason", fault.as_str())
                    .with("log", fault.stream().to_string())
                    .with("position", fault.position().0);
            }
            _ => return Self::new(error.code(), error.to_string()),
        };
        let remedy = match store {
            Store::Log => "see `spice log verify`",
            _ => "see `spice verify`",
        };
        Self::new(error.code(), format!("{error}; {remedy}")).with(DAMAGED, store.as_str())
    }
}
