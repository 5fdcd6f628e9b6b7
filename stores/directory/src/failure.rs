//! Maps failures of a log on a directory to the errors of the port.

use spice_core::{error::StoreError, port::Store};

const STORE: Store = Store::Log;

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
