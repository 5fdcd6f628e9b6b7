//! Checks that a log still matches what was seen of it.

use super::{anchor::Anchor, fault::LogFault, head::ChainHead};
use crate::{
    guard::{Guard, Guards},
    id::{LogPosition, StreamId},
    port::{StoreResult, log::Log},
};

/// Envelopes per read.
const PAGE: usize = 1_000;

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
        return Ok(ChainHead::at(stream, LogPosition::ZERO).with_guards(guards));
    };
    if guards.has(Guard::Anchor) {
        check_end(stream, log.end(stream).await?, anchor.position)?;
    }
    let mut head = ChainHead::at(stream, anchor.append).with_guards(guards);
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
