//! The rules of the resulting ontology that a merge, a rebase and a rollback must keep.

use super::{
    merge::{fork_desk, list_spots, merge, merge_with, plan_action, resolution, show, value},
    rebase::{rebase, roll_back},
    *,
};
use crate::command::{Choice, Side, Strategy};

pub(super) fn patch_class(on: &str, class: &str, patch: Value, expected: u64) -> Action {
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
fn a_rollback_that_breaks_the_ontology_is_refused() {
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
    let plan = plan_action(&mut desk, roll_back("main", then));
    assert_eq!(
        list_spots(&plan.conflicts),
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
fn unique_values_change_owner_in_a_merge_and_never_have_two() {
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
        let plan = plan_action(&mut desk, merge_with("main", "x", strategy, vec![]));
        assert_eq!(list_spots(&plan.conflicts), std::slice::from_ref(&conflict));
    }
    let free = resolution(p1, Some("code"), value(json!("d")));
    desk.accept(merge_with("main", "x", Strategy::Fail, vec![free]));
    assert_eq!(show(&desk, "main", "p1").unwrap()["code"], json!("d"));
}

#[test]
fn a_strict_reference_must_point_to_an_existing_instance_after_a_merge() {
    let mut desk = fork_desk();
    desk.accept(create("main", "Customer", json!({"customer_id": "c0"})));
    desk.accept(fork("b", "main", None));
    desk.accept(create("b", "Customer", json!({"customer_id": "c1"})));
    desk.accept(update("b", "p1", json!({"owned_by": "Customer/c1"}), 1));
    desk.accept(update("b", "p2", json!({"owned_by": "Customer/c0"}), 1));
    desk.accept(change(
        "main",
        json!({"type": "DELETE_INSTANCE", "class": "Customer", "id": "c0", "expected_seq": 1}),
    ));
    let plan = plan_action(&mut desk, merge("main", "b"));
    assert_eq!(
        list_spots(&plan.conflicts),
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
fn a_class_is_deleted_only_if_nothing_needs_it() {
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
        let plan = plan_action(&mut used, merge_with("main", "a", strategy, vec![]));
        assert_eq!(list_spots(&plan.conflicts), std::slice::from_ref(&thing));
    }
    let keep = resolution("demo:main:Thing", None, Choice::Take(Side::Ours));
    let kept = used.accept(merge_with("main", "a", Strategy::Fail, vec![keep]));
    assert_eq!(types(&kept).len(), 2);
    let mut referred = desk.clone();
    let to_thing = json!({"relationships": [{"predicate": "of", "target": "Thing"}]});
    referred.accept(patch_class("main", "Other", to_thing, 1));
    let plan = plan_action(&mut referred, merge("main", "a"));
    let refers = ("main:Thing".to_owned(), None, Some("referred_to"));
    assert_eq!(list_spots(&plan.conflicts), [refers]);
    let mut above = desk.clone();
    let kind = json!({"id": "Kind", "label": "Kind", "parent_class": "Thing"});
    above.accept(create_class("main", kind));
    let plan = plan_action(&mut above, merge("main", "a"));
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
fn a_rebase_does_not_restore_a_class_that_the_branch_deleted() {
    let mut desk = Desk::with_ontology();
    desk.accept(create_class(
        "main",
        json!({"id": "Thing", "label": "Thing"}),
    ));
    desk.accept(fork("a", "main", None));
    desk.accept(delete_class("a", "Thing", 1));
    desk.accept(change(
        "main",
        json!({"type": "CREATE_INSTANCE", "class": "Thing", "id": "t1", "data": {}}),
    ));
    let onto = |choice: Option<Side>| {
        let given = choice.map(|side| resolution("demo:a:Thing", None, Choice::Take(side)));
        rebase("a", "main", Strategy::Fail, given.into_iter().collect())
    };
    let plan = plan_action(&mut desk, onto(None));
    assert_eq!(
        list_spots(&plan.conflicts),
        [("a:Thing".to_owned(), None, Some("instances"))]
    );
    let refusal = desk.refuse(onto(Some(Side::Ours)));
    assert_eq!(refusal.code, ErrorCode::InvalidRequest);
    assert_eq!(refusal.detail["field"], json!("resolutions[0]"));
    let open = desk.refuse(onto(Some(Side::Theirs)));
    assert_eq!(open.code, ErrorCode::MergeConflict, "t1 is there still");
    desk.accept(change(
        "main",
        json!({"type": "DELETE_INSTANCE", "class": "Thing", "id": "t1", "expected_seq": 1}),
    ));
    desk.accept(onto(None));
    let key = ModelKey::class(&"Thing".parse().unwrap());
    assert!(desk.show("a", &key).unwrap().data.is_none());
    assert!(desk.show("main", &key).unwrap().data.is_some());
}

#[test]
fn separately_valid_classes_may_conflict() {
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
    let plan = plan_action(&mut cyclic, merge("main", "a"));
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
    let plan = plan_action(&mut desk, merge("main", "a"));
    let member = (
        "main:Two".to_owned(),
        Some("properties.x"),
        Some("duplicate"),
    );
    assert_eq!(list_spots(&plan.conflicts), [member]);
}

#[test]
fn a_property_becomes_unique_only_without_instances() {
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
    let plan = plan_action(&mut desk, merge("main", "a"));
    let late = (
        "main:Thing".to_owned(),
        Some("properties.tag"),
        Some("unique"),
    );
    assert!(
        list_spots(&plan.conflicts).contains(&late),
        "{:?}",
        list_spots(&plan.conflicts)
    );
}
