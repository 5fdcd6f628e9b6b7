//! Errors as values: the codes of contract §2, and what each means to HTTP, to a shell and to a
//! retry.

use std::fmt;

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use crate::{
    chain::LogFault,
    id::{AggregateId, Sequence},
    json::Json,
    name::InvalidName,
};

/// The field of `detail` that names the store that is damaged.
const DAMAGED: &str = "damaged";

macro_rules! codes {
    ($($code:ident, $name:literal, $status:literal, $meaning:literal;)+) => {
        /// What kind of failure an error is; one table for every surface.
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

            /// What it means, in a sentence.
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
    InvalidName, "invalid_name", 400, "A name breaks its rule.";
    InvalidQuery, "invalid_query", 400, "The query asks for what the schema or the limits do not have.";
    UnknownLabelKeys, "unknown_label_keys", 400, "The class does not know these keys.";
    ValidationFailed, "validation_failed", 422, "Values break the ontology; each is named.";
    NotFound, "not_found", 404, "There is no such thing, or not any more.";
    AlreadyExists, "already_exists", 409, "It is there already.";
    Deleted, "deleted", 409, "It was deleted, and a delete is final.";
    OptimisticConcurrencyConflict, "optimistic_concurrency_conflict", 409, "It has changed since: `actual_seq` is its sequence now. Read it and decide again.";
    MergeConflict, "merge_conflict", 409, "Both branches changed the same; each conflict is named.";
    EventIdReused, "event_id_reused", 409, "The same id or key came with another payload before.";
    FailedPrecondition, "failed_precondition", 409, "Something else has to be done first.";
    Unauthenticated, "unauthenticated", 401, "Who is asking?";
    Forbidden, "forbidden", 403, "It is not allowed.";
    PayloadTooLarge, "payload_too_large", 413, "The body is over the limit.";
    UnsupportedMediaType, "unsupported_media_type", 415, "The body is not JSON.";
    RateLimited, "rate_limited", 429, "Too many requests; `Retry-After` tells when to come again.";
    Unavailable, "unavailable", 503, "A store is away; `Retry-After` tells when to come again.";
    Timeout, "timeout", 504, "It took too long. A write may be in the log: send it again with its key.";
    Internal, "internal", 500, "A defect of ours; the process's own log tells more.";
}

impl ErrorCode {
    /// The exit code of the command line: 2 bad input, 3 not found, 4 conflict, 5 not allowed,
    /// 6 try again, 1 anything else.
    pub fn exit_code(self) -> u8 {
        match self.http_status() {
            400 | 413 | 415 | 422 => 2,
            404 => 3,
            409 => 4,
            401 | 403 => 5,
            429 | 503 | 504 => 6,
            _ => 1,
        }
    }

    /// Whether the same request may succeed later without a change to it.
    pub fn is_transient(self) -> bool {
        matches!(self, Self::RateLimited | Self::Unavailable | Self::Timeout)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A command, query or request that is not carried out, and why. It leaves no trace in the log.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The kind of refusal.
    pub code: ErrorCode,
    /// A sentence for the person who reads it.
    pub message: String,
    /// Further fields of `detail`, beside `error`.
    pub detail: Map<String, Value>,
    /// Those of them that are told as they were written, for a tree would round their numbers.
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

    /// Adds a field to `detail` whose numbers keep the digits that they were written with.
    #[must_use]
    pub fn with_written(mut self, key: &str, value: Json) -> Self {
        let tree = value.to_value();
        let written = self.written.get_or_insert_default();
        written.insert(key.to_owned(), value);
        self.with(key, tree)
    }

    /// 409: `expected_seq` is not the aggregate's sequence.
    pub fn conflict(aggregate: &AggregateId, expected: Sequence, actual: Sequence) -> Self {
        Self::new(
            ErrorCode::OptimisticConcurrencyConflict,
            format!("{aggregate} is at sequence {actual}, expected_seq was {expected}"),
        )
        .with("aggregate_id", aggregate.to_string())
        .with("expected_seq", expected.0)
        .with("actual_seq", actual.0)
    }

    /// 422: one entry a field that breaks a rule.
    pub fn validation(violations: &[Violation]) -> Self {
        let first = violations
            .first()
            .map_or_else(String::new, |v| format!(": {}", v.message));
        Self::new(
            ErrorCode::ValidationFailed,
            format!("{} value(s) break the ontology{first}", violations.len()),
        )
        .with(
            "errors",
            violations
                .iter()
                .map(Violation::to_json)
                .collect::<Vec<_>>(),
        )
    }

    /// Whether it is for a store's damage, which does not pass by itself.
    pub fn is_damage(&self) -> bool {
        self.detail.contains_key(DAMAGED)
    }

    /// The `detail` object of the error shape, as it is told to a client.
    pub fn to_written_detail(&self) -> Json {
        let tree = self.to_detail();
        let (Some(written), Value::Object(fields)) = (&self.written, &tree) else {
            return tree.into();
        };
        let told = fields.iter().map(|(key, value)| {
            let exact = written.get(key).cloned();
            (key, exact.unwrap_or_else(|| value.clone().into()))
        });
        Json::of(&told.collect::<IndexMap<_, _>>()).unwrap_or_else(|_| tree.clone().into())
    }

    /// The `detail` object as a tree, for looking inside.
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
    /// The offending value (long ones cut).
    pub value: Value,
    /// A sentence for the person who reads it.
    pub message: String,
}

impl Violation {
    fn to_json(&self) -> Value {
        json!({"field": self.field, "rule": self.rule, "value": self.value, "message": self.message})
    }
}

/// A store that did not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// It is away, or too slow: the same call may succeed later. Nothing is known of its effect.
    #[error("{store} is unavailable: {reason}")]
    Unavailable {
        /// Which store.
        store: &'static str,
        /// What was seen.
        reason: String,
    },
    /// It refuses this very request, now and later.
    #[error("{store} refused: {reason}")]
    Rejected {
        /// Which store.
        store: &'static str,
        /// What was seen.
        reason: String,
    },
    /// The cursor of a list is not one that this store gave out.
    #[error("{store} did not give out this cursor")]
    UnknownCursor {
        /// Which store.
        store: &'static str,
    },
    /// Its content is damaged; nothing was read as data.
    #[error("{store} is damaged: {reason}")]
    Damaged {
        /// Which store.
        store: &'static str,
        /// What was found, and where.
        reason: String,
    },
    /// A log is not the one that it was, or is not one chain. Nothing is written to it.
    #[error("log is refused: {0}")]
    LogRefused(Box<LogFault>),
    /// The caller has been superseded (fence, sink generation); it must stop and look again.
    #[error("{store} fenced the caller off: {reason}")]
    Fenced {
        /// Which store.
        store: &'static str,
        /// By what.
        reason: String,
    },
}

impl StoreError {
    /// What kind of failure this is.
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

    /// Whether what is stored is not as it should be, so that a person has to look.
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
                    .with(DAMAGED, "log")
                    .with("reason", fault.as_str())
                    .with("log", fault.stream().to_string())
                    .with("position", fault.position().0);
            }
            _ => return Self::new(error.code(), error.to_string()),
        };
        let remedy = match *store {
            "log" => "see `spice log verify`",
            _ => "see `spice verify`",
        };
        Self::new(error.code(), format!("{error}; {remedy}")).with(DAMAGED, *store)
    }
}
