//! What a branch at a past position adds to the documents, from the log alone: what the worker wrote
//! is compared with it.

use std::collections::{BTreeMap, HashMap};

use spice_core::{
    guard::Guards,
    id::{BranchGeneration, LogPosition, StreamId},
    port::{
        StoreResult,
        documents::{Document, Shown},
        graph::Entity,
        log::Log,
    },
};

use crate::{event::Event, past::PastBranch, scan::scan, shape};

/// Returns the superseded versions that a branch at a past position shows.
pub(super) async fn documents(
    branch: &PastBranch,
    log: &dyn Log,
    stream: &StreamId,
) -> StoreResult<Vec<Document>> {
    let levels = branch.base.levels().iter();
    let levels: HashMap<BranchGeneration, LogPosition> = levels
        .map(|level| (level.generation, level.until))
        .collect();
    let (Some(first), Some(last)) = (levels.values().min(), levels.values().max()) else {
        return Ok(Vec::new());
    };
    let level = |document: &Document| levels.get(&document.branch.1).copied();
    let mut until: HashMap<Place, LogPosition> = HashMap::new();
    scan(log, stream, first.next(), branch.generation.0, |event| {
        if let Some(next) = own_document(event)?
            && level(&next).is_some_and(|point| next.state.position > point)
        {
            let last = next.state.position.before();
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
            && level(&document).is_some_and(|point| document.state.position <= point)
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

/// A branch and an entity on it.
type Place = (BranchGeneration, Entity);

fn place(document: &Document) -> Place {
    (document.branch.1, document.state.entity.clone())
}

/// Returns the document of the event itself, without the version that it supersedes.
fn own_document(event: &Event<'_>) -> StoreResult<Option<Document>> {
    Ok(shape::documents(event, Guards::default())?.pop())
}
