//! The logs of earlier generations that cannot be used.

use std::{collections::BTreeMap, sync::Mutex};

use spice_core::{error::StoreError, id::StreamId};

use crate::lock::lock;

/// Logs of earlier generations that are damaged or refused.
#[derive(Default)]
pub(super) struct Refused(Mutex<BTreeMap<StreamId, StoreError>>);

impl Refused {
    pub(super) fn put(&self, stream: &StreamId, error: StoreError) {
        lock(&self.0).insert(stream.clone(), error);
    }

    pub(super) fn remove(&self, stream: &StreamId) {
        lock(&self.0).remove(stream);
    }

    pub(super) fn get(&self, stream: &StreamId) -> Option<StoreError> {
        lock(&self.0).get(stream).cloned()
    }

    pub(super) fn all(&self) -> BTreeMap<StreamId, StoreError> {
        lock(&self.0).clone()
    }
}
