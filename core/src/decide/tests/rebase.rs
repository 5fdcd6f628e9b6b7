//! Rebase, rollback, common bases, and refused merges.

use super::{
    merge::{fork_desk, list_spots, merge, merge_with, plan_action, product, resolution, show},
    together::patch_class,
    *,
};
use crate::{
    command::{Choice, Resolution, Side, Strategy},
    event::{BranchMerged, BranchRebased},
};

pub(super) fn rebase(
    which: &str,
    onto: &str,
    strategy: Strategy,
    resolutions: Vec<Resolution>,
) -> Action {
    Action::RebaseBranch {
        branch: branch(which),
        onto: branch(onto),
        strategy,
        resolutions,
    }
}

pub(super) fn roll_back(on: &str, to_position: u64) -> Action {
    Action::RollbackBranch {
        branch: branch(on),
        to_position: LogPosition(to_position),
    }
}

#[test]
fn a_branch_at_a_position_before_a_rebase_shows_the_state_then() {
    let mut desk = fork_desk();
    desk.accept(update("a", "p1", json!({"price": 7}), 1));
    let then = desk.state.end().0 - 1;
    desk.accept(update("main", "p1", json!({"code": "x"}), 1));
    desk.accept(rebase("a", "main", Strategy::Fail, vec![]));
    desk.accept(fork("old", "a", Some(then)));
    desk.accept(fork("new", "a", None));
    assert_eq!(
        show(&desk, "old", "p1"),
        Some(json!({"product_id": "p1", "price": 7}))
    );
    assert_eq!(
        show(&desk, "new", "p1"),
        Some(json!({"product_id": "p1", "price": 7, "code": "x"}))
    );
}

#[test]
fn a_rebase_keeps_the_branchs_changes_on_a_new_generation() {
    let mut desk = fork_desk();
    desk.accept(update("a", "p1", json!({"price": 2}), 1));
    desk.accept(update("a", "p1", json!({"price": 3}), 2));
    desk.accept(delete("a", "p2", 1));
    desk.accept(product("a", "p4", 1));
    desk.accept(fork("a/b", "a", None));
    desk.accept(update("main", "p1", json!({"code": "x"}), 1));
    desk.accept(product("main", "p3", 1));
    let last = desk.state.end().0 - 1;
    let old = desk.state.live_branch(&branch("a")).unwrap().clone();
    let rebased = desk.accept(rebase("a", "main", Strategy::Fail, vec![]));
    assert_eq!(
        types(&rebased),
        [
            "REBASE_BRANCH_REQUESTED",
            "BRANCH_REBASED",
            "INSTANCE_UPDATED",
            "INSTANCE_DELETED",
            "INSTANCE_CREATED",
        ]
    );
    let sequences: Vec<_> = rebased
        .iter()
        .map(|it| it.sequence.map(|it| it.0))
        .collect();
    assert_eq!(
        sequences,
        [None, Some(2), Some(4), Some(3), Some(2)],
        "above both, so that none goes back on the branch"
    );
    let event: BranchRebased = rebased[1].data.read().unwrap();
    assert_eq!(
        (event.previous, event.from_position.0),
        (old.generation, last)
    );
    assert_eq!(event.created_at, old.created_at);
    let own = Some(BranchGeneration(rebased[1].position));
    assert!(rebased[1..].iter().all(|it| it.generation.branch == own));
    assert_eq!(
        show(&desk, "a", "p1"),
        Some(json!({"product_id": "p1", "code": "x", "price": 3}))
    );
    assert_eq!(show(&desk, "a", "p2"), Some(Value::Null));
    assert!(show(&desk, "a", "p3").is_some(), "main as it stands now");
    assert_eq!(
        show(&desk, "a/b", "p3"),
        None,
        "those above stay on the old one"
    );
    assert_eq!(show(&desk, "a/b", "p1").unwrap()["price"], json!(3));
    desk.accept(product("a", "p5", 1));
    let merged = desk.accept(merge("main", "a"));
    assert_eq!(types(&merged).len(), 6, "p1, p2, p4, p5");
    let back = desk.accept(merge("a", "a/b"));
    assert_eq!(types(&back).len(), 2, "the old generation is contained");
}

#[test]
fn a_delete_on_a_branch_survives_its_rebase_whatever_the_strategy() {
    let mut desk = fork_desk();
    desk.accept(delete("a", "p1", 1));
    desk.accept(update("main", "p1", json!({"price": 2}), 1));
    let plan = plan_action(&mut desk, rebase("a", "main", Strategy::Fail, vec![]));
    assert_eq!(
        list_spots(&plan.conflicts),
        [("a:Product:p1".to_owned(), None, None)]
    );
    let keep = resolution("demo:a:Product:p1", None, Choice::Take(Side::Ours));
    let refusal = desk.refuse(rebase("a", "main", Strategy::Fail, vec![keep]));
    assert_eq!(refusal.code, ErrorCode::InvalidRequest);
    for (strategy, listed) in [(Strategy::Ours, 1), (Strategy::Theirs, 0)] {
        let mut desk = desk.clone();
        let plan = plan_action(&mut desk, rebase("a", "main", strategy, vec![]));
        assert_eq!(plan.stay_deleted.len(), listed);
        desk.accept(rebase("a", "main", strategy, vec![]));
        assert_eq!(show(&desk, "a", "p1"), Some(Value::Null));
    }
}

#[test]
fn invalid_merges_and_rebases_are_refused_with_the_reason() {
    let mut desk = fork_desk();
    desk.accept(fork("a/b", "a", None));
    let onto = |which, onto| rebase(which, onto, Strategy::Fail, vec![]);
    for (action, code) in [
        (merge("a", "a"), ErrorCode::InvalidRequest),
        (onto("a", "a"), ErrorCode::InvalidRequest),
        (onto("a", "a/b"), ErrorCode::InvalidRequest),
        (onto("main", "a"), ErrorCode::Forbidden),
    ] {
        assert_eq!(desk.refuse(action).code, code);
    }
    for action in [
        merge("none", "a"),
        merge("a", "none"),
        onto("none", "a"),
        onto("a", "none"),
        roll_back("none", 1),
    ] {
        let refusal = desk.refuse(action);
        assert_eq!(
            (refusal.code, &refusal.detail["branch"]),
            (ErrorCode::NotFound, &json!("none"))
        );
    }
}

#[test]
fn siblings_that_merged_main_have_main_as_their_base() {
    let mut desk = fork_desk();
    desk.accept(fork("b", "main", None));
    desk.accept(update("main", "p1", json!({"price": 2}), 1));
    desk.accept(merge("a", "main"));
    desk.accept(merge("b", "main"));
    desk.accept(update("a", "p1", json!({"price": 3}), 2));
    let plan = plan_action(&mut desk, merge("b", "a"));
    assert!(
        plan.conflicts.is_empty(),
        "b has what main had, and changed nothing"
    );
    assert_eq!(plan.changes.len(), 1);
    desk.accept(merge("b", "a"));
    desk.accept(fork("b/c", "b", None));
    desk.accept(update("b/c", "p1", json!({"price": 4}), 3));
    let plan = plan_action(&mut desk, merge("b/c", "a"));
    assert!(
        plan.conflicts.is_empty() && plan.changes.is_empty(),
        "a branch holds what its parent held"
    );
    let merged = desk.accept(merge("main", "b/c"));
    let event: BranchMerged = merged[1].data.read().unwrap();
    let contained: Vec<_> = (event.state.contains.iter())
        .map(|snapshot| snapshot.levels()[0].name.to_string())
        .collect();
    assert_eq!(contained, ["b/c", "a"], "what the source held is held, too");
    assert!(
        plan_action(&mut desk, merge("main", "a"))
            .changes
            .is_empty()
    );
}

#[test]
fn a_rollback_undoes_everything_but_deletes() {
    let mut desk = fork_desk();
    let then = desk.state.end().0 - 1;
    desk.accept(update("a", "p1", json!({"price": 2}), 1));
    desk.accept(delete("a", "p2", 1));
    desk.accept(product("a", "p3", 1));
    desk.accept(update("main", "p1", json!({"price": 9}), 1));
    desk.accept(patch_class("a", "Customer", json!({"label": "Buyer"}), 1));
    let plan = plan_action(&mut desk, roll_back("a", then));
    assert_eq!(plan.base_position().0, then);
    assert_eq!(plan.stay_deleted.len(), 1);
    let undone = desk.accept(roll_back("a", then));
    assert_eq!(
        types(&undone),
        [
            "ROLLBACK_BRANCH_REQUESTED",
            "ONTOLOGY_CLASS_UPDATED",
            "INSTANCE_UPDATED",
            "INSTANCE_DELETED",
        ]
    );
    assert_eq!(show(&desk, "a", "p1").unwrap()["price"], json!(1));
    assert_eq!(show(&desk, "a", "p2"), Some(Value::Null));
    assert_eq!(show(&desk, "a", "p3"), Some(Value::Null));
    assert_eq!(show(&desk, "main", "p1").unwrap()["price"], json!(9));
    let result = receipt(desk.state.stream(), &undone)
        .unwrap()
        .result
        .to_value();
    assert_eq!(result["to_position"], json!(then));
    let end = desk.state.end().0;
    for position in [end, then - 2] {
        let refusal = desk.refuse(roll_back("a", position));
        assert_eq!(refusal.code, ErrorCode::InvalidRequest);
        assert_eq!(
            refusal.detail["rule"],
            json!(format!("from {then} to {}", end - 1))
        );
    }
    assert_eq!(
        desk.accept(roll_back("a", end - 1)).len(),
        1,
        "nothing to undo"
    );
}

#[test]
fn rolled_back_changes_are_not_merged_again_until_they_change() {
    let mut desk = fork_desk();
    desk.accept(update("a", "p1", json!({"price": 2}), 1));
    desk.accept(product("a", "p3", 1));
    let then = desk.state.end().0 - 1;
    desk.accept(merge("main", "a"));
    let merged = desk.state.end().0 - 1;
    desk.accept(roll_back("main", then));
    let plan = plan_action(&mut desk, merge("main", "a"));
    assert!(plan.changes.is_empty() && plan.conflicts.is_empty());
    let mut back = desk.clone();
    back.accept(roll_back("main", merged));
    assert_eq!(show(&back, "main", "p1").unwrap()["price"], json!(2));
    desk.accept(update("a", "p1", json!({"price": 3}), 2));
    let open = ("main:Product:p1".to_owned(), Some("price"), None);
    let plan = plan_action(&mut desk, merge("main", "a"));
    assert_eq!(list_spots(&plan.conflicts), [open]);
    let theirs = resolution("demo:main:Product:p1", None, Choice::Take(Side::Theirs));
    desk.accept(merge_with("main", "a", Strategy::Fail, vec![theirs]));
    assert_eq!(show(&desk, "main", "p1").unwrap()["price"], json!(3));
    for desk in [&back, &desk] {
        assert_eq!(show(desk, "main", "p3"), Some(Value::Null), "for good");
    }
}

/// More products, as if they had been written with the last envelope.
fn add_products(desk: &mut Desk, count: usize) {
    let last = desk.log.last().unwrap();
    let mut entries = desk.registry.values().flatten();
    let is_last = |entry: &&ModelEntry| entry.position == last.position;
    let entry = entries.find(is_last).unwrap().clone();
    for number in 0..count {
        let id = format!("crowd-{number}").parse().unwrap();
        let key = ModelKey::instance(&"Product".parse().unwrap(), &id);
        let entry = ModelEntry {
            key: key.clone(),
            ..entry.clone()
        };
        desk.registry.insert(key, vec![entry]);
    }
}

/// Whether a command is refused before it asks for any of the differing keys.
fn is_refused_immediately(desk: &mut Desk, action: Action) -> bool {
    let (moment, command) = desk.ask(action);
    let is_of_key = |need: &Need| matches!(need, Need::EntryAt(..));
    loop {
        match decide(&desk.state, &moment, &command) {
            Err(Stop::Needs(needs)) if needs.iter().any(is_of_key) => return false,
            Err(Stop::Needs(needs)) => desk.provide(needs),
            Err(Stop::Refused(refusal)) => {
                assert_eq!(refusal.code, ErrorCode::FailedPrecondition);
                assert!(refusal.message.contains("100000"), "{refusal}");
                return true;
            }
            Ok(_) => panic!("{command:?} does not ask"),
        }
    }
}

#[test]
fn too_many_aggregates_are_refused_before_any_lookup() {
    let mut desk = Desk::with_ontology();
    desk.accept(fork("a", "main", None));
    let then = desk.state.end().0 - 1;
    desk.accept(product("a", "p1", 1));
    for (others, is_refused) in [(99_999, false), (100_000, true)] {
        add_products(&mut desk, others);
        for action in [
            merge("main", "a"),
            rebase("a", "main", Strategy::Fail, vec![]),
            roll_back("a", then),
        ] {
            assert_eq!(is_refused_immediately(&mut desk, action), is_refused);
        }
    }
}

#[test]
fn only_target_changes_that_meet_a_changed_class_count() {
    let mut desk = Desk::with_ontology();
    desk.accept(fork("a", "main", None));
    desk.accept(fork("b", "main", None));
    desk.accept(patch_class("a", "Customer", json!({"label": "Buyer"}), 1));
    desk.accept(patch_class("b", "Product", json!({"label": "Good"}), 1));
    for class in ["Customer", "Product"] {
        desk.accept(patch_class("main", class, json!({"description": "new"}), 1));
    }
    desk.accept(product("main", "p1", 1));
    let mut classes_count = desk.clone();
    add_products(&mut classes_count, 99_998);
    add_products(&mut desk, 100_000);
    assert_eq!(desk.accept(merge("main", "a")).len(), 3);
    for mut desk in [classes_count, desk] {
        let refusal = desk.refuse(merge("main", "b"));
        assert_eq!(refusal.code, ErrorCode::FailedPrecondition);
    }
}

#[test]
fn merges_are_the_same_from_the_registry_and_from_memory() {
    let mut recent = fork_desk();
    recent.accept(fork("a/b", "a", None));
    for (on, id, price) in [("a", "p1", 2), ("main", "p2", 3), ("a/b", "p2", 4)] {
        recent.accept(update(on, id, json!({"price": price}), 1));
    }
    recent.accept(product("a/b", "p3", 1));
    let mut stored = recent.clone();
    stored.state.forget_reflected(stored.state.end());
    for action in [merge("a", "a/b"), merge("main", "a"), merge("a/b", "main")] {
        let found = [&mut recent, &mut stored].map(|desk| desk.try_decide(action.clone()));
        assert_eq!(found[0], found[1]);
        if let [Ok(one), Ok(other)] = &found {
            for (one, other) in one.iter().zip(other) {
                recent.apply(one);
                stored.apply(other);
            }
        }
        stored.state.forget_reflected(stored.state.end());
    }
}
