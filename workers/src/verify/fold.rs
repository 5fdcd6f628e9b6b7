//! The log, folded to the expected content of a sink: a key and a mark for each entity, no data.

use std::collections::{BTreeSet, HashMap};

use spice_core::{
    envelope::EventType,
    event::EventDiscarded,
    handler::Projection,
    id::{BranchGeneration, LogPosition, StreamId},
    port::{StoreResult, log::Log},
};

use super::{
    digest::{Buckets, Item, Mark},
    points::{Points, Range},
    reader,
    report::{Known, KnownEvent},
};
use crate::{past::PastBranch, scan::scan, shape};

/// The expected content of a sink at a position.
#[derive(Default)]
pub(super) struct Expected {
    newest: HashMap<u128, Mark>,
    /// Every branch that ever existed.
    pub(super) branches: BTreeSet<BranchGeneration>,
    /// The events that were discarded for this sink.
    pub(super) discarded: Vec<KnownEvent>,
    superseded: HashMap<u128, (Mark, Range)>,
    points: Points,
}

impl Expected {
    /// Returns the number of entities.
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

    fn take(&mut self, item: &Item) {
        let (key, mark) = (item.key(), item.mark());
        if let Some(range) = item.range() {
            self.superseded.insert(key, (mark, range));
            return;
        }
        let newest = self.newest.entry(key).or_insert(mark);
        if mark.sequence > newest.sequence {
            *newest = mark;
        }
    }

    /// Keeps only the superseded versions that a branch shows.
    fn settle(&mut self, end: LogPosition) {
        for (key, (mark, range)) in std::mem::take(&mut self.superseded) {
            if self.points.any_before(end, range) {
                self.newest.insert(key, mark);
            }
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
                    expected.take(&item);
                }
            }
        }
        if projection == Projection::Documents {
            for branch in shape::branches(event)? {
                expected.points.take(event.position, &branch);
            }
        }
        Ok(())
    })
    .await?;
    for branch in past {
        for item in reader::past_items(&branch, log, stream).await? {
            expected.take(&item);
        }
    }
    expected.settle(until);
    Ok(expected)
}
