//! A sink as a check sees it: a position and items, whichever sink it is.

use spice_core::{
    guard::Guards,
    id::{BranchGeneration, StreamId},
    port::{
        StoreResult,
        graph::{Entity, Sink},
        log::Log,
    },
};

use super::{Projection, Sources, digest::Item};
use crate::{event::Event, graph_worker, past::PastBranch, projection_worker};

/// How many items are read at a time.
const PAGE: usize = 1_000;

/// One of the sinks.
pub(super) struct SinkReader<'a> {
    sources: Sources<'a>,
    projection: Projection,
}

impl<'a> SinkReader<'a> {
    pub(super) fn new(sources: Sources<'a>, projection: Projection) -> Self {
        Self {
            sources,
            projection,
        }
    }

    /// The sink's generation and position.
    pub(super) async fn sink(&self, stream: &StreamId) -> StoreResult<Sink> {
        match self.projection {
            Projection::Graph => self.sources.graph.sink(stream).await,
            Projection::Documents => self.sources.documents.sink(stream).await,
        }
    }

    /// Shows every item of a branch.
    pub(super) async fn each(
        &self,
        stream: &StreamId,
        branch: BranchGeneration,
        mut show: impl FnMut(Item),
    ) -> StoreResult<()> {
        let mut after: Option<Entity> = None;
        loop {
            let page = self.page(stream, branch, after.as_ref()).await?;
            let full = page.len() >= PAGE;
            after = page.last().map(|item| item.entity.clone());
            page.into_iter().for_each(&mut show);
            if !full {
                return Ok(());
            }
        }
    }

    async fn page(
        &self,
        stream: &StreamId,
        branch: BranchGeneration,
        after: Option<&Entity>,
    ) -> StoreResult<Vec<Item>> {
        match self.projection {
            Projection::Graph => {
                let graph = self.sources.graph;
                let versions = graph.latest(stream, branch, after, PAGE).await?;
                Ok(versions.into_iter().map(of_version).collect())
            }
            Projection::Documents => {
                let documents = self.sources.documents;
                let page = documents.all(stream, branch, after, PAGE).await?;
                Ok(page.into_iter().map(of_document).collect())
            }
        }
    }

    /// Removes entities of a branch.
    pub(super) async fn remove(
        &self,
        stream: &StreamId,
        branch: BranchGeneration,
        entities: &[Entity],
    ) -> StoreResult<()> {
        match self.projection {
            Projection::Graph => self.sources.graph.remove(stream, branch, entities).await,
            Projection::Documents => {
                let documents = self.sources.documents;
                documents.remove(stream, branch, entities).await
            }
        }
    }
}

fn of_version(version: spice_core::port::graph::Version) -> Item {
    Item {
        branch: version.branch,
        entity: version.entity,
        sequence: version.sequence,
        position: version.position,
        data: version.data,
        until: None,
    }
}

fn of_document(document: spice_core::port::documents::Document) -> Item {
    Item {
        branch: document.branch.1,
        until: document.until(),
        entity: document.entity,
        sequence: document.sequence,
        position: document.position,
        data: document.data,
    }
}

/// What a branch at a past position adds to the documents.
pub(super) async fn past_items(
    branch: &PastBranch,
    log: &dyn Log,
    stream: &StreamId,
) -> StoreResult<Vec<Item>> {
    let documents = branch.documents(log, stream).await?;
    Ok(documents.into_iter().map(of_document).collect())
}

/// What an event puts on a sink. What cannot be read is parked by the workers, not shown here.
pub(super) fn items(projection: Projection, event: &Event<'_>) -> Vec<Item> {
    match projection {
        Projection::Graph => graph_worker::version(event)
            .ok()
            .flatten()
            .map(of_version)
            .into_iter()
            .collect(),
        Projection::Documents => projection_worker::documents(event, Guards::default())
            .unwrap_or_default()
            .into_iter()
            .map(of_document)
            .collect(),
    }
}
