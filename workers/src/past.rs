//! Branches created at a position that the log had already passed. By then the documents hold later
//! versions. The write model has every version by position, so the versions that were superseded
//! between the branch point and the branch come from it, a page at a time. The cost depends on what
//! the parents wrote there, not on the length of the log.

use std::collections::BTreeMap;

use spice_core::{
    envelope::EventType,
    error::StoreError,
    event::BranchCreated,
    guard::Guards,
    id::{BranchGeneration, LogPosition, StreamId},
    lineage::{Level, Lineage, Span},
    model::{ModelEntry, ModelKey, is_past},
    port::{
        Store, StoreResult,
        documents::{Document, Shown},
        log::Log,
        registry::{Lookup, WriteModel},
    },
    reflect,
};

use crate::event::Event;

/// The number of writes in a page; a page holds at most one version for each.
const PAGE: usize = 500;

/// A branch created at a past position.
#[derive(Debug, Clone)]
pub(crate) struct PastBranch {
    /// The parents, each with its last visible position. Every level counts, not only the parent:
    /// if the parent was rebased since, its former base may be nobody's branch point any more.
    pub(crate) base: Lineage,
    pub(crate) generation: BranchGeneration,
}

impl PastBranch {
    /// Returns the branch that an event creates, if it is at a past position.
    pub(crate) fn of(event: &Event<'_>) -> StoreResult<Option<Self>> {
        if event.event_type != EventType::BranchCreated {
            return Ok(None);
        }
        let created: BranchCreated = event.data()?;
        let is_past = is_past(created.from_position, event.position);
        Ok(is_past.then_some(Self {
            base: created.base,
            generation: BranchGeneration(event.position),
        }))
    }
}

/// The ports that know the superseded versions.
#[derive(Clone, Copy)]
pub(crate) struct Versions<'a> {
    pub(crate) log: &'a dyn Log,
    pub(crate) model: &'a dyn WriteModel,
    pub(crate) stream: &'a StreamId,
}

/// The superseded versions that a branch at a past position shows.
pub(crate) struct Pages<'a> {
    versions: Versions<'a>,
    /// The position of the branch's event.
    end: LogPosition,
    levels: Vec<Level>,
    /// The position on the last level after which the next page starts, once it has begun.
    after: Option<LogPosition>,
}

impl<'a> Pages<'a> {
    /// The pages of a branch. Writers let the write model follow the log a little later, and nobody
    /// does if none of them runs: then it catches up here.
    pub(crate) async fn of(
        branch: PastBranch,
        versions: Versions<'a>,
        guards: Guards,
    ) -> StoreResult<Self> {
        let Versions { log, model, stream } = versions;
        let end = branch.generation.0;
        let seen = model.anchor(stream).await?;
        if seen.is_none_or(|seen| seen.position < end) {
            reflect::catch_up(log, model, stream, seen, guards).await?;
        }
        Ok(Self {
            versions,
            end,
            levels: branch.base.levels().to_vec(),
            after: None,
        })
    }

    /// Returns the next page; none after the last. A page may be empty.
    pub(crate) async fn next(&mut self) -> StoreResult<Option<Vec<Document>>> {
        let Versions { model, stream, .. } = self.versions;
        while let Some(level) = self.levels.last().cloned() {
            let after = self.after.unwrap_or(level.until);
            let span = Span {
                generation: level.generation,
                after: Some(after),
                until: self.end.before(),
            };
            let writes = model.writes(stream, &span, PAGE).await?;
            if let Some((last, _)) = writes.last() {
                self.after = Some(*last);
                return Ok(Some(self.page(&level, after, writes).await?));
            }
            self.levels.pop();
            self.after = None;
        }
        self.check(model.reflected_position(stream).await?)?;
        Ok(None)
    }

    /// Returns the versions that these writes after a position superseded, if the branch shows them.
    async fn page(
        &self,
        level: &Level,
        after: LogPosition,
        writes: Vec<(LogPosition, ModelKey)>,
    ) -> StoreResult<Vec<Document>> {
        let Versions { model, stream, .. } = self.versions;
        let mut first: BTreeMap<ModelKey, LogPosition> = BTreeMap::new();
        for (position, key) in writes {
            first.entry(key).or_insert(position);
        }
        let lineage = Lineage::only(Level {
            until: after,
            ..level.clone()
        });
        let lookup = |key: &ModelKey| Lookup {
            lineage: lineage.clone(),
            key: key.clone(),
        };
        let lookups: Vec<Lookup> = first.keys().map(lookup).collect();
        let found = model.get(stream, &lookups).await?;
        self.check(found.reflected)?;
        let mut page = Vec::new();
        for (entry, next) in found.entries.into_iter().zip(first.into_values()) {
            // An earlier page has what was superseded there; what came later has no version here.
            if let Some(entry) = entry.filter(|entry| entry.position <= level.until) {
                page.push(document(&entry, level, next)?);
            }
        }
        Ok(page)
    }

    /// Fails if the write model reflects less than before: then it was lost, and pages may lack
    /// versions.
    fn check(&self, reflected: LogPosition) -> StoreResult<()> {
        if reflected >= self.end {
            return Ok(());
        }
        Err(StoreError::Unavailable {
            store: Store::Registry,
            reason: format!("it was replaced and reflects {reflected} of {}", self.end),
        })
    }
}

/// The document of a version that was superseded at `next`.
fn document(entry: &ModelEntry, level: &Level, next: LogPosition) -> StoreResult<Document> {
    Ok(Document {
        branch: (level.name.clone(), level.generation),
        state: entry.state()?,
        shown: Shown::Until(next.before()),
    })
}
