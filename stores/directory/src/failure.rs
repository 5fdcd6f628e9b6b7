//! Failures of a log on a directory, as the port names them.

use spice_core::error::StoreError;

const STORE: &str = "log";

pub(super) fn rejected(reason: impl Into<String>) -> StoreError {
    StoreError::Rejected {
        store: STORE,
        reason: reason.into(),
    }
}

pub(super) fn damaged(reason: impl Into<String>) -> StoreError {
    StoreError::Damaged {
        store: STORE,
        reason: reason.into(),
    }
}

pub(super) fn unavailable(reason: impl Into<String>) -> StoreError {
    StoreError::Unavailable {
        store: STORE,
        reason: reason.into(),
    }
}
