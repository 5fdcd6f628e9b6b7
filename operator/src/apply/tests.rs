//! Applies YAML files to an api in memory.

use super::*;
use crate::{
    declared::{Source, read},
    memory::{Fault, Memory},
};

fn parse(text: &str) -> Vec<Declared> {
    let source = Source::Text {
        name: "f".to_owned(),
        bytes: text.as_bytes().to_vec(),
    };
    read(&[source]).unwrap().declared
}

const DEMO: &str = r"
apiVersion: spiceharvester.dev/v1alpha1
kind: Ontology
metadata: {name: pump}
spec: {databaseRef: {name: demo-db}, branch: what/if, classes: [{name: Pump}]}
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
spec: {databaseRef: {name: demo-db}, classes: [{name: Valve, properties: [{name: id, type: string, primaryKey: true}]}]}
---
apiVersion: spiceharvester.dev/v1alpha1
kind: Database
metadata: {name: demo-db}
spec: {description: A demo}
";

#[tokio::test(start_paused = true)]
async fn declarations_are_applied_in_dependency_order_and_only_once() {
    let api = Memory::default();
    let report = apply_documents(&api, parse(DEMO)).await;
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(report.changes(), 5);
    assert_eq!(
        api.effects(),
        [
            "added database demo_db",
            "added class Valve",
            "added branch what~if",
            "added class Pump",
            "added branch later"
        ]
    );
    let again = apply_documents(&api, parse(DEMO)).await;
    assert!(again.is_complete());
    assert_eq!(again.changes(), 0);
    assert_eq!(api.effects().len(), 5);
    let changed = DEMO.replace("name: Valve", "name: Valve, label: Tap");
    let report = apply_documents(&api, parse(&changed)).await;
    assert_eq!(report.changes(), 1);
    assert_eq!(api.effects().last().unwrap(), "modified class Valve");
    let back = apply_documents(&api, parse(DEMO)).await;
    assert_eq!(back.changes(), 1, "an earlier declaration is a new command");
}

#[tokio::test(start_paused = true)]
async fn an_api_failure_is_retried_and_a_refusal_is_reported() {
    let api = Memory::default();
    api.state.lock().unwrap().faults = [
        Fault::Away,
        Fault::AnswerLost,
        Fault::Late,
        Fault::AnswerLost,
    ]
    .into();
    let report = apply_documents(&api, parse(DEMO)).await;
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(api.effects().len(), 5);

    let api = Memory::default();
    api.state.lock().unwrap().refuse = Some(("forbidden", "not yours"));
    let report = apply_documents(&api, parse(DEMO)).await;
    assert!(!report.is_complete());
    assert_eq!(
        report.entries[0].applied,
        Applied::Failed {
            reason: "CommandRejected".into(),
            message: "forbidden: not yours".into(),
            plan: None,
        }
    );
    let rest = |applied: &Applied| matches!(applied, Applied::Waiting(what) if what == "waits for database demo_db");
    assert!(
        report.entries[1..].iter().all(|entry| rest(&entry.applied)),
        "{report:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_suspended_object_is_not_reconciled() {
    let api = Memory::default();
    let suspended = DEMO.replace("description: A demo", "suspend: true");
    let report = apply_documents(&api, parse(&suspended)).await;
    assert_eq!(report.entries[0].applied, Applied::Suspended);
    assert!(api.effects().is_empty());
}

fn class(name: &str, rest: &str) -> String {
    format!(
        "---\napiVersion: spiceharvester.dev/v1alpha1\nkind: Ontology\nmetadata: {{name: {}}}\nspec: {{databaseRef: {{name: demo-db}}, classes: [{{name: {name}{rest}}}]}}\n",
        name.to_lowercase()
    )
}

const DATABASE: &str = "---\napiVersion: spiceharvester.dev/v1alpha1\nkind: Database\nmetadata: {name: demo-db}\nspec: {}\n";

#[tokio::test(start_paused = true)]
async fn sets_are_applied_after_those_that_have_their_parents() {
    let all = [
        class("Tug", ", parentClass: Tanker"),
        class("Tanker", ", parentClass: Ship"),
        class(
            "Ship",
            ", relationships: [{predicate: crew, target: Sailor}]",
        ),
        class(
            "Sailor",
            ", properties: [{name: ship, type: link, target: Ship}]",
        ),
    ];
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 3, 2], [0, 3, 1, 2]] {
        let api = Memory::default();
        let documents = order.map(|index: usize| all[index].clone());
        let report = apply_documents(&api, parse(&(documents.concat() + DATABASE))).await;
        assert!(report.is_complete(), "{report:?}");
        assert_eq!(report.changes(), 5);
    }
}

#[tokio::test(start_paused = true)]
async fn a_set_waits_for_a_missing_parent() {
    let api = Memory::default();
    let text = class("Tanker", ", parentClass: Ship") + DATABASE;
    let report = apply_documents(&api, parse(&text)).await;
    assert_eq!(
        report.entries[1].applied,
        Applied::Waiting("waits for class Ship".into())
    );
    assert_eq!(api.effects(), ["added database demo_db"]);
}
