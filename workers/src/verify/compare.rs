//! The comparison item by item, where the digests of a sink and of the log differ.

use std::collections::{BTreeSet, HashMap};

use spice_core::{
    handler::Projection,
    id::{LogPosition, StreamId},
    port::StoreResult,
    replay::DifferenceKind,
};

use super::{
    digest::{self, Item, Mark, Place},
    fold::Expected,
    points::{Points, Range},
    reader::{self, SinkReader},
    report::{Difference, Known, KnownEvent, Sources},
};
use crate::{past::PastBranch, scan::scan, shape};

/// One entity's versions in the log.
#[derive(Default)]
struct Trace {
    at: Option<Mark>,
    later: Vec<Mark>,
    /// Whether the log dropped it later.
    is_dropped: bool,
    known: Option<Known>,
}

impl Trace {
    /// Adds a version that the log had at the check's position or got later.
    fn take(&mut self, mark: Mark, is_later: bool) {
        if is_later {
            self.later.push(mark);
        } else if self.at.is_none_or(|newest| mark.sequence > newest.sequence) {
            self.at = Some(mark);
        }
    }
}

/// All versions in the log. Superseded ones wait until all branch points are known.
#[derive(Default)]
struct Traces {
    by_place: HashMap<Place, Trace>,
    superseded: HashMap<Place, Vec<(Mark, Range, LogPosition)>>,
    points: Points,
}

impl Traces {
    /// Adds the content of an event at `position`, for a check at `end`.
    fn take(&mut self, item: &Item, position: LogPosition, end: LogPosition) -> &mut Trace {
        let (place, mark) = (item.place(), item.mark());
        if let Some(range) = item.range() {
            let known = self.superseded.entry(place.clone()).or_default();
            known.push((mark, range, position));
            return self.by_place.entry(place).or_default();
        }
        let trace = self.by_place.entry(place).or_default();
        trace.take(mark, position >= end);
        trace
    }

    fn settle(mut self, end: LogPosition) -> HashMap<Place, Trace> {
        for (place, versions) in self.superseded {
            let trace = self.by_place.entry(place).or_default();
            for (mark, range, position) in versions {
                if position < end && self.points.any_before(end, range) {
                    trace.take(mark, false);
                } else if self.points.any_from(end, range) {
                    trace.take(mark, true);
                }
                trace.is_dropped |= self.points.any_gone_from(end, range);
            }
        }
        self.by_place
    }
}

/// One check of a sink.
pub(super) struct Check<'a> {
    pub(super) sources: Sources<'a>,
    pub(super) reader: SinkReader<'a>,
    pub(super) stream: &'a StreamId,
    pub(super) projection: Projection,
    /// The sink's position when the check began.
    pub(super) position: LogPosition,
}

impl Check<'_> {
    /// Compares the items of the buckets that differ. It reads the sink first, so that the log,
    /// read afterwards, knows everything that the sink had.
    pub(super) async fn compare(
        &self,
        expected: &Expected,
        dirty: &BTreeSet<u8>,
        known: &[KnownEvent],
    ) -> StoreResult<Vec<Difference>> {
        let mut found: HashMap<Place, Mark> = HashMap::new();
        for branch in &expected.branches {
            self.reader
                .each(*branch, |item| {
                    if dirty.contains(&digest::bucket(item.key())) {
                        found.insert(item.place(), item.mark());
                    }
                })
                .await?;
        }
        let traces = self.trace(dirty, known).await?;
        let places: BTreeSet<&Place> = found.keys().chain(traces.keys()).collect();
        let nothing = Trace::default();
        Ok(places
            .into_iter()
            .filter_map(|place| {
                let trace = traces.get(place).unwrap_or(&nothing);
                self.difference(place, trace, found.get(place))
            })
            .collect())
    }

    async fn trace(
        &self,
        dirty: &BTreeSet<u8>,
        known: &[KnownEvent],
    ) -> StoreResult<HashMap<Place, Trace>> {
        let known: HashMap<LogPosition, &Known> = known
            .iter()
            .filter(|event| Projection::of(&event.handler) == Some(self.projection))
            .map(|event| (event.position, &event.known))
            .collect();
        let mut traces = Traces::default();
        let end = LogPosition::MAX;
        let mut past = Vec::new();
        scan(
            self.sources.log,
            self.stream,
            LogPosition::ZERO,
            end,
            |event| {
                if self.projection == Projection::Documents {
                    past.extend(PastBranch::of(event)?.map(|branch| (event.position, branch)));
                    for branch in shape::branches(event)? {
                        traces.points.take(event.position, &branch);
                    }
                }
                for item in reader::items(self.projection, event) {
                    if dirty.contains(&digest::bucket(item.key())) {
                        let trace = traces.take(&item, event.position, self.position);
                        if let Some(reason) = known.get(&event.position) {
                            trace.known = Some(**reason);
                        }
                    }
                }
                Ok(())
            },
        )
        .await?;
        for (position, branch) in past {
            for item in reader::past_items(&branch, self.sources.log, self.stream).await? {
                if dirty.contains(&digest::bucket(item.key())) {
                    traces.take(&item, position, self.position);
                }
            }
        }
        Ok(traces.settle(self.position))
    }

    fn difference(&self, place: &Place, trace: &Trace, found: Option<&Mark>) -> Option<Difference> {
        let kind = match (trace.at, found) {
            (None, None) => return None,
            (Some(_), None) if trace.is_dropped => return None,
            (Some(expected), Some(found)) if expected == *found => return None,
            (_, Some(found)) if trace.later.contains(found) => return None,
            (Some(_), None) => DifferenceKind::Missing,
            (None, Some(_)) => DifferenceKind::Unexpected,
            (Some(_), Some(_)) => DifferenceKind::Differs,
        };
        Some(Difference {
            projection: self.projection,
            branch: place.0,
            entity: place.1.clone(),
            kind,
            expected: trace.at.map(|mark| mark.sequence),
            found: found.map(|mark| mark.sequence),
            known: trace.known,
        })
    }
}
