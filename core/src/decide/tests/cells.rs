//! Every cell of (base, source, target): nothing, a first, a second and a third state, a tombstone.

use crate::decide::branches::cells::{Cell, judged};

const SIDES: [&str; 5] = ["-", "0", "1", "2", "x"];

/// What the words of the contract make of a cell of a merge.
fn expected(base: &str, source: &str, target: &str) -> Cell {
    let is_live = |side: &str| !["-", "x"].contains(&side);
    match (source, target) {
        // What was never there says nothing.
        ("-", _) => Cell::Keep,
        (source, target) if source == target => Cell::Keep,
        // The source did nothing since.
        (source, _) if source == base => Cell::Keep,
        // Delete is final.
        (_, "x") if base == "x" => Cell::StaysDeleted,
        (_, "x") => Cell::DeleteAgainstChange,
        // Nothing is there to be deleted.
        ("x", "-") => Cell::Keep,
        ("x", target) if target == base => Cell::Delete,
        ("x", _) => Cell::DeleteAgainstChange,
        (_, "-") => Cell::Put,
        // Both live, and different.
        (_, target) if target == base => Cell::Put,
        (source, target) => {
            assert!(is_live(source) && is_live(target));
            Cell::Undecided
        }
    }
}

/// Where a rebase differs: what the branch has stays, deletes included.
fn expected_of_rebase(base: &str, source: &str, target: &str) -> Cell {
    match (source, target) {
        ("x", "-") => Cell::Delete,
        ("0" | "1" | "2", "-") => Cell::Put,
        ("x", "0" | "1" | "2") if base == "x" => Cell::DeletesForGood,
        _ => expected(base, source, target),
    }
}

#[test]
fn every_cell_of_a_three_way_merge_is_as_the_contract_says() {
    for base in SIDES {
        for source in SIDES {
            for target in SIDES {
                let name = format!("base {base}, source {source}, target {target}");
                let cell = judged([base, source, target], false);
                assert_eq!(cell, expected(base, source, target), "{name}");
                let cell = judged([base, source, target], true);
                let expected = expected_of_rebase(base, source, target);
                assert_eq!(cell, expected, "rebase, {name}");
            }
        }
    }
}
