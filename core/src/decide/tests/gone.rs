//! What is left of what a command created.

use super::{rebase::rebase, *};
use crate::{command::Strategy, decide::is_gone};

impl Desk {
    fn is_gone(&mut self, envelopes: &[Envelope]) -> bool {
        self.state.forget_fetched();
        loop {
            match is_gone(&self.state, self.state.stream(), envelopes) {
                Ok(gone) => return gone,
                Err(Stop::Refused(refusal)) => panic!("{refusal}"),
                Err(Stop::Needs(needs)) => self.provide(needs),
            }
        }
    }
}

fn delete_branch(name: &str) -> Action {
    Action::DeleteBranch {
        branch: branch(name),
        force: false,
    }
}

#[test]
fn an_instance_is_gone_if_it_or_its_branch_was_deleted() {
    let mut desk = Desk::with_ontology();
    let envelopes = desk.accept(create("main", "Product", json!({"product_id": "p1"})));
    desk.accept(update("main", "p1", json!({"price": 1}), 1));
    assert!(!desk.is_gone(&envelopes));
    desk.accept(fork("x", "main", None));
    let on_branch = desk.accept(create("x", "Product", json!({"product_id": "p2"})));
    assert!(!desk.is_gone(&on_branch));
    let deleted = desk.accept(delete("main", "p1", 2));
    assert!(desk.is_gone(&envelopes));
    assert!(!desk.is_gone(&deleted), "a delete created nothing");
    desk.accept(rebase("x", "main", Strategy::Fail, vec![]));
    assert!(!desk.is_gone(&on_branch), "a rebase keeps it");
    desk.accept(delete_branch("x"));
    assert!(desk.is_gone(&on_branch));
    desk.accept(fork("x", "main", None));
    assert!(
        desk.is_gone(&on_branch),
        "the new branch of the name does not have it"
    );
    desk.accept(create("x", "Product", json!({"product_id": "p2"})));
    assert!(desk.is_gone(&on_branch), "this is another p2");
}

#[test]
fn deleted_classes_and_branches_are_gone() {
    let mut desk = Desk::new();
    let database = desk.accept(create_database());
    let class = desk.accept(Action::CreateClass {
        branch: branch("main"),
        definition: json!({"id": "Thing", "label": "Thing"}).into(),
    });
    let fork_told = desk.accept(fork("x", "main", None));
    assert!(!desk.is_gone(&class) && !desk.is_gone(&fork_told));
    desk.accept(rebase("x", "main", Strategy::Fail, vec![]));
    assert!(!desk.is_gone(&fork_told), "it is the same branch");
    desk.accept(Action::DeleteClass {
        branch: branch("main"),
        class: "Thing".parse().unwrap(),
        expected_seq: Sequence(1),
        force: true,
    });
    desk.accept(delete_branch("x"));
    assert!(desk.is_gone(&class) && desk.is_gone(&fork_told));
    desk.accept(fork("x", "main", None));
    assert!(desk.is_gone(&fork_told), "another branch has the name");
    assert!(!desk.is_gone(&database));
    desk.accept(Action::DeleteDatabase {
        expected_seq: Sequence(1),
    });
    assert!(desk.is_gone(&database) && desk.is_gone(&class));
}

#[test]
fn many_instances_are_gone_when_none_is_left() {
    let mut desk = Desk::with_ontology();
    let rows: Vec<Value> = (0..1_500)
        .map(|row| json!({"product_id": format!("p{row}")}))
        .collect();
    let envelopes = desk.accept(bulk(rows.into(), OnError::Abort));
    let deletes = |rows: std::ops::Range<usize>| {
        let commands: Vec<Value> = rows
            .map(|row| {
                json!({"type": "DELETE_INSTANCE", "class": "Product", "id": format!("p{row}"),
                    "expected_seq": 1})
            })
            .collect();
        transaction(commands.into())
    };
    desk.accept(deletes(0..1_499));
    assert!(!desk.is_gone(&envelopes));
    desk.accept(deletes(1_499..1_500));
    assert!(desk.is_gone(&envelopes));
    let mixed = desk.accept(transaction(json!([
        {"type": "CREATE_INSTANCE", "class": "Customer", "data": {"customer_id": "c1"}},
        {"type": "CREATE_INSTANCE", "class": "Customer", "data": {"customer_id": "c2"}},
    ])));
    desk.accept(change(
        "main",
        json!({"type": "DELETE_INSTANCE", "class": "Customer", "id": "c1", "expected_seq": 1}),
    ));
    assert!(!desk.is_gone(&mixed));
}

#[test]
fn recreated_things_are_new_even_if_the_clock_stands_still() {
    let mut desk = Desk::with_ontology();
    desk.frozen = Some(desk.state.last_time());
    let first = desk.accept(fork("x", "main", None));
    let on_first = desk.accept(create("x", "Product", json!({"product_id": "p1"})));
    desk.accept(delete_branch("x"));
    let second = desk.accept(fork("x", "main", None));
    assert!(desk.is_gone(&first) && !desk.is_gone(&second));
    let on_second = desk.accept(create("x", "Product", json!({"product_id": "p1"})));
    assert!(desk.is_gone(&on_first) && !desk.is_gone(&on_second));
    desk.accept(rebase("x", "main", Strategy::Fail, vec![]));
    assert!(!desk.is_gone(&second), "a rebase keeps it");
    let times: Vec<Timestamp> = desk.log.iter().map(|it| it.occurred_at).collect();
    assert!(times.is_sorted(), "time does not go back in a log");
}
