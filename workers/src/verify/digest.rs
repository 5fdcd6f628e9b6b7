//! Digests: sixteen bytes for an item, and the sum of these for a bucket, so that order does not
//! matter.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};
use spice_core::{
    id::{BranchGeneration, LogPosition, Sequence},
    json::Json,
    port::graph::Entity,
};

use super::points::Range;

/// The number of buckets.
const BUCKETS: usize = 256;

/// One entity on one branch, in its latest or in a superseded version, as the log or a sink has it.
pub(super) struct Item {
    pub(super) branch: BranchGeneration,
    pub(super) entity: Entity,
    pub(super) sequence: Sequence,
    pub(super) position: LogPosition,
    pub(super) data: Option<Json>,
    /// The last position at which a superseded version was current; none for the latest version.
    pub(super) until: Option<LogPosition>,
}

/// The place of an item: branch, entity, and the position of a superseded version.
pub(super) type Place = (BranchGeneration, Entity, Option<LogPosition>);

/// The part of an item that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) sequence: Sequence,
    pub(super) digest: u128,
}

impl Item {
    /// Returns the range of a superseded version.
    pub(super) fn range(&self) -> Option<Range> {
        self.until.map(|until| Range {
            branch: self.branch,
            from: self.position,
            until,
        })
    }

    /// Returns its place.
    pub(super) fn place(&self) -> Place {
        let superseded = self.until.map(|_| self.position);
        (self.branch, self.entity.clone(), superseded)
    }

    /// Returns a digest of its place.
    pub(super) fn key(&self) -> u128 {
        let mut hasher = Sha256::new();
        hasher.update(self.branch.0.0.to_le_bytes());
        match &self.entity {
            Entity::Class(class) => {
                hasher.update(b"c");
                hasher.update(class.as_str());
            }
            Entity::Instance(instance) => {
                hasher.update(b"i");
                hasher.update(instance.class.as_str());
                hasher.update(b"/");
                hasher.update(instance.id.as_str());
            }
        }
        if self.until.is_some() {
            hasher.update(b"\0");
            hasher.update(self.position.0.to_le_bytes());
        }
        short(hasher)
    }

    /// Returns a digest of the whole item.
    pub(super) fn mark(&self) -> Mark {
        let mut hasher = Sha256::new();
        hasher.update(self.key().to_le_bytes());
        hasher.update(self.sequence.0.to_le_bytes());
        hasher.update(self.position.0.to_le_bytes());
        if let Some(until) = self.until {
            hasher.update(until.0.to_le_bytes());
        }
        match &self.data {
            None => hasher.update(b"-"),
            Some(data) => {
                hasher.update(b"+");
                hasher.update(data.as_str());
            }
        }
        Mark {
            sequence: self.sequence,
            digest: short(hasher),
        }
    }
}

fn short(hasher: Sha256) -> u128 {
    let digest = hasher.finalize();
    digest
        .iter()
        .take(16)
        .fold(0, |sum, byte| (sum << 8) | u128::from(*byte))
}

/// Returns the bucket of a key.
pub(super) fn bucket(key: u128) -> u8 {
    key.to_le_bytes()[0]
}

/// The sums of all buckets.
#[derive(PartialEq, Eq)]
pub(super) struct Buckets {
    sums: Vec<u128>,
}

impl Default for Buckets {
    fn default() -> Self {
        Self {
            sums: vec![0; BUCKETS],
        }
    }
}

impl Buckets {
    /// Adds an item.
    pub(super) fn add(&mut self, item: &Item) {
        self.add_digest(item.key(), item.mark().digest);
    }

    /// Adds an item's digest.
    pub(super) fn add_digest(&mut self, key: u128, digest: u128) {
        let sum = &mut self.sums[usize::from(bucket(key))];
        *sum = sum.wrapping_add(digest);
    }

    /// Returns the buckets that differ.
    pub(super) fn find_differing(&self, other: &Self) -> BTreeSet<u8> {
        let pairs = self.sums.iter().zip(&other.sums);
        (0..=u8::MAX)
            .zip(pairs)
            .filter(|(_, (ours, theirs))| ours != theirs)
            .map(|(bucket, _)| bucket)
            .collect()
    }
}
