//! A command's status as a value: its state, and the steps so far.

use schemars::JsonSchema;
use serde::Serialize;
use spice_core::{decide::Receipt, port::registry::DeadLetter, time::Timestamp};

/// The state of a command. It never goes back in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum State {
    /// It is in the log.
    Pending,
    /// One sink has it.
    Processing,
    /// A sink has parked it.
    Retrying,
    /// Graph and documents have it.
    Completed,
    /// A person discarded it from the graph.
    Failed,
}

impl State {
    /// The text in answers.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Processing => "PROCESSING",
            Self::Retrying => "RETRYING",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
        }
    }

    /// Whether the state is final.
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }

    /// Progress in percent, for progress bars.
    pub(crate) fn progress(self) -> u8 {
        match self {
            Self::Pending => 0,
            Self::Processing | Self::Retrying => 50,
            Self::Completed | Self::Failed => 100,
        }
    }
}

/// An earlier status of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "StatusStep")]
pub(crate) struct Step {
    #[serde(rename = "status")]
    #[schemars(with = "String")]
    pub(crate) state: State,
    /// Missing if there is no record of the time any more.
    #[serde(rename = "timestamp")]
    pub(crate) at: Option<Timestamp>,
    pub(crate) message: String,
}

/// A command's status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommandStatus {
    /// Its state.
    pub(crate) state: State,
    /// The handlers that have parked it.
    pub(crate) parked: Vec<String>,
    /// The first error of one of them.
    pub(crate) error: Option<String>,
    /// The number of retries.
    pub(crate) retry_count: u32,
    /// When graph and documents had it, if there is a record of it.
    pub(crate) completed_at: Option<Timestamp>,
    /// The steps so far, oldest first.
    pub(crate) history: Vec<Step>,
}

impl CommandStatus {
    /// The status of a command after these steps, with nothing parked.
    fn of(receipt: &Receipt, last: Option<Step>) -> Self {
        let accepted = step(
            State::Pending,
            Some(receipt.occurred_at),
            "accepted: it is in the log",
        );
        Self {
            state: last.as_ref().map_or(State::Pending, |last| last.state),
            parked: Vec::new(),
            error: None,
            retry_count: 0,
            completed_at: None,
            history: std::iter::once(accepted).chain(last).collect(),
        }
    }

    /// No sink has it yet.
    pub(super) fn pending(receipt: &Receipt) -> Self {
        Self::of(receipt, None)
    }

    /// One of the two sinks has it.
    pub(super) fn processing(receipt: &Receipt) -> Self {
        let message = "one of graph and documents has it";
        Self::of(receipt, Some(step(State::Processing, None, message)))
    }

    /// These of its events are parked.
    pub(super) fn retrying(receipt: &Receipt, letters: &[&DeadLetter]) -> Self {
        let mut parked: Vec<String> = letters
            .iter()
            .map(|letter| letter.handler.clone())
            .collect();
        parked.sort();
        parked.dedup();
        let attempts = letters.iter().map(|letter| letter.attempts).max();
        let since = letters.iter().map(|letter| letter.last_at).max();
        let message = format!("parked by {}", parked.join(", "));
        Self {
            error: letters.first().map(|letter| letter.error.clone()),
            retry_count: attempts.unwrap_or_default().saturating_sub(1),
            parked,
            ..Self::of(receipt, Some(step(State::Retrying, since, &message)))
        }
    }

    /// Graph and documents have it.
    pub(super) fn completed(receipt: &Receipt, at: Option<Timestamp>) -> Self {
        let done = step(State::Completed, at, "graph and documents have it");
        Self {
            completed_at: at,
            ..Self::of(receipt, Some(done))
        }
    }

    /// A person discarded it from a handler.
    pub(super) fn failed(receipt: &Receipt, handler: &str, at: Option<Timestamp>) -> Self {
        let message = format!("discarded from {handler}");
        Self {
            completed_at: at,
            error: Some(message.clone()),
            ..Self::of(receipt, Some(step(State::Failed, at, &message)))
        }
    }
}

fn step(state: State, at: Option<Timestamp>, message: &str) -> Step {
    Step {
        state,
        at,
        message: message.to_owned(),
    }
}
