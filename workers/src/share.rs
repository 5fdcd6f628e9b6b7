//! The share of one process in the work of one role: its buckets and the leases that it holds on
//! them.
//!
//! Buckets are divided by rendezvous hashing: each bucket falls to the announced owner with the
//! highest hash of (bucket, owner). Processes that see the same owners agree without talking, and
//! one that comes or goes moves only its own buckets. The division is only a preference; the lease
//! decides, and its fence is the guard.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use sha2::{Digest, Sha256};
use spice_core::{
    bucket::Bucket,
    port::{
        StoreResult,
        registry::{Lease, WorkerRegistry},
    },
};
use uuid::Uuid;

/// How a process takes and keeps its share.
#[derive(Debug, Clone)]
pub struct LeaseConfig {
    /// The name under which this process takes leases: a new one at each start.
    pub owner: String,
    /// A lease that was not renewed for this long goes to another owner.
    pub ttl: Duration,
    /// How often leases are renewed.
    pub heartbeat: Duration,
    /// Whether no other process can be working, because this one has locked the stores. Then any
    /// other announced owner has crashed, and its leases are taken immediately.
    pub alone: bool,
}

impl Default for LeaseConfig {
    fn default() -> Self {
        Self {
            owner: Uuid::new_v4().to_string(),
            ttl: Duration::from_secs(30),
            heartbeat: Duration::from_secs(10),
            alone: false,
        }
    }
}

/// The time until the next round while buckets change hands.
const HANDOVER: Duration = Duration::from_secs(1);

/// The buckets of one role that this process works on.
pub(crate) struct Share {
    registry: Arc<dyn WorkerRegistry>,
    worker: &'static str,
    config: LeaseConfig,
    evicts: bool,
    /// The buckets that fall to this process.
    wanted: BTreeSet<Bucket>,
    held: BTreeMap<Bucket, Lease>,
}

impl Share {
    pub(crate) fn new(
        registry: Arc<dyn WorkerRegistry>,
        worker: &'static str,
        config: LeaseConfig,
    ) -> Self {
        Self {
            registry,
            worker,
            evicts: config.alone,
            config,
            wanted: BTreeSet::new(),
            held: BTreeMap::new(),
        }
    }

    /// Announces this process, renews its leases and takes those that fall to it. Returns the
    /// buckets whose lease is lost or has been replaced.
    pub(crate) async fn round(&mut self) -> StoreResult<Vec<Bucket>> {
        let LeaseConfig { owner, ttl, .. } = &self.config;
        let mut owners = self.registry.join(self.worker, owner, *ttl).await?;
        if self.evicts {
            for other in owners.iter().filter(|other| *other != owner) {
                self.registry.leave(self.worker, other).await?;
            }
            owners.retain(|known| known == owner);
            self.evicts = false;
        }
        self.wanted = falling_to(owner, &owners).collect();
        let asked: BTreeSet<Bucket> = self.wanted.union(&self.list_held()).copied().collect();
        let asked: Vec<Bucket> = asked.into_iter().collect();
        let leases = self
            .registry
            .acquire(self.worker, &asked, owner, *ttl)
            .await?;
        let now: BTreeMap<Bucket, Lease> = leases
            .into_iter()
            .map(|lease| (lease.bucket, lease))
            .collect();
        let before = std::mem::replace(&mut self.held, now);
        Ok(before
            .into_iter()
            .filter(|(bucket, lease)| self.held.get(bucket) != Some(lease))
            .map(|(bucket, _)| bucket)
            .collect())
    }

    /// Returns the lease on a bucket that this process holds and keeps.
    pub(crate) fn lease(&self, bucket: Bucket) -> Option<&Lease> {
        let lease = self.held.get(&bucket)?;
        self.wanted.contains(&bucket).then_some(lease)
    }

    /// Returns the buckets that this process holds but that fall to another owner.
    pub(crate) fn surplus(&self) -> Vec<Bucket> {
        let held = self.held.keys();
        held.filter(|bucket| !self.wanted.contains(bucket))
            .copied()
            .collect()
    }

    /// Releases a bucket.
    pub(crate) async fn release(&mut self, bucket: Bucket) -> StoreResult<()> {
        if let Some(lease) = self.held.get(&bucket) {
            self.registry.release(self.worker, lease).await?;
            self.held.remove(&bucket);
        }
        Ok(())
    }

    /// Releases everything, at a clean end.
    pub(crate) async fn leave(&self) -> StoreResult<()> {
        self.registry.leave(self.worker, &self.config.owner).await
    }

    /// Returns the time until the next round.
    pub(crate) fn pause(&self) -> Duration {
        let settled = self.list_held() == self.wanted && !self.wanted.is_empty();
        if settled {
            self.config.heartbeat
        } else {
            self.config.heartbeat.min(HANDOVER)
        }
    }

    /// How many leases are held.
    pub(crate) fn count_held(&self) -> usize {
        self.held.len()
    }

    fn list_held(&self) -> BTreeSet<Bucket> {
        self.held.keys().copied().collect()
    }
}

/// Returns the buckets that fall to one of these owners.
fn falling_to<'a>(owner: &'a str, owners: &'a [String]) -> impl Iterator<Item = Bucket> + 'a {
    Bucket::all().filter(move |bucket| {
        let first = owners.iter().max_by_key(|owner| weight(*bucket, owner));
        first.is_some_and(|first| first == owner)
    })
}

fn weight(bucket: Bucket, owner: &str) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update([bucket.number()]);
    hasher.update(owner);
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use spice_core::bucket::Bucket;

    use super::falling_to;

    fn owners(numbers: &BTreeSet<u8>) -> Vec<String> {
        let name = |number: &u8| format!("owner-{number}");
        numbers.iter().map(name).collect()
    }

    proptest! {
        #[test]
        fn every_bucket_falls_to_exactly_one_owner(
            numbers in proptest::collection::btree_set(0_u8..40, 1..8),
        ) {
            let owners = owners(&numbers);
            let mut all: Vec<Bucket> = owners
                .iter()
                .flat_map(|owner| falling_to(owner, &owners))
                .collect();
            all.sort_unstable();
            prop_assert!(all.into_iter().eq(Bucket::all()));
        }

        #[test]
        fn an_owner_that_goes_moves_only_its_own_buckets(
            numbers in proptest::collection::btree_set(0_u8..40, 2..8),
        ) {
            let before = owners(&numbers);
            let after = &before[1..];
            for owner in after {
                let had: BTreeSet<Bucket> = falling_to(owner, &before).collect();
                let has: BTreeSet<Bucket> = falling_to(owner, after).collect();
                prop_assert!(had.is_subset(&has));
            }
        }
    }

    #[test]
    fn two_owners_share_about_evenly() {
        let owners = owners(&(0..2).collect());
        let count = falling_to(&owners[0], &owners).count();
        assert!((20..=44).contains(&count), "{count} of 64");
    }
}
