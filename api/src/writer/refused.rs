//! The logs of earlier generations that cannot be used.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use spice_core::{error::StoreError, id::StreamId};

/// Logs of earlier generations that are damaged or refused.
#[derive(Default)]
pub(super) struct Refused(Mutex<BTreeMap<StreamId, StoreError>>);

impl Refused {
    pub(super) fn put(&self, stream: &StreamId, error: StoreError) {
        self.lock().insert(stream.clone(), error);
    }

    pub(super) fn remove(&self, stream: &StreamId) {
        self.lock().remove(stream);
    }

    pub(super) fn get(&self, stream: &StreamId) -> Option<StoreError> {
        self.lock().get(stream).cloned()
    }

    pub(super) fn all(&self) -> BTreeMap<StreamId, StoreError> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<StreamId, StoreError>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
