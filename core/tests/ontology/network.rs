//! Classes as a network, and the labels of a class.

use std::{collections::BTreeSet, sync::Arc};

use proptest::prelude::*;
use serde_json::{Value, json};
use spice_core::{
    error::ErrorCode,
    json::Json,
    ontology::{
        Class, Labels, Schema,
        network::{Cycle, Network},
    },
};

use crate::support::{class, json};

fn class_with(id: &str, relationships: &[Value]) -> Class {
    let definition = json!({"id": id, "label": id, "relationships": relationships});
    Class::create(&Json::from(definition)).unwrap()
}

fn schema(classes: Vec<Class>) -> Schema {
    let mut schema = Schema::default();
    for class in classes {
        schema.put(Arc::new(class));
    }
    schema
}

fn binding(predicate: &str, target: &str) -> Value {
    json!({"predicate": predicate, "target": target, "cardinality": "n:1", "required": true, "integrity": "strict"})
}

#[test]
fn a_relationship_and_its_inverse_are_not_a_cycle() {
    let to = |predicate: &str, target: &str, inverse: &str| json!({"predicate": predicate, "target": target, "inverse_predicate": inverse, "cardinality": "n:m"});
    let schema = schema(vec![
        class_with("A", &[to("bs", "B", "a"), to("c", "C", "a")]),
        class_with("B", &[to("a", "A", "bs"), to("cs", "C", "b")]),
        class_with("C", &[to("b", "B", "cs"), to("a", "A", "c")]),
        class_with("Lone", &[]),
        class_with("Pair", &[json!({"predicate": "ghost", "target": "Ghost"})]),
    ]);
    let network = Network::of(&schema);
    let ways: Vec<String> = network
        .cycles
        .cycles
        .iter()
        .map(|it| format!("{:?}", it.predicates))
        .collect();
    assert!(
        network.cycles.cycles.iter().all(|it| it.length == 3),
        "{ways:?}"
    );
    assert!(!network.cycles.cycles.is_empty());
    let names = |classes: &[spice_core::name::ClassName]| {
        classes.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(names(&network.isolated), ["Lone"]);
    assert_eq!(names(&network.components[0].classes), ["A", "B", "C"]);
    assert_eq!(network.components.len(), 3);
    let reported: Vec<&str> = network.findings.iter().map(|(_, it)| it.code).collect();
    assert_eq!(reported, ["target_missing"]);
    assert_eq!((network.edges.len(), network.count_with_inverse()), (7, 6));
    assert_eq!(network.hubs[0].incoming + network.hubs[0].outgoing, 4);
}

#[test]
fn a_cycle_without_a_possible_first_instance_is_critical() {
    let schema = schema(vec![
        class_with(
            "A",
            &[
                binding("b", "B"),
                json!({"predicate": "short", "target": "A"}),
            ],
        ),
        class_with("B", &[binding("a", "A")]),
    ]);
    let network = Network::of(&schema);
    let reported: Vec<(String, bool)> = network
        .cycles
        .cycles
        .iter()
        .map(|it| {
            (
                it.classes
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(">"),
                it.critical,
            )
        })
        .collect();
    assert_eq!(
        reported,
        [("A>B>A".to_owned(), true), ("A>A".to_owned(), false)]
    );
    assert_eq!(network.cycles.count_critical(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// A cycle is told through every class that is on one, and each one told is one.
    #[test]
    fn cycles_match_the_transitive_closure(edges in prop::collection::btree_set((0..6_usize, 0..6_usize), 0..12)) {
        let of = |from: usize| -> Vec<Value> {
            let own = edges.iter().filter(|(it, _)| *it == from);
            own.map(|(_, to)| json!({"predicate": format!("to{to}"), "target": format!("C{to}")})).collect()
        };
        let schema = schema((0..6).map(|it| class_with(&format!("C{it}"), &of(it))).collect());
        let mut reach = edges.clone();
        for middle in 0..6 {
            let through: Vec<(usize, usize)> = (0..6)
                .flat_map(|from| (0..6).map(move |to| (from, to)))
                .filter(|(from, to)| reach.contains(&(*from, middle)) && reach.contains(&(middle, *to)))
                .collect();
            reach.extend(through);
        }
        let expected: BTreeSet<String> = (0..6).filter(|it| reach.contains(&(*it, *it))).map(|it| format!("C{it}")).collect();
        let network = Network::of(&schema);
        let reported: BTreeSet<String> = network.cycles.cycles.iter()
            .flat_map(|it| it.classes.iter().map(ToString::to_string))
            .collect();
        prop_assert_eq!(reported, expected);
        for Cycle { classes, predicates, length, .. } in &network.cycles.cycles {
            prop_assert_eq!(classes.first(), classes.last());
            prop_assert_eq!((classes.len(), predicates.len()), (length + 1, *length));
            for (pair, predicate) in classes.windows(2).zip(predicates) {
                let own = schema.get(&pair[0]).unwrap().relationships();
                prop_assert!(own.iter().any(|it| it.predicate == *predicate && it.target == pair[1]));
            }
        }
    }
}

const SHOP: &str = r#"{"id":"Shop","label":{"en":"Shop","ko":"가게"},"properties":[
    {"name":"size","type":"decimal","default":1.50,"label":"Size"},
    {"name":"owner","type":"link","linkTarget":"Person","cardinality":"n:1"}],
    "relationships":[{"predicate":"goods","target":"Product","label":{"en":"goods"}}]}"#;

#[test]
fn labels_round_trip() {
    let shop = class(SHOP);
    let labels = shop.own_labels();
    let same = shop.patch(&shop.label_patch(&labels).unwrap()).unwrap();
    assert_eq!(same.own_labels(), labels);
    let text = r#"{"class_id":"Shop","properties":{"size":{"en":"Size","ko":"크기"}},"relationships":{"owner":"Owner","goods":"Goods"}}"#;
    let wanted: Labels = json(text).read().unwrap();
    let changed = shop.patch(&shop.label_patch(&wanted).unwrap()).unwrap();
    assert_eq!(changed.resolve("크기").unwrap().as_str(), "size");
    assert_eq!(changed.resolve("Owner").unwrap().as_str(), "owner");
    assert_eq!(changed.label(Some("ko")), "가게", "what is not given stays");
    assert!(changed.definition.as_str().contains("1.50"), "as written");
    let keys = changed.label_keys();
    assert_eq!(keys["ko"].properties["크기"], "size");
    assert_eq!(keys["*"].relationships["Goods"], "goods");
    assert_eq!(keys["en"].classes["Shop"], "Shop");
    let unknown: Labels = json(r#"{"class_id":"Shop","properties":{"sise":"x","owner":"y"}}"#)
        .read()
        .unwrap();
    let refusal = shop.label_patch(&unknown).unwrap_err();
    assert_eq!(refusal.code, ErrorCode::ValidationFailed);
    let fields: Vec<&str> = refusal.detail["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["field"].as_str().unwrap())
        .collect();
    assert_eq!(
        fields,
        ["sise", "owner"],
        "a link property is a relationship"
    );
    let twice: Labels = json(r#"{"class_id":"Shop","relationships":{"owner":"X","goods":"X"}}"#)
        .read()
        .unwrap();
    let refusal = shop.patch(&shop.label_patch(&twice).unwrap()).unwrap_err();
    assert_eq!(refusal.detail["rule"], "duplicate");
}
