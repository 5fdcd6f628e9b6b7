//! Branches that stand on a position which the log had passed when they were made. Their parents'
//! documents show later versions by then, so the overlay is built from the log first: a copy of
//! every version that was superseded between the branch point and the branch.

use std::collections::HashMap;

use spice_core::{
    envelope::EventType,
    event::BranchCreated,
    guard::Guards,
    id::{BranchGeneration, LogPosition, StreamId},
    model::is_past,
    port::{StoreResult, documents::Document, graph::Entity, log::Log},
};

use crate::{event::Event, projection_worker, scan::scan};

/// A branch at a past position.
#[derive(Debug, Clone)]
pub(crate) struct PastBranch {
    created: BranchCreated,
    generation: BranchGeneration,
}

impl PastBranch {
    /// The branch that an event makes, when it stands on a past position.
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

    /// The copies that its overlay needs, from the log alone.
    pub(crate) async fn copies(
        &self,
        log: &dyn Log,
        stream: &StreamId,
    ) -> StoreResult<Vec<Document>> {
        let base = self.created.base.levels();
        let depth = |generation| base.iter().position(|level| level.generation == generation);
        let mut newest: HashMap<Entity, Option<(usize, Document)>> = HashMap::new();
        let from = self.created.from_position.next();
        scan(log, stream, from, self.generation.0, |event| {
            if let Some(document) = own_document(event)?
                && depth(document.branch.1).is_some()
            {
                newest.entry(document.entity).or_default();
            }
            Ok(())
        })
        .await?;
        if newest.is_empty() {
            return Ok(Vec::new());
        }
        scan(log, stream, LogPosition::ZERO, from, |event| {
            if let Some(document) = own_document(event)?
                && let Some(level) = depth(document.branch.1)
                && let Some(slot) = newest.get_mut(&document.entity)
            {
                let shows = document.position <= base[level].until;
                let nearer = slot.as_ref().is_none_or(|(known, _)| level <= *known);
                if shows && nearer {
                    *slot = Some((level, document));
                }
            }
            Ok(())
        })
        .await?;
        let mut copies: Vec<Document> = newest
            .into_values()
            .flatten()
            .map(|(_, document)| Document {
                branch: (self.created.branch.clone(), self.generation),
                ..document
            })
            .collect();
        copies.sort_by(|one, other| one.entity.cmp(&other.entity));
        Ok(copies)
    }
}

/// The document of the event itself, without the copies for other branches.
fn own_document(event: &Event<'_>) -> StoreResult<Option<Document>> {
    Ok(projection_worker::documents(event, Guards::default())?.pop())
}
