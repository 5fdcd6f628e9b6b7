//! One change of one instance.

use super::*;

#[test]
fn command_and_event_share_the_sequence_and_name_each_other() {
    let mut desk = Desk::with_ontology();
    let made = desk.accept(create(
        "main",
        "Product",
        json!({"product_id": "p1", "price": 1.10}),
    ));
    assert_eq!(
        types(&made),
        ["CREATE_INSTANCE_REQUESTED", "INSTANCE_CREATED"]
    );
    let [command, event] = &made[..] else {
        panic!("two envelopes")
    };
    assert_eq!(
        (command.sequence, event.sequence),
        (Some(Sequence(1)), Some(Sequence(1)))
    );
    assert_eq!(command.event_id.0, command.metadata.command_id.0);
    assert_eq!(event.metadata.causation_id, Some(command.event_id));
    let expected = EventId::domain(
        command.metadata.command_id,
        "INSTANCE_CREATED",
        &event.aggregate,
    );
    assert_eq!(event.event_id, expected);
    assert_eq!(
        (command.metadata.kind, event.metadata.kind),
        (Kind::Command, Kind::Domain)
    );
    let answer = receipt(desk.state.stream(), &made).unwrap();
    assert_eq!(
        (answer.position, answer.last),
        (command.position, event.position)
    );
    let result = answer.result.to_value();
    assert_eq!(result["instance_id"], "p1");
    assert_eq!(result["sequence"], 1);
    assert_eq!(result["position"], event.position.0);
}

#[test]
fn existing_instances_are_reported_before_ontology_violations() {
    let mut desk = Desk::with_ontology();
    let good = json!({"product_id": "p1"});
    desk.accept(create("main", "Product", good));
    for bad in [
        json!({"product_id": "p1", "price": "much"}),
        json!({"product_id": "p1", "colour": "red"}),
    ] {
        let known = desk.refuse(create("main", "Product", bad.clone()));
        assert_eq!(known.code, ErrorCode::AlreadyExists, "{bad}");
        assert_eq!(known.detail["actual_seq"], 1);
        let mut free = bad;
        free["product_id"] = json!("p2");
        let refused = desk.refuse(create("main", "Product", free)).code;
        assert_ne!(refused, ErrorCode::AlreadyExists);
    }
    desk.accept(delete("main", "p1", 1));
    let gone = json!({"product_id": "p1", "price": "much"});
    let gone = desk.refuse(create("main", "Product", gone));
    assert_eq!(gone.code, ErrorCode::Deleted);
    let nameless = json!({"price": "much"});
    let nameless = desk.refuse(create("main", "Product", nameless));
    assert_eq!(nameless.code, ErrorCode::ValidationFailed);
}

#[test]
fn a_patch_is_shallow_and_keeps_what_was_written() {
    let mut desk = Desk::with_ontology();
    desk.accept(create(
        "main",
        "Product",
        json!({"product_id": "p1", "code": "a"}),
    ));
    let data = serde_json::from_str(r#"{"price": 1.10}"#).unwrap();
    let patched = desk.accept(update("main", "p1", data, 1));
    let state = event(&patched).data.unwrap();
    assert_eq!(
        state
            .get(&"code".parse::<PropertyName>().unwrap())
            .unwrap()
            .as_str(),
        "\"a\""
    );
    let removed = desk.accept(update("main", "p1", json!({"code": null}), 2));
    assert!(
        event(&removed)
            .data
            .unwrap()
            .get(&"code".parse::<PropertyName>().unwrap())
            .is_none()
    );
    assert_eq!(event(&removed).unique.released.len(), 1);
    assert_eq!(removed[1].sequence, Some(Sequence(3)));
}

#[test]
fn a_wrong_expectation_returns_the_current_sequence() {
    let mut desk = Desk::with_ontology();
    desk.accept(create("main", "Product", json!({"product_id": "p1"})));
    desk.accept(update("main", "p1", json!({"price": 2}), 1));
    let refusal = desk.refuse(update("main", "p1", json!({"price": 3}), 1));
    assert_eq!(refusal.code, ErrorCode::OptimisticConcurrencyConflict);
    assert_eq!(refusal.detail["actual_seq"], 2);
    assert_eq!(refusal.detail["aggregate_id"], "demo:main:Product:p1");
    desk.accept(update("main", "p1", json!({"price": 3}), 2));
    assert_eq!(
        desk.refuse(update("main", "p9", json!({}), 1)).code,
        ErrorCode::NotFound
    );
}

#[test]
fn a_delete_is_final_on_its_branch_and_inherited() {
    let mut desk = Desk::with_ontology();
    desk.accept(create(
        "main",
        "Product",
        json!({"product_id": "p1", "code": "a"}),
    ));
    desk.accept(fork("early", "main", None));
    desk.accept(delete("main", "p1", 1));
    desk.accept(fork("late", "main", None));
    for on in ["main", "late"] {
        let again = desk.refuse(create(on, "Product", json!({"product_id": "p1"})));
        assert_eq!(
            (again.code, &again.detail["actual_seq"]),
            (ErrorCode::Deleted, &json!(2))
        );
        assert_eq!(desk.refuse(delete(on, "p1", 2)).code, ErrorCode::NotFound);
    }
    let on_branch = desk.accept(update("early", "p1", json!({"price": 9}), 1));
    assert_eq!(
        on_branch[1].sequence,
        Some(Sequence(2)),
        "goes on from the parent's"
    );
    desk.accept(create(
        "main",
        "Product",
        json!({"product_id": "p2", "code": "a"}),
    ));
}

#[test]
fn strict_references_point_to_existing_instances() {
    let mut desk = Desk::with_ontology();
    let data = json!({"product_id": "p1", "owned_by": "Customer/c1"});
    let dangling = desk.refuse(create("main", "Product", data.clone()));
    assert_eq!(dangling.detail["errors"][0]["rule"], "integrity");
    desk.accept(create("main", "Customer", json!({"customer_id": "c1"})));
    desk.accept(create("main", "Product", data));
    desk.accept(transaction(json!([
        {"type": "CREATE_INSTANCE", "class": "Customer", "data": {"customer_id": "c2"}},
        {"type": "CREATE_INSTANCE", "class": "Product",
         "data": {"product_id": "p2", "owned_by": "Customer/c2"}},
    ])));
}
