//! Strict references are checked on the state after the whole command, in any order of its parts.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{
    merge::{list_spots, merge, plan_action},
    rebase::roll_back,
    *,
};

/// `Node`, whose `next` and `others` must refer to nodes, and whose `code` is unique.
fn new_desk() -> Desk {
    let mut desk = Desk::new();
    desk.accept(create_database());
    desk.accept(Action::CreateClass {
        branch: branch("main"),
        definition: json!({"id": "Node", "label": "Node", "properties": [
            {"name": "node_id", "type": "string", "primaryKey": true},
            {"name": "code", "type": "string", "constraints": {"unique": true}},
        ], "relationships": [
            {"predicate": "next", "target": "Node", "cardinality": "n:1", "integrity": "strict"},
            {"predicate": "others", "target": "Node", "cardinality": "n:m", "integrity": "strict"},
        ]})
        .into(),
    });
    desk
}

fn node(id: &str, next: &str) -> Value {
    json!({"node_id": id, "next": format!("Node/{next}")})
}

fn creation(id: &str, next: &str) -> Value {
    json!({"type": "CREATE_INSTANCE", "class": "Node", "data": node(id, next)})
}

fn update(id: &str, next: Option<&str>) -> Value {
    let next = next.map(|next| format!("Node/{next}"));
    json!({"type": "UPDATE_INSTANCE", "class": "Node", "id": id, "data": {"next": next},
        "expected_seq": 1})
}

fn deletion(id: &str) -> Value {
    json!({"type": "DELETE_INSTANCE", "class": "Node", "id": id, "expected_seq": 1})
}

fn nodes(rows: Value, on_error: OnError) -> Action {
    match bulk(rows, on_error) {
        Action::BulkCreate {
            branch,
            instances,
            ids,
            without_defaults,
            on_error,
            ..
        } => Action::BulkCreate {
            branch,
            class: "Node".into(),
            instances,
            ids,
            without_defaults,
            on_error,
        },
        other => other,
    }
}

/// The ids that a command created.
fn created_ids(envelopes: &[Envelope]) -> Vec<String> {
    let events = envelopes.iter().skip(1);
    let events = events.map(|envelope| envelope.data.read::<InstanceEvent>().unwrap());
    events.map(|event| event.instance_id.to_string()).collect()
}

/// The rows or commands in a refusal, with the rule.
fn named_rows(refusal: &Refusal) -> Vec<(u64, String)> {
    let (list, number) = match refusal.detail.get("errors") {
        Some(rows) => (rows, "row"),
        None => (&refusal.detail["commands"], "index"),
    };
    let rows = list.as_array().unwrap().iter();
    rows.map(|row| {
        let rule = row["errors"][0]["rule"].as_str().unwrap_or_default();
        (row[number].as_u64().unwrap(), rule.to_owned())
    })
    .collect()
}

#[test]
fn an_instance_may_refer_to_itself_and_a_command_to_what_it_creates() {
    let mut alone = new_desk();
    alone.accept(create("main", "Node", node("a", "a")));
    alone.accept(create("main", "Node", node("b", "a")));
    alone.accept(change("main", update("b", Some("b"))));
    let mut pair = new_desk();
    pair.accept(transaction(json!([creation("a", "b"), creation("b", "a")])));
    let mut rows = new_desk();
    let accepted = rows.accept(nodes(
        json!([node("child", "parent"), node("parent", "parent")]),
        OnError::Abort,
    ));
    assert_eq!(created_ids(&accepted), ["child", "parent"]);
}

#[test]
fn a_reference_to_a_deleted_instance_is_refused_in_any_order() {
    let mut desk = new_desk();
    desk.accept(transaction(json!([creation("a", "a"), creation("b", "b")])));
    for commands in [
        json!([creation("c", "a"), deletion("a")]),
        json!([deletion("a"), creation("c", "a")]),
        json!([update("b", Some("a")), deletion("a")]),
    ] {
        let refusal = desk.refuse(transaction(commands.clone()));
        assert_eq!(refusal.code, ErrorCode::ValidationFailed, "{commands}");
        assert_eq!(named_rows(&refusal)[0].1, "integrity", "{commands}");
        let text = serde_json::to_string(&refusal.detail).unwrap();
        assert!(text.contains("Node/a is deleted by this command"), "{text}");
    }
    // The referrer is deleted too, or changed.
    desk.accept(change("main", update("b", Some("a"))));
    let mut both = desk.clone();
    both.accept(transaction(json!([
        deletion("a"),
        {"type": "DELETE_INSTANCE", "class": "Node", "id": "b", "expected_seq": 2},
    ])));
    desk.accept(transaction(json!([
        deletion("a"),
        {"type": "UPDATE_INSTANCE", "class": "Node", "id": "b", "data": {"next": null},
         "expected_seq": 2},
    ])));
}

#[test]
fn every_broken_reference_of_a_transaction_is_named_by_its_command() {
    let mut desk = new_desk();
    let refusal = desk.refuse(transaction(json!([
        creation("a", "b"),
        creation("b", "c"),
        creation("c", "nowhere"),
        creation("d", "d"),
    ])));
    let all = [0, 1, 2].map(|index| (index, "integrity".to_owned()));
    assert_eq!(named_rows(&refusal), all);
}

#[test]
fn a_skipped_row_also_skips_rows_that_refer_to_it() {
    let mut desk = new_desk();
    let rows = json!([
        node("leaf", "twig"), node("twig", "branch"), node("branch", "root"),
        {"node_id": "root", "next": 5}, node("other", "other"),
    ]);
    let accepted = desk.accept(nodes(rows.clone(), OnError::Skip));
    assert_eq!(created_ids(&accepted), ["other"]);
    let receipt = receipt(desk.state.stream(), &accepted).unwrap();
    let result: Value = receipt.result.read().unwrap();
    let rows_told: Vec<u64> = (result["errors"].as_array().unwrap().iter())
        .map(|row| row["row"].as_u64().unwrap())
        .collect();
    assert_eq!(rows_told, [1, 2, 3, 4], "in order of the rows");
    let refusal = super::references::new_desk().refuse(nodes(rows, OnError::Abort));
    assert_eq!(named_rows(&refusal).len(), 4);
}

#[test]
fn a_left_out_row_excludes_no_other_row() {
    let mut desk = new_desk();
    let rows = json!([
        {"node_id": "a", "next": "Node/nowhere", "code": "x"},
        {"node_id": "b", "code": "x"},
        {"node_id": "c", "next": "Node/nowhere"},
        {"node_id": "c"},
        {"node_id": "d", "next": "Node/c", "code": "x"},
    ]);
    let accepted = desk.accept(nodes(rows, OnError::Skip));
    assert_eq!(
        created_ids(&accepted),
        ["b", "c"],
        "d wants the value that b has"
    );
    let again = json!({"node_id": "e", "code": "x"});
    let refusal = desk.refuse(create("main", "Node", again));
    assert_eq!(refusal.detail["errors"][0]["rule"], "unique");
}

#[test]
fn a_row_stays_if_leaving_out_others_admits_its_target() {
    let row = |id: &str, code: &str, next: &str| json!({"node_id": id, "code": code, "next": format!("Node/{next}")});
    for (rows, expected) in [
        // The reason for refusing b is gone, so b is accepted, and a refers to it.
        (
            vec![
                row("c", "x", "none"),
                row("b", "x", "b"),
                row("a", "y", "b"),
            ],
            vec!["b", "a"],
        ),
        // c needs what it excludes, directly or through another row.
        (
            vec![row("a", "y", "b"), row("c", "x", "b"), row("b", "x", "b")],
            vec!["a", "b"],
        ),
        (
            vec![row("c", "x", "d"), row("d", "y", "b"), row("b", "x", "b")],
            vec!["d", "b"],
        ),
        // Of two pairs that exclude each other, the first one stays.
        (
            vec![
                row("p", "x", "q"),
                row("r", "y", "s"),
                row("q", "y", "q"),
                row("s", "x", "s"),
            ],
            vec!["p", "q"],
        ),
        // What excludes b stays, so nothing that needs b can be accepted.
        (
            vec![row("a", "y", "b"), row("c", "x", "c"), row("b", "x", "b")],
            vec!["c"],
        ),
    ] {
        let accepted = new_desk().accept(nodes(rows.clone().into(), OnError::Skip));
        assert_eq!(created_ids(&accepted), expected, "{rows:?}");
    }
}

#[test]
fn rows_that_come_in_one_after_the_other_are_all_found() {
    // Each row excludes the one that the next one needs.
    let mut rows = Vec::new();
    for at in 0..40 {
        let code = format!("c{at}");
        let needed = if at == 0 {
            "Node/nowhere".into()
        } else {
            format!("Node/needed{}", at - 1)
        };
        rows.push(json!({"node_id": format!("row{at}"), "code": code, "next": needed}));
        rows.push(json!({"node_id": format!("needed{at}"), "code": code}));
    }
    let accepted = new_desk().accept(nodes(rows.into(), OnError::Skip));
    let expected: Vec<String> = (0..40)
        .map(|at| {
            if at % 2 == 0 {
                format!("needed{at}")
            } else {
                format!("row{at}")
            }
        })
        .collect();
    assert_eq!(created_ids(&accepted), expected);
}

#[test]
fn a_merge_and_a_rollback_check_the_state_after_them() {
    let mut desk = new_desk();
    desk.accept(transaction(json!([creation("a", "a"), creation("b", "a")])));
    desk.accept(fork("x", "main", None));
    let on_x = |commands: Value| match transaction(commands) {
        Action::Transaction { commands, .. } => Action::Transaction {
            branch: branch("x"),
            commands,
        },
        other => other,
    };
    desk.accept(on_x(json!([
        creation("c", "d"),
        creation("d", "c"),
        update("b", Some("d"))
    ])));
    let mut merged = desk.clone();
    let before = merged.state.end().0 - 1;
    merged.accept(merge("main", "x"));
    merged.accept(roll_back("main", before));
    // The target deleted what the source refers to.
    desk.accept(change("x", update("a", Some("b"))));
    desk.accept(change(
        "main",
        json!({"type": "DELETE_INSTANCE", "class": "Node", "id": "b", "expected_seq": 1}),
    ));
    let plan = plan_action(&mut desk, merge("main", "x"));
    let found = list_spots(&plan.conflicts);
    let a = ("main:Node:a".to_owned(), Some("next"), Some("integrity"));
    assert!(found.contains(&a), "{found:?}");
}

const IDS: usize = 7;

/// Rows of a bulk: each node once, in some order, with its references.
fn rows() -> impl Strategy<Value = Vec<(usize, Vec<usize>)>> {
    let rows = prop::collection::vec(prop::collection::btree_set(0..IDS, 0..3), 1..IDS);
    rows.prop_flat_map(|rows| {
        let rows = rows.into_iter().enumerate();
        let rows: Vec<_> = rows
            .map(|(id, targets)| (id, targets.into_iter().collect()))
            .collect();
        Just(rows).prop_shuffle()
    })
}

/// The largest set of rows whose references point to each other.
fn find_sound_rows(rows: &[(usize, Vec<usize>)]) -> BTreeSet<usize> {
    let mut kept: BTreeSet<usize> = rows.iter().map(|(id, _)| *id).collect();
    loop {
        let before = kept.len();
        for (id, targets) in rows {
            if !targets.iter().all(|target| kept.contains(target)) {
                kept.remove(id);
            }
        }
        if kept.len() == before {
            return kept;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_bulk_keeps_the_largest_valid_set(rows in rows()) {
        let expected: BTreeSet<String> = find_sound_rows(&rows).iter().map(|id| format!("n{id}")).collect();
        let written: Vec<Value> = rows.iter().map(|(id, targets)| {
            let others: Vec<String> = targets.iter().map(|it| format!("Node/n{it}")).collect();
            json!({"node_id": format!("n{id}"), "others": others})
        }).collect();
        let commands: Vec<Value> = written.iter().map(|data| {
            json!({"type": "CREATE_INSTANCE", "class": "Node", "data": data})
        }).collect();
        let is_whole = expected.len() == rows.len();
        let whole = new_desk().try_decide(nodes(written.clone().into(), OnError::Abort));
        prop_assert_eq!(whole.is_ok(), is_whole);
        prop_assert_eq!(new_desk().try_decide(transaction(commands.into())).is_ok(), is_whole);
        let kept = new_desk().try_decide(nodes(written.into(), OnError::Skip));
        let kept = kept.map_or_else(|_| BTreeSet::new(), |accepted| created_ids(&accepted).into_iter().collect());
        prop_assert_eq!(kept, expected);
    }

    /// With unique values: the kept rows are consistent, and no left-out row could be added,
    /// neither alone nor with the rows that it needs.
    #[test]
    fn a_bulk_leaves_out_only_rows_that_cannot_be_accepted(
        rows in rows(),
        codes in prop::collection::vec(prop::option::of(0..4_u8), IDS),
    ) {
        let written: Vec<Value> = rows.iter().map(|(id, targets)| {
            let others: Vec<String> = targets.iter().map(|it| format!("Node/n{it}")).collect();
            json!({"node_id": format!("n{id}"), "others": others, "code": codes[*id]
                .map(|code| code.to_string())})
        }).collect();
        let kept = new_desk().try_decide(nodes(written.into(), OnError::Skip));
        let kept = kept.map_or_else(|_| BTreeSet::new(), |accepted| created_ids(&accepted).into_iter().collect());
        let kept: BTreeSet<usize> =
            rows.iter().map(|(id, _)| *id).filter(|id| kept.contains(&format!("n{id}"))).collect();
        let fits = |ids: &BTreeSet<usize>| {
            let mut taken = BTreeSet::new();
            let unique = ids.iter().filter_map(|id| codes[*id]).all(|code| taken.insert(code));
            let leads = |id: &usize| rows.iter().any(|(row, targets)| {
                row == id && targets.iter().all(|target| ids.contains(target))
            });
            unique && ids.iter().all(leads)
        };
        prop_assert!(fits(&kept), "{kept:?}");
        for (id, _) in rows.iter().filter(|(id, _)| !kept.contains(id)) {
            let mut more: BTreeSet<usize> = kept.iter().copied().chain([*id]).collect();
            for _ in 0..IDS {
                let needed = rows.iter().filter(|(row, _)| more.contains(row));
                let needed: Vec<usize> = needed.flat_map(|(_, targets)| targets.clone()).collect();
                more.extend(needed);
            }
            prop_assert!(!fits(&more), "{kept:?} and {id}");
        }
    }
}
