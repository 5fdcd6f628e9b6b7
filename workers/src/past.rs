//! Branches that stand on a position which the log had passed when they were created. The documents
//! hold later versions by then, so the worker takes from the log what was superseded between the branch
//! point and the branch.

use std::collections::{BTreeMap, HashMap, HashSet};

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

/// A branch at a past position.
#[derive(Debug, Clone)]
pub(crate) struct PastBranch {
    created: BranchCreated,
    generation: BranchGeneration,
}

impl PastBranch {
    /// The branch that an event creates, when it stands on a past position.
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

    /// The superseded versions that it shows, from the log alone.
    pub(crate) async fn documents(
        &self,
        log: &dyn Log,
        stream: &StreamId,
    ) -> StoreResult<Vec<Document>> {
        let point = self.created.from_position;
        // What lies further below is kept already, for the parent stands there.
        let levels = self.created.base.levels().iter();
        let levels: HashSet<_> = levels
            .filter(|level| level.until == point)
            .map(|level| level.generation)
            .collect();
        let is_of = |document: &Document| levels.contains(&document.branch.1);
        let mut until: HashMap<Place, LogPosition> = HashMap::new();
        scan(log, stream, point.next(), self.generation.0, |event| {
            if let Some(next) = own_document(event)?.filter(is_of) {
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
        scan(log, stream, LogPosition::ZERO, point.next(), |event| {
            if let Some(document) = own_document(event)?.filter(is_of)
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

/// A branch, and what it has there.
type Place = (BranchGeneration, Entity);

fn place(document: &Document) -> Place {
    (document.branch.1, document.entity.clone())
}

/// The document of the event itself, without the version that it supersedes.
fn own_document(event: &Event<'_>) -> StoreResult<Option<Document>> {
    Ok(projection_worker::documents(event, Guards::default())?.pop())
}
