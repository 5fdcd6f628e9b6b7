//! Tells the rows of a file apart that say the same and have no key: the n-th of its kind is
//! another thing than the first. Nothing else is known of a row, so that the same file always
//! makes the same ids; about 20 bytes of memory for each row that differs from the others.

use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
};

/// How often each content was met. Two contents with the same hash, which are rare beyond reason,
/// share their numbers; their ids differ all the same.
#[derive(Default)]
pub(super) struct Occurrences {
    met: HashSet<u64>,
    /// The contents that were met more than once.
    repeated: HashMap<u64, u64>,
}

impl Occurrences {
    /// Counts a content; 1 when it is met for the first time.
    pub(super) fn next(&mut self, content: &str) -> u64 {
        let hash = hash(content);
        if self.met.insert(hash) {
            return 1;
        }
        let count = self.repeated.entry(hash).or_insert(1);
        *count += 1;
        *count
    }
}

/// A hash of what tells a row from others.
pub(super) fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
