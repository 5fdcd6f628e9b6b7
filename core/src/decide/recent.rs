//! The newest versions of the write model, which the registry may not have yet.

use std::collections::{HashMap, VecDeque};

use crate::{
    id::{BranchGeneration, LogPosition},
    model::{ModelEntry, ModelKey},
};

/// A key on a branch.
type Slot = (BranchGeneration, ModelKey);

/// Versions in the order of the log.
#[derive(Debug, Clone, Default)]
pub(super) struct Recent {
    versions: HashMap<Slot, Vec<ModelEntry>>,
    order: VecDeque<(LogPosition, Slot)>,
}

impl Recent {
    /// Adds a version at the end.
    pub(super) fn push(&mut self, entry: ModelEntry) {
        let slot = (entry.branch, entry.key.clone());
        self.order.push_back((entry.position, slot.clone()));
        self.versions.entry(slot).or_default().push(entry);
    }

    /// The newest version of a key on a branch, up to a position.
    pub(super) fn at(
        &self,
        branch: BranchGeneration,
        key: &ModelKey,
        until: LogPosition,
    ) -> Option<&ModelEntry> {
        let versions = self.versions.get(&(branch, key.clone()))?;
        versions.iter().rev().find(|entry| entry.position <= until)
    }

    /// Every key, with where and when it was written.
    pub(super) fn writes(
        &self,
    ) -> impl Iterator<Item = (LogPosition, BranchGeneration, &ModelKey)> {
        let order = self.order.iter();
        order.map(|(position, (branch, key))| (*position, *branch, key))
    }

    /// Every key that starts with `prefix`.
    pub(super) fn keys(&self, prefix: &str) -> Vec<ModelKey> {
        let keys = self.versions.keys().map(|(_, key)| key);
        let mut keys: Vec<ModelKey> = keys
            .filter(|key| key.as_str().starts_with(prefix))
            .cloned()
            .collect();
        keys.sort();
        keys.dedup();
        keys
    }

    /// Removes the versions below a position.
    pub(super) fn remove_below(&mut self, position: LogPosition) {
        while let Some((at, slot)) = self.order.pop_front_if(|(at, _)| *at < position) {
            self.remove(at, &slot);
        }
    }

    /// Removes the versions from a position on.
    pub(super) fn remove_from(&mut self, position: LogPosition) {
        while let Some((at, slot)) = self.order.pop_back_if(|(at, _)| *at >= position) {
            self.remove(at, &slot);
        }
    }

    fn remove(&mut self, at: LogPosition, slot: &Slot) {
        if let Some(versions) = self.versions.get_mut(slot) {
            versions.retain(|entry| entry.position != at);
            if versions.is_empty() {
                self.versions.remove(slot);
            }
        }
    }
}
