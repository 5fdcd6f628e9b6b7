//! Documents for search and lists: the latest version of everything, and the superseded versions that
//! live branches still show.

use async_trait::async_trait;

use super::{
    StoreResult,
    graph::Entity,
    sink::{Applied, SinkPosition, Sinks},
};
use crate::{
    id::{BranchGeneration, EventId, InstanceRef, LogPosition, Sequence, StreamId},
    json::Json,
    lineage::View,
    name::{BranchName, ClassName},
    query::{Filter, Order},
    time::Timestamp,
};

/// A document: a version of an entity, as one branch wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The branch that wrote it: name and generation.
    pub branch: (BranchName, BranchGeneration),
    /// What it is a document of.
    pub entity: Entity,
    /// The aggregate's sequence; of the latest version its external version.
    pub sequence: Sequence,
    /// The position of the version.
    pub position: LogPosition,
    /// The event.
    pub event_id: EventId,
    /// When it was accepted.
    pub occurred_at: Timestamp,
    /// When the entity was created.
    pub created_at: Timestamp,
    /// The whole state; none for a tombstone.
    pub data: Option<Json>,
    /// Who shows it.
    pub shown: Shown,
}

/// Which views show a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// The latest version of its branch. The branch shows it, and so do views that look through the
    /// branch as it stood at the version's position or later.
    Latest,
    /// A superseded version, with the last position at which it was current. Only views show it that
    /// look through the branch as it stood between the version's position and this one, inclusive. A
    /// store holds it once, and only while a branch point lies in that range.
    Until(LogPosition),
}

impl Document {
    /// The last position at which the version was current; none of the latest.
    pub fn until(&self) -> Option<LogPosition> {
        match self.shown {
            Shown::Latest => None,
            Shown::Until(position) => Some(position),
        }
    }
}

/// Where a branch stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchPoints {
    /// The branch.
    pub branch: BranchGeneration,
    /// The branches that it looks through, each with the last position that shows; empty when it is
    /// deleted.
    pub points: Vec<(BranchGeneration, LogPosition)>,
}

/// One step of filling the sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A document is there. The latest version replaces what is older. A superseded one is left out
    /// when it is there already, or when no branch point lies in its range.
    Document(Document),
    /// The branch points of a branch from now on, in place of those before. Superseded versions in
    /// whose range no branch point lies any more are dropped. Never refused.
    Branch(BranchPoints),
}

impl From<Document> for Change {
    fn from(document: Document) -> Self {
        Self::Document(document)
    }
}

/// What to list.
#[derive(Debug, Clone)]
pub struct Search {
    /// The class.
    pub class: ClassName,
    /// Whole words in any text property, letter case aside; `word*` is a prefix; all must match.
    pub text: Option<String>,
    /// Filters; all must pass.
    pub filters: Vec<Filter>,
    /// Order; by instance id when absent, and among equals.
    pub order: Option<Order>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// How many to leave out.
    pub offset: usize,
    /// How many at most.
    pub limit: usize,
}

/// A page of documents.
#[derive(Debug, Clone)]
pub struct SearchPage {
    /// Live documents that show in the view, in order.
    pub documents: Vec<Document>,
    /// How many there are on all pages.
    pub total: u64,
    /// Where the next page starts; none after the last.
    pub cursor: Option<String>,
}

/// The documents sinks and their reads. Reads that name no sink go to the live one.
#[async_trait]
pub trait Documents: Sinks {
    /// Makes changes to a sink in their order and moves its position and anchor from `from` to
    /// `through`, as [`super::graph::Graph::apply`] does. Safe to repeat;
    /// [`crate::error::StoreError::Fenced`] as there.
    async fn apply(
        &self,
        stream: &StreamId,
        sink: &str,
        from: LogPosition,
        through: SinkPosition,
        changes: &[Change],
    ) -> StoreResult<Applied>;

    /// Documents that show in a view, in the order asked; tombstones included.
    async fn get(
        &self,
        view: &View,
        instances: &[InstanceRef],
    ) -> StoreResult<Vec<Option<Document>>>;

    /// Lists and searches. `view` positions cut layers below the branch itself.
    /// [`StoreError::UnknownCursor`] for a cursor that the store did not give out.
    async fn search(&self, view: &View, search: &Search) -> StoreResult<SearchPage>;

    /// How many live instances of each class show in a view.
    async fn counts(&self, view: &View) -> StoreResult<Vec<(ClassName, u64)>>;

    /// For verification: every document of a sink that a branch wrote, by entity and position, of entities after
    /// `after`. Ends at the first entity with which there are `limit` or more.
    async fn all(
        &self,
        stream: &StreamId,
        sink: &str,
        branch: BranchGeneration,
        after: Option<&Entity>,
        limit: usize,
    ) -> StoreResult<Vec<Document>>;

    /// For repair: removes every document that a branch wrote of these entities, superseded versions
    /// too, so that the right ones can be written.
    async fn remove(
        &self,
        stream: &StreamId,
        sink: &str,
        branch: BranchGeneration,
        entities: &[Entity],
    ) -> StoreResult<()>;
}
