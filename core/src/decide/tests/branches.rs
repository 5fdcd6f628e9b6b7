//! Branches: what they show, and what their children still show.

use super::*;

#[test]
fn a_branch_does_not_show_later_changes_of_its_parent() {
    let mut desk = Desk::with_ontology();
    desk.accept(fork("whatif", "main", None));
    desk.accept(create("main", "Product", json!({"product_id": "p1"})));
    assert_eq!(
        desk.refuse(update("whatif", "p1", json!({}), 1)).code,
        ErrorCode::NotFound
    );
    let own = desk.accept(create("whatif", "Product", json!({"product_id": "p1"})));
    assert_eq!(own[1].sequence, Some(Sequence(1)));
    let beyond = desk.refuse(fork("future", "main", Some(10_000)));
    assert_eq!(
        (beyond.code, &beyond.detail["field"]),
        (ErrorCode::InvalidRequest, &json!("from_position"))
    );
}

/// The price in the version that an event carries for live branches.
fn carried_price(envelopes: &[Envelope]) -> Option<i64> {
    let superseded = event(envelopes).superseded?;
    superseded.data.to_value()["price"].as_i64()
}

#[test]
fn events_carry_a_superseded_version_while_a_live_branch_shows_it() {
    let mut desk = Desk::with_ontology();
    let product = |id: &str| create("main", "Product", json!({"product_id": id, "price": 1}));
    desk.accept(product("p1"));
    desk.accept(fork("a", "main", None));
    desk.accept(fork("a/b", "a", None));
    desk.accept(product("p2"));
    let on_main = desk.accept(update("main", "p1", json!({"price": 2}), 1));
    assert_eq!(carried_price(&on_main), Some(1), "a and a/b show it");
    let again = desk.accept(update("main", "p1", json!({"price": 3}), 2));
    assert_eq!(
        carried_price(&again),
        None,
        "nobody stands on the second version"
    );
    let later = desk.accept(update("main", "p2", json!({"price": 2}), 1));
    assert_eq!(
        carried_price(&later),
        None,
        "p2 is younger than the branches"
    );
    let on_a = desk.accept(update("a", "p1", json!({"price": 4}), 1));
    assert_eq!(carried_price(&on_a), None, "main still has the version");
    desk.accept(fork("a/c", "a", None));
    let on_a = desk.accept(update("a", "p1", json!({"price": 5}), 2));
    assert_eq!(carried_price(&on_a), Some(4), "a/c shows it");
    desk.accept(fork("a/d", "a", None));
    let gone = desk.accept(delete("a", "p1", 3));
    assert_eq!(carried_price(&gone), Some(5), "a/d shows it");
}

#[test]
fn events_carry_no_superseded_version_for_deleted_branches() {
    let mut desk = Desk::with_ontology();
    let product = json!({"product_id": "p1", "price": 1});
    desk.accept(create("main", "Product", product));
    desk.accept(fork("a", "main", None));
    desk.accept(fork("a/b", "a", None));
    let off = |name: &str| Action::DeleteBranch {
        branch: branch(name),
        force: false,
    };
    desk.accept(off("a"));
    let on_main = desk.accept(update("main", "p1", json!({"price": 2}), 1));
    assert_eq!(carried_price(&on_main), Some(1), "a/b shows it through a");
    desk.accept(fork("c", "main", None));
    desk.accept(off("a/b"));
    desk.accept(off("c"));
    let on_main = desk.accept(update("main", "p1", json!({"price": 3}), 2));
    assert_eq!(
        carried_price(&on_main),
        None,
        "a deleted branch shows nothing"
    );
}

#[test]
fn a_branch_name_is_free_after_deletion_and_its_sequence_continues() {
    let mut desk = Desk::with_ontology();
    let first = desk.accept(fork("x", "main", None));
    assert_eq!(
        desk.refuse(fork("x", "main", None)).code,
        ErrorCode::AlreadyExists
    );
    desk.accept(Action::DeleteBranch {
        branch: branch("x"),
        force: false,
    });
    assert_eq!(
        desk.refuse(create("x", "Product", json!({}))).code,
        ErrorCode::NotFound
    );
    let second = desk.accept(fork("x", "main", None));
    assert_eq!(
        (first[1].sequence, second[1].sequence),
        (Some(Sequence(1)), Some(Sequence(3)))
    );
    let main = Action::DeleteBranch {
        branch: branch("main"),
        force: true,
    };
    assert_eq!(desk.refuse(main).code, ErrorCode::Forbidden);
    desk.accept(fork("production", "main", None));
    for (force, allowed) in [(false, false), (true, true)] {
        let action = Action::DeleteBranch {
            branch: branch("production"),
            force,
        };
        assert_eq!(desk.try_decide(action).is_ok(), allowed);
    }
}
