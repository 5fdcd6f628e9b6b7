//! Repairs the differences that a check found: removes the entities and writes them again from the
//! log.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use spice_core::{
    error::StoreError,
    guard::Guards,
    handler::Projection,
    id::{BranchGeneration, LogPosition, StreamId},
    port::{
        StoreResult,
        documents::{Change, Document},
        graph::{Entity, Version},
        sink::Sink,
    },
};

use super::{
    past,
    reader::SinkReader,
    report::{Report, Sources},
};
use crate::{event::Event, past::PastBranch, scan::scan, shape};

/// The number of entities repaired in one pass over the log.
const PASS: usize = 10_000;
/// The number of versions in one write.
const CHUNK: usize = 1_000;
/// How often versions are written that a worker has overtaken.
const ATTEMPTS: u32 = 20;

/// The result of a repair.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Repaired {
    /// Entities that were removed and, where the log has them, written again.
    pub entities: u64,
    /// Versions and documents written.
    pub written: u64,
}

type Wanted = BTreeSet<(BranchGeneration, Entity)>;

/// Repairs every difference of a report that nothing explains. Workers may run meanwhile.
pub async fn repair(sources: Sources<'_>, report: &Report) -> StoreResult<Repaired> {
    let mut repaired = Repaired::default();
    for projection in Projection::ALL {
        let wanted: Vec<_> = report
            .surprises()
            .filter(|difference| difference.projection == projection)
            .map(|difference| (difference.branch, difference.entity.clone()))
            .collect();
        for pass in wanted.chunks(PASS) {
            let repair = Repair {
                sources,
                stream: &report.stream,
                projection,
                wanted: pass.iter().cloned().collect(),
            };
            repair.run(&mut repaired).await?;
        }
    }
    Ok(repaired)
}

struct Repair<'a> {
    sources: Sources<'a>,
    stream: &'a StreamId,
    projection: Projection,
    wanted: Wanted,
}

/// What a pass over the log has written.
#[derive(Default)]
struct Written {
    count: u64,
    /// Entities that a worker has written meanwhile: the graph takes no older version after a newer
    /// one, so their history is incomplete.
    overtaken: Wanted,
}

impl Repair<'_> {
    async fn run(&self, repaired: &mut Repaired) -> StoreResult<()> {
        let sink = self.remove(&self.wanted).await?;
        let written = self.write_again(&sink).await?;
        repaired.entities += self.wanted.len() as u64;
        repaired.written += written.count;
        let mut overtaken = written.overtaken;
        for _ in 0..ATTEMPTS {
            if overtaken.is_empty() {
                return Ok(());
            }
            overtaken = self.write_at_once(overtaken).await?;
        }
        Err(StoreError::Unavailable {
            store: self.projection.into(),
            reason: format!(
                "workers write {} of the entities faster than they are repaired; repair them again",
                overtaken.len()
            ),
        })
    }

    /// Removes entities; returns the live sink as it is afterwards: what a worker wrote before is
    /// below its position, and what a worker writes later stays.
    async fn remove(&self, entities: &Wanted) -> StoreResult<Sink> {
        let sinks = self.sources.sinks(self.projection);
        let live = sinks.sink(self.stream).await?;
        let reader = SinkReader::new(self.sources, self.projection, self.stream, &live);
        let mut by_branch: BTreeMap<BranchGeneration, Vec<Entity>> = BTreeMap::new();
        for (branch, entity) in entities {
            by_branch.entry(*branch).or_default().push(entity.clone());
        }
        for (branch, entities) in &by_branch {
            reader.remove(*branch, entities).await?;
        }
        sinks.sink(self.stream).await
    }

    async fn write_again(&self, sink: &Sink) -> StoreResult<Written> {
        let mut written = Written::default();
        let mut from = LogPosition::ZERO;
        while from < sink.position {
            let mut versions = Vec::new();
            let mut documents = Vec::new();
            let until = sink.position.min(from.plus(CHUNK as u64));
            let mut past = Vec::new();
            scan(self.sources.log, self.stream, from, until, |event| {
                match self.projection {
                    Projection::Graph => versions.extend(version(event, &self.wanted)),
                    Projection::Documents => {
                        documents.extend(self.documents(event));
                        past.extend(PastBranch::of(event)?);
                    }
                }
                Ok(())
            })
            .await?;
            for branch in past {
                let past = past::documents(&branch, self.sources.log, self.stream).await?;
                documents.extend(past.into_iter().filter(|document| self.wants(document)));
            }
            written.count += versions.len() as u64 + documents.len() as u64;
            written
                .overtaken
                .extend(self.write_versions(sink, &versions).await?);
            self.write_documents(sink, &documents).await?;
            from = until;
        }
        Ok(written)
    }

    /// Removes entities of the graph and writes all their versions, with as little time in between
    /// as possible: their versions are read before. Returns the entities that a worker has written
    /// meanwhile all the same.
    async fn write_at_once(&self, entities: Wanted) -> StoreResult<Wanted> {
        let log = self.sources.log;
        let mut versions = Vec::new();
        let end = log.end(self.stream).await?;
        let mut collect = |event: &Event<'_>| {
            versions.extend(version(event, &entities));
            Ok(())
        };
        scan(log, self.stream, LogPosition::ZERO, end, &mut collect).await?;
        let sink = self.remove(&entities).await?;
        scan(log, self.stream, end, sink.position, &mut collect).await?;
        versions.retain(|version| version.state.position < sink.position);
        self.write_versions(&sink, &versions).await
    }

    fn documents(&self, event: &Event<'_>) -> Vec<Document> {
        let mut documents = shape::documents(event, Guards::default()).unwrap_or_default();
        documents.retain(|document| self.wants(document));
        documents
    }

    fn wants(&self, document: &Document) -> bool {
        let place = (document.branch.1, document.state.entity.clone());
        self.wanted.contains(&place)
    }

    /// Writes versions; returns the entities of which the graph has newer ones.
    async fn write_versions(&self, sink: &Sink, versions: &[Version]) -> StoreResult<Wanted> {
        if versions.is_empty() {
            return Ok(Wanted::new());
        }
        let (at, graph) = (sink.position, self.sources.graph);
        let applied = graph.apply(self.stream, &sink.generation, at, at.into(), versions);
        let applied = applied.await?;
        fail_if_refused(applied.refused)?;
        let stale = applied
            .stale
            .into_iter()
            .map(|index| place(&versions[index]));
        Ok(stale.collect())
    }

    async fn write_documents(&self, sink: &Sink, documents: &[Document]) -> StoreResult<()> {
        if documents.is_empty() {
            return Ok(());
        }
        let at = sink.position;
        let changes: Vec<_> = documents.iter().cloned().map(Change::from).collect();
        let store = self.sources.documents;
        let applied = store.apply(self.stream, &sink.generation, at, at.into(), &changes);
        fail_if_refused(applied.await?.refused)
    }
}

fn place(version: &Version) -> (BranchGeneration, Entity) {
    (version.branch, version.state.entity.clone())
}

/// Returns the version of an event, if it is of one of these entities.
fn version(event: &Event<'_>, entities: &Wanted) -> Option<Version> {
    let version = shape::version(event).ok().flatten()?;
    entities.contains(&place(&version)).then_some(version)
}

fn fail_if_refused(refused: Vec<(usize, StoreError)>) -> StoreResult<()> {
    refused
        .into_iter()
        .next()
        .map_or(Ok(()), |(_, error)| Err(error))
}
