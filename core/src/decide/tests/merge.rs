//! Merges as tables: what is merged, what conflicts, and how conflicts are decided.

use super::*;
use crate::{
    command::{Choice, Resolution, Side, Strategy},
    decide::{Plan, plan},
    merge::{ChangeKind, Conflict},
};

pub(super) fn merge(into: &str, source: &str) -> Action {
    merge_with(into, source, Strategy::Fail, Vec::new())
}

pub(super) fn merge_with(
    into: &str,
    source: &str,
    strategy: Strategy,
    resolutions: Vec<Resolution>,
) -> Action {
    Action::MergeBranch {
        branch: branch(into),
        source: branch(source),
        strategy,
        resolutions,
    }
}

pub(super) fn resolution(aggregate: &str, property: Option<&str>, choice: Choice) -> Resolution {
    Resolution {
        aggregate_id: aggregate.to_owned(),
        property: property.map(str::to_owned),
        choice,
    }
}

pub(super) fn value(value: Value) -> Choice {
    Choice::Value(value.into())
}

/// The plan of a command that may have conflicts.
pub(super) fn plan_action(desk: &mut Desk, action: Action) -> Plan {
    let (moment, command) = desk.ask(action);
    loop {
        match plan(&desk.state, &moment, &command) {
            Ok(plan) => return plan,
            Err(Stop::Refused(refusal)) => panic!("{refusal:?}"),
            Err(Stop::Needs(needs)) => desk.provide(needs),
        }
    }
}

/// What a branch shows of a product; `null` if it was deleted, none if it never existed.
pub(super) fn show(desk: &Desk, on: &str, id: &str) -> Option<Value> {
    let key = ModelKey::instance(&"Product".parse().unwrap(), &id.parse().unwrap());
    let state = desk.show(on, &key)?;
    Some(state.data.map_or(Value::Null, |data| data.to_value()))
}

pub(super) fn product(on: &str, id: &str, price: u64) -> Action {
    create(on, "Product", json!({"product_id": id, "price": price}))
}

/// `main` and a branch `a` that both start with `p1` and `p2`.
pub(super) fn fork_desk() -> Desk {
    let mut desk = Desk::with_ontology();
    desk.accept(product("main", "p1", 1));
    desk.accept(product("main", "p2", 1));
    desk.accept(fork("a", "main", None));
    desk
}

pub(super) fn list_spots(conflicts: &[Conflict]) -> Vec<(String, Option<&str>, Option<&str>)> {
    let spot = |conflict: &Conflict| {
        let text = conflict.aggregate.to_string();
        text.trim_start_matches("demo:").to_owned()
    };
    conflicts
        .iter()
        .map(|it| (spot(it), it.property.as_deref(), it.rule.as_deref()))
        .collect()
}

#[test]
fn a_merge_takes_changes_of_only_the_source_and_its_events_follow() {
    let mut desk = fork_desk();
    desk.accept(update("a", "p1", json!({"price": 2}), 1));
    desk.accept(update("main", "p1", json!({"code": "x"}), 1));
    desk.accept(product("a", "p3", 3));
    desk.accept(delete("a", "p2", 1));
    desk.accept(fork("b", "main", None));
    let last = desk.state.end().0 - 1;
    let merged = desk.accept(merge("main", "a"));
    assert_eq!(
        types(&merged),
        [
            "MERGE_BRANCH_REQUESTED",
            "BRANCH_MERGED",
            "INSTANCE_UPDATED",
            "INSTANCE_DELETED",
            "INSTANCE_CREATED",
        ]
    );
    let sequences: Vec<_> = merged.iter().map(|it| it.sequence.map(|it| it.0)).collect();
    assert_eq!(sequences, [None, Some(2), Some(3), Some(2), Some(1)]);
    assert_eq!(
        show(&desk, "main", "p1"),
        Some(json!({"product_id": "p1", "price": 2, "code": "x"}))
    );
    assert_eq!(show(&desk, "main", "p2"), Some(Value::Null));
    let updated: InstanceEvent = merged[2].data.read().unwrap();
    let superseded = updated.superseded.unwrap();
    assert_eq!(
        superseded.sequence_number,
        Sequence(2),
        "b still shows main's version"
    );
    assert_eq!(
        serde_json::to_string(&updated.data).unwrap(),
        r#"{"product_id":"p1","price":2,"code":"x"}"#,
        "the target's order, then what is new"
    );
    let event: crate::event::BranchMerged = merged[1].data.read().unwrap();
    assert_eq!(
        (event.source_position.0, event.target_position.0),
        (last, last)
    );
    assert_eq!(event.state.contains.len(), 1);
    let receipt = receipt(desk.state.stream(), &merged).unwrap();
    let result = receipt.result.to_value();
    assert_eq!(
        result["summary"],
        json!({"added": 1, "modified": 1, "deleted": 1})
    );
    assert_eq!(result["changes"][0]["instance_id"], "p1");
    assert_eq!(
        (&result["source"], &result["branch"]),
        (&json!("a"), &json!("main"))
    );
    assert_eq!(desk.accept(merge("main", "a")).len(), 2, "again is nothing");
    assert_eq!(desk.accept(merge("a", "main")).len(), 3, "code of p1 only");
    assert_eq!(show(&desk, "a", "p1"), show(&desk, "main", "p1"));
}

#[test]
fn conflicts_are_decided_by_a_strategy_or_a_resolution() {
    let mut desk = fork_desk();
    for (on, price) in [("a", 2), ("main", 3)] {
        desk.accept(update(on, "p1", json!({"price": price}), 1));
    }
    desk.accept(update("a", "p1", json!({"code": "a"}), 2));
    let refusal = desk.refuse(merge("main", "a"));
    assert_eq!(refusal.code, ErrorCode::MergeConflict);
    let conflict = &refusal.detail["conflicts"][0];
    assert_eq!(
        (&conflict["base"], &conflict["source"], &conflict["target"]),
        (&json!(1), &json!(2), &json!(3))
    );
    let plan = plan_action(&mut desk, merge("main", "a"));
    assert_eq!(
        list_spots(&plan.conflicts),
        [("main:Product:p1".to_owned(), Some("price"), None)]
    );
    let with = |strategy, resolutions| merge_with("main", "a", strategy, resolutions);
    let of = |choice| vec![resolution("demo:main:Product:p1", Some("price"), choice)];
    let whole = |side| vec![resolution("demo:main:Product:p1", None, Choice::Take(side))];
    for (action, price, code) in [
        (with(Strategy::Ours, vec![]), 3, Some("a")),
        (with(Strategy::Theirs, vec![]), 2, Some("a")),
        (
            with(Strategy::Fail, of(Choice::Take(Side::Ours))),
            3,
            Some("a"),
        ),
        (
            with(Strategy::Ours, of(Choice::Take(Side::Theirs))),
            2,
            Some("a"),
        ),
        (with(Strategy::Ours, of(value(json!(4)))), 4, Some("a")),
        (with(Strategy::Fail, whole(Side::Ours)), 3, None),
        (with(Strategy::Fail, whole(Side::Theirs)), 2, Some("a")),
    ] {
        let plan = plan_action(&mut desk, action);
        assert!(plan.conflicts.is_empty());
        let (price, code) = (json!(price), code.map(|code| json!(code)));
        let after = plan
            .changes
            .first()
            .map(|it| it.after.clone().unwrap().to_value());
        let is = |name: &str| after.as_ref().and_then(|after| after.get(name)).cloned();
        assert_eq!(is("price").unwrap_or_else(|| json!(3)), price);
        assert_eq!(is("code"), code);
    }
}

#[test]
fn an_unused_resolution_is_refused_with_its_place() {
    let mut desk = fork_desk();
    for (on, price) in [("a", 2), ("main", 3)] {
        desk.accept(update(on, "p1", json!({"price": price}), 1));
    }
    let p1 = "demo:main:Product:p1";
    let take = || Choice::Take(Side::Ours);
    let good = || resolution(p1, Some("price"), take());
    for (second, index) in [
        (resolution(p1, Some("code"), take()), 1),
        (resolution("demo:a:Product:p1", Some("price"), take()), 1),
        (resolution("nonsense", None, take()), 1),
        (good(), 1),
        (resolution(p1, None, value(json!({}))), 1),
    ] {
        let refusal = desk.refuse(merge_with(
            "main",
            "a",
            Strategy::Fail,
            vec![good(), second],
        ));
        assert_eq!(refusal.code, ErrorCode::InvalidRequest, "{refusal}");
        assert_eq!(refusal.detail["index"], json!(index));
    }
}

#[test]
fn deletes_of_the_target_stay_whatever_the_strategy() {
    let mut desk = fork_desk();
    desk.accept(update("a", "p1", json!({"price": 2}), 1));
    desk.accept(delete("main", "p1", 1));
    desk.accept(delete("a", "p2", 1));
    desk.accept(update("main", "p2", json!({"price": 2}), 1));
    let plan = plan_action(&mut desk, merge("main", "a"));
    let none = |id: &str| (format!("main:Product:{id}"), None, None);
    assert_eq!(list_spots(&plan.conflicts), [none("p1"), none("p2")]);
    let ours = plan_action(&mut desk, merge_with("main", "a", Strategy::Ours, vec![]));
    assert!(ours.conflicts.is_empty() && ours.changes.is_empty());
    assert_eq!(ours.stay_deleted.len(), 1);
    let bring_back = resolution("demo:main:Product:p1", None, Choice::Take(Side::Theirs));
    let refusal = desk.refuse(merge_with("main", "a", Strategy::Theirs, vec![bring_back]));
    assert_eq!(refusal.code, ErrorCode::InvalidRequest);
    desk.accept(merge_with("main", "a", Strategy::Theirs, vec![]));
    for id in ["p1", "p2"] {
        assert_eq!(show(&desk, "main", id), Some(Value::Null));
    }
    let back = plan_action(&mut desk, merge("a", "main"));
    assert!(back.conflicts.is_empty());
    let kinds: Vec<_> = back.changes.iter().map(|it| it.change).collect();
    assert_eq!(kinds, [ChangeKind::Deleted]);
}

#[test]
fn classes_merge_member_by_member() {
    let mut desk = Desk::with_ontology();
    desk.accept(fork("a", "main", None));
    let class = |on: &str, patch: Value| Action::UpdateClass {
        branch: branch(on),
        class: "Customer".parse().unwrap(),
        patch: patch.into(),
        expected_seq: Sequence(1),
    };
    let name = json!({"name": "name", "type": "string"});
    let id = json!({"name": "customer_id", "type": "string", "primaryKey": true});
    desk.accept(class(
        "a",
        json!({"properties": [id, name, {"name": "age", "type": "integer"}]}),
    ));
    desk.accept(class(
        "main",
        json!({"label": "Buyer", "properties": [id, name, {"name": "city", "type": "string"}]}),
    ));
    let merged = desk.accept(merge("main", "a"));
    assert_eq!(types(&merged)[2], "ONTOLOGY_CLASS_UPDATED");
    let event: crate::event::ClassEvent = merged[2].data.read().unwrap();
    let definition = event.class.unwrap().to_value();
    let names: Vec<_> = definition["properties"]
        .as_array()
        .unwrap()
        .iter()
        .map(|property| property["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["customer_id", "name", "city", "age"]);
    assert_eq!(definition["label"], "Buyer");
    desk.accept(create(
        "main",
        "Customer",
        json!({"customer_id": "c1", "age": 7, "city": "Seoul"}),
    ));
    let again = |on: &str, kind: &str, sequence| Action::UpdateClass {
        branch: branch(on),
        class: "Customer".parse().unwrap(),
        patch: json!({"properties": [id, {"name": "name", "type": kind}]}).into(),
        expected_seq: Sequence(sequence),
    };
    desk.accept(again("a", "text", 2));
    desk.accept(again("main", "email", 3));
    let plan = plan_action(&mut desk, merge("main", "a"));
    assert_eq!(
        list_spots(&plan.conflicts),
        [("main:Customer".to_owned(), Some("properties.name"), None)]
    );
}

#[test]
fn no_strategy_decides_conflicts_with_the_merged_ontology() {
    let mut desk = fork_desk();
    let required = Action::UpdateClass {
        branch: branch("a"),
        class: "Product".parse().unwrap(),
        patch: json!({"properties": [
            {"name": "product_id", "type": "string", "primaryKey": true},
            {"name": "price", "type": "decimal", "required": true},
            {"name": "code", "type": "string", "constraints": {"unique": true}},
        ]})
        .into(),
        expected_seq: Sequence(1),
    };
    desk.accept(required);
    desk.accept(create("main", "Product", json!({"product_id": "p9"})));
    let conflict = (
        "main:Product:p9".to_owned(),
        Some("price"),
        Some("required"),
    );
    for strategy in [Strategy::Fail, Strategy::Ours, Strategy::Theirs] {
        let plan = plan_action(&mut desk, merge_with("main", "a", strategy, vec![]));
        assert_eq!(list_spots(&plan.conflicts), std::slice::from_ref(&conflict));
    }
    let p9 = "demo:main:Product:p9";
    let bad = resolution(p9, Some("price"), value(json!("no number")));
    let plan = plan_action(
        &mut desk,
        merge_with("main", "a", Strategy::Fail, vec![bad]),
    );
    assert_eq!(
        list_spots(&plan.conflicts),
        [(conflict.0, Some("price"), Some("type"))]
    );
    let good = resolution(p9, Some("price"), value(json!(5)));
    desk.accept(merge_with("main", "a", Strategy::Fail, vec![good]));
    assert_eq!(show(&desk, "main", "p9").unwrap()["price"], json!(5));
}
