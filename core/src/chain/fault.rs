//! Why a log is refused. Nothing is written to such a log, and nothing is projected from it.

use super::Chain;
use crate::id::{LogPosition, StreamId};

/// A log that is not the one that was seen before, or that is not one chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogFault {
    /// It is shorter than it was.
    #[error(
        "log_truncated: the log of {stream} ends at position {end}, but it was seen up to \
         position {seen}; check that this is the right data directory and restore the missing \
         segments, or give up positions {end} to {last} with `spice audit accept-truncation`",
        last = seen.0.saturating_sub(1)
    )]
    Truncated {
        /// Which log.
        stream: StreamId,
        /// Where it ends.
        end: LogPosition,
        /// How far it was seen.
        seen: LogPosition,
    },
    /// It holds something else than it did.
    #[error(
        "log_diverged: the log of {stream} is not the one that was seen before: its chain at \
         position {position} is {}, expected {expected}; check that log, registry, \
         graph and documents belong together and restore the right ones, or take this log as it is with \
         `spice audit accept-truncation`",
        display(*found)
    )]
    Diverged {
        /// Which log.
        stream: StreamId,
        /// Where the chain was compared.
        position: LogPosition,
        /// The chain that was seen before.
        expected: Chain,
        /// The chain there now; none when the append there carries no `chain`.
        found: Option<Chain>,
    },
    /// An append does not follow from the one before.
    #[error(
        "chain_broken: in the log of {stream}, position {position} carries chain {found}, but the \
         envelopes from position {append} on give {expected}: one of them was changed, taken out \
         or put in; restore the segments of these positions"
    )]
    Broken {
        /// Which log.
        stream: StreamId,
        /// The append that does not fit.
        position: LogPosition,
        /// The first position of the append before it.
        append: LogPosition,
        /// The chain that follows from the append before.
        expected: Chain,
        /// The chain that the append carries.
        found: Chain,
    },
    /// A position is not there.
    #[error(
        "log_incomplete: the log of {stream} has no envelope at position {expected}; the next one \
         is at {found}; restore the missing segments"
    )]
    Gap {
        /// Which log.
        stream: StreamId,
        /// What is missing.
        expected: LogPosition,
        /// What is there instead.
        found: LogPosition,
    },
}

impl LogFault {
    /// A stable name.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Truncated { .. } => "log_truncated",
            Self::Diverged { .. } => "log_diverged",
            Self::Broken { .. } => "chain_broken",
            Self::Gap { .. } => "log_incomplete",
        }
    }

    /// The log.
    pub fn stream(&self) -> &StreamId {
        match self {
            Self::Truncated { stream, .. }
            | Self::Diverged { stream, .. }
            | Self::Broken { stream, .. }
            | Self::Gap { stream, .. } => stream,
        }
    }

    /// The first position that is not as it should be.
    pub fn position(&self) -> LogPosition {
        match self {
            Self::Truncated { end, .. } => *end,
            Self::Diverged { position, .. } | Self::Broken { position, .. } => *position,
            Self::Gap { expected, .. } => *expected,
        }
    }
}

fn display(chain: Option<Chain>) -> String {
    chain.map_or_else(|| "not there".to_owned(), |chain| chain.to_string())
}
