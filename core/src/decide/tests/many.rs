//! Many changes in one command.

use super::*;

#[test]
fn a_transaction_is_accepted_completely_or_not_at_all() {
    let mut desk = Desk::with_ontology();
    desk.accept(create("main", "Product", json!({"product_id": "p1"})));
    let refused = desk.refuse(transaction(json!([
        {"type": "CREATE_INSTANCE", "class": "Product", "data": {"product_id": "p2"}},
        {"type": "UPDATE_INSTANCE", "class": "Product", "id": "p1", "data": {}, "expected_seq": 9},
    ])));
    assert_eq!(refused.code, ErrorCode::OptimisticConcurrencyConflict);
    assert_eq!(refused.detail["commands"][0]["index"], 1);
    assert_eq!(refused.detail["commands"][0]["actual_seq"], 1);
    let twice = desk.refuse(transaction(json!([
        {"type": "UPDATE_INSTANCE", "class": "Product", "id": "p1", "data": {}, "expected_seq": 1},
        {"type": "DELETE_INSTANCE", "class": "Product", "id": "p1", "expected_seq": 1},
    ])));
    assert_eq!(twice.code, ErrorCode::ValidationFailed);
    let whole = desk.accept(transaction(json!([
        {"type": "CREATE_INSTANCE", "class": "Product", "data": {"product_id": "p2"}},
        {"type": "DELETE_INSTANCE", "class": "Product", "id": "p1", "expected_seq": 1},
    ])));
    assert_eq!(
        types(&whole),
        [
            "TRANSACTION_REQUESTED",
            "INSTANCE_CREATED",
            "INSTANCE_DELETED"
        ]
    );
    assert_eq!(
        (whole[0].sequence, whole[2].sequence),
        (None, Some(Sequence(2)))
    );
    assert_eq!(
        desk.refuse(transaction(json!([]))).code,
        ErrorCode::InvalidRequest
    );
}

#[test]
fn a_bulk_aborts_or_skips_and_names_its_rows() {
    let mut desk = Desk::with_ontology();
    let rows = json!([{"product_id": "p1"}, {"price": "no"}, {"product_id": "p1"},
        {"product_id": "p2", "price": 5}]);
    let refused = desk.refuse(bulk(rows.clone(), OnError::Abort));
    let named: Vec<&Value> = refused.detail["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["row"])
        .collect();
    assert_eq!(named, [2, 3]);
    let made = desk.accept(bulk(rows, OnError::Skip));
    assert_eq!(
        types(&made),
        [
            "BULK_CREATE_INSTANCES_REQUESTED",
            "INSTANCE_CREATED",
            "INSTANCE_CREATED"
        ]
    );
    let result = receipt(desk.state.stream(), &made)
        .unwrap()
        .result
        .to_value();
    assert_eq!(
        (&result["created"], &result["total"]),
        (&json!(2), &json!(4))
    );
    assert_eq!(result["errors"][1]["row"], 3);
    assert_eq!(result["sample_instance_ids"], json!(["p1", "p2"]));
}
