//! The log, folded to what a sink should hold: of each entity a key and a mark, no data.

use std::collections::{BTreeSet, HashMap, hash_map::Entry};

use spice_core::{
    envelope::EventType,
    error::StoreError,
    event::EventDiscarded,
    id::{BranchGeneration, LogPosition, StreamId},
    port::{StoreResult, log::Log},
};

use super::{
    Known, KnownEvent, Projection,
    digest::{Buckets, Mark},
    reader,
};
use crate::event::Event;

/// About how many bytes of the log are held at a time.
const READ_BYTES: usize = 4 << 20;

/// What a sink should hold at a position.
#[derive(Default)]
pub(super) struct Expected {
    newest: HashMap<u128, Mark>,
    /// Every branch that there was.
    pub(super) branches: BTreeSet<BranchGeneration>,
    /// What was given up for this sink.
    pub(super) discarded: Vec<KnownEvent>,
}

impl Expected {
    /// How many entities.
    pub(super) fn len(&self) -> u64 {
        self.newest.len() as u64
    }

    pub(super) fn buckets(&self) -> Buckets {
        let mut buckets = Buckets::default();
        for (key, mark) in &self.newest {
            buckets.add_digest(*key, mark.digest);
        }
        buckets
    }

    fn take(&mut self, key: u128, mark: Mark) {
        match self.newest.entry(key) {
            Entry::Vacant(entry) => {
                entry.insert(mark);
            }
            Entry::Occupied(mut entry) if mark.sequence > entry.get().sequence => {
                entry.insert(mark);
            }
            Entry::Occupied(_) => {}
        }
    }
}

/// Folds a log up to a position.
pub(super) async fn fold(
    log: &dyn Log,
    stream: &StreamId,
    projection: Projection,
    until: LogPosition,
) -> StoreResult<Expected> {
    let mut expected = Expected::default();
    expected.branches.insert(BranchGeneration::MAIN);
    scan(log, stream, LogPosition::ZERO, until, |event| {
        match event.event_type {
            EventType::BranchCreated => {
                expected.branches.insert(BranchGeneration(event.position));
            }
            EventType::EventDiscarded => {
                let discarded: EventDiscarded = event.data()?;
                if projection.is_fed_by(&discarded.handler) {
                    expected.discarded.push(KnownEvent {
                        handler: discarded.handler,
                        position: discarded.event_position,
                        aggregate_id: discarded.aggregate_id,
                        known: Known::Discarded,
                    });
                }
            }
            _ => {
                for item in reader::items(projection, event) {
                    expected.take(item.key(), item.mark());
                }
            }
        }
        Ok(())
    })
    .await?;
    Ok(expected)
}

/// Shows every event of a log between two positions, in order.
pub(super) async fn scan(
    log: &dyn Log,
    stream: &StreamId,
    from: LogPosition,
    until: LogPosition,
    mut show: impl FnMut(&Event<'_>) -> StoreResult<()>,
) -> StoreResult<()> {
    let mut position = from;
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

fn missing(stream: &StreamId, position: LogPosition) -> StoreError {
    StoreError::Damaged {
        store: "log",
        reason: format!("{stream} has no envelope at position {position}"),
    }
}
