//! A cache of recently read or appended decoded segments, bounded in bytes. Appended segments are
//! cached before anybody asks for them, so readers at the tail never read the disk.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use spice_core::id::StreamId;

use super::format::Lines;

/// A segment: its log and its first position. The count tells a merged segment from the one that it
/// replaced.
pub type Key = (StreamId, u64, u32);

/// Decoded segments; the least recently used ones are evicted first.
pub struct Cache {
    limit: usize,
    used: usize,
    tick: u64,
    entries: HashMap<Key, (Arc<Lines>, u64)>,
    order: BTreeMap<u64, Key>,
}

impl Cache {
    /// Creates a cache of at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            used: 0,
            tick: 0,
            entries: HashMap::new(),
            order: BTreeMap::new(),
        }
    }

    /// Returns a cached segment, and makes it the most recently used one.
    pub fn get(&mut self, key: &Key) -> Option<Arc<Lines>> {
        self.tick += 1;
        let (lines, used_at) = self.entries.get_mut(key)?;
        if let Some(key) = self.order.remove(used_at) {
            self.order.insert(self.tick, key);
        }
        *used_at = self.tick;
        Some(Arc::clone(lines))
    }

    /// Adds a segment, unless it alone is over the limit.
    pub fn put(&mut self, key: Key, lines: Arc<Lines>) {
        self.remove(&key);
        let size = lines.footprint();
        if size > self.limit {
            return;
        }
        while self.used + size > self.limit {
            let Some((_, oldest)) = self.order.pop_first() else {
                break;
            };
            if let Some((gone, _)) = self.entries.remove(&oldest) {
                self.used -= gone.footprint();
            }
        }
        self.tick += 1;
        self.used += size;
        self.order.insert(self.tick, key.clone());
        self.entries.insert(key, (lines, self.tick));
    }

    /// Removes a segment; returns whether it was cached.
    pub fn remove(&mut self, key: &Key) -> bool {
        let Some((gone, used_at)) = self.entries.remove(key) else {
            return false;
        };
        self.used -= gone.footprint();
        self.order.remove(&used_at);
        true
    }
}
