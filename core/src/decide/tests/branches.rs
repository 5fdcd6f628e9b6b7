//! Branches: what they see, and what those above still show.

use super::*;

#[test]
fn a_branch_does_not_see_what_the_parent_got_later() {
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

#[test]
fn a_superseded_version_names_every_branch_that_still_shows_it() {
    let mut desk = Desk::with_ontology();
    desk.accept(create(
        "main",
        "Product",
        json!({"product_id": "p1", "price": 1}),
    ));
    desk.accept(fork("a", "main", None));
    desk.accept(fork("a/b", "a", None));
    desk.accept(create(
        "main",
        "Product",
        json!({"product_id": "p2", "price": 1}),
    ));
    let names = |envelopes: &[Envelope]| -> Vec<String> {
        let superseded = event(envelopes).superseded;
        superseded.map_or_else(Vec::new, |version| {
            assert!(version.data.as_str().contains("\"price\":1"));
            version
                .branches
                .iter()
                .map(|branch| branch.name.to_string())
                .collect()
        })
    };
    let on_main = desk.accept(update("main", "p1", json!({"price": 2}), 1));
    assert_eq!(names(&on_main), ["a", "a/b"]);
    let later = desk.accept(update("main", "p2", json!({"price": 2}), 1));
    assert!(names(&later).is_empty(), "p2 is younger than the branches");
    let on_a = desk.accept(update("a", "p1", json!({"price": 3}), 1));
    assert_eq!(
        names(&on_a),
        ["a/b"],
        "a/b showed main's first version through a"
    );
    desk.accept(Action::DeleteBranch {
        branch: branch("a/b"),
        force: false,
    });
    let after = desk.accept(update("a", "p1", json!({"price": 4}), 2));
    assert!(names(&after).is_empty(), "a deleted branch shows nothing");
}

#[test]
fn a_superseded_version_is_not_for_those_from_whom_another_hides_it() {
    let mut desk = Desk::with_ontology();
    let product = json!({"product_id": "p1", "price": 1});
    desk.accept(create("main", "Product", product));
    desk.accept(fork("a", "main", None));
    desk.accept(update("a", "p1", json!({"price": 2}), 1));
    desk.accept(fork("a/b", "a", None));
    let on_main = desk.accept(update("main", "p1", json!({"price": 3}), 1));
    let named = event(&on_main).superseded.map_or(0, |version| {
        let deep = version
            .branches
            .iter()
            .filter(|one| one.name == branch("a/b"));
        deep.count()
    });
    assert_eq!(named, 0, "a/b shows the version of a");
}

#[test]
fn a_branch_name_is_free_after_deletion_and_its_sequence_goes_on() {
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
