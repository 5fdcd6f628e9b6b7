//! The order of the classes: strict targets come first.

use std::sync::Arc;

use proptest::{collection::vec, prelude::*};
use serde_json::json;
use spice_core::{
    json::Json,
    ontology::{Class, Schema},
};

const CLASSES: usize = 6;

/// A strict or loose relationship between two classes.
type Edge = (usize, usize, bool);

fn schema(edges: &[Edge], parents: &[Option<usize>]) -> Schema {
    let mut schema = Schema::default();
    for (class, parent) in parents.iter().enumerate() {
        let leaving = edges.iter().enumerate();
        let leaving = leaving.filter(|(_, (from, ..))| *from == class);
        let relationships: Vec<_> = leaving
            .map(|(number, (_, to, strict))| {
                json!({"predicate": format!("p{number}"), "target": format!("C{to}"), "cardinality": "n:1",
                    "integrity": if *strict { "strict" } else { "none" }})
            })
            .collect();
        let mut definition = json!({"id": format!("C{class}"), "label": format!("C{class}"),
            "relationships": relationships});
        if let Some(parent) = parent.filter(|parent| *parent < class) {
            definition["parent_class"] = json!(format!("C{parent}"));
        }
        schema.put(Arc::new(Class::create(&Json::from(definition)).unwrap()));
    }
    schema
}

fn ids(schema: &Schema) -> Vec<String> {
    let ordered = schema.in_reference_order().into_iter();
    ordered.map(|class| class.id.to_string()).collect()
}

/// The classes that each class strictly refers to: directly, and transitively.
fn needs(schema: &Schema) -> [Vec<Vec<bool>>; 2] {
    let id = |class: usize| format!("C{class}").parse().unwrap();
    let direct = |from: usize, to: usize| {
        let class = schema.get(&id(from)).unwrap();
        let mut strict = class.relationships().iter().filter(|it| it.strict);
        strict.any(|it| it.target == id(to) || schema.is_kind_of(&id(to), &it.target))
    };
    let row = |from: usize| (0..CLASSES).map(|to| direct(from, to)).collect();
    let at_once: Vec<Vec<bool>> = (0..CLASSES).map(row).collect();
    let mut needs = at_once.clone();
    for middle in 0..CLASSES {
        for from in 0..CLASSES {
            for to in 0..CLASSES {
                needs[from][to] |= needs[from][middle] && needs[middle][to];
            }
        }
    }
    [at_once, needs]
}

proptest! {
    #[test]
    fn a_class_comes_after_its_strict_targets_unless_they_form_a_cycle(
        edges in vec((0..CLASSES, 0..CLASSES, any::<bool>()), 0..10),
        parents in vec(proptest::option::of(0..CLASSES), CLASSES),
    ) {
        let schema = schema(&edges, &parents);
        let ordered = ids(&schema);
        prop_assert_eq!(ordered.len(), CLASSES);
        let place = |class: usize| ordered.iter().position(|it| *it == format!("C{class}"));
        let [at_once, needs] = needs(&schema);
        for from in 0..CLASSES {
            prop_assert!(place(from).is_some());
            for to in (0..CLASSES).filter(|to| at_once[from][*to] && !needs[*to][from]) {
                prop_assert!(place(to) < place(from), "C{} before C{}: {:?}", to, from, &ordered);
            }
        }
    }
}

#[test]
fn without_strict_relationships_the_order_is_that_of_the_schema() {
    let schema = schema(&[(0, 5, false), (1, 3, false)], &[None; CLASSES]);
    assert_eq!(ids(&schema), ["C0", "C1", "C2", "C3", "C4", "C5"]);
}
