//! Answers about the service itself: probes, dead letters.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::{Anything, Identifier, Moment};

/// Events that a sink has parked.
#[derive(JsonSchema)]
pub(crate) struct DeadLetterList {
    pub(crate) count: u64,
    pub(crate) dead_letters: Vec<DeadLetter>,
}

/// An event that a sink has parked.
#[derive(JsonSchema)]
pub(crate) struct DeadLetter {
    pub(crate) handler: String,
    pub(crate) database: String,
    pub(crate) log: String,
    pub(crate) position: u64,
    pub(crate) event_id: Identifier,
    pub(crate) aggregate_id: String,
    pub(crate) error: String,
    pub(crate) class: String,
    pub(crate) attempts: u64,
    pub(crate) first_at: Moment,
    pub(crate) last_at: Moment,
}

/// A parked event, and its envelope as it is in the log.
#[derive(JsonSchema)]
pub(crate) struct DeadLetterDescription {
    #[schemars(flatten)]
    pub(crate) letter: DeadLetter,
    pub(crate) envelope: Anything,
}

/// How a service is.
#[derive(JsonSchema)]
pub(crate) struct Health {
    pub(crate) service: String,
    pub(crate) version: String,
    /// `healthy` or `ready`
    pub(crate) status: String,
    /// By store: `ok`, or what is wrong.
    pub(crate) checks: BTreeMap<String, String>,
    /// Logs that are damaged; absent where they are not looked for, null when that took too long.
    pub(crate) damaged: Option<Vec<Anything>>,
}

/// `{status}`
#[derive(JsonSchema)]
pub(crate) struct Liveness {
    /// `alive`
    pub(crate) status: String,
}

/// A status that a command has had.
#[derive(JsonSchema)]
pub(crate) struct StatusChange {
    pub(crate) status: String,
    pub(crate) timestamp: Option<Moment>,
    pub(crate) message: String,
}
