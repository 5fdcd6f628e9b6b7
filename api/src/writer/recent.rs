//! Recent data that the registry may not have yet.

use std::{collections::HashMap, sync::Mutex};

use spice_core::{
    id::{CommandId, StreamId},
    model::CommandEntry,
};

use crate::lock::lock;

/// Commands that are in the log, but perhaps not yet in the registry.
#[derive(Default)]
pub(super) struct Recent(Mutex<HashMap<CommandId, CommandEntry>>);

impl Recent {
    pub(super) fn put(&self, entries: &[CommandEntry]) {
        let entries = entries.iter().map(|entry| (entry.id, entry.clone()));
        lock(&self.0).extend(entries);
    }

    pub(super) fn get(&self, id: CommandId) -> Option<CommandEntry> {
        lock(&self.0).get(&id).cloned()
    }

    pub(super) fn forget(&self, stream: &StreamId) {
        lock(&self.0).retain(|_, entry| entry.stream != *stream);
    }

    pub(super) fn remove(&self, entries: &[CommandEntry]) {
        let mut map = lock(&self.0);
        for entry in entries {
            map.remove(&entry.id);
        }
    }
}
