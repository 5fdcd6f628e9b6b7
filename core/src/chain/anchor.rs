//! Remembered positions of a log, with the chain there.

use std::{fmt, str::FromStr};

use super::value::Chain;
use crate::id::LogPosition;

/// What was seen of a log: the end, and the chain there. The end may be inside an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    /// Everything below this position was seen.
    pub position: LogPosition,
    /// The first position of the append of the last seen envelope.
    pub append: LogPosition,
    /// The chain at `position`: over that append's `chain` and its lines below `position`.
    pub chain: Chain,
}

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.position, self.chain)
    }
}

/// A position with the chain there, in the form that people keep: `154:9f86…`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptHead {
    /// Everything below this position was seen.
    pub position: LogPosition,
    /// The chain there.
    pub chain: Chain,
}

impl fmt::Display for KeptHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.position, self.chain)
    }
}

impl FromStr for KeptHead {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (position, chain) = text.split_once(':').ok_or_else(|| {
            format!(
                "{text:?} is not a head; write POSITION:CHAIN, as printed by `spice audit head`"
            )
        })?;
        let position = position
            .parse()
            .map_err(|_| format!("{position:?} is not a position"))?;
        let chain: Chain = chain.parse().map_err(|error| format!("{error}"))?;
        Ok(Self {
            position: LogPosition(position),
            chain,
        })
    }
}
