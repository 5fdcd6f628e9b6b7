//! Declarations: who may declare what, which generation counts, and what is safe.

mod generations;
mod safety;

use super::{
    merge::{fork_desk, merge},
    rebase::{rebase, roll_back},
    *,
};
use crate::{
    command::{Adopt, ChangePolicy, Declaration, Declared, Strategy},
    owner::{Claim, Owner, Thing},
};

fn owner(name: &str) -> Owner {
    Owner {
        cluster: "prod".into(),
        kind: "Ontology".into(),
        namespace: "shop".into(),
        name: name.into(),
        uid: format!("{name}-1"),
    }
}

/// A declaration of the first generation.
fn declaration(by: &str, declared: Declared) -> Declaration {
    Declaration {
        owner: Some(owner(by)),
        generation: 1,
        adopt: Adopt::IfEqual,
        takes_over: false,
        recreate: false,
        policy: ChangePolicy::Safe,
        approve: None,
        declared,
    }
}

fn classes_on(on: &str, definitions: &[Value]) -> Declared {
    Declared::Classes {
        branch: branch(on),
        definitions: definitions.iter().cloned().map(Json::from).collect(),
    }
}

fn classes(definitions: &[Value]) -> Declared {
    classes_on("main", definitions)
}

fn act(declaration: &Declaration) -> Action {
    Action::Declare(Box::new(declaration.clone()))
}

fn thing(id: &str) -> Value {
    json!({"id": id, "label": id, "properties": [{"name": "tag", "type": "string"}]})
}

fn labelled(id: &str, label: &str) -> Value {
    json!({"id": id, "label": label})
}

fn new_desk() -> Desk {
    let mut desk = Desk::new();
    desk.accept(create_database());
    desk
}

/// The name of the owner of a class, if its claim holds.
fn find_owner(desk: &Desk, on: &str, class: &str) -> Option<String> {
    let branch = desk.state.live_branch(&branch(on))?;
    let name: crate::name::ClassName = class.parse().unwrap();
    let key = ModelKey::class(&name);
    let created_at = desk
        .show(on, &key)
        .filter(|it| it.data.is_some())?
        .created_at;
    let thing = Thing::Class {
        branch: branch.name.clone(),
        name,
    };
    let claims = desk.state.claims();
    let holder = claims.find_holder(&thing, created_at, Some(branch.created_at))?;
    Some(holder.owner.name)
}

fn is_live(desk: &Desk, on: &str, class: &str) -> bool {
    let key = ModelKey::class(&class.parse().unwrap());
    desk.show(on, &key)
        .is_some_and(|state| state.data.is_some())
}

fn delete_class(class: &str, expected: u64) -> Action {
    Action::DeleteClass {
        branch: branch("main"),
        class: class.parse().unwrap(),
        expected_seq: Sequence(expected),
        force: false,
    }
}

#[test]
fn what_an_owner_declares_another_one_cannot_declare() {
    let mut desk = new_desk();
    let envelopes = desk.accept(act(&declaration(
        "a",
        classes(&[thing("One"), thing("Two")]),
    )));
    assert_eq!(
        types(&envelopes),
        [
            "DECLARE_REQUESTED",
            "ONTOLOGY_CLASS_CREATED",
            "ONTOLOGY_CLASS_CREATED",
            "OWNERS_CHANGED"
        ]
    );
    assert_eq!(find_owner(&desk, "main", "One").as_deref(), Some("a"));
    let other = declaration("b", classes(&[thing("Three"), labelled("One", "Mine")]));
    let refusal = desk.refuse(act(&other));
    assert_eq!(refusal.code, ErrorCode::Owned);
    assert_eq!(refusal.detail["owner"]["name"], "a");
    assert_eq!(refusal.detail["owner"]["generation"], 1);
    assert!(!is_live(&desk, "main", "Three"), "nothing of it is done");
    let person = Declaration {
        takes_over: true,
        policy: ChangePolicy::Unsafe,
        ..other
    };
    desk.accept(act(&person));
    assert_eq!(find_owner(&desk, "main", "One").as_deref(), Some("b"));
    assert_eq!(find_owner(&desk, "main", "Two").as_deref(), Some("a"));
    let back = desk.refuse(act(&declaration(
        "a",
        classes(&[thing("One"), thing("Two")]),
    )));
    assert_eq!(back.code, ErrorCode::Owned);
    desk.accept(act(&declaration("a", classes(&[thing("Two")]))));
    assert!(
        is_live(&desk, "main", "One"),
        "a does not delete what b took"
    );
}

#[test]
fn an_existing_class_is_adopted_as_the_policy_says() {
    let cases = [
        (Adopt::Never, "One", Some(ErrorCode::NotAdopted)),
        (Adopt::IfEqual, "One", None),
        (Adopt::IfEqual, "Other", Some(ErrorCode::NotAdopted)),
        (Adopt::Always, "Other", None),
    ];
    for (adopt, label, refused) in cases {
        let mut desk = new_desk();
        desk.accept(Action::CreateClass {
            branch: branch("main"),
            definition: labelled("One", "One").into(),
        });
        let declared = Declaration {
            adopt,
            ..declaration("a", classes(&[labelled("One", label)]))
        };
        let outcome = desk.try_decide(act(&declared));
        assert_eq!(
            outcome.as_ref().err().map(|it| it.code),
            refused,
            "{adopt:?} {label}"
        );
        if let Err(refusal) = outcome
            && adopt == Adopt::IfEqual
        {
            assert_eq!(refusal.detail["differs"], json!(["label"]));
        }
    }
}

#[test]
fn a_person_declares_without_a_claim() {
    let mut desk = new_desk();
    let person = |definitions: &[Value]| Declaration {
        owner: None,
        generation: 0,
        ..declaration("a", classes(definitions))
    };
    let created = desk.accept(act(&person(&[thing("One"), thing("Two")])));
    assert_eq!(types(&created)[1..], ["ONTOLOGY_CLASS_CREATED"; 2]);
    assert_eq!(find_owner(&desk, "main", "One"), None);
    let changed = desk.accept(act(&person(&[labelled("One", "Mine")])));
    assert_eq!(
        types(&changed)[1..],
        ["ONTOLOGY_CLASS_UPDATED"],
        "what is not declared stays, and adopt has no meaning"
    );
    let again = desk.accept(act(&person(&[labelled("One", "Mine")])));
    assert_eq!(types(&again), ["DECLARE_REQUESTED"]);
    desk.accept(act(&declaration("a", classes(&[thing("Two")]))));
    let same = desk.accept(act(&person(&[thing("Two")])));
    assert_eq!(types(&same), ["DECLARE_REQUESTED"], "it differs in nothing");
    let refusal = desk.refuse(act(&person(&[labelled("Two", "Mine")])));
    assert_eq!(refusal.code, ErrorCode::Owned);
    let end = Declaration {
        declared: Declared::Delete,
        ..person(&[])
    };
    assert_eq!(desk.refuse(act(&end)).code, ErrorCode::InvalidRequest);
}

#[test]
fn a_class_that_is_no_longer_declared_is_deleted() {
    let mut desk = new_desk();
    let all = [
        json!({"id": "Chair", "label": "Chair",
               "relationships": [{"predicate": "at", "target": "Table"}]}),
        json!({"id": "Table", "label": "Table",
               "relationships": [{"predicate": "has", "target": "Chair"}]}),
        thing("Lamp"),
    ];
    desk.accept(act(&declaration("a", classes(&all))));
    let fewer = Declaration {
        generation: 2,
        ..declaration("a", classes(&all[2..]))
    };
    let envelopes = desk.accept(act(&fewer));
    assert_eq!(types(&envelopes)[1..3], ["ONTOLOGY_CLASS_DELETED"; 2]);
    let again = Declaration {
        generation: 3,
        ..declaration("a", classes(&all))
    };
    let envelopes = desk.accept(act(&again));
    let sequences: Vec<_> = envelopes[1..3]
        .iter()
        .map(|it| it.sequence.unwrap().0)
        .collect();
    assert_eq!(sequences, [3, 3], "the sequence of a class goes on");
    assert_eq!(find_owner(&desk, "main", "Table").as_deref(), Some("a"));
}

#[test]
fn what_was_deleted_outside_of_the_declaration_stays_deleted_until_a_person_says_so() {
    let mut desk = new_desk();
    let declared = declaration("a", classes(&[thing("One"), thing("Two")]));
    desk.accept(act(&declared));
    desk.accept(delete_class("One", 1));
    assert_eq!(find_owner(&desk, "main", "One"), None);
    let refusal = desk.refuse(act(&declared));
    assert_eq!(refusal.code, ErrorCode::Deleted);
    assert_eq!(refusal.detail["name"], "One");
    let again = Declaration {
        recreate: true,
        ..declared
    };
    desk.accept(act(&again));
    assert_eq!(find_owner(&desk, "main", "One").as_deref(), Some("a"));
}

#[test]
fn forks_merges_rebases_and_rollbacks_do_not_move_ownership() {
    let mut desk = new_desk();
    desk.accept(act(&declaration("a", classes(&[thing("One")]))));
    desk.accept(fork("x", "main", None));
    assert_eq!(find_owner(&desk, "x", "One"), None);
    desk.accept(act(&declaration(
        "b",
        classes_on("x", &[thing("One"), thing("Two")]),
    )));
    assert_eq!(find_owner(&desk, "x", "One").as_deref(), Some("b"));
    desk.accept(merge("main", "x"));
    assert!(is_live(&desk, "main", "Two"));
    assert_eq!(find_owner(&desk, "main", "Two"), None);
    desk.accept(rebase("x", "main", Strategy::Fail, Vec::new()));
    assert_eq!(find_owner(&desk, "x", "Two").as_deref(), Some("b"));
    let held = desk.state.end().0 - 1;
    desk.accept(act(&declaration("b", Declared::Release)));
    assert_eq!(find_owner(&desk, "x", "Two"), None);
    desk.accept(roll_back("x", held));
    assert_eq!(
        find_owner(&desk, "x", "Two"),
        None,
        "a rollback gives nothing back"
    );
    assert_eq!(find_owner(&desk, "main", "One").as_deref(), Some("a"));
}

#[test]
fn a_branch_that_is_created_again_has_no_owner() {
    let mut desk = new_desk();
    desk.frozen = Some(Timestamp::from_micros(5));
    let declared = Declared::Branch {
        name: branch("x"),
        from_branch: branch("main"),
        from_position: None,
    };
    desk.accept(act(&declaration("a", declared.clone())));
    desk.accept(act(&declaration("b", classes_on("x", &[thing("One")]))));
    let other = desk.refuse(act(&declaration("c", declared.clone())));
    assert_eq!(other.code, ErrorCode::Owned);
    desk.accept(Action::DeleteBranch {
        branch: branch("x"),
        force: false,
    });
    let lost = desk.refuse(act(&declaration("a", declared.clone())));
    assert_eq!(lost.code, ErrorCode::Deleted);
    desk.accept(fork("x", "main", None));
    desk.accept(act(&declaration("c", declared)));
    let created_at = desk.state.live_branch(&branch("x")).unwrap().created_at;
    let thing = Thing::Branch { name: branch("x") };
    let holder = desk.state.claims().find_holder(&thing, created_at, None);
    assert_eq!(holder.unwrap().owner.name, "c");
    assert_eq!(find_owner(&desk, "x", "One"), None);
}

#[test]
fn a_branch_of_another_origin_is_not_equal() {
    let mut desk = fork_desk();
    let from = |position: Option<u64>| Declared::Branch {
        name: branch("a"),
        from_branch: branch("main"),
        from_position: position.map(LogPosition),
    };
    let refusal = desk.refuse(act(&declaration("o", from(Some(1)))));
    assert_eq!(refusal.detail["differs"], json!(["from_position"]));
    desk.accept(act(&declaration("o", from(None))));
}

#[test]
fn what_an_owner_holds_is_deleted_in_one_command() {
    let mut desk = new_desk();
    let refer = |id: &str, target: &str| json!({"id": id, "label": id, "relationships": [{"predicate": "to", "target": target}]});
    desk.accept(act(&declaration(
        "a",
        classes(&[refer("One", "Two"), refer("Two", "One")]),
    )));
    desk.accept(act(&declaration("b", classes(&[refer("Three", "One")]))));
    let delete = declaration("a", Declared::Delete);
    let refusal = desk.refuse(act(&delete));
    assert_eq!(refusal.code, ErrorCode::UnsafeChange, "b refers to One");
    assert_eq!(refusal.detail["findings"][0]["code"], "referred_to");
    desk.accept(act(&declaration("b", Declared::Delete)));
    desk.accept(act(&delete));
    for class in ["One", "Two", "Three"] {
        assert!(!is_live(&desk, "main", class));
    }
    let again = desk.accept(act(&delete));
    assert_eq!(
        types(&again),
        ["DECLARE_REQUESTED"],
        "there is nothing left to do"
    );
}

#[test]
fn claims_are_handed_over_in_one_command() {
    let mut desk = new_desk();
    desk.accept(act(&declaration("a", classes(&[thing("One")]))));
    let to = Declared::HandOver {
        to: owner("b"),
        only: None,
    };
    desk.accept(act(&declaration("a", to)));
    assert_eq!(find_owner(&desk, "main", "One").as_deref(), Some("b"));
    desk.accept(act(&declaration("a", Declared::Delete)));
    assert!(
        is_live(&desk, "main", "One"),
        "the older one deletes nothing any more"
    );
    desk.accept(act(&declaration("b", classes(&[thing("One")]))));
}

#[test]
fn some_claims_are_handed_over_and_the_rest_is_deleted() {
    let mut desk = new_desk();
    let set = [thing("One"), thing("Two"), thing("Three")];
    desk.accept(act(&declaration("a", classes(&set))));
    let only = |name: &str| Thing::Class {
        branch: branch("main"),
        name: name.parse().unwrap(),
    };
    for (to, class) in [("b", "One"), ("c", "Two")] {
        let given = Declared::HandOver {
            to: owner(to),
            only: Some(vec![only(class), only("Missing")]),
        };
        desk.accept(act(&declaration("a", given.clone())));
        let again = desk.accept(act(&declaration("a", given)));
        assert_eq!(types(&again), ["DECLARE_REQUESTED"], "it is given already");
    }
    assert_eq!(find_owner(&desk, "main", "Three").as_deref(), Some("a"));
    desk.accept(act(&declaration("a", Declared::Delete)));
    for (class, holder) in [("One", Some("b")), ("Two", Some("c")), ("Three", None)] {
        let found = find_owner(&desk, "main", class);
        assert_eq!(found.as_deref(), holder, "{class}");
        assert_eq!(is_live(&desk, "main", class), holder.is_some(), "{class}");
    }
}

#[test]
fn a_database_is_created_changed_and_deleted_by_its_owner() {
    let mut desk = Desk::new();
    let declared = |description: &str| Declared::Database {
        description: Some(description.into()),
        after_generation: Some(0),
    };
    let created = desk.accept(act(&declaration("a", declared("first"))));
    assert_eq!(
        types(&created),
        [
            "DATABASE_OPENED",
            "DECLARE_REQUESTED",
            "DATABASE_CREATED",
            "OWNERS_CHANGED"
        ]
    );
    let other = desk.refuse(act(&declaration("b", declared("mine"))));
    assert_eq!(other.code, ErrorCode::Owned);
    let changed = desk.accept(act(&declaration("a", declared("second"))));
    assert_eq!(types(&changed)[1..], ["DATABASE_UPDATED"]);
    let database = desk.state.database().unwrap();
    assert_eq!(database.description, "second");
    assert_eq!(database.sequence, Sequence(2));
    let plain = desk.accept(Action::UpdateDatabase {
        description: "third".into(),
        expected_seq: Sequence(2),
    });
    assert_eq!(types(&plain)[1..], ["DATABASE_UPDATED"]);
    let deleted = desk.accept(act(&declaration("a", Declared::Delete)));
    assert_eq!(
        types(&deleted)[1..],
        ["DATABASE_DELETED", "DATABASE_SEALED"]
    );
}

#[test]
fn a_deleted_database_is_created_again_only_by_who_has_seen_that() {
    let mut desk = Desk::new();
    desk.state = WriteState::empty(StreamId::first(database()).next());
    let declared = |seen: Option<u32>| Declared::Database {
        description: None,
        after_generation: seen,
    };
    let refusal = desk.refuse(act(&declaration("a", declared(Some(0)))));
    assert_eq!(refusal.code, ErrorCode::Deleted);
    assert_eq!(refusal.detail["generation"], 1);
    desk.accept(act(&declaration("a", declared(Some(1)))));
}

#[test]
fn every_violation_of_a_set_is_reported() {
    let mut desk = new_desk();
    let child = |id: &str, parent: &str| json!({"id": id, "label": id, "parent_class": parent});
    let set = [
        child("One", "Nowhere"),
        child("Two", "Three"),
        child("Three", "Two"),
    ];
    let refusal = desk.refuse(act(&declaration("a", classes(&set))));
    assert_eq!(refusal.code, ErrorCode::ValidationFailed);
    let errors = refusal.detail["errors"].as_array().unwrap();
    let found: Vec<_> = errors
        .iter()
        .map(|it| {
            (
                it["class_id"].as_str().unwrap(),
                it["rule"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        found,
        [("One", "parent"), ("Three", "cycle"), ("Two", "cycle")]
    );
}

#[test]
fn the_states_of_owners_are_read_without_later_fields() {
    let written = json!({
        "owner": {"cluster": "c", "kind": "k", "namespace": "n", "name": "m", "uid": "u"},
        "generation": 3,
    });
    let state: crate::owner::OwnerState = serde_json::from_value(written).unwrap();
    assert!(!state.ended && state.former.is_empty() && state.claims == Vec::<Claim>::new());
}
