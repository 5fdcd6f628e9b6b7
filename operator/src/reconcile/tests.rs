//! Passes over an api in memory reach a fixpoint.

#![allow(clippy::needless_pass_by_value)]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Resource;
use proptest::prelude::*;
use serde_json::json;
use spice_crds::{Branch, ConditionStatus, Database, Ontology};

use super::*;
use crate::condition::kind;
use crate::memory::{Fault, Memory};

const T1: &str = "2026-01-01T00:00:00Z";
const READY: &str = "True/Available True/Accepted True/Synced True/CaughtUp";
const LAGGING: &str = "False/Lagging True/Accepted True/Synced False/Lagging";
const T2: &str = "2026-01-02T00:00:00Z";

fn database(policy: &str) -> Database {
    resource("Database", "demo", json!({"deletionPolicy": policy}))
}

fn ontology(spec: serde_json::Value) -> Ontology {
    let mut whole = json!({"databaseRef": {"name": "demo"}, "label": "Product"});
    whole
        .as_object_mut()
        .unwrap()
        .extend(spec.as_object().unwrap().clone());
    resource("Ontology", "product", whole)
}

fn resource<K: Kind>(kind: &str, name: &str, spec: serde_json::Value) -> K {
    serde_json::from_value(json!({
        "apiVersion": "spiceharvester.dev/v1alpha1", "kind": kind,
        "metadata": {"name": name, "namespace": "default", "uid": format!("uid-{name}"), "generation": 1},
        "spec": spec,
    }))
    .unwrap()
}

fn condition<'a>(status: &'a ResourceStatus, kind: &str) -> Option<&'a spice_crds::Condition> {
    status
        .conditions
        .iter()
        .find(|condition| condition.kind == kind)
}

fn summary(status: &ResourceStatus) -> String {
    let one = |kind| {
        condition(status, kind).map_or_else(
            || String::from("-"),
            |c| format!("{:?}/{}", c.status, c.reason),
        )
    };
    let all: Vec<String> = kind::ALWAYS.map(one).into();
    all.join(" ")
}

fn around() -> Surroundings {
    Surroundings {
        database: Some("demo".into()),
        ..Surroundings::default()
    }
}

async fn run<K: Kind>(api: &Memory, object: &mut K, now: &str) -> Outcome {
    let outcome = reconcile(api, object, &around(), now).await;
    object.set_status(outcome.status.clone());
    outcome
}

async fn with_database() -> Memory {
    let api = Memory::default();
    run(&api, &mut database("Retain"), T1).await;
    api
}

#[tokio::test]
async fn a_declaration_is_applied_once_and_then_nothing_changes() {
    let api = with_database().await;
    let mut class = ontology(json!({"properties": [{"name": "id", "type": "string"}]}));
    let outcome = run(&api, &mut class, T1).await;
    assert_eq!(outcome.sent, Some(Verb::Create));
    assert_eq!(outcome.next, Next::Resync);
    assert_eq!(summary(&outcome.status), READY);
    assert_eq!(outcome.status.observed_generation, Some(1));
    assert_eq!(outcome.status.synced_generation, Some(1));
    assert_eq!(outcome.status.sequence, Some(1));
    assert_eq!(outcome.status.external_id.as_deref(), Some("Product"));
    assert_eq!(outcome.status.database.as_deref(), Some("demo"));
    let again = run(&api, &mut class, T2).await;
    assert_eq!(again.sent, None);
    assert_eq!(again.status, outcome.status, "no change, so no write");
}

#[tokio::test]
async fn a_changed_spec_is_written_with_the_observed_sequence() {
    let api = with_database().await;
    let mut class = ontology(json!({}));
    run(&api, &mut class, T1).await;
    class.spec.label = "Ware".into();
    class.meta_mut().generation = Some(2);
    let outcome = run(&api, &mut class, T2).await;
    assert_eq!(outcome.sent, Some(Verb::Update));
    assert_eq!(outcome.status.sequence, Some(2));
    assert_eq!(outcome.status.synced_generation, Some(2));
    let ready = condition(&outcome.status, "Ready").unwrap();
    assert_eq!(
        ready.last_transition_time, T1,
        "it was true before and after"
    );
    assert_eq!(ready.observed_generation, Some(2));
}

#[tokio::test]
async fn drift_is_corrected_each_time_by_a_new_command() {
    let api = with_database().await;
    let mut class = ontology(json!({}));
    run(&api, &mut class, T1).await;
    for round in 1..=3 {
        api.meddle("demo/main/Product", |class| {
            class.definition.insert("label".into(), "Other".into());
        });
        let outcome = run(&api, &mut class, T2).await;
        assert_eq!(outcome.sent, Some(Verb::Update), "round {round}");
        assert_eq!(summary(&outcome.status), READY);
        let stored = api.state.lock().unwrap().things["demo/main/Product"].clone();
        assert_eq!(stored.definition["label"], "Product".into());
    }
    for _ in 0..2 {
        api.state.lock().unwrap().things.remove("demo/main/Product");
        assert_eq!(run(&api, &mut class, T2).await.sent, Some(Verb::Create));
        assert!(
            api.state
                .lock()
                .unwrap()
                .things
                .contains_key("demo/main/Product")
        );
    }
}

#[tokio::test]
async fn drift_is_only_reported_when_the_policy_says_so() {
    let api = with_database().await;
    let mut class = ontology(json!({"driftPolicy": "Report"}));
    run(&api, &mut class, T1).await;
    let effects = api.effects().len();
    api.meddle("demo/main/Product", |class| {
        class
            .definition
            .insert("description".into(), "Other".into());
    });
    let outcome = run(&api, &mut class, T2).await;
    assert_eq!(
        summary(&outcome.status),
        "False/Drifted True/Accepted False/Drifted Unknown/Drifted"
    );
    let drifted = condition(&outcome.status, "Drifted").unwrap();
    assert_eq!(
        drifted.message,
        "class Product was changed in the api: description"
    );
    api.state.lock().unwrap().things.remove("demo/main/Product");
    let outcome = run(&api, &mut class, T2).await;
    assert_eq!(
        condition(&outcome.status, "Drifted").unwrap().message,
        "class Product was deleted in the api"
    );
    assert_eq!(api.effects().len(), effects);
    class.meta_mut().generation = Some(2);
    let outcome = run(&api, &mut class, T2).await;
    assert_eq!(
        outcome.sent,
        Some(Verb::Create),
        "a changed spec is no drift"
    );
    assert!(condition(&outcome.status, "Drifted").is_none());
}

#[tokio::test]
async fn missing_dependencies_are_awaited_and_named() {
    let api = Memory::default();
    let mut class = ontology(json!({"branch": "b"}));
    let message_of = |outcome: &Outcome| {
        condition(&outcome.status, "Synced")
            .unwrap()
            .message
            .clone()
    };
    let outcome = reconcile(&api, &class, &Surroundings::default(), T1).await;
    assert_eq!(message_of(&outcome), "waits for Database demo");
    assert_eq!(
        summary(&outcome.status),
        "False/RefNotFound False/RefNotFound False/RefNotFound Unknown/RefNotFound"
    );
    assert_eq!(
        condition(&outcome.status, "Reconciling").unwrap().status,
        ConditionStatus::True
    );
    assert_eq!(
        message_of(&run(&api, &mut class, T1).await),
        "waits for database demo"
    );
    run(&api, &mut database("Retain"), T1).await;
    assert_eq!(
        message_of(&run(&api, &mut class, T1).await),
        "waits for branch b of database demo"
    );
    let mut branch: Branch = resource("Branch", "b", json!({"databaseRef": {"name": "demo"}}));
    run(&api, &mut branch, T1).await;
    let outcome = run(&api, &mut class, T1).await;
    assert_eq!(summary(&outcome.status), READY);
    assert!(condition(&outcome.status, "Reconciling").is_none());
}

#[tokio::test]
async fn ready_waits_for_the_projection() {
    let api = with_database().await;
    api.state.lock().unwrap().faults = [Fault::Late].into();
    let mut class = ontology(json!({}));
    for _ in 0..3 {
        let outcome = run(&api, &mut class, T1).await;
        assert_eq!(summary(&outcome.status), LAGGING);
        assert!(outcome.status.command.unwrap().pending);
        assert_eq!(outcome.next, Next::Soon);
    }
    let outcome = run(&api, &mut class, T1).await;
    assert_eq!(summary(&outcome.status), READY);
    assert!(!outcome.status.command.unwrap().pending);
    assert_eq!(api.effects().len(), 2);
}

#[tokio::test]
async fn refusals_and_outages_are_reported() {
    let api = with_database().await;
    let mut class = ontology(json!({}));
    api.state.lock().unwrap().refuse = Some(("validation_failed", "no such type"));
    let outcome = run(&api, &mut class, T1).await;
    assert_eq!(
        summary(&outcome.status),
        "False/CommandRejected True/Accepted False/CommandRejected Unknown/CommandRejected"
    );
    assert_eq!(
        condition(&outcome.status, "Ready").unwrap().message,
        "validation_failed: no such type"
    );
    assert_eq!(outcome.next, Next::Retry);
    api.state.lock().unwrap().reads_fail = 1;
    let outcome = run(&api, &mut class, T1).await;
    assert_eq!(
        summary(&outcome.status),
        "False/CommandRejected True/Accepted Unknown/ApiUnavailable Unknown/CommandRejected",
        "an outage says nothing about the rest"
    );
    let mut class = ontology(json!({"class": "Pro duct"}));
    let outcome = run(&api, &mut class, T1).await;
    assert_eq!(
        summary(&outcome.status),
        "False/InvalidSpec False/InvalidSpec False/InvalidSpec Unknown/InvalidSpec"
    );
    let mut class = ontology(json!({"suspend": true}));
    let outcome = run(&api, &mut class, T1).await;
    assert_eq!(
        summary(&outcome.status),
        "Unknown/Pending Unknown/Pending Unknown/Suspended Unknown/Pending"
    );
    assert_eq!(api.effects().len(), 1);
}

#[tokio::test]
async fn an_outage_and_a_suspension_keep_ready() {
    let api = with_database().await;
    let mut class = ontology(json!({}));
    let settled = run(&api, &mut class, T1).await.status;
    api.state.lock().unwrap().reads_fail = 2;
    let away = run(&api, &mut class, T2).await.status;
    assert_eq!(
        summary(&away),
        "True/Available True/Accepted Unknown/ApiUnavailable True/CaughtUp"
    );
    assert_eq!(condition(&away, "Reconciling"), None);
    assert_eq!(condition(&away, "Ready"), condition(&settled, "Ready"));
    let again = run(&api, &mut class, T1).await.status;
    assert_eq!(again, away, "one write for the whole outage");
    // A new generation is not in force: Ready still tells about the old one.
    class.meta_mut().generation = Some(2);
    api.state.lock().unwrap().reads_fail = 1;
    let newer = run(&api, &mut class, T2).await.status;
    assert_eq!(newer.observed_generation, Some(2));
    assert_eq!(
        condition(&newer, "Ready").unwrap().observed_generation,
        Some(1)
    );
    assert!(condition(&newer, "Reconciling").is_some());
    let back = run(&api, &mut class, T2).await.status;
    assert_eq!(summary(&back), READY);
    class.spec.suspend = Some(true);
    let suspended = run(&api, &mut class, T2).await.status;
    assert_eq!(
        summary(&suspended),
        "True/Available True/Accepted Unknown/Suspended True/CaughtUp"
    );
}

#[tokio::test]
async fn a_newer_generation_does_not_wait_for_an_older_command() {
    let api = with_database().await;
    api.state.lock().unwrap().faults = [Fault::Late].into();
    let mut class = ontology(json!({}));
    run(&api, &mut class, T1).await;
    class.spec.label = "Ware".into();
    class.meta_mut().generation = Some(2);
    let outcome = run(&api, &mut class, T1).await;
    assert_eq!(outcome.sent, Some(Verb::Update));
    assert_eq!(summary(&outcome.status), READY);
}

#[tokio::test]
async fn a_parked_command_is_a_condition_with_what_to_do() {
    let api = with_database().await;
    {
        let mut state = api.state.lock().unwrap();
        state.faults = [Fault::Late].into();
        state.parked = true;
    }
    let mut class = ontology(json!({}));
    run(&api, &mut class, T1).await;
    let outcome = run(&api, &mut class, T1).await;
    assert_eq!(
        summary(&outcome.status),
        "False/ProjectionFailed True/Accepted True/Synced False/ProjectionFailed"
    );
    let stalled = condition(&outcome.status, "Stalled").unwrap();
    assert!(
        stalled.message.contains("spice dead-letters"),
        "{stalled:?}"
    );
    let again = run(&api, &mut class, T2).await;
    assert_eq!(again.status, outcome.status);
    api.state.lock().unwrap().parked = false;
    while summary(&run(&api, &mut class, T2).await.status) != READY {}
}

#[tokio::test]
async fn a_database_deleted_in_the_api_comes_back_only_on_request() {
    let api = Memory::default();
    let mut object = database("Retain");
    run(&api, &mut object, T1).await;
    for round in ["first", "second"] {
        api.state.lock().unwrap().things.clear();
        let outcome = run(&api, &mut object, T2).await;
        assert_eq!(
            summary(&outcome.status),
            "False/ExternallyDeleted True/Accepted False/ExternallyDeleted Unknown/ExternallyDeleted"
        );
        assert!(condition(&outcome.status, "Stalled").is_some());
        assert_eq!(outcome.sent, None);
        assert_eq!(run(&api, &mut object, T2).await.status, outcome.status);
        let ask = [("spiceharvester.dev/recreate".to_owned(), round.to_owned())];
        object.meta_mut().annotations = Some(ask.into());
        let outcome = run(&api, &mut object, T2).await;
        assert_eq!(outcome.sent, Some(Verb::Create));
        assert_eq!(summary(&outcome.status), READY);
        assert_eq!(
            outcome.status.last_handled_recreation.as_deref(),
            Some(round)
        );
    }
}

#[tokio::test]
async fn a_terminating_namespace_ends() {
    let api = with_database().await;
    let mut class = ontology(json!({"deletionPolicy": "Delete"}));
    run(&api, &mut class, T1).await;
    class.meta_mut().deletion_timestamp = Some(Time(k8s_openapi::jiff::Timestamp::UNIX_EPOCH));
    api.state.lock().unwrap().reads_fail = u32::MAX;
    let around = |namespace_ends, is_overdue| Surroundings {
        namespace_ends,
        is_overdue,
        ..around()
    };
    for (namespace_ends, is_overdue, blocked) in [
        (false, false, false),
        (true, false, false),
        (false, true, true),
    ] {
        let around = around(namespace_ends, is_overdue);
        let outcome = reconcile(&api, &class, &around, T1).await;
        assert_eq!(outcome.next, Next::Retry);
        let condition = condition(&outcome.status, "DeletionBlocked");
        assert_eq!(condition.is_some(), blocked);
        if let Some(condition) = condition {
            assert_eq!(condition.reason, "ApiUnavailable");
        }
    }
    let outcome = reconcile(&api, &class, &around(true, true), T1).await;
    assert_eq!(outcome.next, Next::Release);
}

#[tokio::test]
async fn a_thing_that_another_object_declares_is_left_to_it() {
    let api = with_database().await;
    let mut class = ontology(json!({"deletionPolicy": "Delete"}));
    run(&api, &mut class, T1).await;
    class.meta_mut().deletion_timestamp = Some(Time(k8s_openapi::jiff::Timestamp::UNIX_EPOCH));
    let around = Surroundings {
        heir: Some("Ontology default/renamed".into()),
        ..around()
    };
    let outcome = reconcile(&api, &class, &around, T1).await;
    assert_eq!(outcome.next, Next::Release);
    let things = &api.state.lock().unwrap().things;
    assert!(things.contains_key("demo/main/Product"));
}

#[tokio::test]
async fn deletion_follows_the_policy() {
    let gone = Some(Time(k8s_openapi::jiff::Timestamp::UNIX_EPOCH));
    for (policy, remains) in [("Retain", true), ("Delete", false)] {
        let api = Memory::default();
        let mut object = database(policy);
        assert_eq!(finalizer_missing(&object), policy == "Delete");
        run(&api, &mut object, T1).await;
        object.meta_mut().deletion_timestamp.clone_from(&gone);
        object.meta_mut().generation = Some(2);
        assert_eq!(run(&api, &mut object, T1).await.next, Next::Release);
        assert_eq!(
            api.state.lock().unwrap().things.contains_key("demo"),
            remains
        );
        assert_eq!(
            run(&api, &mut object, T1).await.next,
            Next::Release,
            "404 is success"
        );
    }
    let api = with_database().await;
    let mut class = ontology(json!({"deletionPolicy": "Delete"}));
    run(&api, &mut class, T1).await;
    class.meta_mut().deletion_timestamp.clone_from(&gone);
    api.state.lock().unwrap().refuse = Some(("failed_precondition", "Product has instances"));
    let outcome = run(&api, &mut class, T1).await;
    assert_eq!(outcome.next, Next::Retry);
    assert_eq!(condition(&outcome.status, "DeletionBlocked"), None);
    let overdue = Surroundings {
        is_overdue: true,
        ..around()
    };
    let outcome = reconcile(&api, &class, &overdue, T1).await;
    assert_eq!(
        condition(&outcome.status, "DeletionBlocked")
            .unwrap()
            .message,
        "failed_precondition: Product has instances"
    );
    let force = [(
        "spiceharvester.dev/force-release".to_owned(),
        "true".to_owned(),
    )];
    class.meta_mut().annotations = Some(force.into());
    assert_eq!(run(&api, &mut class, T1).await.next, Next::Release);
    assert!(
        api.state
            .lock()
            .unwrap()
            .things
            .contains_key("demo/main/Product")
    );
}

#[tokio::test]
async fn a_class_that_never_reads_back_as_written_is_not_written_forever() {
    let api = with_database().await;
    let mut class = ontology(json!({"properties": [{"name": "a", "type": "string"}]}));
    run(&api, &mut class, T1).await;
    api.meddle("demo/main/Product", |class| {
        class.definition.insert("label".into(), "Other".into());
    });
    // The model accepts the update; then someone else writes before the second read.
    let world = gather(&api, &class, &around()).await.unwrap();
    let plan = decide(&class, Mode::Normal, &world);
    assert!(matches!(plan.step, Step::Send(_)));
    let outcome = pass(&api, &class, &around(), T1, false).await;
    assert_eq!(
        summary(&outcome.status),
        "False/StillDifferent True/Accepted False/StillDifferent Unknown/StillDifferent"
    );
    assert_eq!(outcome.next, Next::Retry);
}

#[tokio::test]
async fn differences_in_immutable_fields_are_refused() {
    let api = with_database().await;
    let mut first: Branch = resource("Branch", "trial", json!({"databaseRef": {"name": "demo"}}));
    run(&api, &mut first, T1).await;
    api.meddle("demo/trial", |stored| {
        stored.definition.insert("from_position".into(), 12.into());
    });
    for (from, fits) in [
        (json!({"branch": "main"}), true),
        (json!({"branch": "main", "position": 12}), true),
        (json!({"branch": "main", "position": 3}), false),
        (json!({"branch": "other"}), false),
    ] {
        let spec = json!({"databaseRef": {"name": "demo"}, "from": from});
        let branch: Branch = resource("Branch", "trial", spec);
        let outcome = reconcile(&api, &branch, &around(), T1).await;
        let expected = if fits {
            READY
        } else {
            "False/Immutable False/Immutable False/Immutable Unknown/Immutable"
        };
        assert_eq!(summary(&outcome.status), expected, "{from}");
    }
    for (description, fits) in [(None, true), (Some(""), true), (Some("other"), false)] {
        let database: Database = resource("Database", "demo", json!({"description": description}));
        let outcome = reconcile(&api, &database, &around(), T1).await;
        let reason = condition(&outcome.status, "Ready").unwrap().reason.clone();
        assert_eq!(reason == "Immutable", !fits, "{description:?}");
    }
}

#[tokio::test]
async fn a_thing_is_declared_by_one_object() {
    let api = with_database().await;
    let mut first = ontology(json!({}));
    run(&api, &mut first, T1).await;
    let mut second = ontology(json!({"label": "Other", "deletionPolicy": "Delete"}));
    second.meta_mut().uid = Some("second".into());
    let around = Surroundings {
        rival: Some("Ontology product".into()),
        ..around()
    };
    let outcome = reconcile(&api, &second, &around, T1).await;
    assert_eq!(
        summary(&outcome.status),
        "False/Conflict False/Conflict False/Conflict Unknown/Conflict"
    );
    assert_eq!(
        condition(&outcome.status, "Ready").unwrap().message,
        "class Product is already declared by Ontology product"
    );
    second.meta_mut().deletion_timestamp = Some(Time(k8s_openapi::jiff::Timestamp::UNIX_EPOCH));
    assert_eq!(
        reconcile(&api, &second, &around, T1).await.next,
        Next::Release
    );
    assert!(
        api.state
            .lock()
            .unwrap()
            .things
            .contains_key("demo/main/Product")
    );
}

#[tokio::test]
async fn an_unprojected_change_is_not_ready() {
    let api = with_database().await;
    run(&api, &mut ontology(json!({})), T1).await;
    let behind = |projected| {
        let mut state = api.state.lock().unwrap();
        state.things.get_mut("demo").unwrap().projected = Some(projected);
    };
    // A new operator does not know the command that created it.
    let mut class = ontology(json!({}));
    behind(2);
    let outcome = run(&api, &mut class, T1).await;
    assert_eq!(summary(&outcome.status), LAGGING);
    assert_eq!((outcome.sent, outcome.next), (None, Next::Soon));
    behind(3);
    let outcome = run(&api, &mut class, T1).await;
    assert_eq!(summary(&outcome.status), READY);
}

#[test]
fn keys_are_stable_and_differ_between_commands() {
    use crate::kind::command_key;
    let key = command_key("u", 1, Verb::Create, "after none");
    assert_eq!(key, command_key("u", 1, Verb::Create, "after none"));
    for other in [
        command_key("v", 1, Verb::Create, "after none"),
        command_key("u", 2, Verb::Create, "after none"),
        command_key("u", 1, Verb::Update, "after none"),
        command_key("u", 1, Verb::Create, "1"),
    ] {
        assert_ne!(key, other);
    }
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
                run(&api, &mut ontology(json!({"label": stored_label})), T1).await;
            }
            let before = api.effects().len();
            {
                let mut state = api.state.lock().unwrap();
                state.faults = faults.into();
                state.reads_fail = reads_fail;
            }
            let mut class = ontology(json!({"label": declared_label, "description": description}));
            class.meta_mut().uid = Some("another".into());
            let mut settled = None;
            for _ in 0..60 {
                let outcome = run(&api, &mut class, T1).await;
                if outcome.next == Next::Resync {
                    settled = Some(outcome);
                    break;
                }
            }
            let settled = settled.expect("it settles");
            assert_eq!(summary(&settled.status), READY);
            let needed = usize::from(!exists || stored_label != declared_label || description.is_some());
            assert_eq!(api.effects().len() - before, needed);
            for _ in 0..3 {
                let again = run(&api, &mut class, T2).await;
                assert_eq!(again.sent, None);
                assert_eq!(&again.status, &settled.status);
            }
        });
    }
}
