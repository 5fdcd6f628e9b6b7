//! Branches created at a position that the log had already passed. By then the documents hold later
//! versions, so the worker reads from the log the versions that were superseded between the branch
//! point and the branch.

use std::collections::{BTreeMap, HashMap};

use spice_core::{
    envelope::EventType,
    event::BranchCreated,
    guard::Guards,
    id::{BranchGeneration, LogPosition, StreamId},
    model::is_past,
    port::{
        StoreResult,
        documents::{Document, Shown},
        graph::Entity,
        log::Log,
    },
};

use crate::{event::Event, projection_worker, scan::scan};

/// A branch created at a past position.
#[derive(Debug, Clone)]
pub(crate) struct PastBranch {
    created: BranchCreated,
    generation: BranchGeneration,
}

impl PastBranch {
    /// Returns the branch that an event creates, if it is at a past position.
    pub(crate) fn of(event: &Event<'_>) -> StoreResult<Option<Self>> {
        if event.event_type != EventType::BranchCreated {
            return Ok(None);
        }
        let created: BranchCreated = event.data()?;
        let is_past = is_past(created.from_position, event.position);
        let generation = BranchGeneration(event.position);
        Ok(is_past.then_some(Self {
            created,
            generation,
        }))
    }

    /// Returns the superseded versions that the branch shows, from the log alone.
    pub(crate) async fn documents(
        &self,
        log: &dyn Log,
        stream: &StreamId,
    ) -> StoreResult<Vec<Document>> {
        // Every level counts, not only the parent: if the parent was rebased since, its former base
        // may be nobody's branch point any more.
        let levels = self.created.base.levels().iter();
        let levels: HashMap<BranchGeneration, LogPosition> = levels
            .map(|level| (level.generation, level.until))
            .collect();
        let (Some(first), Some(last)) = (levels.values().min(), levels.values().max()) else {
            return Ok(Vec::new());
        };
        let level = |document: &Document| levels.get(&document.branch.1).copied();
        let mut until: HashMap<Place, LogPosition> = HashMap::new();
        scan(log, stream, first.next(), self.generation.0, |event| {
            if let Some(next) = own_document(event)?
                && level(&next).is_some_and(|point| next.position > point)
            {
                let last = next.position.before();
                until.entry(place(&next)).or_insert(last);
            }
            Ok(())
        })
        .await?;
        if until.is_empty() {
            return Ok(Vec::new());
        }
        let mut current: BTreeMap<Place, Document> = BTreeMap::new();
        scan(log, stream, LogPosition::ZERO, last.next(), |event| {
            if let Some(document) = own_document(event)?
                && level(&document).is_some_and(|point| document.position <= point)
                && let Some(until) = until.get(&place(&document))
            {
                let shown = Shown::Until(*until);
                let document = Document { shown, ..document };
                current.insert(place(&document), document);
            }
            Ok(())
        })
        .await?;
        Ok(current.into_values().collect())
    }
}

/// A branch and an entity on it.
type Place = (BranchGeneration, Entity);

fn place(document: &Document) -> Place {
    (document.branch.1, document.entity.clone())
}

/// Returns the document of the event itself, without the version that it supersedes.
fn own_document(event: &Event<'_>) -> StoreResult<Option<Document>> {
    Ok(projection_worker::documents(event, Guards::default())?.pop())
}
