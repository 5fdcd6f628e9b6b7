//! Documents for search and lists: the latest version of everything, and the superseded versions
//! that live branches still show.

use async_trait::async_trait;

use super::{
    StoreResult,
    entity::{Entity, State},
    sink::{Applied, SinkPosition, Sinks},
};
use crate::{
    id::{BranchGeneration, InstanceRef, LogPosition, StreamId},
    lineage::View,
    name::{BranchName, ClassName},
    query::{Filter, Order},
};

/// A document: a version of an entity that one branch wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The branch that wrote it: name and generation.
    pub branch: (BranchName, BranchGeneration),
    /// Its state. The sequence of the latest version is its external version.
    pub state: State,
    /// Which views show it.
    pub shown: Shown,
}

/// Which views show a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// The latest version of its branch. The branch shows it, and so do views through the branch at
    /// the version's position or later.
    Latest,
    /// A superseded version, with the last position at which it was current. Only views through the
    /// branch between the version's position and this one (inclusive) show it. A store keeps it
    /// once, and only while a branch point is in that range.
    Until(LogPosition),
}

impl Document {
    /// The last position at which the version was current; none for the latest.
    pub fn until(&self) -> Option<LogPosition> {
        match self.shown {
            Shown::Latest => None,
            Shown::Until(position) => Some(position),
        }
    }
}

/// The branch points of a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchPoints {
    /// The branch.
    pub branch: BranchGeneration,
    /// The parents, each with the last visible position; empty if the branch is deleted.
    pub points: Vec<(BranchGeneration, LogPosition)>,
}

/// One change of the sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A document. The latest version replaces older ones. A superseded one is skipped if it
    /// already exists, or if no branch point is in its range.
    Document(Document),
    /// The new branch points of a branch, replacing the old ones. Superseded versions without a
    /// branch point in their range are dropped. Never refused.
    Branch(BranchPoints),
}

impl From<Document> for Change {
    fn from(document: Document) -> Self {
        Self::Document(document)
    }
}

/// A list request.
#[derive(Debug, Clone)]
pub struct Search {
    /// The class.
    pub class: ClassName,
    /// Whole words in any text property, ignoring case; `word*` matches a prefix; all must match.
    pub text: Option<String>,
    /// Filters; all must match.
    pub filters: Vec<Filter>,
    /// The order; by default, and for equal values, by instance id.
    pub order: Option<Order>,
    /// The end of the previous page.
    pub cursor: Option<String>,
    /// The number of documents to skip.
    pub offset: usize,
    /// The maximum number of documents.
    pub limit: usize,
}

/// A page of documents.
#[derive(Debug, Clone)]
pub struct SearchPage {
    /// Live documents that the view shows, in order.
    pub documents: Vec<Document>,
    /// The total number on all pages.
    pub total: u64,
    /// The start of the next page; none after the last.
    pub cursor: Option<String>,
}

/// The documents sinks and their reads. Reads that name no sink use the live one.
#[async_trait]
pub trait Documents: Sinks {
    /// Applies changes to a sink in order and moves its position and anchor from `from` to
    /// `through`, like [`super::graph::Graph::apply`]. Safe to repeat;
    /// [`crate::error::StoreError::Fenced`] as there.
    async fn apply(
        &self,
        stream: &StreamId,
        sink: &str,
        from: LogPosition,
        through: SinkPosition,
        changes: &[Change],
    ) -> StoreResult<Applied>;

    /// Documents that a view shows, in the requested order, including tombstones.
    async fn get(
        &self,
        view: &View,
        instances: &[InstanceRef],
    ) -> StoreResult<Vec<Option<Document>>>;

    /// Lists and searches. The positions of `view` cut the layers below the branch itself. Returns
    /// [`StoreError::UnknownCursor`] for a cursor that the store did not issue.
    async fn search(&self, view: &View, search: &Search) -> StoreResult<SearchPage>;

    /// The number of live instances of each class in a view.
    async fn counts(&self, view: &View) -> StoreResult<Vec<(ClassName, u64)>>;

    /// For verification: every document of a sink that a branch wrote, by entity and position, for
    /// entities after `after`. Ends at the first entity that reaches `limit`.
    async fn all(
        &self,
        stream: &StreamId,
        sink: &str,
        branch: BranchGeneration,
        after: Option<&Entity>,
        limit: usize,
    ) -> StoreResult<Vec<Document>>;

    /// For repair: removes every document that a branch wrote of these entities, including
    /// superseded versions, so that the correct ones can be written.
    async fn remove(
        &self,
        stream: &StreamId,
        sink: &str,
        branch: BranchGeneration,
        entities: &[Entity],
    ) -> StoreResult<()>;
}
