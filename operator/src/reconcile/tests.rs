//! Passes over an api in memory reach a fixpoint.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Resource;
use proptest::prelude::*;
use serde_json::{Value, json};
use spice_crds::{Branch, Condition, Database, Ontology, annotation};

use super::*;
use crate::{
    client::Change,
    condition::{find, kind},
    gather::{Heir, Reference},
    memory::{Fault, Memory},
};

const T1: &str = "2026-01-01T00:00:00Z";
const T2: &str = "2026-01-02T00:00:00Z";
const READY: &str = "True/Available True/Accepted True/Synced True/CaughtUp";
const LAGGING: &str = "False/Lagging True/Accepted True/Synced False/Lagging";
const PRODUCT: &str = "class demo/main/Product";

fn database(policy: &str) -> Database {
    resource("Database", "demo", &json!({"deletionPolicy": policy}))
}

fn ontology_of(classes: &Value, spec: &Value) -> Ontology {
    let mut whole = json!({"databaseRef": {"name": "demo"}, "classes": classes});
    let more = spec.as_object().unwrap().clone();
    whole.as_object_mut().unwrap().extend(more);
    resource("Ontology", "catalog", &whole)
}

fn ontology(spec: &Value) -> Ontology {
    ontology_of(&json!([{"name": "Product"}]), spec)
}

fn resource<K: Kind>(kind: &str, name: &str, spec: &Value) -> K {
    serde_json::from_value(json!({
        "apiVersion": "spiceharvester.dev/v1alpha1", "kind": kind,
        "metadata": {"name": name, "namespace": "default", "uid": format!("uid-{name}"), "generation": 1},
        "spec": spec,
    }))
    .unwrap()
}

fn set_annotation<K: Kind>(object: &mut K, key: &str, value: &str) {
    let all = [(key.to_owned(), value.to_owned())];
    object.meta_mut().annotations = Some(all.into());
}

fn delete<K: Kind>(object: &mut K) {
    object.meta_mut().deletion_timestamp = Some(Time(k8s_openapi::jiff::Timestamp::UNIX_EPOCH));
}

fn condition<'a>(status: &'a ResourceStatus, kind: &str) -> Option<&'a Condition> {
    find(&status.conditions, kind)
}

fn summary(status: &ResourceStatus) -> String {
    let one = |kind| {
        let found = condition(status, kind).unwrap();
        format!("{:?}/{}", found.status, found.reason)
    };
    kind::ALWAYS.map(one).join(" ")
}

/// `False/R True/Accepted False/R Unknown/R`
fn unsynced(reason: &str) -> String {
    format!("False/{reason} True/Accepted False/{reason} Unknown/{reason}")
}

/// `False/R False/R False/R Unknown/R`
fn unaccepted(reason: &str) -> String {
    format!("False/{reason} False/{reason} False/{reason} Unknown/{reason}")
}

fn around() -> Surroundings {
    Surroundings {
        database: Reference::Found("demo".into()),
        cluster: Some("cluster".into()),
        ..Surroundings::default()
    }
}

async fn run_in<K: Kind>(
    api: &Memory,
    object: &mut K,
    around: &Surroundings,
    now: &str,
) -> (ResourceStatus, Outcome) {
    let outcome = reconcile(api, object, around, now).await;
    if let Some(status) = outcome.status.clone() {
        object.set_status(status);
    }
    (object.status().cloned().unwrap_or_default(), outcome)
}

async fn run<K: Kind>(api: &Memory, object: &mut K, now: &str) -> (ResourceStatus, Outcome) {
    run_in(api, object, &around(), now).await
}

async fn with_database() -> Memory {
    let api = Memory::default();
    run(&api, &mut database("Retain"), T1).await;
    api
}

fn kinds_of(outcome: &Outcome) -> Vec<(&str, Change)> {
    let changes = outcome.changes.iter();
    changes.map(|it| (it.name.as_str(), it.change)).collect()
}

#[tokio::test]
async fn a_declaration_is_applied_once_and_then_nothing_changes() {
    let api = with_database().await;
    let classes = json!([{"name": "Product", "parentClass": "Thing"}, {"name": "Thing"}]);
    let mut object = ontology_of(&classes, &json!({}));
    let (status, outcome) = run(&api, &mut object, T1).await;
    assert_eq!(
        kinds_of(&outcome),
        [("Product", Change::Added), ("Thing", Change::Added)]
    );
    assert_eq!(outcome.next, Next::Resync);
    assert_eq!(summary(&status), READY);
    assert_eq!(status.observed_generation, Some(1));
    assert_eq!(status.synced_generation, Some(1));
    assert_eq!(status.classes, Some(2));
    assert_eq!(status.database.as_deref(), Some("demo"));
    assert_eq!(
        status.endpoint.as_deref(),
        Some("/api/v1/databases/demo/ontology?branch=main")
    );
    let (again, outcome) = run(&api, &mut object, T2).await;
    assert_eq!(outcome.changes, []);
    assert_eq!(again, status, "no change, so no write");
}

#[tokio::test]
async fn a_changed_set_is_applied_as_a_whole() {
    let api = with_database().await;
    let mut object = ontology_of(&json!([{"name": "A"}, {"name": "B"}]), &json!({}));
    run(&api, &mut object, T1).await;
    let changed = json!([{"name": "B", "label": "Bee"}, {"name": "C", "parentClass": "B"}]);
    object.spec = ontology_of(&changed, &json!({})).spec;
    object.meta_mut().generation = Some(2);
    let (status, outcome) = run(&api, &mut object, T2).await;
    assert_eq!(
        kinds_of(&outcome),
        [
            ("B", Change::Modified),
            ("C", Change::Added),
            ("A", Change::Deleted)
        ]
    );
    let ready = condition(&status, "Ready").unwrap();
    assert_eq!(
        ready.last_transition_time, T1,
        "it was true before and after"
    );
    assert_eq!(ready.observed_generation, Some(2));
}

#[tokio::test]
async fn drift_is_corrected() {
    let api = with_database().await;
    let mut object = ontology(&json!({}));
    run(&api, &mut object, T1).await;
    for _ in 0..3 {
        api.meddle(PRODUCT, r#"{"id": "Product", "label": "Other"}"#);
        let (status, outcome) = run(&api, &mut object, T2).await;
        assert_eq!(kinds_of(&outcome), [("Product", Change::Modified)]);
        assert_eq!(summary(&status), READY);
    }
    api.delete(PRODUCT);
    let (status, outcome) = run(&api, &mut object, T2).await;
    assert_eq!(kinds_of(&outcome), [("Product", Change::Added)]);
    assert_eq!(summary(&status), READY);
}

#[tokio::test]
async fn drift_is_only_reported_when_a_policy_says_so() {
    for policy in [
        json!({"driftPolicy": "Report"}),
        json!({"managementPolicy": "Observe"}),
    ] {
        let api = with_database().await;
        run(&api, &mut ontology(&json!({})), T1).await;
        let mut object = ontology(&policy);
        let (status, outcome) = run(&api, &mut object, T1).await;
        assert_eq!(outcome.changes, []);
        assert_eq!(summary(&status), READY);
        let effects = api.effects().len();
        api.meddle(PRODUCT, r#"{"id": "Product", "label": "Other"}"#);
        let (status, _) = run(&api, &mut object, T2).await;
        assert_eq!(summary(&status), unsynced("Drifted"), "{policy}");
        assert_eq!(
            condition(&status, "Drifted").unwrap().message,
            "the set of classes on branch main differs from the declaration: class Product"
        );
        assert_eq!(api.effects().len(), effects);
        object.meta_mut().generation = Some(2);
        let (status, _) = run(&api, &mut object, T2).await;
        let is_observer = policy.get("managementPolicy").is_some();
        let expected = if is_observer {
            unsynced("Drifted")
        } else {
            READY.to_owned()
        };
        assert_eq!(summary(&status), expected, "a changed spec is no drift");
        assert_eq!(condition(&status, "Drifted").is_some(), is_observer);
    }
}

#[tokio::test]
async fn missing_dependencies_are_awaited_and_named() {
    let api = Memory::default();
    let classes = json!([{"name": "X", "parentClass": "Y"}]);
    let mut object = ontology_of(&classes, &json!({"branch": "b"}));
    let message = |status: &ResourceStatus| condition(status, "Ready").unwrap().message.clone();
    let nowhere = Surroundings {
        database: Reference::Missing,
        ..around()
    };
    let (status, outcome) = run_in(&api, &mut object, &nowhere, T1).await;
    assert_eq!(message(&status), "waits for Database demo");
    assert_eq!(summary(&status), unaccepted("RefNotFound"));
    assert!(condition(&status, "Reconciling").is_some());
    assert_eq!(outcome.next, Next::Soon);
    let forbidden = Surroundings {
        database: Reference::Forbidden,
        ..around()
    };
    let (status, _) = run_in(&api, &mut object, &forbidden, T1).await;
    assert_eq!(summary(&status), unaccepted("RefNotAllowed"));
    let (status, _) = run(&api, &mut object, T1).await;
    assert_eq!(message(&status), "waits for database demo");
    run(&api, &mut database("Retain"), T1).await;
    let (status, _) = run(&api, &mut object, T1).await;
    assert_eq!(message(&status), "waits for branch b");
    let mut branch: Branch = resource("Branch", "b", &json!({"databaseRef": {"name": "demo"}}));
    run(&api, &mut branch, T1).await;
    let (status, _) = run(&api, &mut object, T1).await;
    assert_eq!(message(&status), "waits for class Y");
    let mut parent: Ontology = resource(
        "Ontology",
        "parents",
        &json!({"databaseRef": {"name": "demo"}, "branch": "b", "classes": [{"name": "Y"}]}),
    );
    run(&api, &mut parent, T1).await;
    let (status, _) = run(&api, &mut object, T1).await;
    assert_eq!(summary(&status), READY);
    assert!(condition(&status, "Reconciling").is_none());
}

#[tokio::test]
async fn ready_waits_for_the_projection() {
    let api = with_database().await;
    api.state.lock().unwrap().faults = [Fault::Late].into();
    let mut object = ontology(&json!({}));
    for _ in 0..3 {
        let (status, outcome) = run(&api, &mut object, T1).await;
        assert_eq!(summary(&status), LAGGING);
        assert!(status.command.unwrap().pending);
        assert_eq!(outcome.next, Next::Soon);
    }
    let (status, _) = run(&api, &mut object, T1).await;
    assert_eq!(summary(&status), READY);
    assert!(!status.command.unwrap().pending);
    assert_eq!(api.effects().len(), 2);
}

#[tokio::test]
async fn refusals_and_outages_are_reported() {
    let api = with_database().await;
    let mut object = ontology(&json!({}));
    api.state.lock().unwrap().refuse = Some(("invalid_definition", "no such type"));
    let (status, outcome) = run(&api, &mut object, T1).await;
    assert_eq!(summary(&status), unsynced("CommandRejected"));
    assert_eq!(
        condition(&status, "Stalled").unwrap().message,
        "invalid_definition: no such type"
    );
    assert_eq!(outcome.next, Next::Retry);
    api.state.lock().unwrap().reads_fail = 1;
    let (status, _) = run(&api, &mut object, T1).await;
    assert_eq!(
        summary(&status),
        "False/CommandRejected True/Accepted Unknown/ApiUnavailable Unknown/CommandRejected",
        "an outage says nothing about the rest"
    );
    let mut object = ontology_of(&json!([{"name": "Pro duct"}]), &json!({}));
    let (status, _) = run(&api, &mut object, T1).await;
    assert_eq!(summary(&status), unaccepted("InvalidSpec"));
    let (status, _) = run(&api, &mut ontology(&json!({"suspend": true})), T1).await;
    assert_eq!(
        summary(&status),
        "Unknown/Pending Unknown/Pending Unknown/Suspended Unknown/Pending"
    );
    assert_eq!(api.effects().len(), 1);
}

#[tokio::test]
async fn an_outage_and_a_suspension_keep_ready() {
    let api = with_database().await;
    let mut object = ontology(&json!({}));
    let (settled, _) = run(&api, &mut object, T1).await;
    api.state.lock().unwrap().reads_fail = 2;
    let (away, _) = run(&api, &mut object, T2).await;
    assert_eq!(
        summary(&away),
        "True/Available True/Accepted Unknown/ApiUnavailable True/CaughtUp"
    );
    assert_eq!(condition(&away, "Reconciling"), None);
    assert_eq!(condition(&away, "Ready"), condition(&settled, "Ready"));
    let (again, _) = run(&api, &mut object, T1).await;
    assert_eq!(again, away, "one write for the whole outage");
    // A new generation is not in force: Ready still tells about the old one.
    object.meta_mut().generation = Some(2);
    api.state.lock().unwrap().reads_fail = 1;
    let (newer, _) = run(&api, &mut object, T2).await;
    assert_eq!(newer.observed_generation, Some(2));
    let ready = condition(&newer, "Ready").unwrap();
    assert_eq!(ready.observed_generation, Some(1));
    assert!(condition(&newer, "Reconciling").is_some());
    let (back, _) = run(&api, &mut object, T2).await;
    assert_eq!(summary(&back), READY);
    object.spec.suspend = Some(true);
    let (suspended, _) = run(&api, &mut object, T2).await;
    assert_eq!(
        summary(&suspended),
        "True/Available True/Accepted Unknown/Suspended True/CaughtUp"
    );
}

#[tokio::test]
async fn a_parked_command_is_a_condition_and_a_newer_generation_does_not_wait() {
    let api = with_database().await;
    {
        let mut state = api.state.lock().unwrap();
        state.faults = [Fault::Late].into();
        state.parked = true;
    }
    let mut object = ontology(&json!({}));
    run(&api, &mut object, T1).await;
    let (status, _) = run(&api, &mut object, T1).await;
    assert_eq!(
        summary(&status),
        "False/ProjectionFailed True/Accepted True/Synced False/ProjectionFailed"
    );
    let stalled = condition(&status, "Stalled").unwrap();
    assert!(
        stalled.message.contains("spice dead-letters"),
        "{stalled:?}"
    );
    let (again, _) = run(&api, &mut object, T2).await;
    assert_eq!(again, status);
    object.spec.classes[0].label = Some("Ware".into());
    object.meta_mut().generation = Some(2);
    let (_, outcome) = run(&api, &mut object, T2).await;
    assert_eq!(kinds_of(&outcome), [("Product", Change::Modified)]);
}

#[tokio::test]
async fn a_database_or_branch_deleted_in_the_api_comes_back_only_on_request() {
    async fn check<K: Kind>(api: &Memory, object: &mut K, key: &str) {
        run(api, object, T1).await;
        for round in ["first", "second"] {
            api.delete(key);
            let (status, outcome) = run(api, object, T2).await;
            assert_eq!(summary(&status), unsynced("ExternallyDeleted"), "{key}");
            assert!(condition(&status, "Stalled").is_some());
            assert_eq!(outcome.changes, []);
            assert_eq!(run(api, object, T2).await.0, status);
            set_annotation(object, annotation::RECREATE, round);
            let (status, outcome) = run(api, object, T2).await;
            assert_eq!(outcome.changes[0].change, Change::Added);
            assert_eq!(summary(&status), READY);
            assert_eq!(status.last_handled_recreation.as_deref(), Some(round));
        }
    }
    let api = with_database().await;
    let mut branch: Branch = resource("Branch", "b", &json!({"databaseRef": {"name": "demo"}}));
    check(&api, &mut branch, "branch demo/b").await;
    check(&api, &mut database("Retain"), "database demo").await;
}

#[tokio::test]
async fn a_branch_shows_how_it_differs_from_its_parent() {
    let api = with_database().await;
    let mut branch: Branch = resource("Branch", "b", &json!({"databaseRef": {"name": "demo"}}));
    let (status, _) = run(&api, &mut branch, T1).await;
    assert_eq!((status.base_position, status.changes), (Some(1), Some(0)));
    assert_eq!((status.conflicts, status.mergeable), (Some(0), Some(true)));
    api.state.lock().unwrap().comparison = Some(Comparison {
        base_position: 1,
        changes: 7,
        conflicts: 2,
    });
    let (status, _) = run(&api, &mut branch, T2).await;
    assert_eq!((status.changes, status.conflicts), (Some(7), Some(2)));
    assert_eq!(status.mergeable, Some(false));
    assert_eq!(summary(&status), READY);
}

#[tokio::test]
async fn an_unsafe_change_needs_its_approval() {
    let api = with_database().await;
    let mut object = ontology(&json!({}));
    run(&api, &mut object, T1).await;
    api.state.lock().unwrap().unsafe_hash = Some("h1");
    object.spec.classes[0].label = Some("Ware".into());
    object.meta_mut().generation = Some(2);
    for approval in ["", "h0"] {
        set_annotation(&mut object, annotation::APPROVE, approval);
        let (status, outcome) = run(&api, &mut object, T2).await;
        assert_eq!(summary(&status), unsynced("UnsafeChange"));
        assert_eq!(outcome.changes, []);
        assert_eq!(status.plan.unwrap().hash, "h1");
        let stalled = find(&status.conditions, "Stalled").unwrap();
        assert!(stalled.message.contains("spiceharvester.dev/approve=h1"));
    }
    set_annotation(&mut object, annotation::APPROVE, "h1");
    let (status, outcome) = run(&api, &mut object, T2).await;
    assert_eq!(kinds_of(&outcome), [("Product", Change::Modified)]);
    assert_eq!(status.plan, None);
    assert_eq!(summary(&status), READY);
}

#[tokio::test]
async fn a_thing_has_one_owner_and_an_older_generation_changes_nothing() {
    let api = with_database().await;
    let mut first = ontology(&json!({}));
    run(&api, &mut first, T1).await;
    let mut second = ontology(&json!({"deletionPolicy": "Delete", "adopt": "Always"}));
    second.metadata.name = Some("second".into());
    second.metadata.uid = Some("uid-second".into());
    let (status, outcome) = run(&api, &mut second, T1).await;
    assert_eq!(summary(&status), unaccepted("Conflict"));
    let ready = condition(&status, "Ready").unwrap();
    assert!(
        ready.message.contains("Ontology default/catalog"),
        "{ready:?}"
    );
    assert_eq!(outcome.held_by.unwrap().0.uid, "uid-catalog");
    delete(&mut second);
    assert_eq!(run(&api, &mut second, T1).await.1.next, Next::Release);
    assert!(api.content(PRODUCT).is_some());

    let mut old = first.clone();
    first.spec.classes[0].label = Some("New".into());
    first.meta_mut().generation = Some(2);
    run(&api, &mut first, T1).await;
    let before = old.status.clone();
    let (_, outcome) = run(&api, &mut old, T1).await;
    assert_eq!((outcome.status, outcome.changes.len()), (None, 0));
    assert_eq!(old.status, before);
    assert!(api.content(PRODUCT).unwrap().contains("New"));
}

#[tokio::test]
async fn adoption_follows_the_policy() {
    for (policy, label, expected) in [
        ("IfEqual", "Product", READY.to_owned()),
        ("IfEqual", "Other", unsynced("NotAdopted")),
        ("Never", "Product", unsynced("NotAdopted")),
        ("Always", "Other", READY.to_owned()),
    ] {
        let api = with_database().await;
        let by_hand = Surroundings {
            cluster: None,
            ..around()
        };
        let mut unowned = ontology_of(&json!([{"name": "Product", "label": label}]), &json!({}));
        run_in(&api, &mut unowned, &by_hand, T1).await;
        let mut object = ontology(&json!({"adopt": policy}));
        let (status, _) = run(&api, &mut object, T1).await;
        assert_eq!(summary(&status), expected, "{policy} {label}");
    }
}

#[tokio::test]
async fn deletion_follows_the_policy() {
    for (policy, suspend, remains) in [
        ("Retain", false, true),
        ("Delete", true, true),
        ("Delete", false, false),
    ] {
        let api = with_database().await;
        let mut object = ontology(&json!({"deletionPolicy": policy}));
        assert_eq!(finalizer_missing(&object), policy == "Delete");
        run(&api, &mut object, T1).await;
        object.spec.suspend = Some(suspend);
        delete(&mut object);
        object.meta_mut().generation = Some(2);
        assert_eq!(run(&api, &mut object, T1).await.1.next, Next::Release);
        assert_eq!(
            api.content(PRODUCT).is_some(),
            remains,
            "{policy} {suspend}"
        );
        let again = run(&api, &mut object, T1).await.1.next;
        assert_eq!(again, Next::Release, "nothing is there: done");
        api.delete("database demo");
        assert_eq!(run(&api, &mut object, T1).await.1.next, Next::Release);
    }
}

#[tokio::test]
async fn a_refused_deletion_is_blocked_after_the_deadline() {
    let api = with_database().await;
    let mut object = ontology(&json!({"deletionPolicy": "Delete"}));
    run(&api, &mut object, T1).await;
    delete(&mut object);
    api.state.lock().unwrap().unsafe_hash = Some("h1");
    let (status, outcome) = run(&api, &mut object, T1).await;
    assert_eq!(outcome.next, Next::Retry);
    assert_eq!(condition(&status, "DeletionBlocked"), None);
    assert_eq!(
        condition(&status, "Reconciling").unwrap().reason,
        "Deleting"
    );
    let overdue = Surroundings {
        is_overdue: true,
        ..around()
    };
    let (status, _) = run_in(&api, &mut object, &overdue, T1).await;
    let blocked = condition(&status, "DeletionBlocked").unwrap();
    assert_eq!(blocked.reason, "UnsafeChange");
    assert_eq!(status.plan.unwrap().hash, "h1");
    set_annotation(&mut object, annotation::FORCE_RELEASE, "true");
    assert_eq!(run(&api, &mut object, T1).await.1.next, Next::Release);
    assert!(api.content(PRODUCT).is_some());
    set_annotation(&mut object, annotation::APPROVE, "h1");
    assert_eq!(run(&api, &mut object, T1).await.1.next, Next::Release);
    assert_eq!(api.content(PRODUCT), None);
}

#[tokio::test]
async fn a_terminating_namespace_ends() {
    let api = with_database().await;
    let mut object = ontology(&json!({"deletionPolicy": "Delete"}));
    run(&api, &mut object, T1).await;
    delete(&mut object);
    api.state.lock().unwrap().reads_fail = u32::MAX;
    let around = |namespace_ends, is_overdue| Surroundings {
        namespace_ends,
        is_overdue,
        ..around()
    };
    for (namespace_ends, is_overdue) in [(false, false), (true, false), (false, true)] {
        let around = around(namespace_ends, is_overdue);
        let outcome = reconcile(&api, &object, &around, T1).await;
        assert_eq!(outcome.next, Next::Retry);
        let status = outcome.status.unwrap();
        let blocked = condition(&status, "DeletionBlocked").map(|it| it.reason.as_str());
        assert_eq!(blocked, is_overdue.then_some("ApiUnavailable"));
    }
    let outcome = reconcile(&api, &object, &around(true, true), T1).await;
    assert_eq!(outcome.next, Next::Release);
}

#[tokio::test]
async fn a_renamed_object_inherits_what_it_declares() {
    let api = with_database().await;
    let mut old = ontology(&json!({"deletionPolicy": "Delete"}));
    run(&api, &mut old, T1).await;
    let mut new = ontology(&json!({}));
    new.metadata.name = Some("renamed".into());
    new.metadata.uid = Some("uid-renamed".into());
    delete(&mut old);
    let heir = crate::decide::owner(&new, "cluster".into());
    let around = Surroundings {
        heirs: vec![Heir {
            owner: heir.clone(),
            things: new.things(),
        }],
        ..around()
    };
    let (_, outcome) = run_in(&api, &mut old, &around, T1).await;
    assert_eq!(outcome.next, Next::Release);
    let owner = api.state.lock().unwrap().things[PRODUCT].owner.clone();
    assert_eq!(owner, Some(heir));
    let (status, outcome) = run(&api, &mut new, T1).await;
    assert_eq!(summary(&status), READY);
    assert_eq!(outcome.changes, []);
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::Away),
        Just(Fault::AnswerLost),
        Just(Fault::Late)
    ]
}

proptest! {
    /// For any initial state and any failures of the api: the declared state is reached, each thing
    /// is created once, and then no pass sends or changes anything.
    #[test]
    fn passes_reach_a_fixpoint(
        faults in proptest::collection::vec(fault(), 0..8),
        reads_fail in 0_u32..4,
        exists in any::<bool>(),
        stored_label in "[a-c]",
        declared_label in "[a-c]",
        description in proptest::option::of("[a-b]"),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let api = with_database().await;
            if exists {
                let classes = json!([{"name": "Product", "label": stored_label}]);
                run(&api, &mut ontology_of(&classes, &json!({})), T1).await;
            }
            let before = api.effects().len();
            {
                let mut state = api.state.lock().unwrap();
                state.faults = faults.into();
                state.reads_fail = reads_fail;
            }
            let mut class = json!({"name": "Product", "label": declared_label});
            if let Some(description) = &description {
                class["description"] = description.as_str().into();
            }
            let mut object = ontology_of(&json!([class]), &json!({}));
            object.meta_mut().generation = Some(2);
            let mut settled = None;
            for _ in 0..60 {
                let (status, outcome) = run(&api, &mut object, T1).await;
                if outcome.next == Next::Resync {
                    settled = Some(status);
                    break;
                }
            }
            let settled = settled.expect("it settles");
            assert_eq!(summary(&settled), READY);
            let needed = usize::from(!exists || stored_label != declared_label || description.is_some());
            assert_eq!(api.effects().len() - before, needed);
            api.state.lock().unwrap().faults.clear();
            for _ in 0..3 {
                let (again, outcome) = run(&api, &mut object, T2).await;
                assert_eq!(outcome.changes, []);
                assert_eq!(&again, &settled);
            }
        });
    }
}
