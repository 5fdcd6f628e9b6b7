//! The index follows a watch.

use futures::{FutureExt, StreamExt};
use serde_json::json;
use spice_crds::{Database, Ontology};

use super::*;

fn database(name: &str, created: &str, declares: &str) -> Database {
    serde_json::from_value(json!({
        "apiVersion": "spiceharvester.dev/v1alpha1", "kind": "Database",
        "metadata": {"name": name, "namespace": "team", "uid": name, "creationTimestamp": created},
        "spec": {"name": declares},
    }))
    .unwrap()
}

fn deleting(mut object: Database) -> Database {
    object.metadata.deletion_timestamp = object.metadata.creation_timestamp.clone();
    object
}

/// The next object that got a claim, if there is one.
fn next(
    heirs: &mut mpsc::UnboundedReceiver<ObjectRef<DeserializeGuard<Database>>>,
) -> Option<String> {
    let heir = heirs.next().now_or_never()??;
    Some(heir.name)
}

fn guard(object: &Database) -> DeserializeGuard<Database> {
    DeserializeGuard(Ok(object.clone()))
}

#[test]
fn the_oldest_other_object_inherits_a_claim() {
    let (claims, mut heirs) = Claims::<Database>::new(None);
    let old = database("old", "2026-01-01T00:00:00Z", "shop");
    let new = database("new", "2026-01-02T00:00:00Z", "shop");
    let other = database("other", "2026-01-03T00:00:00Z", "other");
    claims.follow(&Event::Init);
    for object in [&new, &old, &other] {
        claims.follow(&Event::InitApply(guard(object)));
    }
    claims.follow(&Event::InitDone);
    let heir = |object: &Database| claims.heirs(object).pop().map(|heir| heir.uid);
    assert_eq!(heir(&old).as_deref(), Some("new"));
    assert_eq!(heir(&new).as_deref(), Some("old"));
    assert_eq!(heir(&other), None);
    assert_eq!(next(&mut heirs), None);
    assert!(claims.has("team", "old", "old"));
    assert!(!claims.has("team", "old", "another"));

    // An object that is being deleted is no heir.
    claims.follow(&Event::Apply(guard(&deleting(old.clone()))));
    assert_eq!(heir(&new), None);
    assert_eq!(next(&mut heirs).as_deref(), Some("new"));
    claims.follow(&Event::Delete(guard(&deleting(old))));
    assert_eq!(next(&mut heirs).as_deref(), Some("new"));
    assert!(!claims.has("team", "old", "old"));
}

#[test]
fn a_new_list_replaces_the_index_and_a_status_changes_nothing() {
    let (claims, mut heirs) = Claims::<Database>::new(None);
    let old = database("old", "2026-01-01T00:00:00Z", "shop");
    let new = database("new", "2026-01-02T00:00:00Z", "shop");
    for object in [&old, &new, &old, &new] {
        claims.follow(&Event::Apply(guard(object)));
    }
    assert_eq!(next(&mut heirs), None);
    claims.follow(&Event::Init);
    claims.follow(&Event::InitApply(guard(&new)));
    assert_eq!(claims.heirs(&new).len(), 1, "the list is not complete");
    claims.follow(&Event::InitDone);
    assert_eq!(claims.heirs(&new), []);
    assert_eq!(next(&mut heirs).as_deref(), Some("new"));
    let index = claims.index.lock().unwrap();
    assert_eq!((index.objects.len(), index.claimants.len()), (1, 1));
}

#[test]
fn each_thing_of_a_set_has_its_own_heir() {
    let (claims, _heirs) = Claims::<Ontology>::new(None);
    let set = |name: &str, created: &str, classes: &[&str]| -> Ontology {
        let classes = classes.iter().map(|class| json!({"name": class}));
        let classes: Vec<_> = classes.collect();
        serde_json::from_value(json!({
            "apiVersion": "spiceharvester.dev/v1alpha1", "kind": "Ontology",
            "metadata": {"name": name, "namespace": "team", "uid": name, "creationTimestamp": created},
            "spec": {"databaseRef": {"name": "shop"}, "classes": classes},
        }))
        .unwrap()
    };
    let whole = set("whole", "2026-01-01T00:00:00Z", &["A", "B", "C", "D"]);
    let parts = [
        set("one", "2026-01-02T00:00:00Z", &["A", "B"]),
        set("two", "2026-01-03T00:00:00Z", &["B", "C"]),
    ];
    for object in parts.iter().chain([&whole]) {
        claims.follow(&Event::Apply(DeserializeGuard(Ok(object.clone()))));
    }
    let class = |name: &str| Thing::Class {
        branch: "main".into(),
        name: name.into(),
    };
    let heirs = claims.heirs(&whole).into_iter();
    let heirs: Vec<_> = heirs.map(|heir| (heir.name, heir.things)).collect();
    let expected = [
        ("one".to_owned(), vec![class("A"), class("B")]),
        ("two".to_owned(), vec![class("C")]),
    ];
    assert_eq!(heirs, expected);
}
