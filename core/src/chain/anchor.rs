//! Anchors: remembered positions of a log, and the check that a log still matches them.

use std::{fmt, str::FromStr};

use super::{Chain, ChainHead, LogFault};
use crate::{
    guard::{Guard, Guards},
    id::{LogPosition, StreamId},
    port::{StoreResult, log::Log},
};

/// Envelopes per read.
const PAGE: usize = 1_000;

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

/// Fails if a log ends before the position up to which it was seen.
pub fn check_end(stream: &StreamId, end: LogPosition, seen: LogPosition) -> Result<(), LogFault> {
    if end >= seen {
        return Ok(());
    }
    Err(LogFault::Truncated {
        stream: stream.clone(),
        end,
        seen,
    })
}

/// The chain of a log at the position of an anchor, or at its beginning without an anchor. Fails if
/// the log does not match the anchor. Reads one append.
pub async fn resume(
    log: &dyn Log,
    stream: &StreamId,
    anchor: Option<&Anchor>,
    guards: Guards,
) -> StoreResult<ChainHead> {
    let Some(anchor) = anchor else {
        return Ok(ChainHead::at(stream, LogPosition::ZERO).guarded(guards));
    };
    if guards.has(Guard::Anchor) {
        check_end(stream, log.end(stream).await?, anchor.position)?;
    }
    let mut head = ChainHead::at(stream, anchor.append).guarded(guards);
    while head.position() < anchor.position {
        let records = log.read(stream, head.position(), PAGE).await?;
        if records.is_empty() {
            break;
        }
        for record in records {
            if record.position < anchor.position {
                head.take(record.position, &record.line)?;
            }
        }
    }
    let found = head.next();
    if found != Some(anchor.chain) && guards.has(Guard::Anchor) {
        return Err(LogFault::Diverged {
            stream: stream.clone(),
            position: anchor.position,
            expected: anchor.chain,
            found,
        }
        .into());
    }
    Ok(head)
}
