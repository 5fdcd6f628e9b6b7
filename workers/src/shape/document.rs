//! The documents and the branch points of an event.

use spice_core::{
    envelope::EventType,
    event::{BranchCreated, BranchDeleted, BranchRebased, Superseded},
    guard::{Guard, Guards},
    id::BranchGeneration,
    lineage::Lineage,
    port::{
        Store, StoreResult,
        documents::{BranchPoints, Document, Shown},
        graph::State,
    },
};

use super::change::Change;
use crate::event::{BadData, Event};

/// Returns the branch points after an event, if it changes them.
pub(crate) fn branches(event: &Event<'_>) -> StoreResult<Vec<BranchPoints>> {
    let at = |branch, base: &Lineage| BranchPoints {
        branch,
        points: base
            .levels()
            .iter()
            .map(|level| (level.generation, level.until))
            .collect(),
    };
    let gone = |branch| BranchPoints {
        branch,
        points: Vec::new(),
    };
    let own = BranchGeneration(event.position);
    let refuse = |error: BadData| error.to_refusal(Store::Documents);
    Ok(match event.event_type {
        EventType::BranchCreated => {
            let created: BranchCreated = event.data().map_err(refuse)?;
            vec![at(own, &created.base)]
        }
        EventType::BranchRebased => {
            let rebased: BranchRebased = event.data().map_err(refuse)?;
            vec![at(own, &rebased.base), gone(rebased.previous)]
        }
        EventType::BranchDeleted => {
            let deleted: BranchDeleted = event.data().map_err(refuse)?;
            vec![gone(deleted.branch_generation)]
        }
        _ => Vec::new(),
    })
}

/// Returns the documents of an event: the version that it supersedes first, its own last.
pub(crate) fn documents(event: &Event<'_>, guards: Guards) -> StoreResult<Vec<Document>> {
    let Some(change) = Change::parse(event, Store::Documents)? else {
        return Ok(Vec::new());
    };
    let own = Document {
        branch: (change.branch, event.branch()),
        state: State {
            entity: change.entity,
            sequence: event.sequence.unwrap_or_default(),
            position: event.position,
            event_id: event.event_id,
            occurred_at: event.occurred_at,
            created_at: change.created_at,
            data: change.data,
        },
        shown: Shown::Latest,
    };
    let superseded = change
        .superseded
        .filter(|version| version.is_of(event.branch()) && guards.has(Guard::SupersededVersions));
    let before = superseded.map(|version| before(&own, version));
    Ok(before.into_iter().chain([own]).collect())
}

/// Returns the version that a document supersedes.
fn before(document: &Document, version: Superseded) -> Document {
    Document {
        branch: document.branch.clone(),
        state: State {
            entity: document.state.entity.clone(),
            sequence: version.sequence_number,
            position: version.position,
            event_id: version.event_id,
            occurred_at: version.occurred_at,
            created_at: version.created_at,
            data: Some(version.data),
        },
        shown: Shown::Until(document.state.position.before()),
    }
}
