//! Safe changes: what loses or invalidates data is counted at the end of the log, and refused until
//! exactly that plan is approved.

use proptest::prelude::*;

use super::*;
use crate::{
    decide::{begin_tallies, plan_declaration},
    port::graph::Entity,
};

fn shelf(properties: Value) -> Value {
    json!({"id": "Shelf", "label": "Shelf", "properties": properties})
}

fn put_shelf(id: &str, data: Value) -> Action {
    change(
        "main",
        json!({"type": "CREATE_INSTANCE", "class": "Shelf", "id": id, "data": data}),
    )
}

/// Three shelves, of which two have a room.
fn shop() -> Desk {
    let mut desk = new_desk();
    let all = json!([{"name": "room", "type": "string"}, {"name": "size", "type": "integer"}]);
    desk.accept(act(&declaration("a", classes(&[shelf(all)]))));
    desk.accept(put_shelf("s1", json!({"room": "a"})));
    desk.accept(put_shelf("s2", json!({"room": "b", "size": 2})));
    desk.accept(put_shelf("s3", json!({"size": 3})));
    desk
}

fn next(properties: Value) -> Declaration {
    Declaration {
        generation: 2,
        ..declaration("a", classes(&[shelf(properties)]))
    }
}

#[test]
fn a_property_in_use_is_removed_only_with_approval_of_exactly_that_plan() {
    let mut desk = shop();
    let without_room = next(json!([{"name": "size", "type": "integer"}]));
    let refusal = desk.refuse(act(&without_room));
    assert_eq!(refusal.code, ErrorCode::UnsafeChange);
    let finding = &refusal.detail["findings"][0];
    assert_eq!(finding["code"], "property_removed");
    assert_eq!(finding["class_id"], "Shelf");
    assert_eq!(
        (&finding["affected"], &finding["total"]),
        (&json!(2), &json!(3))
    );
    let approve = |refusal: &Refusal| Declaration {
        approve: refusal.detail["hash"].as_str().map(str::to_owned),
        ..without_room.clone()
    };
    desk.accept(put_shelf("s4", json!({"room": "c"})));
    let more = desk.refuse(act(&approve(&refusal)));
    assert_eq!(more.detail["findings"][0]["affected"], 3);
    assert_ne!(more.detail["hash"], refusal.detail["hash"]);
    desk.accept(put_shelf("s5", json!({"size": 1})));
    let envelopes = desk.accept(act(&approve(&more)));
    assert_eq!(
        types(&envelopes)[1],
        "ONTOLOGY_CLASS_UPDATED",
        "s5 is not affected"
    );
}

#[test]
fn each_kind_of_loss_is_refused_and_each_harmless_change_passes() {
    let unsafe_ones = [
        (
            json!([{"name": "size", "type": "integer"}]),
            "property_removed",
        ),
        (
            json!([{"name": "room", "type": "integer"}, {"name": "size", "type": "integer"}]),
            "type_changed",
        ),
        (
            json!([{"name": "room", "type": "string"},
                   {"name": "size", "type": "integer", "required": true}]),
            "required_added",
        ),
        (
            json!([{"name": "room", "type": "string", "constraints": {"enum": ["a"]}},
                   {"name": "size", "type": "integer"}]),
            "constraint_changed",
        ),
        (
            json!([{"name": "room", "type": "string", "constraints": {"unique": true}},
                   {"name": "size", "type": "integer"}]),
            "unique_added",
        ),
    ];
    for (properties, code) in unsafe_ones {
        let mut desk = shop();
        let refusal = desk.refuse(act(&next(properties)));
        assert_eq!(refusal.code, ErrorCode::UnsafeChange, "{code}");
        assert_eq!(refusal.detail["findings"][0]["code"], code);
    }
    let safe = [
        json!([{"name": "room", "type": "string", "constraints": {"enum": ["a", "b"]}},
               {"name": "size", "type": "integer"}, {"name": "new", "type": "string"}]),
        json!([{"name": "room", "type": "string"},
               {"name": "size", "type": "integer", "constraints": {"max": 3}}]),
    ];
    for properties in safe {
        shop().accept(act(&next(properties)));
    }
    let mut desk = shop();
    let gone = Declaration {
        generation: 2,
        ..declaration("a", classes(&[]))
    };
    let refusal = desk.refuse(act(&gone));
    assert_eq!(refusal.detail["findings"][0]["code"], "class_deleted");
    let all = Declaration {
        policy: ChangePolicy::Unsafe,
        ..gone
    };
    let envelopes = desk.accept(act(&all));
    assert_eq!(types(&envelopes)[1..4], ["INSTANCE_DELETED"; 3]);
}

#[test]
fn a_unique_property_is_refused_even_with_approval() {
    let mut desk = shop();
    let unique = next(json!([
        {"name": "room", "type": "string", "constraints": {"unique": true}},
        {"name": "size", "type": "integer"}]));
    let refusal = desk.refuse(act(&unique));
    let approved = Declaration {
        approve: refusal.detail["hash"].as_str().map(str::to_owned),
        ..unique
    };
    assert_eq!(
        desk.refuse(act(&approved)).code,
        ErrorCode::FailedPrecondition
    );
}

#[test]
fn adoption_overwrites_nothing_that_is_in_use() {
    let mut desk = shop();
    desk.accept(act(&declaration("a", Declared::Release)));
    let other = Declaration {
        adopt: Adopt::Always,
        ..declaration(
            "b",
            classes(&[shelf(json!([{"name": "size", "type": "integer"}]))]),
        )
    };
    assert_eq!(desk.refuse(act(&other)).code, ErrorCode::UnsafeChange);
}

/// An owner that holds classes with instances on two branches gives both up with one approval.
#[test]
fn what_an_owner_holds_on_several_branches_is_one_plan() {
    let mut desk = shop();
    desk.accept(act(&declaration(
        "what-if",
        Declared::Branch {
            name: branch("what-if"),
            from_branch: branch("main"),
            from_position: None,
        },
    )));
    let crate_of = json!({"id": "Crate", "label": "Crate"});
    let on_branch = Declaration {
        generation: 2,
        ..declaration("a", classes_on("what-if", &[crate_of]))
    };
    desk.accept(act(&on_branch));
    desk.accept(change(
        "what-if",
        json!({"type": "CREATE_INSTANCE", "class": "Crate", "id": "c1", "data": {}}),
    ));
    let delete = Declaration {
        generation: 3,
        ..declaration("a", Declared::Delete)
    };
    let refusal = desk.refuse(act(&delete));
    assert_eq!(refusal.code, ErrorCode::UnsafeChange);
    let findings = refusal.detail["findings"].as_array().unwrap();
    let classes: Vec<&Value> = findings.iter().map(|it| &it["class_id"]).collect();
    assert!(classes.contains(&&json!("Shelf")), "{findings:?}");
    assert!(classes.contains(&&json!("Crate")), "{findings:?}");
    let approved = Declaration {
        approve: refusal.detail["hash"].as_str().map(str::to_owned),
        ..delete
    };
    desk.accept(act(&approved));
    assert!(!is_live(&desk, "main", "Shelf"));
    assert!(!is_live(&desk, "what-if", "Crate"));
}

/// The plan of a declaration, of which instances were counted at an earlier end of the log.
fn decide_counted(desk: &mut Desk, declared: &Declaration, later: Vec<Action>) -> Value {
    let (moment, command) = desk.ask(act(declared));
    let tallies = loop {
        match begin_tallies(&desk.state, &moment, &command) {
            Ok(tallies) => break tallies,
            Err(Stop::Needs(needs)) => desk.provide(needs),
            Err(Stop::Refused(refusal)) => panic!("{refusal}"),
        }
    };
    let mut tally = tallies.into_iter().next().unwrap();
    for class in tally.classes() {
        let prefix = ModelKey::instances_of(&class);
        let keys: Vec<ModelKey> = desk.registry.keys().cloned().collect();
        for key in keys.iter().filter(|key| key.as_str().starts_with(&prefix)) {
            let state = desk.show("main", key).unwrap();
            let (Some(data), Some(Entity::Instance(it))) = (state.data, key.entity()) else {
                continue;
            };
            tally.add(&class, &it.id, &data.read().unwrap());
        }
    }
    for action in later {
        if let Ok(envelopes) = desk.try_decide(action) {
            for envelope in &envelopes {
                desk.apply(envelope);
            }
        }
    }
    let (moment, command) = desk.ask(act(declared));
    desk.state.put_tallies(command.id, Arc::new([tally]));
    loop {
        match plan_declaration(&desk.state, &moment, &command) {
            Ok(plan) => break counts(&serde_json::to_value(&plan.safety.findings).unwrap()),
            Err(Stop::Needs(needs)) => {
                let counts_all = |it: &Need| matches!(it, Need::LiveInstances(_));
                assert!(!needs.iter().any(counts_all), "it is counted already");
                desk.provide(needs);
            }
            Err(Stop::Refused(refusal)) => panic!("{refusal}"),
        }
    }
}

fn counts(findings: &Value) -> Value {
    let finding = |it: &Value| json!([it["code"], it["field"], it["affected"], it["total"]]);
    findings.as_array().unwrap().iter().map(finding).collect()
}

fn later_change() -> impl Strategy_<Value = (u8, u8, u8)> {
    (0..3_u8, 1..7_u8, 0..3_u8)
}

use proptest::strategy::Strategy as Strategy_;

proptest! {
    /// Counting before the decision and adding what changed since is the same as counting at the
    /// decision.
    #[test]
    fn early_counts_are_exact_at_the_decision(
        later in prop::collection::vec(later_change(), 0..12),
    ) {
        let later: Vec<Action> = later.into_iter().map(|(verb, id, value)| {
            let id = format!("s{id}");
            let data = match value {
                0 => json!({"room": "x"}),
                1 => json!({"room": null, "size": 9}),
                _ => json!({"size": 1}),
            };
            let written = match verb {
                0 => json!({"type": "CREATE_INSTANCE", "class": "Shelf", "id": id,
                            "data": {"room": "n"}}),
                1 => json!({"type": "UPDATE_INSTANCE", "class": "Shelf", "id": id, "data": data,
                            "expected_seq": 1}),
                _ => json!({"type": "DELETE_INSTANCE", "class": "Shelf", "id": id,
                            "expected_seq": 1}),
            };
            change("main", written)
        }).collect();
        let declared = next(json!([
            {"name": "size", "type": "integer", "required": true, "constraints": {"max": 2}}]));
        let early = decide_counted(&mut shop(), &declared, later.clone());
        let mut desk = shop();
        for action in later {
            if let Ok(envelopes) = desk.try_decide(action) {
                for envelope in &envelopes { desk.apply(envelope); }
            }
        }
        let at_the_decision = match desk.try_decide(act(&declared)) {
            Err(refusal) => counts(&refusal.detail["findings"]),
            Ok(_) => return Ok(()),
        };
        prop_assert_eq!(early, at_the_decision);
    }
}
