//! Documents: the newest version of everything, for search and lists.

use async_trait::async_trait;

use super::{
    StoreResult,
    graph::{Entity, Sink},
};
use crate::{
    error::StoreError,
    id::{BranchGeneration, EventId, InstanceRef, LogPosition, Sequence, StreamId},
    json::Json,
    lineage::View,
    name::{BranchName, ClassName},
    query::{Filter, Order},
    time::Timestamp,
};

/// A document: the newest version of an entity on one branch, or a copy of the version that the
/// branch still shows of its parent. Written with its sequence as external version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Whose index it goes to: the branch's name and generation.
    pub branch: (BranchName, BranchGeneration),
    /// What it is a document of.
    pub entity: Entity,
    /// The aggregate's sequence; the external version.
    pub sequence: Sequence,
    /// The position of the version (of a copy: of the original).
    pub position: LogPosition,
    /// The event.
    pub event_id: EventId,
    /// When it was accepted.
    pub occurred_at: Timestamp,
    /// When the entity was created.
    pub created_at: Timestamp,
    /// The whole state; none for a tombstone.
    pub data: Option<Json>,
}

/// What became of a bulk, item by item.
#[derive(Debug, Clone, Default)]
pub struct BulkResult {
    /// Index of each document that the sink refuses for good, and why. All others are in.
    pub refused: Vec<(usize, StoreError)>,
    /// Index of each document whose stored version is at or over ours: success, nothing to do.
    pub stale: Vec<usize>,
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

/// The documents sink and its reads.
#[async_trait]
pub trait Documents: Send + Sync {
    /// The sink's generation and position for a log; made when there is none.
    async fn sink(&self, stream: &StreamId) -> StoreResult<Sink>;

    /// Writes documents in their order and moves the sink's position from `from` to `through`.
    /// Safe to repeat; [`StoreError::Fenced`] as in [`super::graph::Graph::apply`].
    async fn apply(
        &self,
        stream: &StreamId,
        generation: &str,
        from: LogPosition,
        through: LogPosition,
        documents: &[Document],
    ) -> StoreResult<BulkResult>;

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

    /// For verification: every document of a branch's index, ordered by entity, after `after`.
    async fn all(
        &self,
        stream: &StreamId,
        branch: BranchGeneration,
        after: Option<&Entity>,
        limit: usize,
    ) -> StoreResult<Vec<Document>>;

    /// For repair: removes documents, so that the right ones can be written.
    async fn remove(
        &self,
        stream: &StreamId,
        branch: BranchGeneration,
        entities: &[Entity],
    ) -> StoreResult<()>;

    /// Throws away what is known of a log and starts a new sink generation at position zero.
    async fn reset(&self, stream: &StreamId) -> StoreResult<Sink>;
}
