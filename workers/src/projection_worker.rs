//! The projection worker: every domain event of a class or an instance becomes a document. The
//! superseded version that the event carries is kept for the branches that still show it.

use std::sync::Arc;

use async_trait::async_trait;
use spice_core::{
    guard::Guards,
    handler,
    id::{LogPosition, StreamId},
    port::{
        StoreResult,
        documents::{Change, Documents},
        log::Log,
        registry::WriteModel,
        sink::{Applied, SinkPosition, Sinks},
    },
};

use crate::{
    engine::{Handler, Items},
    event::{Event, Subject},
    past::{Pages, PastBranch, Versions},
    shape::{branches, documents},
};

/// Applies events to the documents.
pub struct ProjectionWorker {
    documents: Arc<dyn Documents>,
    model: Arc<dyn WriteModel>,
    log: Arc<dyn Log>,
    guards: Guards,
}

impl ProjectionWorker {
    /// Creates the worker of a documents sink. It reads the write model only for branches at a past
    /// position, and the log only as far as the write model does not reflect it.
    pub fn new(
        documents: Arc<dyn Documents>,
        model: Arc<dyn WriteModel>,
        log: Arc<dyn Log>,
        guards: Guards,
    ) -> Self {
        Self {
            documents,
            model,
            log,
            guards,
        }
    }
}

#[async_trait]
impl Handler for ProjectionWorker {
    fn sinks(&self) -> &dyn Sinks {
        &*self.documents
    }

    fn name_of(&self, event: &Event<'_>) -> Option<&'static str> {
        match event.subject()? {
            Subject::Class => Some(handler::ONTOLOGY_EVENTS),
            Subject::Instance | Subject::Branch => Some(handler::INSTANCE_EVENTS),
            Subject::Other => None,
        }
    }

    async fn apply(
        &self,
        stream: &StreamId,
        sink: &str,
        from: LogPosition,
        through: SinkPosition,
        events: &[&Event<'_>],
    ) -> StoreResult<Applied> {
        let mut items = Items::with_capacity(events.len());
        for (index, event) in events.iter().enumerate() {
            let points = branches(event)?;
            items.add(index, Ok(points.into_iter().map(Change::Branch)))?;
            if let Some(branch) = PastBranch::of(event)? {
                let mut pages = self.pages(stream, branch).await?;
                while let Some(page) = pages.next().await? {
                    items.add(index, Ok(page.into_iter().map(Change::from)))?;
                    // Without moving the sink: it has not got all of the event.
                    self.write(stream, sink, (from, from.into()), &mut items)
                        .await?;
                }
            }
            let documents = documents(event, self.guards);
            items.add(
                index,
                documents.map(|all| all.into_iter().map(Change::from)),
            )?;
        }
        self.write(stream, sink, (from, through), &mut items)
            .await?;
        Ok(items.finish())
    }
}

impl ProjectionWorker {
    /// Returns what a branch at a past position shows of its parents, in pages.
    async fn pages<'a>(
        &'a self,
        stream: &'a StreamId,
        branch: PastBranch,
    ) -> StoreResult<Pages<'a>> {
        let versions = Versions {
            log: &*self.log,
            model: &*self.model,
            stream,
        };
        Pages::of(branch, versions, self.guards).await
    }

    /// Writes the items that are not written yet, and moves the sink.
    async fn write(
        &self,
        stream: &StreamId,
        sink: &str,
        (from, through): (LogPosition, SinkPosition),
        items: &mut Items<Change>,
    ) -> StoreResult<()> {
        let written = self
            .documents
            .apply(stream, sink, from, through, items.as_slice());
        items.settle(written.await?);
        Ok(())
    }
}
