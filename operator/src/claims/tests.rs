//! The index follows a watch.

use futures::{FutureExt, StreamExt};
use serde_json::json;
use spice_crds::Database;

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
fn the_oldest_object_holds_a_claim_and_the_next_one_inherits_it() {
    let (claims, mut heirs) = Claims::<Database>::new(None);
    let old = database("old", "2026-01-01T00:00:00Z", "shop");
    let new = database("new", "2026-01-02T00:00:00Z", "shop");
    let other = database("other", "2026-01-03T00:00:00Z", "other");
    claims.follow(&Event::Init);
    for object in [&new, &old, &other] {
        claims.follow(&Event::InitApply(guard(object)));
    }
    let mut foreign = old.clone();
    foreign.metadata.name = Some("foreign".into());
    foreign.spec.instance = Some("another".into());
    claims.follow(&Event::InitApply(guard(&foreign)));
    claims.follow(&Event::InitDone);
    assert_eq!(claims.rival(&new).as_deref(), Some("Database team/old"));
    assert_eq!((claims.rival(&old), claims.rival(&other)), (None, None));
    assert_eq!(claims.heir(&old).as_deref(), Some("Database team/new"));
    assert_eq!(claims.heir(&other), None);
    assert_eq!(next(&mut heirs), None);

    // An object that is being deleted is no heir, but is a rival until it is gone.
    claims.follow(&Event::Apply(guard(&deleting(old.clone()))));
    assert_eq!(claims.heir(&new), None);
    assert!(claims.rival(&new).is_some());
    while next(&mut heirs).is_some() {}
    claims.follow(&Event::Delete(guard(&deleting(old))));
    assert_eq!(claims.rival(&new), None);
    assert_eq!(next(&mut heirs).as_deref(), Some("new"));
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
    assert!(claims.rival(&new).is_some(), "the list is not complete");
    claims.follow(&Event::InitDone);
    assert_eq!(claims.rival(&new), None);
    assert_eq!(next(&mut heirs).as_deref(), Some("new"));
    let index = claims.index.lock().unwrap();
    assert_eq!((index.objects.len(), index.claimants.len()), (1, 1));
}
