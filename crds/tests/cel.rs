//! Every rule of the definitions, with objects that keep it and objects that break it. The rules
//! are evaluated here, without a cluster.

#![allow(clippy::unwrap_used)]

use kube::core::cel::Validator;
use serde_json::{Value, json};
use spice_crds::crdgen::definitions;

/// The messages of the broken rules.
fn broken(kind: &str, name: &str, spec: &Value, old: Option<&Value>) -> Vec<String> {
    let definitions = definitions().unwrap();
    let definition = definitions
        .iter()
        .find(|it| it.object["spec"]["names"]["kind"] == kind)
        .unwrap();
    let schema = &definition.object["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let object = |spec: &Value| {
        json!({"apiVersion": "spiceharvester.dev/v1alpha1", "kind": kind,
            "metadata": {"name": name}, "spec": spec})
    };
    let old = old.map(object);
    match Validator::new().validate(schema, &object(spec), old.as_ref()) {
        Ok(()) => Vec::new(),
        Err(errors) => vec![errors.to_string()],
    }
}

fn with(base: &Value, more: &Value) -> Value {
    let mut whole = base.clone();
    for (key, value) in more.as_object().unwrap() {
        let fields = whole.as_object_mut().unwrap();
        if value.is_null() {
            fields.shift_remove(key);
        } else {
            fields.insert(key.clone(), value.clone());
        }
    }
    whole
}

fn assert_rule(found: &[String], refusal: Option<&str>, case: &str) {
    match refusal {
        None => assert!(found.is_empty(), "{case}: {found:?}"),
        Some(words) => assert!(
            found.iter().any(|message| message.contains(words)),
            "{case}: {words:?} is not in {found:?}"
        ),
    }
}

fn ontology() -> Value {
    json!({"databaseRef": {"name": "d"}, "classes": [{"name": "X"}]})
}

fn branch() -> Value {
    json!({"databaseRef": {"name": "d"}})
}

fn replay_job() -> Value {
    json!({"databaseRef": {"name": "d"}, "targets": ["Graph"], "strategy": "InPlace"})
}

#[test]
fn rules_of_new_objects() {
    let allowed = |fields: Value| json!({"allowedNamespaces": fields});
    let database = "metadata.name must be a valid database name";
    let names = "names is required with from: Names";
    let cases = [
        ("Database", "good", json!({}), None),
        ("Database", "ab", json!({}), Some(database)),
        ("Database", "1abc", json!({}), Some(database)),
        ("Database", "a.b.c", json!({}), Some(database)),
        ("Database", "a--b", json!({}), Some(database)),
        ("Database", "1abc", json!({"name": "abc"}), None),
        ("Database", "good", allowed(json!({})), None),
        ("Database", "good", allowed(json!({"from": "All"})), None),
        (
            "Database",
            "good",
            allowed(json!({"from": "Names", "names": ["a"]})),
            None,
        ),
        (
            "Database",
            "good",
            allowed(json!({"from": "Names"})),
            Some(names),
        ),
        (
            "Database",
            "good",
            allowed(json!({"names": ["a"]})),
            Some(names),
        ),
        (
            "Database",
            "good",
            allowed(json!({"from": "All", "names": ["a"]})),
            Some(names),
        ),
        ("Ontology", "any.name-9", ontology(), None),
        (
            "Ontology",
            "x",
            with(&ontology(), &json!({"branch": "refs"})),
            Some("a branch cannot be called"),
        ),
        (
            "Ontology",
            "x",
            with(
                &ontology(),
                &json!({"classes": [{"name": "X", "parentClass": "Y"}]}),
            ),
            None,
        ),
        (
            "Ontology",
            "x",
            with(
                &ontology(),
                &json!({"classes": [{"name": "Y"}, {"name": "X", "parentClass": "X"}]}),
            ),
            Some("a class cannot be its own parent"),
        ),
        ("Branch", "good", branch(), None),
        (
            "Branch",
            "main",
            branch(),
            Some("metadata.name must be a valid branch name"),
        ),
        (
            "Branch",
            "a.b",
            branch(),
            Some("metadata.name must be a valid branch name"),
        ),
        (
            "Branch",
            "main",
            with(&branch(), &json!({"name": "other"})),
            None,
        ),
        (
            "Branch",
            "x",
            with(&branch(), &json!({"name": "HEAD"})),
            Some("a branch cannot be called"),
        ),
    ];
    for (kind, name, spec, refusal) in cases {
        let found = broken(kind, name, &spec, None);
        assert_rule(&found, refusal, &format!("{kind} {name} {spec}"));
    }
}

#[test]
fn rules_of_new_jobs() {
    let cases = [
        (replay_job(), None),
        (
            with(&replay_job(), &json!({"branch": "b", "from": 3})),
            None,
        ),
        (
            with(&replay_job(), &json!({"strategy": null, "branch": "b"})),
            Some("branch needs strategy: InPlace"),
        ),
        (
            with(&replay_job(), &json!({"strategy": "BlueGreen", "from": 3})),
            Some("from needs strategy: InPlace"),
        ),
    ];
    for (spec, refusal) in cases {
        let found = broken("ReplayJob", "any.name-9", &spec, None);
        assert_rule(&found, refusal, &spec.to_string());
    }
}

/// A field that cannot be changed, added or removed; and other values of it.
#[test]
fn immutable_fields_stay() {
    let bases = [
        ("Database", json!({})),
        ("Ontology", ontology()),
        ("Branch", branch()),
        ("ReplayJob", replay_job()),
    ];
    let cases = [
        ("Database", "name", json!("abc"), json!("other")),
        ("Branch", "name", json!("a"), json!("b")),
        (
            "Branch",
            "from",
            json!({"branch": "main"}),
            json!({"branch": "main", "position": 3}),
        ),
        ("ReplayJob", "branch", json!("a"), json!("b")),
        ("ReplayJob", "from", json!(1), json!(2)),
        ("ReplayJob", "ttlSecondsAfterFinished", json!(1), json!(2)),
    ];
    for (kind, field, first, second) in cases {
        let base = &bases.iter().find(|(it, _)| *it == kind).unwrap().1;
        let one = with(base, &json!({ field: first }));
        let other = with(base, &json!({ field: second }));
        let refusal = format!("{field} is immutable");
        for (old, new) in [(base, &one), (&one, base), (&one, &other)] {
            let found = broken(kind, "abc", new, Some(old));
            assert_rule(&found, Some(&refusal), &format!("{kind} {old} {new}"));
        }
        assert_rule(&broken(kind, "abc", &one, Some(&one)), None, kind);
    }
    for (kind, base) in &bases {
        let named = with(base, &json!({"instance": "a"}));
        let found = broken(kind, "abc", &named, Some(base));
        assert_rule(&found, Some("instance is immutable"), kind);
        let found = broken(kind, "abc", base, Some(&named));
        assert_rule(&found, Some("instance is immutable"), kind);
    }
    let elsewhere = json!({"databaseRef": {"name": "e"}});
    for (kind, base) in &bases[1..] {
        let found = broken(kind, "abc", &with(base, &elsewhere), Some(base));
        assert_rule(&found, Some("databaseRef is immutable"), kind);
    }
}

/// A default that is written out changes nothing; another value is refused.
#[test]
fn defaults_can_be_written_out() {
    let same = with(&ontology(), &json!({"branch": "main"}));
    let found = broken("Ontology", "abc", &same, Some(&ontology()));
    assert_rule(&found, None, "branch");
    let other = with(&ontology(), &json!({"branch": "b"}));
    let found = broken("Ontology", "abc", &other, Some(&ontology()));
    assert_rule(&found, Some("branch is immutable"), "branch");
    let base = with(&replay_job(), &json!({"strategy": null}));
    for (field, default, other) in [
        ("strategy", json!("BlueGreen"), json!("InPlace")),
        ("verify", json!(true), json!(false)),
        ("approval", json!("None"), json!("Manual")),
    ] {
        let same = with(&base, &json!({ field: default }));
        for (old, new) in [(&base, &same), (&same, &base)] {
            assert_rule(&broken("ReplayJob", "abc", new, Some(old)), None, field);
        }
        let other = with(&base, &json!({ field: other }));
        for (old, new) in [(&base, &other), (&other, &base)] {
            let found = broken("ReplayJob", "abc", new, Some(old));
            let refusal = format!("{field} is immutable");
            assert_rule(&found, Some(&refusal), field);
        }
    }
    let both = with(&base, &json!({"targets": ["Graph", "Documents"]}));
    let found = broken("ReplayJob", "abc", &both, Some(&base));
    assert_rule(&found, Some("targets is immutable"), "targets");
}

#[test]
fn what_can_be_changed() {
    let cases = [
        ("Database", json!({}), json!({"description": "d"})),
        ("Database", json!({}), json!({"deletionPolicy": "Delete"})),
        (
            "Ontology",
            ontology(),
            json!({"classes": [{"name": "Y", "label": "Z"}]}),
        ),
        ("Branch", branch(), json!({"suspend": true})),
        ("ReplayJob", replay_job(), json!({"suspend": true})),
    ];
    for (kind, base, change) in cases {
        let found = broken(kind, "abc", &with(&base, &change), Some(&base));
        assert_rule(&found, None, &format!("{kind} {change}"));
    }
}
