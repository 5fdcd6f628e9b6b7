//! What a check compares, and what it reports.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use spice_core::{
    handler::Projection,
    id::{BranchGeneration, LogPosition, Sequence, StreamId},
    port::{
        documents::Documents,
        graph::{Entity, Graph},
        log::Log,
        registry::WorkerRegistry,
        sink::Sinks,
    },
    replay::DifferenceKind,
};

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

/// Why a difference needs no repair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Known {
    /// One of its events is in the dead letters.
    Parked,
    /// A person discarded one of its events for this sink.
    Discarded,
}

/// One entity on one branch that differs between the log and a sink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The sink.
    pub projection: Projection,
    /// The branch.
    #[serde(rename = "branch_generation")]
    pub branch: BranchGeneration,
    /// The entity.
    #[serde(serialize_with = "write_entity")]
    pub entity: Entity,
    /// The kind of difference.
    pub kind: DifferenceKind,
    /// The sequence in the log.
    #[serde(rename = "expected_sequence")]
    pub expected: Option<Sequence>,
    /// The sequence in the sink.
    #[serde(rename = "found_sequence")]
    pub found: Option<Sequence>,
    /// Set when the difference is expected.
    pub known: Option<Known>,
}

/// An event that a sink rightly does not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KnownEvent {
    /// The handler that parked it, or for which it was discarded.
    pub handler: String,
    /// Its position.
    pub position: LogPosition,
    /// Its aggregate, as text.
    pub aggregate_id: String,
    /// Why the sink does not have it.
    #[serde(rename = "reason")]
    pub known: Known,
}

fn write_entity<S: Serializer>(entity: &Entity, serializer: S) -> Result<S::Ok, S::Error> {
    match entity {
        Entity::Class(class) => serializer.collect_str(&format_args!("class {class}")),
        Entity::Instance(instance) => serializer.collect_str(instance),
    }
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
    pub(super) fn new(stream: &StreamId) -> Self {
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
