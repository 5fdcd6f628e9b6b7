//! Reasons to refuse a log. Nothing is written to such a log, and nothing is projected from it.

use super::{anchor::KeptHead, value::Chain};
use crate::id::{LogPosition, StreamId};

/// A log that differs from the one that was seen before, or that is not one chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogFault {
    /// The log is shorter than before.
    #[error(
        "log_truncated: the log of {stream} ends at position {end}, but it was seen up to \
         position {seen}; check that this is the right data directory and restore the missing \
         segments, or give up positions {end} to {last} with `spice audit accept-truncation`",
        last = seen.0.saturating_sub(1)
    )]
    Truncated {
        /// The log.
        stream: StreamId,
        /// Its end.
        end: LogPosition,
        /// The end that was seen before.
        seen: LogPosition,
    },
    /// The content differs from what was seen before.
    #[error(
        "log_diverged: the log of {stream} differs from the one that was seen before: its chain \
         at position {position} is {}, expected {expected}; check that log, registry, graph and \
         documents belong together and restore the right ones, or accept this log with `spice \
         audit accept-truncation`",
        display(*found)
    )]
    Diverged {
        /// The log.
        stream: StreamId,
        /// The compared position.
        position: LogPosition,
        /// The chain that was seen before.
        expected: Chain,
        /// The chain there now; none if the append there carries no `chain`.
        found: Option<Chain>,
    },
    /// The log ends before a head that a person kept.
    #[error(
        "log_truncated: the log of {stream} ends at position {end}, before the kept head {head}; \
         check that the head is of this log, and restore the missing segments if it is"
    )]
    BeforeHead {
        /// The log.
        stream: StreamId,
        /// Its end.
        end: LogPosition,
        /// The head.
        head: KeptHead,
    },
    /// The content differs from a head that a person kept.
    #[error(
        "log_diverged: the log of {stream} does not contain the kept head {head}: its chain there is \
         {}; check that the head is of this log; if it is, the log was changed or exchanged since",
        display(*found)
    )]
    OtherHead {
        /// The log.
        stream: StreamId,
        /// The head.
        head: KeptHead,
        /// The chain at its position; none if the append there carries no `chain`.
        found: Option<Chain>,
    },
    /// An append does not follow from the previous one.
    #[error(
        "chain_broken: in the log of {stream}, position {position} carries chain {found}, but \
         the envelopes from position {append} on give {expected}: one of them was changed, \
         removed or added; restore the segments of these positions"
    )]
    Broken {
        /// The log.
        stream: StreamId,
        /// The append that does not match.
        position: LogPosition,
        /// The first position of the previous append.
        append: LogPosition,
        /// The chain that follows from the previous append.
        expected: Chain,
        /// The chain that the append carries.
        found: Chain,
    },
    /// A position is missing.
    #[error(
        "log_incomplete: the log of {stream} has no envelope at position {expected}; the next \
         one is at {found}; restore the missing segments"
    )]
    Gap {
        /// The log.
        stream: StreamId,
        /// The missing position.
        expected: LogPosition,
        /// The position found instead.
        found: LogPosition,
    },
}

impl LogFault {
    /// A stable name.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Truncated { .. } | Self::BeforeHead { .. } => "log_truncated",
            Self::Diverged { .. } | Self::OtherHead { .. } => "log_diverged",
            Self::Broken { .. } => "chain_broken",
            Self::Gap { .. } => "log_incomplete",
        }
    }

    /// The log.
    pub fn stream(&self) -> &StreamId {
        match self {
            Self::Truncated { stream, .. }
            | Self::Diverged { stream, .. }
            | Self::BeforeHead { stream, .. }
            | Self::OtherHead { stream, .. }
            | Self::Broken { stream, .. }
            | Self::Gap { stream, .. } => stream,
        }
    }

    /// The first wrong position.
    pub fn position(&self) -> LogPosition {
        match self {
            Self::Truncated { end, .. } | Self::BeforeHead { end, .. } => *end,
            Self::OtherHead { head, .. } => head.position,
            Self::Diverged { position, .. } | Self::Broken { position, .. } => *position,
            Self::Gap { expected, .. } => *expected,
        }
    }
}

fn display(chain: Option<Chain>) -> String {
    chain.map_or_else(|| "not there".to_owned(), |chain| chain.to_string())
}
