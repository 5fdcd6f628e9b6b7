//! Comparing and merging states: pure functions, beside maps that are merged by hand.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};
use spice_core::{
    id::AggregateId,
    json::Json,
    merge::{ChangeKind, difference, merge_classes, merge_instances},
};

fn instance() -> AggregateId {
    AggregateId::Instance(
        "demo".parse().unwrap(),
        "main".parse().unwrap(),
        "Product".parse().unwrap(),
        "p1".parse().unwrap(),
    )
}

fn class() -> AggregateId {
    let (database, branch) = ("demo".parse().unwrap(), "main".parse().unwrap());
    AggregateId::OntologyClass(database, branch, "Product".parse().unwrap())
}

fn json(text: &str) -> Json {
    Json::parse(text).unwrap()
}

#[test]
fn a_difference_names_the_kind_of_change_and_the_properties() {
    let (one, other) = (
        json(r#"{"a":1,"b":2,"c":3}"#),
        json(r#"{"d":4,"c":3,"a":2}"#),
    );
    let kind = |before, after| difference(instance(), before, after).map(|it| it.change);
    assert_eq!(kind(None, None), None);
    assert_eq!(kind(None, Some(&one)), Some(ChangeKind::Added));
    assert_eq!(kind(Some(&one), None), Some(ChangeKind::Deleted));
    let modified = difference(instance(), Some(&one), Some(&other)).unwrap();
    assert_eq!(modified.change, ChangeKind::Modified);
    assert_eq!(modified.properties, ["a", "b", "d"]);
    assert_eq!((modified.before, modified.after), (Some(one), Some(other)));
}

#[test]
fn values_that_differ_only_in_notation_are_equal() {
    let same = [
        (r#"{"a":1,"b":"x"}"#, r#"{"b":"x","a":1}"#),
        (
            r#"{"a":{"x":[1,2],"y":null}}"#,
            r#"{ "a": {"y":null, "x":[1, 2]} }"#,
        ),
        (r#"{"a":"\u00e9\/"}"#, r#"{"a":"é/"}"#),
    ];
    for (one, other) in same {
        assert!(
            difference(instance(), Some(&json(one)), Some(&json(other))).is_none(),
            "{one}"
        );
    }
    let different = [
        (r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#),
        (r#"{"a":1.0}"#, r#"{"a":1.00}"#),
        (r#"{"a":null}"#, "{}"),
        (r#"{"a":{"x":1}}"#, r#"{"a":{"x":1,"y":1}}"#),
        (r#"{"a":"1"}"#, r#"{"a":1}"#),
    ];
    for (one, other) in different {
        let found = difference(instance(), Some(&json(one)), Some(&json(other)));
        assert_eq!(found.unwrap().properties, ["a"], "{one}");
    }
}

#[test]
fn members_of_a_class_are_listed_one_by_one() {
    let before = json(
        r#"{"id":"Product","label":"Product","properties":[{"name":"a","type":"string"},
        {"name":"b","type":"string"}],"relationships":[{"predicate":"of","target":"Customer"}]}"#,
    );
    let after = json(
        r#"{"id":"Product","label":"Ware","properties":[{"name":"b","type":"text"},
        {"type":"string","name":"a"}],"relationships":[{"predicate":"by","target":"Customer"}]}"#,
    );
    let found = difference(class(), Some(&before), Some(&after)).unwrap();
    assert_eq!(
        found.properties,
        [
            "label",
            "properties.b",
            "relationships.by",
            "relationships.of"
        ]
    );
    let moved = json(
        r#"{"properties":[{"name":"b","type":"string"},{"name":"a","type":"string"}],
        "relationships":[{"predicate":"of","target":"Customer"}],"label":"Product","id":"Product"}"#,
    );
    assert!(
        difference(class(), Some(&before), Some(&moved)).is_none(),
        "order says nothing"
    );
}

#[test]
fn an_invalid_list_of_a_class_is_merged_as_a_whole_and_not_lost() {
    let twice = json(r#"{"properties":[{"name":"a","type":"string"},{"name":"a","type":"text"}]}"#);
    let none = json(r#"{"properties":[{"type":"string"}]}"#);
    for odd in [&twice, &none] {
        let merged = merge_classes(Some(odd), odd, odd).unwrap();
        assert_eq!((&merged.state, merged.undecided.len()), (odd, 0));
        let both = merge_classes(None, odd, &json(r#"{"properties":"x"}"#)).unwrap();
        assert_eq!(both.undecided, ["properties"]);
    }
}

type Map = BTreeMap<String, u8>;

/// The merge of maps, and the names of what both changed.
fn merge_by_hand(base: Option<&Map>, source: &Map, target: &Map) -> (Map, Vec<String>) {
    let nothing = Map::new();
    let base = base.unwrap_or(&nothing);
    let names: BTreeSet<&String> = base
        .keys()
        .chain(source.keys())
        .chain(target.keys())
        .collect();
    let (mut merged, mut open) = (Map::new(), Vec::new());
    for name in names {
        let sides = [base, source, target].map(|side| side.get(name));
        let taken = match sides {
            [base, source, target] if source == base => target,
            [base, source, target] if target == base || source == target => source,
            [_, _, target] => {
                open.push(name.clone());
                target
            }
        };
        if let Some(value) = taken {
            merged.insert(name.clone(), *value);
        }
    }
    (merged, open)
}

fn map(names: &'static [&'static str]) -> impl Strategy<Value = Map> {
    let entry = (prop::sample::select(names), 0..3_u8);
    prop::collection::vec(entry, 0..6).prop_map(|entries| {
        entries
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    })
}

fn as_instance(map: &Map) -> Json {
    Json::of(map).unwrap()
}

/// A definition whose members and fields are those of the map.
fn as_class(map: &Map) -> Json {
    let mut fields = serde_json::Map::new();
    for (name, value) in map {
        let (list, member) = match name.split_once('.') {
            None => {
                fields.insert(name.clone(), json!(value));
                continue;
            }
            Some((list, member)) => (list, member),
        };
        let key = if list == "properties" {
            "name"
        } else {
            "predicate"
        };
        let list = fields.entry(list).or_insert_with(|| json!([]));
        list.as_array_mut()
            .unwrap()
            .push(json!({key: member, "is": value}));
    }
    Value::Object(fields).into()
}

const NAMES: &[&str] = &["a", "b", "c", "d"];
const FIELDS: &[&str] = &[
    "label",
    "metadata",
    "properties.a",
    "properties.b",
    "relationships.a",
];

proptest! {
    #[test]
    fn instances_merge_like_maps(
        base in prop::option::of(map(NAMES)), source in map(NAMES), target in map(NAMES),
    ) {
        let json = base.as_ref().map(as_instance);
        let merged =
            merge_instances(json.as_ref(), &as_instance(&source), &as_instance(&target)).unwrap();
        let (expected, open) = merge_by_hand(base.as_ref(), &source, &target);
        prop_assert_eq!(merged.undecided, open);
        prop_assert_eq!(merged.state.read::<Map>().unwrap(), expected);
    }

    #[test]
    fn classes_merge_member_by_member(
        base in prop::option::of(map(FIELDS)), source in map(FIELDS), target in map(FIELDS),
    ) {
        let json = base.as_ref().map(as_class);
        let merged = merge_classes(json.as_ref(), &as_class(&source), &as_class(&target)).unwrap();
        let (expected, open) = merge_by_hand(base.as_ref(), &source, &target);
        prop_assert_eq!(merged.undecided, open);
        let expected = as_class(&expected);
        let found = difference(class(), Some(&merged.state), Some(&expected));
        prop_assert!(found.is_none(), "{:?}", found);
        let back = difference(class(), Some(&expected), Some(&merged.state));
        prop_assert!(back.is_none());
    }

    #[test]
    fn without_a_change_on_one_side_a_merge_is_the_other(base in map(NAMES), other in map(NAMES)) {
        let (base, other) = (as_instance(&base), as_instance(&other));
        for (source, target) in [(&base, &other), (&other, &base)] {
            let merged = merge_instances(Some(&base), source, target).unwrap();
            prop_assert!(merged.undecided.is_empty());
            prop_assert!(difference(instance(), Some(&merged.state), Some(&other)).is_none());
        }
    }
}
