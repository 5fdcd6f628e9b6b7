//! Databases, classes, and batches that are rolled back.

use super::*;

#[test]
fn a_database_opens_and_seals_its_log() {
    let mut desk = Desk::new();
    assert_eq!(
        desk.refuse(create("main", "Product", json!({}))).code,
        ErrorCode::NotFound
    );
    let opened = desk.accept(create_database());
    assert_eq!(
        types(&opened),
        [
            "DATABASE_OPENED",
            "CREATE_DATABASE_REQUESTED",
            "DATABASE_CREATED"
        ]
    );
    assert_eq!(opened[1].sequence, Some(Sequence(1)));
    let again = desk.refuse(create_database());
    assert_eq!(
        (again.code, &again.detail["actual_seq"]),
        (ErrorCode::AlreadyExists, &json!(1))
    );
    let wrong = desk.refuse(Action::DeleteDatabase {
        expected_seq: Sequence(4),
    });
    assert_eq!(wrong.code, ErrorCode::OptimisticConcurrencyConflict);
    let sealed = desk.accept(Action::DeleteDatabase {
        expected_seq: Sequence(1),
    });
    assert_eq!(
        types(&sealed),
        [
            "DELETE_DATABASE_REQUESTED",
            "DATABASE_DELETED",
            "DATABASE_SEALED"
        ]
    );
    assert_eq!(
        desk.refuse(fork("x", "main", None)).code,
        ErrorCode::NotFound
    );
}

#[test]
fn classes_in_use_are_not_deleted_by_mistake() {
    let mut desk = Desk::with_ontology();
    let delete = |class: &str, force| Action::DeleteClass {
        branch: branch("main"),
        class: class.parse().unwrap(),
        expected_seq: Sequence(1),
        force,
    };
    let referred = desk.refuse(delete("Customer", false));
    assert_eq!(referred.code, ErrorCode::FailedPrecondition);
    assert_eq!(referred.detail["referred_to_by"], "Product");
    desk.accept(create("main", "Product", json!({"product_id": "p1"})));
    assert_eq!(
        desk.refuse(delete("Product", false)).code,
        ErrorCode::FailedPrecondition
    );
    let gone = desk.accept(delete("Product", true));
    assert_eq!(
        types(&gone)[1..],
        ["INSTANCE_DELETED", "ONTOLOGY_CLASS_DELETED"]
    );
    assert_eq!(
        desk.refuse(create("main", "Product", json!({}))).code,
        ErrorCode::NotFound
    );
}

#[test]
fn a_rolled_back_batch_leaves_no_trace() {
    let mut desk = Desk::with_ontology();
    desk.accept(create("main", "Product", json!({"product_id": "p1"})));
    let mark = desk.state.mark();
    let end = desk.state.end();
    desk.accept(update("main", "p1", json!({"price": 2}), 1));
    desk.accept(fork("x", "main", None));
    desk.accept(Action::DeleteClass {
        branch: branch("main"),
        class: "Product".parse().unwrap(),
        expected_seq: Sequence(1),
        force: true,
    });
    desk.state.roll_back(mark);
    assert_eq!(desk.state.end(), end);
    assert!(desk.state.live_branch(&branch("x")).is_none());
    desk.accept(update("main", "p1", json!({"price": 3}), 1));
}
