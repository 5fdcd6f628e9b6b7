//! Transactions with classes: all or none, by the state after the whole command.

use super::*;

fn class(definition: Value) -> Value {
    json!({"type": "CREATE_ONTOLOGY_CLASS", "definition": definition})
}

fn patch(class: &str, definition: Value, expected: u64) -> Value {
    json!({"type": "UPDATE_ONTOLOGY_CLASS", "class": class, "definition": definition,
           "expected_seq": expected})
}

fn drop_class(class: &str, expected: u64) -> Value {
    json!({"type": "DELETE_ONTOLOGY_CLASS", "class": class, "expected_seq": expected})
}

/// A parent, its child, and two classes that refer to each other.
fn family() -> Vec<Value> {
    vec![
        class(json!({"id": "Thing", "label": "Thing",
                     "properties": [{"name": "tag", "type": "string"}]})),
        class(
            json!({"id": "Chair", "label": "Chair", "parent_class": "Thing",
                     "relationships": [{"predicate": "stands_at", "target": "Table"}]}),
        ),
        class(
            json!({"id": "Table", "label": "Table", "parent_class": "Thing",
                     "relationships": [{"predicate": "has", "target": "Chair"}]}),
        ),
    ]
}

fn new_desk() -> Desk {
    let mut desk = Desk::new();
    desk.accept(create_database());
    desk
}

fn is_live(desk: &Desk, class: &str) -> bool {
    let key = ModelKey::class(&class.parse().unwrap());
    desk.show("main", &key)
        .is_some_and(|state| state.data.is_some())
}

/// The index and the code of each refused command.
fn spots(refusal: &Refusal) -> Vec<(u64, String)> {
    let commands = refusal.detail["commands"].as_array().unwrap().iter();
    let spot = |it: &Value| {
        (
            it["index"].as_u64().unwrap(),
            it["error"].as_str().unwrap().into(),
        )
    };
    commands.map(spot).collect()
}

#[test]
fn a_set_of_classes_is_accepted_in_any_order() {
    let orders = [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ];
    for order in orders {
        let mut desk = new_desk();
        let commands: Vec<Value> = order.iter().map(|place| family()[*place].clone()).collect();
        let envelopes = desk.accept(transaction(commands.into()));
        assert_eq!(types(&envelopes)[0], "TRANSACTION_REQUESTED");
        assert_eq!(types(&envelopes)[1..], ["ONTOLOGY_CLASS_CREATED"; 3]);
        let receipt = receipt(desk.state.stream(), &envelopes).unwrap();
        let result: Value = receipt.result.read().unwrap();
        assert_eq!(result["commands"].as_array().unwrap().len(), 3);
        assert_eq!(result["commands"][0]["sequence"], 1);
        desk.accept(change(
            "main",
            json!({"type": "CREATE_INSTANCE", "class": "Chair", "id": "c", "data": {"tag": "x"}}),
        ));
    }
}

#[test]
fn every_finding_is_reported_and_nothing_is_changed() {
    let mut desk = new_desk();
    let refusal = desk.refuse(transaction(json!([
        class(json!({"id": "Fine", "label": "Fine"})),
        class(json!({"id": "Lost", "label": "Lost", "parent_class": "Nowhere"})),
        class(json!({"id": "One", "label": "One", "parent_class": "Two"})),
        class(json!({"id": "Two", "label": "Two", "parent_class": "One"})),
        class(json!({"id": "Fine", "label": "Again"})),
        patch("Missing", json!({"label": "x"}), 1),
    ])));
    assert_eq!(refusal.code, ErrorCode::ValidationFailed);
    let found = spots(&refusal);
    let indexes: Vec<u64> = found.iter().map(|(index, _)| *index).collect();
    assert_eq!(indexes, [1, 2, 3, 4, 5]);
    assert_eq!(found[4].1, "not_found");
    assert!(!is_live(&desk, "Fine"));
}

#[test]
fn instances_follow_the_classes_of_the_same_transaction() {
    let mut desk = new_desk();
    let mut commands = family();
    commands.insert(
        0,
        json!({"type": "CREATE_INSTANCE", "class": "Chair", "id": "c1",
               "data": {"tag": "red", "stands_at": ["Table/t1"]}}),
    );
    commands.push(json!({"type": "CREATE_INSTANCE", "class": "Table", "id": "t1", "data": {}}));
    let envelopes = desk.accept(transaction(commands.into()));
    assert_eq!(types(&envelopes)[4..], ["INSTANCE_CREATED"; 2]);
    let refusal = desk.refuse(transaction(json!([
        patch("Thing", json!({"properties": [{"name": "tag", "type": "integer"}]}), 1),
        {"type": "CREATE_INSTANCE", "class": "Chair", "id": "c2", "data": {"tag": "text"}},
    ])));
    assert_eq!(spots(&refusal), [(1, "validation_failed".to_owned())]);
    desk.accept(transaction(json!([
        patch("Thing", json!({"properties": [{"name": "tag", "type": "integer"}]}), 1),
        {"type": "UPDATE_INSTANCE", "class": "Chair", "id": "c1", "data": {"tag": 5},
         "expected_seq": 1},
    ])));
}

#[test]
fn classes_that_refer_to_each_other_are_deleted_together_with_their_instances() {
    let mut desk = new_desk();
    desk.accept(transaction(family().into()));
    desk.accept(change(
        "main",
        json!({"type": "CREATE_INSTANCE", "class": "Chair", "id": "c", "data": {}}),
    ));
    let alone = desk.refuse(transaction(json!([drop_class("Chair", 1)])));
    assert_eq!(alone.code, ErrorCode::FailedPrecondition);
    let both = || vec![drop_class("Chair", 1), drop_class("Table", 1)];
    let used = desk.refuse(transaction(both().into()));
    assert_eq!(spots(&used), [(0, "failed_precondition".to_owned())]);
    let mut all = both();
    all.push(json!({"type": "DELETE_INSTANCE", "class": "Chair", "id": "c", "expected_seq": 1}));
    let envelopes = desk.accept(transaction(all.into()));
    assert_eq!(
        types(&envelopes)[1..],
        [
            "INSTANCE_DELETED",
            "ONTOLOGY_CLASS_DELETED",
            "ONTOLOGY_CLASS_DELETED"
        ]
    );
    assert!(is_live(&desk, "Thing") && !is_live(&desk, "Chair") && !is_live(&desk, "Table"));
}

#[test]
fn a_class_is_changed_only_at_the_sequence_that_was_read() {
    let mut desk = new_desk();
    desk.accept(transaction(family().into()));
    let refusal = desk.refuse(transaction(json!([
        patch("Thing", json!({"label": "Object"}), 7),
        patch("Chair", json!({"label": "Seat"}), 1),
    ])));
    assert_eq!(refusal.code, ErrorCode::OptimisticConcurrencyConflict);
    assert_eq!(refusal.detail["commands"][0]["actual_seq"], 1);
}

#[test]
fn a_property_becomes_unique_only_without_instances_in_a_set_too() {
    let mut desk = new_desk();
    desk.accept(transaction(family().into()));
    desk.accept(change(
        "main",
        json!({"type": "CREATE_INSTANCE", "class": "Table", "id": "t", "data": {"tag": "a"}}),
    ));
    let unique = json!({"properties": [
        {"name": "tag", "type": "string", "constraints": {"unique": true}}]});
    let refusal = desk.refuse(transaction(json!([patch("Thing", unique, 1)])));
    assert_eq!(refusal.code, ErrorCode::FailedPrecondition);
}
