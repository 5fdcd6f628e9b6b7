//! What a list answers: instances, how many there are, where the next page begins; or why not.

use spice_core::{
    error::{Refusal, StoreError},
    json::Json,
    port::{documents::Document, graph::Version},
};

use super::order::Listed as _;

/// A page of instances.
pub(crate) struct Found {
    pub(crate) items: Vec<Item>,
    /// How many there are on all pages.
    pub(crate) total: u64,
    /// Where the next page begins, if there is one.
    pub(crate) cursor: Option<String>,
}

/// An instance as it was found: in the documents, or in the graph.
pub(crate) enum Item {
    Document(Document),
    Version(Version),
}

/// Why a list is not answered.
pub(crate) enum Unlisted {
    /// The cursor is not one that a page of this list gave out.
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

    /// Its properties; none of a deleted one.
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
