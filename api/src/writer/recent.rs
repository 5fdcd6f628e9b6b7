//! Recent data that the registry may not have yet.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use spice_core::{
    id::{CommandId, StreamId},
    model::CommandEntry,
};

/// Commands that are in the log, but perhaps not yet in the registry.
#[derive(Default)]
pub(super) struct Recent(Mutex<HashMap<CommandId, CommandEntry>>);

impl Recent {
    pub(super) fn put(&self, entries: &[CommandEntry]) {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        map.extend(entries.iter().map(|entry| (entry.id, entry.clone())));
    }

    pub(super) fn get(&self, id: CommandId) -> Option<CommandEntry> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&id)
            .cloned()
    }

    pub(super) fn forget(&self, stream: &StreamId) {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        map.retain(|_, entry| entry.stream != *stream);
    }

    pub(super) fn remove(&self, entries: &[CommandEntry]) {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in entries {
            map.remove(&entry.id);
        }
    }
}
