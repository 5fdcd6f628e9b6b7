//! Reads a log from one position to another, in order, with little memory.

use spice_core::{
    chain::ChainHead,
    id::{LogPosition, StreamId},
    port::{
        StoreResult,
        log::{Log, missing},
    },
};

use crate::event::Event;

/// About how many bytes of the log are held at a time.
const READ_BYTES: usize = 4 << 20;

/// Shows every event of a log between two positions, in order. Where the chain is broken it fails
/// before it shows anything after the break.
pub(crate) async fn scan(
    log: &dyn Log,
    stream: &StreamId,
    from: LogPosition,
    until: LogPosition,
    mut show: impl FnMut(&Event<'_>) -> StoreResult<()>,
) -> StoreResult<()> {
    let mut position = from;
    let mut head = ChainHead::at(stream, from);
    let mut limit = 200;
    while position < until {
        let records = log.read(stream, position, limit).await?;
        if records.is_empty() {
            break;
        }
        let bytes: usize = records.iter().map(|record| record.line.len()).sum();
        let average = (bytes / records.len()).max(1);
        limit = (READ_BYTES / average).clamp(1, 2_000);
        for record in records.iter().filter(|record| record.position < until) {
            if record.position != position {
                return Err(missing(stream, position));
            }
            head.take(position, &record.line)?;
            show(&Event::read(record, stream)?)?;
            position = position.next();
        }
        if records.last().is_some_and(|last| last.position >= until) {
            break;
        }
    }
    if position < until && until < LogPosition::MAX {
        return Err(missing(stream, position));
    }
    Ok(())
}
