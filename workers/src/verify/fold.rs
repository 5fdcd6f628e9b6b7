//! The log, folded to what a sink should hold: of each entity a key and a mark, no data.

use std::collections::{BTreeSet, HashMap, hash_map::Entry};

use spice_core::{
    envelope::EventType,
    event::EventDiscarded,
    id::{BranchGeneration, LogPosition, StreamId},
    port::{StoreResult, log::Log},
};

use super::{
    Known, KnownEvent, Projection,
    digest::{Buckets, Mark},
    reader,
};
use crate::{past::PastBranch, scan::scan};

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
    let mut past = Vec::new();
    scan(log, stream, LogPosition::ZERO, until, |event| {
        match event.event_type {
            EventType::BranchCreated => {
                expected.branches.insert(BranchGeneration(event.position));
                if projection == Projection::Documents {
                    past.extend(PastBranch::of(event)?);
                }
            }
            EventType::BranchRebased => {
                expected.branches.insert(BranchGeneration(event.position));
            }
            EventType::EventDiscarded => {
                let discarded: EventDiscarded = event.data()?;
                if Projection::of(&discarded.handler) == Some(projection) {
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
    for branch in past {
        for item in reader::copies(&branch, log, stream).await? {
            expected.take(item.key(), item.mark());
        }
    }
    Ok(expected)
}
