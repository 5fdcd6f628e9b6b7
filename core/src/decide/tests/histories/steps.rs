//! The steps of a history.

use proptest::prelude::*;

/// The number of instances in a history.
pub(super) const IDS: usize = 4;

/// One step; branches and past positions are given by index.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Put(usize, usize, [Option<u8>; 3]),
    Delete(usize, usize),
    Fork(usize, Option<usize>),
    Merge(usize, usize, usize),
    Rebase(usize, usize, usize),
    RollBack(usize, usize),
    Reflect,
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let value = || prop::option::weighted(0.7, 0..3_u8);
    let code = prop::option::weighted(0.25, 0..3_u8);
    prop_oneof![
        12 => (0..4_usize, 0..IDS, [value(), value(), value()], code).prop_map(
            |(on, id, [price, note, _], code)| Step::Put(on, id, [price, note, code])),
        3 => (0..4_usize, 0..IDS).prop_map(|(on, id)| Step::Delete(on, id)),
        3 => (0..4_usize, prop::option::of(0..100_usize))
            .prop_map(|(from, past)| Step::Fork(from, past)),
        6 => (0..4_usize, 0..4_usize, 0..3_usize)
            .prop_map(|(into, from, with)| Step::Merge(into, from, with)),
        2 => (0..4_usize, 0..4_usize, 0..3_usize)
            .prop_map(|(which, onto, with)| Step::Rebase(which, onto, with)),
        1 => (0..4_usize, 0..100_usize).prop_map(|(on, back)| Step::RollBack(on, back)),
        1 => Just(Step::Reflect),
    ]
}
