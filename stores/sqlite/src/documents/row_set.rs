//! Sets of row numbers: one bit per row, in blocks that exist only where rows are.

const WORDS: usize = 64;
const BLOCK: usize = WORDS * 64;

/// Row numbers.
#[derive(Debug, Clone, Default)]
pub(super) struct RowSet {
    blocks: Vec<Option<Box<[u64; WORDS]>>>,
    len: u64,
}

impl RowSet {
    /// Adds a row; returns whether it is new.
    pub(super) fn insert(&mut self, row: i64) -> bool {
        let (block, word, bit) = place(row);
        if block >= self.blocks.len() {
            self.blocks.resize_with(block + 1, || None);
        }
        let words = self.blocks[block].get_or_insert_with(|| Box::new([0; WORDS]));
        let is_new = words[word] & bit == 0;
        words[word] |= bit;
        self.len += u64::from(is_new);
        is_new
    }

    /// Returns whether a row is in the set.
    pub(super) fn contains(&self, row: i64) -> bool {
        let (block, word, bit) = place(row);
        self.block(block)
            .is_some_and(|words| words[word] & bit != 0)
    }

    /// Returns the number of rows.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Keeps only the rows that are also in the other set.
    pub(super) fn intersect(&mut self, other: &Self) {
        self.combine(other, |own, theirs| own & theirs.unwrap_or(0));
    }

    /// Removes the rows of the other set.
    pub(super) fn subtract(&mut self, other: &Self) {
        self.combine(other, |own, theirs| own & !theirs.unwrap_or(0));
    }

    /// Returns the rows, smallest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = i64> {
        let blocks = self.blocks.iter().enumerate();
        blocks.flat_map(|(block, words)| {
            let words = words.iter().flat_map(|words| words.iter().enumerate());
            words.flat_map(move |(word, bits)| {
                (0..64_usize)
                    .filter(move |bit| bits >> bit & 1 == 1)
                    .filter_map(move |bit| i64::try_from(block * BLOCK + word * 64 + bit).ok())
            })
        })
    }

    fn block(&self, block: usize) -> Option<&[u64; WORDS]> {
        self.blocks.get(block)?.as_deref()
    }

    fn combine(&mut self, other: &Self, combine: fn(u64, Option<u64>) -> u64) {
        self.len = 0;
        for (index, words) in self.blocks.iter_mut().enumerate() {
            let Some(words) = words else { continue };
            let theirs = other.block(index);
            for (at, own) in words.iter_mut().enumerate() {
                *own = combine(*own, theirs.map(|theirs| theirs[at]));
                self.len += u64::from(own.count_ones());
            }
        }
    }
}

/// SQLite never gives a table negative row numbers.
fn place(row: i64) -> (usize, usize, u64) {
    let row = usize::try_from(row).unwrap_or(0);
    (row / BLOCK, row % BLOCK / 64, 1 << (row % 64))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::RowSet;

    fn set(rows: &BTreeSet<i64>) -> RowSet {
        let mut set = RowSet::default();
        for row in rows {
            assert!(set.insert(*row));
            assert!(!set.insert(*row));
        }
        set
    }

    proptest! {
        #[test]
        fn row_sets_are_sets(
            one in prop::collection::btree_set(1..9_000_i64, 0..60),
            other in prop::collection::btree_set(1..20_000_i64, 0..60),
        ) {
            let (mut both, mut left) = (set(&one), set(&one));
            let theirs = set(&other);
            both.intersect(&theirs);
            left.subtract(&theirs);
            let cases = [
                (both, one.intersection(&other).copied().collect::<Vec<_>>()),
                (left, one.difference(&other).copied().collect()),
                (theirs, other.iter().copied().collect()),
            ];
            for (set, expected) in cases {
                prop_assert_eq!(set.len(), expected.len() as u64);
                prop_assert_eq!(set.iter().collect::<Vec<_>>(), expected.clone());
                prop_assert!((1..20_000).all(|row| set.contains(row) == expected.contains(&row)));
            }
        }
    }
}
