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
        sink::{Applied, SinkPosition, Sinks},
    },
};

use crate::{
    engine::{Handler, Items},
    event::{Event, Subject},
    past::PastBranch,
    shape::branches,
};

pub(crate) use crate::shape::documents;

/// Applies events to the documents.
pub struct ProjectionWorker {
    documents: Arc<dyn Documents>,
    log: Arc<dyn Log>,
    guards: Guards,
}

impl ProjectionWorker {
    /// Creates the worker of a documents sink. It reads the log only for branches at a past
    /// position.
    pub fn new(documents: Arc<dyn Documents>, log: Arc<dyn Log>, guards: Guards) -> Self {
        Self {
            documents,
            log,
            guards,
        }
    }

    /// Returns everything that an event changes, its own document last.
    async fn changes(&self, stream: &StreamId, event: &Event<'_>) -> StoreResult<Vec<Change>> {
        let mut changes: Vec<Change> = branches(event)?.into_iter().map(Change::Branch).collect();
        if let Some(branch) = PastBranch::of(event)? {
            let shown = branch.documents(&*self.log, stream).await?;
            changes.extend(shown.into_iter().map(Change::from));
        }
        let documents = documents(event, self.guards)?;
        changes.extend(documents.into_iter().map(Change::from));
        Ok(changes)
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
            items.add(index, self.changes(stream, event).await)?;
        }
        let documents = &self.documents;
        let applied = documents
            .apply(stream, sink, from, through, items.as_slice())
            .await?;
        Ok(items.by_event(applied))
    }
}
