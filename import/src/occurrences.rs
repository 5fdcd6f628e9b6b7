//! Numbers equal rows without a key: the n-th of them is a separate instance. The number depends
//! only on the file, so the same file always gives the same ids. Takes about 20 bytes of memory for
//! each distinct row.

use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
};

/// How often each content occurred. Two contents with the same hash share their numbers, but their
/// ids differ.
#[derive(Default)]
pub(crate) struct Occurrences {
    met: HashSet<u64>,
    /// The contents that occurred more than once.
    repeated: HashMap<u64, u64>,
}

impl Occurrences {
    /// Counts a content; 1 for the first occurrence.
    pub(crate) fn next(&mut self, content: &str) -> u64 {
        let hash = hash(content);
        if self.met.insert(hash) {
            return 1;
        }
        let count = self.repeated.entry(hash).or_insert(1);
        *count += 1;
        *count
    }
}

/// A hash of what distinguishes a row.
pub(crate) fn hash<T: Hash + ?Sized>(content: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    hasher.finish()
}
