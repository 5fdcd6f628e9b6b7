//! Generations: a later command of an object is never undone by an earlier one.

use proptest::prelude::*;

use super::*;

fn at(uid: &str, generation: u64, label: &str) -> Declaration {
    let mut declared = declaration("a", classes(&[labelled("One", label)]));
    declared.owner.as_mut().unwrap().uid = uid.into();
    declared.generation = generation;
    declared
}

#[test]
fn an_older_generation_is_refused() {
    let mut desk = new_desk();
    desk.accept(act(&at("u1", 3, "three")));
    desk.accept(act(&at("u1", 4, "four")));
    let refusal = desk.refuse(act(&at("u1", 3, "three")));
    assert_eq!(refusal.code, ErrorCode::StaleGeneration);
    assert_eq!(refusal.detail["actual_generation"], 4);
    let same = desk.accept(act(&at("u1", 4, "four")));
    assert_eq!(types(&same), ["DECLARE_REQUESTED"]);
    let higher = desk.accept(act(&at("u1", 5, "four")));
    assert_eq!(types(&higher), ["DECLARE_REQUESTED", "OWNERS_CHANGED"]);
    let drifted = desk.accept(act(&at("u1", 5, "five")));
    assert_eq!(
        types(&drifted),
        ["DECLARE_REQUESTED", "ONTOLOGY_CLASS_UPDATED"]
    );
}

#[test]
fn an_object_that_is_created_again_takes_its_claims_over() {
    let mut desk = new_desk();
    desk.accept(act(&at("u1", 7, "seven")));
    desk.accept(act(&at("u2", 1, "one")));
    assert_eq!(find_owner(&desk, "main", "One").as_deref(), Some("a"));
    let former = desk.refuse(act(&at("u1", 8, "eight")));
    assert_eq!(former.code, ErrorCode::StaleGeneration);
    assert_eq!(former.detail["actual_uid"], "u2");
}

#[test]
fn after_the_end_only_a_newer_generation_claims_again() {
    let mut desk = new_desk();
    desk.accept(act(&at("u1", 3, "three")));
    let end = |generation: u64| Declaration {
        declared: Declared::Delete,
        ..at("u1", generation, "")
    };
    desk.accept(act(&end(4)));
    let late = desk.refuse(act(&at("u1", 3, "three")));
    assert_eq!(late.code, ErrorCode::StaleGeneration);
    let same = desk.refuse(act(&at("u1", 4, "three")));
    assert_eq!(same.code, ErrorCode::StaleGeneration);
    assert_eq!(types(&desk.accept(act(&end(4)))), ["DECLARE_REQUESTED"]);
    desk.accept(act(&at("u1", 5, "five")));
    let person = Declaration {
        takes_over: true,
        ..end(1)
    };
    desk.accept(act(&person));
    assert!(
        !is_live(&desk, "main", "One"),
        "a person ends it whatever the generation"
    );
}

proptest! {
    /// Of all commands of one object, in any order and repeated, the newest that arrived so far is
    /// in force.
    #[test]
    fn the_newest_generation_that_arrived_is_in_force(
        arrivals in prop::collection::vec(1..6_u64, 1..12),
    ) {
        let mut desk = new_desk();
        let mut newest = 0;
        for generation in arrivals {
            let outcome = desk.try_decide(act(&at("u1", generation, &format!("l{generation}"))));
            match outcome {
                Ok(envelopes) => {
                    prop_assert!(generation >= newest);
                    for envelope in &envelopes { desk.apply(envelope); }
                    newest = generation;
                }
                Err(refusal) => {
                    prop_assert!(generation < newest);
                    prop_assert_eq!(refusal.code, ErrorCode::StaleGeneration);
                }
            }
            let shown = desk.show("main", &ModelKey::class(&"One".parse().unwrap())).unwrap();
            let label = format!("\"label\":\"l{newest}\"");
            prop_assert!(shown.data.unwrap().as_str().contains(&label));
        }
    }
}
