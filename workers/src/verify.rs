//! Checks the sinks against the fold of the log, and repairs the differences. It compares digests
//! per bucket first, and items only where those differ. A running system can be checked: a sink may
//! show the log's state at the start of the check or any later one.

mod digest;
mod fold;
mod points;
mod reader;
mod repair;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use spice_core::{
    id::{BranchGeneration, LogPosition, Sequence, StreamId},
    port::{
        StoreResult,
        documents::Documents,
        graph::{Entity, Graph},
        log::Log,
        registry::WorkerRegistry,
        sink::{Sink, Sinks},
    },
};

pub use repair::{Repaired, repair};
pub use spice_core::handler::Projection;

use self::{
    digest::{Buckets, Item, Mark, Place},
    fold::Expected,
    points::{Points, Range},
    reader::SinkReader,
};
use crate::{past::PastBranch, scan::scan, shape};

/// The stores that a check compares.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// The log, which is the truth.
    pub log: &'a dyn Log,
    /// The graph.
    pub graph: &'a dyn Graph,
    /// The documents.
    pub documents: &'a dyn Documents,
    /// The registry, which knows the parked events.
    pub registry: &'a dyn WorkerRegistry,
}

impl<'a> Sources<'a> {
    /// The sinks of a projection.
    pub fn sinks(self, projection: Projection) -> &'a dyn Sinks {
        match projection {
            Projection::Graph => self.graph,
            Projection::Documents => self.documents,
        }
    }
}

/// How a sink differs from the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DifferenceKind {
    /// The log has it, the sink does not.
    Missing,
    /// The sink has it, the log does not.
    Unexpected,
    /// Both have it, but they differ.
    Differs,
}

impl DifferenceKind {
    /// Returns a stable label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unexpected => "unexpected",
            Self::Differs => "differs",
        }
    }
}

/// Why a difference needs no repair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// One of its events is in the dead letters.
    Parked,
    /// A person discarded one of its events for this sink.
    Discarded,
}

/// One entity on one branch that differs between the log and a sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The sink.
    pub projection: Projection,
    /// The branch.
    pub branch: BranchGeneration,
    /// The entity.
    pub entity: Entity,
    /// The kind of difference.
    pub kind: DifferenceKind,
    /// The sequence in the log.
    pub expected: Option<Sequence>,
    /// The sequence in the sink.
    pub found: Option<Sequence>,
    /// Set when the difference is expected.
    pub known: Option<Known>,
}

/// An event that a sink rightly does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownEvent {
    /// The handler that parked it, or for which it was discarded.
    pub handler: String,
    /// Its position.
    pub position: LogPosition,
    /// Its aggregate, as text.
    pub aggregate_id: String,
    /// Why the sink does not have it.
    pub known: Known,
}

/// The result of a check.
#[derive(Debug, Clone)]
pub struct Report {
    /// The log.
    pub stream: StreamId,
    /// The position of each sink when the check began.
    pub positions: BTreeMap<Projection, LogPosition>,
    /// The number of entities that the log has for each sink.
    pub entities: BTreeMap<Projection, u64>,
    /// Every difference, including the known ones.
    pub differences: Vec<Difference>,
    /// Every parked and every discarded event.
    pub known: Vec<KnownEvent>,
}

impl Report {
    fn new(stream: &StreamId) -> Self {
        Self {
            stream: stream.clone(),
            positions: BTreeMap::new(),
            entities: BTreeMap::new(),
            differences: Vec::new(),
            known: Vec::new(),
        }
    }

    /// Returns the differences that nothing explains.
    pub fn surprises(&self) -> impl Iterator<Item = &Difference> {
        self.differences
            .iter()
            .filter(|difference| difference.known.is_none())
    }

    /// Returns whether nothing needs a repair.
    pub fn is_clean(&self) -> bool {
        self.surprises().next().is_none()
    }
}

/// Checks the live sinks of a log.
pub async fn verify(sources: Sources<'_>, stream: &StreamId) -> StoreResult<Report> {
    let mut report = Report::new(stream);
    for projection in Projection::ALL {
        let sink = sources.sinks(projection).sink(stream).await?;
        verify_into(&mut report, sources, projection, &sink).await?;
    }
    Ok(report)
}

/// Checks one sink of a log.
pub async fn verify_sink(
    sources: Sources<'_>,
    stream: &StreamId,
    projection: Projection,
    sink: &Sink,
) -> StoreResult<Report> {
    let mut report = Report::new(stream);
    verify_into(&mut report, sources, projection, sink).await?;
    Ok(report)
}

async fn verify_into(
    report: &mut Report,
    sources: Sources<'_>,
    projection: Projection,
    sink: &Sink,
) -> StoreResult<()> {
    let stream = &report.stream.clone();
    let parked = sources.registry.dead_letters(Some(stream)).await?;
    let parked = parked.into_iter().filter(|letter| {
        letter.sink == sink.generation && Projection::of(&letter.handler) == Some(projection)
    });
    report.known.extend(parked.map(|letter| KnownEvent {
        handler: letter.handler,
        position: letter.position,
        aggregate_id: letter.aggregate_id,
        known: Known::Parked,
    }));
    let reader = SinkReader::new(sources, projection, stream, sink);
    let position = sink.position;
    let expected = fold::fold(sources.log, stream, projection, position).await?;
    report.positions.insert(projection, position);
    report.entities.insert(projection, expected.len());
    report.known.extend(expected.discarded.iter().cloned());
    let mut found = Buckets::default();
    for branch in &expected.branches {
        reader.each(*branch, |item| found.add(&item)).await?;
    }
    let dirty = expected.buckets().differing(&found);
    if dirty.is_empty() {
        return Ok(());
    }
    let check = Check {
        sources,
        reader,
        stream,
        projection,
        position,
    };
    let differences = check.compare(&expected, &dirty, &report.known).await?;
    report.differences.extend(differences);
    Ok(())
}

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

struct Check<'a> {
    sources: Sources<'a>,
    reader: SinkReader<'a>,
    stream: &'a StreamId,
    projection: Projection,
    position: LogPosition,
}

impl Check<'_> {
    /// Compares the items of the buckets that differ. It reads the sink first, so that the log,
    /// read afterwards, knows everything that the sink had.
    async fn compare(
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
                            trace.known = Some((*reason).clone());
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
            known: trace.known.clone(),
        })
    }
}
