//! A settled object costs nothing until something changes.

use serde_json::json;
use spice_crds::{Database, Ontology, ResourceStatus};

use super::*;
use crate::{
    gather::Reference,
    memory::{Fault, Memory},
    reconcile::reconcile,
};

const RESYNC: Duration = Duration::from_secs(30);

fn object() -> Database {
    serde_json::from_value(json!({
        "apiVersion": "spiceharvester.dev/v1alpha1", "kind": "Database",
        "metadata": {"name": "shop", "namespace": "team", "uid": "u", "generation": 1},
        "spec": {},
    }))
    .unwrap()
}

fn around() -> Surroundings {
    Surroundings {
        cluster: Some("cluster".into()),
        ..Surroundings::default()
    }
}

/// Passes until the object is settled.
async fn settle(idle: &Idle, api: &Memory, object: &mut Database) {
    for _ in 0..5 {
        let outcome = reconcile(api, object, &around(), "2026-01-01T00:00:00Z").await;
        object.status = outcome.status;
        if let Some(settled) = outcome.settled {
            idle.settle(object, &around(), settled);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_settled_object_asks_once_for_its_database() {
    let (idle, api, mut object) = (Idle::default(), Memory::default(), object());
    let is_settled =
        async |object: &Database| idle.is_settled(&api, object, &around(), RESYNC).await;
    assert!(!is_settled(&object).await);
    settle(&idle, &api, &mut object).await;
    let reads = || api.state.lock().unwrap().reads;
    let before = reads();
    for _ in 0..20 {
        assert!(is_settled(&object).await);
    }
    assert_eq!(reads(), before + 1);
    tokio::time::advance(RESYNC).await;
    assert!(is_settled(&object).await);
    assert_eq!(reads(), before + 2);

    // The log moves: it is noticed with the next read.
    api.delete("database shop");
    assert!(is_settled(&object).await);
    tokio::time::advance(RESYNC).await;
    assert!(!is_settled(&object).await);
}

#[tokio::test(start_paused = true)]
async fn a_change_or_an_outage_ends_it() {
    let (idle, api, mut object) = (Idle::default(), Memory::default(), object());
    settle(&idle, &api, &mut object).await;
    let changed: [fn(&mut Database); 4] = [
        |object| object.metadata.generation = Some(2),
        |object| {
            let approval = (annotation::APPROVE.to_owned(), "h".to_owned());
            object.metadata.annotations = Some([approval].into());
        },
        |object| {
            object.metadata.deletion_timestamp =
                Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(
                    k8s_openapi::jiff::Timestamp::UNIX_EPOCH,
                ));
        },
        |object| object.status = Some(ResourceStatus::default()),
    ];
    for change in changed {
        let mut other = object.clone();
        change(&mut other);
        assert!(!idle.is_settled(&api, &other, &around(), RESYNC).await);
    }
    let elsewhere = Surroundings {
        database: Reference::Found("other".into()),
        ..around()
    };
    assert!(!idle.is_settled(&api, &object, &elsewhere, RESYNC).await);
    assert!(idle.is_settled(&api, &object, &around(), RESYNC).await);
    tokio::time::advance(RESYNC).await;
    api.state.lock().unwrap().reads_fail = 1;
    assert!(!idle.is_settled(&api, &object, &around(), RESYNC).await);
    assert!(idle.is_settled(&api, &object, &around(), RESYNC).await);
    idle.forget("u");
    assert!(!idle.is_settled(&api, &object, &around(), RESYNC).await);
    assert!(idle.databases.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_object_that_waits_is_not_settled() {
    let (idle, api, mut object) = (Idle::default(), Memory::default(), object());
    {
        let mut state = api.state.lock().unwrap();
        state.faults = [Fault::Late].into();
        state.parked = true;
    }
    settle(&idle, &api, &mut object).await;
    assert!(!idle.is_settled(&api, &object, &around(), RESYNC).await);
}

#[tokio::test(start_paused = true)]
async fn a_projection_that_is_rebuilt_ends_it() {
    let (idle, api, mut object) = (Idle::default(), Memory::default(), object());
    settle(&idle, &api, &mut object).await;
    assert!(idle.is_settled(&api, &object, &around(), RESYNC).await);
    tokio::time::advance(RESYNC).await;
    api.state.lock().unwrap().projected = 0;
    assert!(!idle.is_settled(&api, &object, &around(), RESYNC).await);
}

#[tokio::test(start_paused = true)]
async fn a_branch_that_could_not_be_compared_is_not_settled() {
    let (idle, api, mut database) = (Idle::default(), Memory::default(), object());
    settle(&idle, &api, &mut database).await;
    let branch = json!({
        "apiVersion": "spiceharvester.dev/v1alpha1", "kind": "Branch",
        "metadata": {"name": "try", "namespace": "team", "uid": "b", "generation": 1},
        "spec": {"databaseRef": {"name": "shop"}},
    });
    let mut branch: spice_crds::Branch = serde_json::from_value(branch).unwrap();
    let around = Surroundings {
        database: Reference::Found("shop".into()),
        ..around()
    };
    let mut pass = async |is_comparable: bool| {
        api.state.lock().unwrap().comparison_fails = !is_comparable;
        let outcome = reconcile(&api, &branch, &around, "2026-01-01T00:00:00Z").await;
        branch.status = outcome.status;
        outcome.settled.is_some()
    };
    for _ in 0..5 {
        assert!(!pass(false).await);
    }
    assert!(pass(true).await);
}

/// 10,000 classes in 50 Ontologies, reconciled every 30 seconds for 10 minutes.
#[tokio::test(start_paused = true)]
async fn an_idle_cluster_asks_little_and_writes_nothing() {
    let (idle, api) = (Idle::default(), Memory::default());
    let around = Surroundings {
        database: Reference::Found("shop".into()),
        ..around()
    };
    let mut database = object();
    settle(&idle, &api, &mut database).await;
    let mut ontologies: Vec<Ontology> = (0..50).map(ontology).collect();
    let now = "2026-01-01T00:00:00Z";
    // The log moves with each of them: the first passes settle nobody but the last.
    for _ in 0..3 {
        for ontology in &mut ontologies {
            let outcome = reconcile(&api, ontology, &around, now).await;
            ontology.status = outcome.status;
            if let Some(settled) = outcome.settled {
                idle.settle(ontology, &around, settled);
            }
        }
    }
    let reads = || api.state.lock().unwrap().reads;
    let before = reads();
    let rounds = 20;
    for _ in 0..rounds {
        for ontology in &ontologies {
            assert!(idle.is_settled(&api, ontology, &around, RESYNC / 2).await);
        }
        tokio::time::advance(RESYNC).await;
    }
    assert_eq!(
        reads() - before,
        rounds,
        "reads: one of the database each time"
    );
    // Even a whole pass finds the same status, so nothing is written.
    for ontology in &ontologies {
        let outcome = reconcile(&api, ontology, &around, "2026-01-01T00:10:00Z").await;
        assert_eq!(outcome.status, ontology.status);
    }
}

fn ontology(number: usize) -> Ontology {
    let classes: Vec<_> = (0..200)
        .map(|class| json!({"name": format!("c{number}x{class}"), "label": "Class"}))
        .collect();
    serde_json::from_value(json!({
        "apiVersion": "spiceharvester.dev/v1alpha1", "kind": "Ontology",
        "metadata": {
            "name": format!("o{number}"), "namespace": "team", "uid": format!("o{number}"), "generation": 1,
        },
        "spec": {"databaseRef": {"name": "shop"}, "classes": classes},
    }))
    .unwrap()
}
