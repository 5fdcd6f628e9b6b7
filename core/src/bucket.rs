//! Buckets: a fixed division of all logs, so that worker processes can share them.

use sha2::{Digest, Sha256};

use crate::id::StreamId;

/// One of [`Bucket::COUNT`] shares of all logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket(u8);

impl Bucket {
    /// The number of buckets. Leases and bus partitions are stored by bucket number, so this number
    /// never changes.
    pub const COUNT: u8 = 64;

    /// The bucket of a log: the first byte of the SHA-256 of its name (`demo`, `demo.g2`), modulo
    /// [`Bucket::COUNT`].
    pub fn of(stream: &StreamId) -> Self {
        let digest = Sha256::digest(stream.to_string());
        Self(digest[0] % Self::COUNT)
    }

    /// Every bucket, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).map(Self)
    }

    /// Its number, from zero.
    pub fn number(self) -> u8 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::Bucket;

    /// Computed with `printf demo | sha256sum`. A change would assign one log to two workers.
    #[test]
    fn the_bucket_of_a_log_never_changes() {
        let bucket = |name: &str| Bucket::of(&name.parse().unwrap()).number();
        assert_eq!(bucket("demo"), 42);
        assert_eq!(bucket("demo.g2"), 12);
    }

    #[test]
    fn logs_spread_over_all_buckets() {
        let found: std::collections::BTreeSet<Bucket> = (0..1_000)
            .map(|number| Bucket::of(&format!("database-{number}").parse().unwrap()))
            .collect();
        assert!(found.into_iter().eq(Bucket::all()));
    }
}
