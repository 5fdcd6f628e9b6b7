//! Every cell of (base, source, target): nothing, three different states, a tombstone.

use crate::decide::branches::cells::{Cell, judge_cell};

const SIDES: [&str; 5] = ["-", "0", "1", "2", "x"];

/// The result of a merge cell according to the contract.
fn expected(base: &str, source: &str, target: &str) -> Cell {
    let is_live = |side: &str| !["-", "x"].contains(&side);
    match (source, target) {
        // What never existed has no influence.
        ("-", _) => Cell::Keep,
        (source, target) if source == target => Cell::Keep,
        // The source did not change.
        (source, _) if source == base => Cell::Keep,
        // A delete is final.
        (_, "x") if base == "x" => Cell::StaysDeleted,
        (_, "x") => Cell::DeleteAgainstChange,
        // There is nothing to delete.
        ("x", "-") => Cell::Keep,
        ("x", target) if target == base => Cell::Delete,
        ("x", _) => Cell::DeleteAgainstChange,
        (_, "-") => Cell::Put,
        // Both exist and differ.
        (_, target) if target == base => Cell::Put,
        (source, target) => {
            assert!(is_live(source) && is_live(target));
            Cell::Undecided
        }
    }
}

/// Where a rebase differs: the branch's state stays, including deletes.
fn expected_of_rebase(base: &str, source: &str, target: &str) -> Cell {
    match (source, target) {
        ("x", "-") => Cell::Delete,
        ("0" | "1" | "2", "-") => Cell::Put,
        ("x", "0" | "1" | "2") if base == "x" => Cell::DeletesForGood,
        _ => expected(base, source, target),
    }
}

#[test]
fn every_cell_of_a_three_way_merge_follows_the_contract() {
    for base in SIDES {
        for source in SIDES {
            for target in SIDES {
                let name = format!("base {base}, source {source}, target {target}");
                let cell = judge_cell([base, source, target], false);
                assert_eq!(cell, expected(base, source, target), "{name}");
                let cell = judge_cell([base, source, target], true);
                let expected = expected_of_rebase(base, source, target);
                assert_eq!(cell, expected, "rebase, {name}");
            }
        }
    }
}
