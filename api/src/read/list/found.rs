//! The result of a list: instances, their number, the start of the next page; or an error.

use spice_core::{
    error::{Refusal, StoreError},
    json::Json,
    port::{documents::Document, graph::Version},
};

use super::order::Listed as _;

/// A page of instances.
pub(crate) struct Found {
    pub(crate) items: Vec<Item>,
    /// The total number on all pages.
    pub(crate) total: u64,
    /// The start of the next page, if there is one.
    pub(crate) cursor: Option<String>,
}

/// An instance from the documents or from the graph.
pub(crate) enum Item {
    Document(Document),
    Version(Version),
}

/// Why a list failed.
pub(crate) enum Unlisted {
    /// The cursor was not issued by a page of this list.
    UnknownCursor,
    Refused(Refusal),
}

impl Item {
    /// Its id.
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Document(document) => document.id(),
            Self::Version(version) => version.id(),
        }
    }

    /// Its properties; none for a deleted one.
    pub(crate) fn data(&self) -> Option<&Json> {
        match self {
            Self::Document(document) => document.data(),
            Self::Version(version) => version.data(),
        }
    }
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
