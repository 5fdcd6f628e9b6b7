//! Decisions: `decide(write model, command) → accepted | refused`. Pure.

use crate::{
    command::Command,
    envelope::Envelope,
    error::Refusal,
    id::{LogPosition, Sequence, StreamId},
    json::Json,
    time::Timestamp,
};

/// A command that is accepted: what goes into the log, and what the client is told.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// The command's envelope and its domain events, in order, with their positions.
    pub envelopes: Vec<Envelope>,
    /// `result` of the answer.
    pub result: Json,
}

/// Where and when a decision is made.
#[derive(Debug, Clone)]
pub struct Moment {
    /// The log.
    pub stream: StreamId,
    /// The position of the first envelope.
    pub position: LogPosition,
    /// When it is accepted.
    pub occurred_at: Timestamp,
}
