//! The projection worker: every domain event of a class or an instance becomes a document. The
//! superseded version that the event carries is kept for the branches that still show it.

use std::sync::Arc;

use async_trait::async_trait;
use spice_core::{
    error::StoreError,
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

    /// Returns what an event itself changes, its own document last.
    fn changes(&self, event: &Event<'_>) -> StoreResult<Vec<Change>> {
        let mut changes: Vec<Change> = branches(event)?.into_iter().map(Change::Branch).collect();
        let documents = documents(event, self.guards)?;
        changes.extend(documents.into_iter().map(Change::from));
        Ok(changes)
    }

    /// Writes what a branch at a past position shows of its parents, a page at a time, without moving
    /// the sink. Returns the first refusal.
    async fn write_past(
        &self,
        (stream, sink): (&StreamId, &str),
        from: LogPosition,
        branch: PastBranch,
    ) -> StoreResult<Option<StoreError>> {
        let versions = Versions {
            log: &*self.log,
            model: &*self.model,
            stream,
        };
        let mut pages = Pages::of(branch, versions, self.guards).await?;
        let mut refusal = None;
        while let Some(page) = pages.next().await? {
            let page: Vec<Change> = page.into_iter().map(Change::from).collect();
            let applied = self.documents.apply(stream, sink, from, from.into(), &page);
            let refused = applied.await?.refused;
            refusal = refusal.or_else(|| refused.into_iter().next().map(|(_, error)| error));
        }
        Ok(refusal)
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
        let documents = &self.documents;
        let mut items = Items::with_capacity(events.len());
        let mut effects = Applied::default();
        for (index, event) in events.iter().enumerate() {
            let changes = self.changes(event);
            let past = match &changes {
                Ok(_) => PastBranch::of(event)?,
                Err(_) => None,
            };
            items.add(index, changes)?;
            if let Some(branch) = past {
                let before = std::mem::replace(&mut items, Items::with_capacity(events.len()));
                let applied = documents.apply(stream, sink, from, from.into(), before.as_slice());
                let applied = applied.await?;
                add(&mut effects, before.by_event(applied));
                let refusal = self.write_past((stream, sink), from, branch).await?;
                effects.refused.extend(refusal.map(|error| (index, error)));
            }
        }
        let applied = documents.apply(stream, sink, from, through, items.as_slice());
        let applied = applied.await?;
        add(&mut effects, items.by_event(applied));
        Ok(effects)
    }
}

/// Adds the result of the next part of a batch.
fn add(effects: &mut Applied, next: Applied) {
    effects.live = next.live;
    effects.refused.extend(next.refused);
    effects.stale.extend(next.stale);
}
