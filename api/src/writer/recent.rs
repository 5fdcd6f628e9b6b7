//! Recent data that the registry may not have yet.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
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
        let entries = entries.iter().map(|entry| (entry.id, entry.clone()));
        self.lock().extend(entries);
    }

    pub(super) fn get(&self, id: CommandId) -> Option<CommandEntry> {
        self.lock().get(&id).cloned()
    }

    pub(super) fn forget(&self, stream: &StreamId) {
        self.lock().retain(|_, entry| entry.stream != *stream);
    }

    pub(super) fn remove(&self, entries: &[CommandEntry]) {
        let mut map = self.lock();
        for entry in entries {
            map.remove(&entry.id);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CommandId, CommandEntry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
