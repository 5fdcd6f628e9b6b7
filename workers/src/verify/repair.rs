//! Repairs the differences that a check found: removes the entities and writes them again from the
//! log.

use std::collections::{BTreeMap, BTreeSet};

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

/// The result of a repair.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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

impl Repair<'_> {
    async fn run(&self, repaired: &mut Repaired) -> StoreResult<()> {
        let sinks = self.sources.sinks(self.projection);
        let live = sinks.sink(self.stream).await?;
        let reader = SinkReader::new(self.sources, self.projection, self.stream, &live);
        let mut by_branch: BTreeMap<BranchGeneration, Vec<Entity>> = BTreeMap::new();
        for (branch, entity) in &self.wanted {
            by_branch.entry(*branch).or_default().push(entity.clone());
        }
        for (branch, entities) in &by_branch {
            reader.remove(*branch, entities).await?;
        }
        // Read after the removal: what a worker wrote before is below this position; what it writes
        // later stays.
        let sink = sinks.sink(self.stream).await?;
        repaired.entities += self.wanted.len() as u64;
        repaired.written += self.write_again(&sink).await?;
        Ok(())
    }

    async fn write_again(&self, sink: &Sink) -> StoreResult<u64> {
        let mut written = 0;
        let mut from = LogPosition::ZERO;
        while from < sink.position {
            let mut versions = Vec::new();
            let mut documents = Vec::new();
            let until = sink.position.min(from.plus(CHUNK as u64));
            let mut past = Vec::new();
            scan(self.sources.log, self.stream, from, until, |event| {
                match self.projection {
                    Projection::Graph => versions.extend(self.version(event)),
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
            written += versions.len() as u64 + documents.len() as u64;
            self.write(sink, &versions, &documents).await?;
            from = until;
        }
        Ok(written)
    }

    fn version(&self, event: &Event<'_>) -> Option<Version> {
        let version = shape::version(event).ok().flatten()?;
        let place = (version.branch, version.state.entity.clone());
        self.wanted.contains(&place).then_some(version)
    }

    fn documents(&self, event: &Event<'_>) -> Vec<Document> {
        let mut made = shape::documents(event, Guards::default()).unwrap_or_default();
        made.retain(|document| self.wants(document));
        made
    }

    fn wants(&self, document: &Document) -> bool {
        let place = (document.branch.1, document.state.entity.clone());
        self.wanted.contains(&place)
    }

    async fn write(
        &self,
        sink: &Sink,
        versions: &[Version],
        documents: &[Document],
    ) -> StoreResult<()> {
        let (stream, generation, from) = (self.stream, &sink.generation, sink.position);
        let through = from.into();
        if !versions.is_empty() {
            let graph = self.sources.graph;
            let applied = graph
                .apply(stream, generation, from, through, versions)
                .await?;
            refused(applied.refused)?;
        }
        if !documents.is_empty() {
            let sink = self.sources.documents;
            let changes: Vec<_> = documents.iter().cloned().map(Change::from).collect();
            let applied = sink
                .apply(stream, generation, from, through, &changes)
                .await?;
            refused(applied.refused)?;
        }
        Ok(())
    }
}

fn refused(refused: Vec<(usize, StoreError)>) -> StoreResult<()> {
    refused
        .into_iter()
        .next()
        .map_or(Ok(()), |(_, error)| Err(error))
}
