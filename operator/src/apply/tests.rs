//! YAML files applied to an api in memory.

use super::*;
use crate::{
    declared::parse_documents,
    memory::{Fault, Memory},
};

const DEMO: &str = r"
apiVersion: spiceharvester.dev/v1alpha1
kind: Ontology
metadata: {name: pump}
spec: {databaseRef: {name: demo-db}, branch: what/if, label: Pump}
---
apiVersion: spiceharvester.dev/v1alpha1
kind: Branch
metadata: {name: later}
spec: {databaseRef: {name: demo-db}, from: {branch: what/if}}
---
apiVersion: spiceharvester.dev/v1alpha1
kind: Branch
metadata: {name: what-if}
spec: {databaseRef: {name: demo-db}, name: what/if}
---
apiVersion: spiceharvester.dev/v1alpha1
kind: Ontology
metadata: {name: valve}
spec: {databaseRef: {name: demo-db}, label: Valve, properties: [{name: id, type: string, primaryKey: true}]}
---
apiVersion: spiceharvester.dev/v1alpha1
kind: Database
metadata: {name: demo-db}
spec: {description: A demo}
";

#[tokio::test(start_paused = true)]
async fn declarations_are_made_so_in_order_of_need_and_only_once() {
    let api = Memory::default();
    let report = apply_documents(&api, parse_documents("f", DEMO).unwrap()).await;
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(report.changes(), 5);
    assert_eq!(
        api.effects(),
        [
            "create demo_db",
            "create demo_db/main/Valve",
            "create demo_db/what/if",
            "create demo_db/what/if/Pump",
            "create demo_db/later"
        ]
    );
    let again = apply_documents(&api, parse_documents("f", DEMO).unwrap()).await;
    assert!(again.is_complete());
    assert_eq!(again.changes(), 0);
    assert_eq!(api.effects().len(), 5);
    let changed = DEMO.replace("label: Valve", "label: Tap");
    let report = apply_documents(&api, parse_documents("f", &changed).unwrap()).await;
    assert_eq!(report.changes(), 1);
    assert_eq!(api.effects().last().unwrap(), "update demo_db/main/Valve");
    let back = apply_documents(&api, parse_documents("f", DEMO).unwrap()).await;
    assert_eq!(back.changes(), 1, "an earlier declaration is a new command");
}

#[tokio::test(start_paused = true)]
async fn a_failing_api_is_waited_for_and_a_refusal_is_told() {
    let api = Memory::default();
    api.state.lock().unwrap().faults = [
        Fault::Away,
        Fault::AnswerLost,
        Fault::Late,
        Fault::AnswerLost,
    ]
    .into();
    let report = apply_documents(&api, parse_documents("f", DEMO).unwrap()).await;
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(api.effects().len(), 5);

    let api = Memory::default();
    api.state.lock().unwrap().refuse = Some(("forbidden", "not yours"));
    let report = apply_documents(&api, parse_documents("f", DEMO).unwrap()).await;
    assert!(!report.is_complete());
    assert_eq!(
        report.entries[0].applied,
        Applied::Failed {
            reason: "CommandRejected".into(),
            message: "forbidden: not yours".into()
        }
    );
    let rest = |applied: &Applied| matches!(applied, Applied::Waiting(what) if what == "waits for database demo_db");
    assert!(
        report.entries[1..].iter().all(|entry| rest(&entry.applied)),
        "{report:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_suspended_is_left_alone() {
    let api = Memory::default();
    let suspended = DEMO.replace("description: A demo", "suspend: true");
    let report = apply_documents(&api, parse_documents("f", &suspended).unwrap()).await;
    assert_eq!(report.entries[0].applied, Applied::Suspended);
    assert!(api.effects().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_first_of_two_that_declare_the_same_has_it() {
    let api = Memory::default();
    let twice = format!(
        "{DEMO}\n---\napiVersion: spiceharvester.dev/v1alpha1\nkind: Ontology\nmetadata: {{name: other}}\nspec: {{databaseRef: {{name: demo-db}}, class: Valve, label: Other}}\n"
    );
    let report = apply_documents(&api, parse_documents("f", &twice).unwrap()).await;
    let refused: Vec<_> = report
        .entries
        .iter()
        .filter(|e| matches!(e.applied, Applied::Failed { .. }))
        .collect();
    assert_eq!(refused.len(), 1, "{report:?}");
    assert_eq!(refused[0].name, "other");
    assert_eq!(api.effects().len(), 5);
}
