//! Rebase and rollback, and what a merge must keep of the ontology.

use super::{
    merge::{forked, merge, merge_with, planned, product, resolution, shown, spots, value},
    *,
};
use crate::{
    command::{Choice, Resolution, Side, Strategy},
    event::{BranchMerged, BranchRebased},
};

fn rebase(which: &str, onto: &str, strategy: Strategy, resolutions: Vec<Resolution>) -> Action {
    Action::RebaseBranch {
        branch: branch(which),
        onto: branch(onto),
        strategy,
        resolutions,
    }
}

fn roll_back(on: &str, to_position: u64) -> Action {
    Action::RollbackBranch {
        branch: branch(on),
        to_position: LogPosition(to_position),
    }
}

fn patch_class(on: &str, class: &str, patch: Value, expected: u64) -> Action {
    Action::UpdateClass {
        branch: branch(on),
        class: class.parse().unwrap(),
        patch: patch.into(),
        expected_seq: Sequence(expected),
    }
}

fn delete_class(on: &str, class: &str, expected: u64) -> Action {
    Action::DeleteClass {
        branch: branch(on),
        class: class.parse().unwrap(),
        expected_seq: Sequence(expected),
        force: false,
    }
}

fn create_class(on: &str, definition: Value) -> Action {
    Action::CreateClass {
        branch: branch(on),
        definition: definition.into(),
    }
}

#[test]
fn a_rebase_keeps_what_the_branch_changed_on_a_generation_of_its_own() {
    let mut desk = forked();
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
        shown(&desk, "a", "p1"),
        Some(json!({"product_id": "p1", "code": "x", "price": 3}))
    );
    assert_eq!(shown(&desk, "a", "p2"), Some(Value::Null));
    assert!(shown(&desk, "a", "p3").is_some(), "main as it stands now");
    assert_eq!(
        shown(&desk, "a/b", "p3"),
        None,
        "those above stay on the old one"
    );
    assert_eq!(shown(&desk, "a/b", "p1").unwrap()["price"], json!(3));
    desk.accept(product("a", "p5", 1));
    let merged = desk.accept(merge("main", "a"));
    assert_eq!(types(&merged).len(), 6, "p1, p2, p4, p5");
    let back = desk.accept(merge("a", "a/b"));
    assert_eq!(types(&back).len(), 2, "the old generation is contained");
}

#[test]
fn a_delete_on_a_branch_survives_its_rebase_whatever_the_strategy() {
    let mut desk = forked();
    desk.accept(delete("a", "p1", 1));
    desk.accept(update("main", "p1", json!({"price": 2}), 1));
    let plan = planned(&mut desk, rebase("a", "main", Strategy::Fail, vec![]));
    assert_eq!(
        spots(&plan.conflicts),
        [("a:Product:p1".to_owned(), None, None)]
    );
    let keep = resolution("demo:a:Product:p1", None, Choice::Take(Side::Ours));
    let refusal = desk.refuse(rebase("a", "main", Strategy::Fail, vec![keep]));
    assert_eq!(refusal.code, ErrorCode::InvalidRequest);
    for (strategy, listed) in [(Strategy::Ours, 1), (Strategy::Theirs, 0)] {
        let mut desk = desk.clone();
        let plan = planned(&mut desk, rebase("a", "main", strategy, vec![]));
        assert_eq!(plan.stay_deleted.len(), listed);
        desk.accept(rebase("a", "main", strategy, vec![]));
        assert_eq!(shown(&desk, "a", "p1"), Some(Value::Null));
    }
}

#[test]
fn who_cannot_be_merged_or_rebased_is_told_why() {
    let mut desk = forked();
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
fn siblings_that_took_main_in_have_main_in_common_then() {
    let mut desk = forked();
    desk.accept(fork("b", "main", None));
    desk.accept(update("main", "p1", json!({"price": 2}), 1));
    desk.accept(merge("a", "main"));
    desk.accept(merge("b", "main"));
    desk.accept(update("a", "p1", json!({"price": 3}), 2));
    let plan = planned(&mut desk, merge("b", "a"));
    assert!(
        plan.conflicts.is_empty(),
        "b has what main had, and changed nothing"
    );
    assert_eq!(plan.changes.len(), 1);
    desk.accept(merge("b", "a"));
    desk.accept(fork("b/c", "b", None));
    desk.accept(update("b/c", "p1", json!({"price": 4}), 3));
    let plan = planned(&mut desk, merge("b/c", "a"));
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
    assert!(planned(&mut desk, merge("main", "a")).changes.is_empty());
}

#[test]
fn a_rollback_undoes_everything_but_deletes() {
    let mut desk = forked();
    let then = desk.state.end().0 - 1;
    desk.accept(update("a", "p1", json!({"price": 2}), 1));
    desk.accept(delete("a", "p2", 1));
    desk.accept(product("a", "p3", 1));
    desk.accept(update("main", "p1", json!({"price": 9}), 1));
    desk.accept(patch_class("a", "Customer", json!({"label": "Buyer"}), 1));
    let plan = planned(&mut desk, roll_back("a", then));
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
    assert_eq!(shown(&desk, "a", "p1").unwrap()["price"], json!(1));
    assert_eq!(shown(&desk, "a", "p2"), Some(Value::Null));
    assert_eq!(shown(&desk, "a", "p3"), Some(Value::Null));
    assert_eq!(shown(&desk, "main", "p1").unwrap()["price"], json!(9));
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
fn a_rollback_that_the_ontology_does_not_take_is_refused() {
    let mut desk = Desk::with_ontology();
    let with_code =
        |id: &str, code: &str| create("main", "Product", json!({"product_id": id, "code": code}));
    desk.accept(with_code("p1", "a"));
    desk.accept(create("main", "Customer", json!({"customer_id": "c1"})));
    desk.accept(update("main", "p1", json!({"owned_by": "Customer/c1"}), 1));
    let then = desk.state.end().0 - 1;
    desk.accept(update(
        "main",
        "p1",
        json!({"owned_by": null, "code": "b"}),
        2,
    ));
    desk.accept(change(
        "main",
        json!({"type": "DELETE_INSTANCE", "class": "Customer", "id": "c1", "expected_seq": 1}),
    ));
    let plan = planned(&mut desk, roll_back("main", then));
    assert_eq!(
        spots(&plan.conflicts),
        [(
            "main:Product:p1".to_owned(),
            Some("owned_by"),
            Some("integrity")
        )]
    );
    let refusal = desk.refuse(roll_back("main", then));
    assert_eq!(refusal.code, ErrorCode::MergeConflict);
}

#[test]
fn unique_values_change_hands_in_a_merge_and_never_have_two_owners() {
    let mut desk = Desk::with_ontology();
    for (id, code) in [("p1", "a"), ("p2", "b")] {
        let data = json!({"product_id": id, "code": code});
        desk.accept(create("main", "Product", data));
    }
    desk.accept(fork("x", "main", None));
    desk.accept(update("x", "p1", json!({"code": "c"}), 1));
    desk.accept(update("x", "p2", json!({"code": "a"}), 1));
    desk.accept(update("x", "p1", json!({"code": "b"}), 2));
    let mut swapped = desk.clone();
    swapped.accept(merge("main", "x"));
    for (code, owner) in [("a", "p2"), ("b", "p1")] {
        let data = json!({"product_id": "p9", "code": code});
        let refusal = swapped.refuse(create("main", "Product", data));
        let message = refusal.detail["errors"][0]["message"].to_string();
        assert!(message.contains(owner), "{message}");
    }
    let data = json!({"product_id": "p9", "code": "c"});
    swapped.accept(create("main", "Product", data.clone()));
    desk.accept(create("main", "Product", data));
    desk.accept(update("x", "p1", json!({"code": "c"}), 3));
    let p1 = "demo:main:Product:p1";
    let conflict = ("main:Product:p1".to_owned(), Some("code"), Some("unique"));
    for strategy in [Strategy::Fail, Strategy::Ours, Strategy::Theirs] {
        let plan = planned(&mut desk, merge_with("main", "x", strategy, vec![]));
        assert_eq!(spots(&plan.conflicts), [conflict.clone()]);
    }
    let free = resolution(p1, Some("code"), value(json!("d")));
    desk.accept(merge_with("main", "x", Strategy::Fail, vec![free]));
    assert_eq!(shown(&desk, "main", "p1").unwrap()["code"], json!("d"));
}

#[test]
fn a_strict_reference_must_lead_to_what_is_there_after_the_merge() {
    let mut desk = forked();
    desk.accept(create("main", "Customer", json!({"customer_id": "c0"})));
    desk.accept(fork("b", "main", None));
    desk.accept(create("b", "Customer", json!({"customer_id": "c1"})));
    desk.accept(update("b", "p1", json!({"owned_by": "Customer/c1"}), 1));
    desk.accept(update("b", "p2", json!({"owned_by": "Customer/c0"}), 1));
    desk.accept(change(
        "main",
        json!({"type": "DELETE_INSTANCE", "class": "Customer", "id": "c0", "expected_seq": 1}),
    ));
    let plan = planned(&mut desk, merge("main", "b"));
    assert_eq!(
        spots(&plan.conflicts),
        [(
            "main:Product:p2".to_owned(),
            Some("owned_by"),
            Some("integrity")
        )],
        "c1 comes with the merge, c0 is gone"
    );
    let drop_it = resolution("demo:main:Product:p2", Some("owned_by"), value(Value::Null));
    desk.accept(merge_with("main", "b", Strategy::Fail, vec![drop_it]));
}

#[test]
fn a_class_goes_only_where_nothing_needs_it() {
    let mut desk = Desk::with_ontology();
    desk.accept(create_class(
        "main",
        json!({"id": "Thing", "label": "Thing"}),
    ));
    desk.accept(create_class(
        "main",
        json!({"id": "Other", "label": "Other"}),
    ));
    desk.accept(fork("a", "main", None));
    desk.accept(delete_class("a", "Thing", 1));
    let mut used = desk.clone();
    let thing = ("main:Thing".to_owned(), None, Some("instances"));
    used.accept(change(
        "main",
        json!({"type": "CREATE_INSTANCE", "class": "Thing", "id": "t1", "data": {}}),
    ));
    for strategy in [Strategy::Fail, Strategy::Ours, Strategy::Theirs] {
        let plan = planned(&mut used, merge_with("main", "a", strategy, vec![]));
        assert_eq!(spots(&plan.conflicts), [thing.clone()]);
    }
    let keep = resolution("demo:main:Thing", None, Choice::Take(Side::Ours));
    let kept = used.accept(merge_with("main", "a", Strategy::Fail, vec![keep]));
    assert_eq!(types(&kept).len(), 2);
    let mut referred = desk.clone();
    let to_thing = json!({"relationships": [{"predicate": "of", "target": "Thing"}]});
    referred.accept(patch_class("main", "Other", to_thing, 1));
    let plan = planned(&mut referred, merge("main", "a"));
    let refers = ("main:Thing".to_owned(), None, Some("referred_to"));
    assert_eq!(spots(&plan.conflicts), [refers]);
    let mut above = desk.clone();
    let kind = json!({"id": "Kind", "label": "Kind", "parent_class": "Thing"});
    above.accept(create_class("main", kind));
    let plan = planned(&mut above, merge("main", "a"));
    assert_eq!(plan.conflicts.len(), 1);
    assert_eq!(plan.conflicts[0].rule.as_deref(), Some("parent"));
    let merged = desk.accept(merge("main", "a"));
    assert_eq!(types(&merged)[2], "ONTOLOGY_CLASS_DELETED");
    let again = desk.refuse(create_class(
        "main",
        json!({"id": "Thing", "label": "Thing"}),
    ));
    assert_eq!(again.code, ErrorCode::Deleted);
}

#[test]
fn classes_that_are_sound_apart_may_not_be_together() {
    let mut desk = Desk::with_ontology();
    for id in ["One", "Two"] {
        desk.accept(create_class("main", json!({"id": id, "label": id})));
    }
    desk.accept(fork("a", "main", None));
    desk.accept(patch_class("a", "One", json!({"parent_class": "Two"}), 1));
    let mut cyclic = desk.clone();
    cyclic.accept(patch_class(
        "main",
        "Two",
        json!({"parent_class": "One"}),
        1,
    ));
    let plan = planned(&mut cyclic, merge("main", "a"));
    let rules: Vec<_> = plan
        .conflicts
        .iter()
        .map(|it| it.rule.clone().unwrap())
        .collect();
    assert!(
        rules.iter().all(|rule| rule == "cycle") && !rules.is_empty(),
        "{rules:?}"
    );
    let apart = resolution(
        "demo:main:One",
        Some("parent_class"),
        Choice::Take(Side::Ours),
    );
    cyclic.accept(merge_with("main", "a", Strategy::Fail, vec![apart]));
    let property = |label: &str| {
        json!({"properties": [
        {"name": label.to_lowercase(), "type": "string", "label": "Same"}]})
    };
    desk.accept(patch_class("a", "Two", property("X"), 1));
    desk.accept(patch_class("main", "Two", property("Y"), 1));
    let plan = planned(&mut desk, merge("main", "a"));
    let member = (
        "main:Two".to_owned(),
        Some("properties.x"),
        Some("duplicate"),
    );
    assert_eq!(spots(&plan.conflicts), [member]);
}

#[test]
fn a_property_becomes_unique_only_where_no_instance_is() {
    let mut desk = Desk::with_ontology();
    let class = |unique: bool| {
        json!({"id": "Thing", "label": "Thing", "properties": [
        {"name": "tag", "type": "string", "constraints": {"unique": unique}}]})
    };
    desk.accept(create_class("main", class(false)));
    desk.accept(fork("a", "main", None));
    desk.accept(patch_class(
        "a",
        "Thing",
        json!({"properties": class(true)["properties"]}),
        1,
    ));
    let thing = |on: &str, id: &str| {
        change(
            on,
            json!({"type": "CREATE_INSTANCE", "class": "Thing", "id": id, "data": {"tag": "t"}}),
        )
    };
    desk.accept(thing("a", "t1"));
    let mut empty = desk.clone();
    empty.accept(merge("main", "a"));
    let taken = empty.refuse(thing("main", "t2"));
    assert_eq!(
        taken.code,
        ErrorCode::ValidationFailed,
        "the merge claimed it"
    );
    desk.accept(thing("main", "t2"));
    let plan = planned(&mut desk, merge("main", "a"));
    let late = (
        "main:Thing".to_owned(),
        Some("properties.tag"),
        Some("unique"),
    );
    assert!(
        spots(&plan.conflicts).contains(&late),
        "{:?}",
        spots(&plan.conflicts)
    );
}
