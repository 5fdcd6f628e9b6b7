//! A forced deletion of a class deletes its instances.

use super::{
    merge::{list_spots, merge, plan_action},
    rebase::roll_back,
    *,
};

fn delete_class(on: &str, class: &str, force: bool) -> Action {
    Action::DeleteClass {
        branch: branch(on),
        class: class.parse().unwrap(),
        expected_seq: Sequence(1),
        force,
    }
}

/// Two customers, and two products with unique codes.
fn new_desk() -> Desk {
    let mut desk = Desk::with_ontology();
    for id in ["c1", "c2"] {
        desk.accept(create("main", "Customer", json!({"customer_id": id})));
    }
    for id in ["p1", "p2"] {
        let data = json!({"product_id": id, "code": id, "owned_by": "Customer/c1"});
        desk.accept(create("main", "Product", data));
    }
    desk
}

fn live_ids(desk: &Desk, on: &str) -> Vec<String> {
    let keys = desk
        .registry
        .keys()
        .filter(|key| key.as_str().starts_with("i:"));
    let is_live = |key: &&ModelKey| desk.show(on, key).is_some_and(|state| state.data.is_some());
    keys.filter(is_live)
        .map(|key| key.as_str()[2..].to_owned())
        .collect()
}

#[test]
fn its_instances_are_deleted_in_the_same_command_each_with_its_event() {
    let mut desk = new_desk();
    let refused = desk.refuse(delete_class("main", "Product", false));
    assert_eq!(refused.code, ErrorCode::FailedPrecondition);
    let envelopes = desk.accept(delete_class("main", "Product", true));
    assert_eq!(
        types(&envelopes),
        [
            "DELETE_ONTOLOGY_CLASS_REQUESTED",
            "INSTANCE_DELETED",
            "INSTANCE_DELETED",
            "ONTOLOGY_CLASS_DELETED"
        ]
    );
    let event: InstanceEvent = envelopes[1].data.read().unwrap();
    assert_eq!(
        event.unique.released.len(),
        1,
        "the unique values are given up"
    );
    assert_eq!(envelopes[1].sequence, Some(Sequence(2)));
    let receipt = receipt(desk.state.stream(), &envelopes).unwrap();
    let result: Value = receipt.result.read().unwrap();
    assert_eq!(result["deleted_instances"], 2);
    assert_eq!(live_ids(&desk, "main"), ["Customer/c1", "Customer/c2"]);
    let empty = desk.accept(delete_class("main", "Customer", true));
    assert_eq!(types(&empty).len(), 4);
}

#[test]
fn a_branch_deletes_visible_instances_and_a_merge_applies_that() {
    let mut desk = new_desk();
    desk.accept(fork("x", "main", None));
    desk.accept(create("main", "Product", json!({"product_id": "p3"})));
    desk.accept(delete("x", "p1", 1));
    let envelopes = desk.accept(delete_class("x", "Product", true));
    assert_eq!(
        types(&envelopes).len(),
        3,
        "p2 and the class; p1 is gone, p3 was never there"
    );
    let all = [
        "Customer/c1",
        "Customer/c2",
        "Product/p1",
        "Product/p2",
        "Product/p3",
    ];
    assert_eq!(live_ids(&desk, "main"), all);
    let plan = plan_action(&mut desk, merge("main", "x"));
    let found = list_spots(&plan.conflicts);
    assert_eq!(
        found,
        [("main:Product".to_owned(), None, Some("instances"))],
        "p3 is there"
    );
    desk.accept(delete("main", "p3", 1));
    desk.accept(merge("main", "x"));
    assert_eq!(live_ids(&desk, "main"), ["Customer/c1", "Customer/c2"]);
}

#[test]
fn a_branch_that_still_shows_the_instances_keeps_them() {
    let mut desk = new_desk();
    desk.accept(fork("x", "main", None));
    let envelopes = desk.accept(delete_class("main", "Product", true));
    let event: InstanceEvent = envelopes[1].data.read().unwrap();
    assert!(event.superseded.is_some(), "x shows it");
    assert_eq!(live_ids(&desk, "x").len(), 4);
    assert_eq!(live_ids(&desk, "main").len(), 2);
}

#[test]
fn a_rollback_restores_neither_the_class_nor_its_instances() {
    let mut desk = new_desk();
    let then = desk.state.end().0 - 1;
    desk.accept(delete_class("main", "Product", true));
    let plan = plan_action(&mut desk, roll_back("main", then));
    assert_eq!(plan.conflicts.len(), 0);
    assert_eq!(plan.stay_deleted.len(), 3, "p1, p2 and the class");
}

#[test]
fn too_many_instances_for_one_command_are_refused_with_advice() {
    let mut desk = Desk::with_ontology();
    for page in 0..2 {
        let rows: Vec<Value> = (0..5_001)
            .map(|row| json!({"product_id": format!("p{page}-{row}")}))
            .collect();
        desk.accept(bulk(rows.into(), OnError::Abort));
    }
    let refusal = desk.refuse(delete_class("main", "Product", true));
    assert_eq!(refusal.code, ErrorCode::FailedPrecondition);
    assert_eq!(refusal.detail["most"], 10_000);
    assert!(
        refusal.message.contains("delete instances first"),
        "{refusal}"
    );
}
