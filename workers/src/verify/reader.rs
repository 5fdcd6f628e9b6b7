//! A sink as a check sees it: a position and items, the same for both kinds of sink.

use spice_core::{
    guard::Guards,
    handler::Projection,
    id::{BranchGeneration, StreamId},
    port::{
        StoreResult,
        documents::Document,
        graph::{Entity, Version},
        log::Log,
        sink::Sink,
    },
};

use super::{digest::Item, past, report::Sources};
use crate::{event::Event, past::PastBranch, shape};

/// The number of items in one read.
const PAGE: usize = 1_000;

/// One of the sinks of a log.
pub(super) struct SinkReader<'a> {
    sources: Sources<'a>,
    projection: Projection,
    stream: &'a StreamId,
    sink: &'a str,
}

impl<'a> SinkReader<'a> {
    pub(super) fn new(
        sources: Sources<'a>,
        projection: Projection,
        stream: &'a StreamId,
        sink: &'a Sink,
    ) -> Self {
        Self {
            sources,
            projection,
            stream,
            sink: &sink.generation,
        }
    }

    /// Shows every item of a branch.
    pub(super) async fn each(
        &self,
        branch: BranchGeneration,
        mut show: impl FnMut(Item),
    ) -> StoreResult<()> {
        let mut after: Option<Entity> = None;
        loop {
            let page = self.page(branch, after.as_ref()).await?;
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
        branch: BranchGeneration,
        after: Option<&Entity>,
    ) -> StoreResult<Vec<Item>> {
        match self.projection {
            Projection::Graph => {
                let graph = self.sources.graph;
                let page = graph.latest(self.stream, self.sink, branch, after, PAGE);
                let versions = page.await?;
                Ok(versions.into_iter().map(of_version).collect())
            }
            Projection::Documents => {
                let documents = self.sources.documents;
                let page = documents.all(self.stream, self.sink, branch, after, PAGE);
                let page = page.await?;
                Ok(page.into_iter().map(of_document).collect())
            }
        }
    }

    /// Removes entities of a branch.
    pub(super) async fn remove(
        &self,
        branch: BranchGeneration,
        entities: &[Entity],
    ) -> StoreResult<()> {
        match self.projection {
            Projection::Graph => {
                let graph = self.sources.graph;
                graph.remove(self.stream, self.sink, branch, entities).await
            }
            Projection::Documents => {
                let documents = self.sources.documents;
                documents
                    .remove(self.stream, self.sink, branch, entities)
                    .await
            }
        }
    }
}

fn of_version(version: Version) -> Item {
    Item {
        branch: version.branch,
        entity: version.state.entity,
        sequence: version.state.sequence,
        position: version.state.position,
        data: version.state.data,
        until: None,
    }
}

fn of_document(document: Document) -> Item {
    Item {
        branch: document.branch.1,
        until: document.until(),
        entity: document.state.entity,
        sequence: document.state.sequence,
        position: document.state.position,
        data: document.state.data,
    }
}

/// Returns what a branch at a past position adds to the documents.
pub(super) async fn past_items(
    branch: &PastBranch,
    log: &dyn Log,
    stream: &StreamId,
) -> StoreResult<Vec<Item>> {
    let documents = past::documents(branch, log, stream).await?;
    Ok(documents.into_iter().map(of_document).collect())
}

/// Returns the items of an event in a sink. Workers park events that cannot be read; they are not
/// shown here.
pub(super) fn items(projection: Projection, event: &Event<'_>) -> Vec<Item> {
    match projection {
        Projection::Graph => shape::version(event)
            .ok()
            .flatten()
            .map(of_version)
            .into_iter()
            .collect(),
        Projection::Documents => shape::documents(event, Guards::default())
            .unwrap_or_default()
            .into_iter()
            .map(of_document)
            .collect(),
    }
}
