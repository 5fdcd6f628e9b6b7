//! Which changes of an object trigger those that refer to it.

use serde_json::json;
use spice_crds::Database;

use super::*;

fn database(generation: i64, ready: &str, position: i64) -> Guarded<Database> {
    let object = json!({
        "apiVersion": "spiceharvester.dev/v1alpha1", "kind": "Database",
        "metadata": {"name": "shop", "namespace": "team", "uid": "u", "generation": generation},
        "spec": {},
        "status": {"position": position, "conditions": [{"type": "Ready", "status": ready,
            "reason": "Any", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}]},
    });
    DeserializeGuard(Ok(serde_json::from_value(object).unwrap()))
}

#[test]
fn only_relevant_changes_trigger_others() {
    let mut known = HashMap::new();
    let mut triggers = |event| relevant(&mut known, event).is_some();
    assert!(triggers(Event::InitApply(database(1, "False", 1))));
    assert!(!triggers(Event::InitDone));
    assert!(!triggers(Event::Apply(database(1, "False", 2))));
    assert!(triggers(Event::Apply(database(1, "True", 2))));
    assert!(!triggers(Event::Apply(database(1, "True", 3))));
    assert!(triggers(Event::Apply(database(2, "True", 3))));
    assert!(triggers(Event::Delete(database(2, "True", 3))));
    assert!(triggers(Event::Apply(database(2, "True", 3))));
    assert_eq!(known.len(), 1);
}

#[test]
fn objects_that_vanish_between_two_lists_are_gone() {
    let object = |uid: &str| {
        let mut object = database(1, "True", 1);
        object.meta_mut().uid = Some(uid.to_owned());
        object
    };
    let mut uids = Uids::default();
    let mut follow = |event| uids.follow::<Database>(&event);
    assert!(follow(Event::Init).is_empty());
    for uid in ["a", "b", "c"] {
        assert!(follow(Event::InitApply(object(uid))).is_empty());
    }
    assert!(follow(Event::InitDone).is_empty());
    assert!(follow(Event::Apply(object("d"))).is_empty());
    assert_eq!(follow(Event::Delete(object("a"))), ["a"]);
    assert!(follow(Event::Init).is_empty());
    for uid in ["c", "d"] {
        assert!(follow(Event::InitApply(object(uid))).is_empty());
    }
    assert_eq!(follow(Event::InitDone), ["b"]);
}
