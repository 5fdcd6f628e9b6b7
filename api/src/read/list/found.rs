//! The result of a list: instances, their number, the start of the next page; or an error.

use spice_core::{
    error::{Refusal, StoreError},
    port::{documents::SearchPage, graph::State},
};

/// A page of instances.
pub(crate) struct Found {
    /// Their states, from the documents or from the graph.
    pub(crate) items: Vec<State>,
    /// The total number on all pages.
    pub(crate) total: u64,
    /// The start of the next page, if there is one.
    pub(crate) cursor: Option<String>,
}

impl From<SearchPage> for Found {
    fn from(page: SearchPage) -> Self {
        Self {
            items: page.documents.into_iter().map(|it| it.state).collect(),
            total: page.total,
            cursor: page.cursor,
        }
    }
}

/// Why a list failed.
pub(crate) enum Unlisted {
    /// The cursor was not issued by a page of this list.
    UnknownCursor,
    Refused(Refusal),
}

impl From<Refusal> for Unlisted {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StoreError> for Unlisted {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::UnknownCursor { .. } => Self::UnknownCursor,
            other => Self::Refused(other.into()),
        }
    }
}
