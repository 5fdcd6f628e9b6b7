//! The classes of a branch as a network: relationships, isolated classes, cycles.

mod cycles;
mod edge;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

pub use self::{
    cycles::{Cycle, Cycles},
    edge::Edge,
};
use super::{Cardinality, Class, Finding, Schema, check_structure};
use crate::{error::Violation, name::ClassName};

/// The maximum number of hubs in the answer.
const HUBS: usize = 10;

/// A class with many relationships.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Hub {
    /// The class.
    pub class_id: ClassName,
    /// The number of relationships that refer to it.
    pub incoming: usize,
    /// The number of relationships that it declares.
    pub outgoing: usize,
}

/// Classes that are connected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Component {
    /// The classes, by id.
    pub classes: Vec<ClassName>,
    /// Their number.
    pub size: usize,
}

/// The classes of a branch as a network.
#[derive(Debug, Clone)]
pub struct Network {
    /// Every relationship, where it is declared.
    pub edges: Vec<Edge>,
    /// Groups of classes that are connected by relationships or parents, the largest first.
    pub components: Vec<Component>,
    /// Classes without relationships, parent or child.
    pub isolated: Vec<ClassName>,
    /// The classes with the most relationships.
    pub hubs: Vec<Hub>,
    /// Cycles of relationships.
    pub cycles: Cycles,
    /// The findings of [`check_structure`] about relationships, by class: missing targets and mismatched
    /// inverses.
    pub findings: Vec<(ClassName, Finding)>,
    /// Contradictions between classes and their parents.
    pub contradictions: Vec<(ClassName, Violation)>,
}

impl Network {
    /// Analyzes all classes.
    pub fn of(schema: &Schema) -> Self {
        let edges = edges(schema);
        let components = components(schema, &edges);
        let alone = components.iter().filter(|component| component.size == 1);
        let alone = alone.flat_map(|component| &component.classes);
        let connected: BTreeSet<&ClassName> = edges.iter().map(|edge| &edge.from).collect();
        let is_isolated = |class: &&ClassName| !connected.contains(*class);
        let isolated = alone.filter(is_isolated).cloned().collect();
        let mut findings = Vec::new();
        let mut contradictions = Vec::new();
        for class in schema.iter_declared() {
            let issues = check_structure(schema, &class.id).into_iter();
            let own = |it: &Finding| declares(class, &it.field);
            let issues = issues.filter(|it| is_of_relationships(it) && own(it));
            findings.extend(issues.map(|it| (class.id.clone(), it)));
            let issues = schema.contradictions(&class.id).into_iter();
            contradictions.extend(issues.map(|it| (class.id.clone(), it)));
        }
        Self {
            hubs: hubs(schema, &edges),
            cycles: Cycles::find(&edges),
            edges,
            components,
            isolated,
            findings,
            contradictions,
        }
    }

    /// The number of relationships that name their inverse.
    pub fn count_with_inverse(&self) -> usize {
        let has_inverse = |edge: &&Edge| edge.inverse_predicate.is_some();
        self.edges.iter().filter(has_inverse).count()
    }
}

fn is_of_relationships(finding: &Finding) -> bool {
    ["target_missing", "inverse_mismatch"].contains(&finding.code)
}

fn declares(class: &Class, predicate: &str) -> bool {
    let mut own = class.relationships.iter();
    own.any(|own| own.predicate.as_str() == predicate)
}

fn edges(schema: &Schema) -> Vec<Edge> {
    let mut edges = Vec::new();
    for class in schema.iter_declared() {
        edges.extend(class.relationships.iter().map(|it| Edge {
            from: class.id.clone(),
            predicate: it.predicate.clone(),
            to: it.target.clone(),
            cardinality: Cardinality::as_str(it.cardinality),
            binding: it.required && it.strict,
            inverse_predicate: it.inverse_predicate.clone(),
        }));
    }
    edges.sort();
    edges
}

fn components(schema: &Schema, edges: &[Edge]) -> Vec<Component> {
    let mut next: BTreeMap<&ClassName, Vec<&ClassName>> = BTreeMap::new();
    let parents = schema.iter_declared();
    let parents = parents.filter_map(|class| Some((&class.id, class.parent.as_ref()?)));
    for (one, other) in edges
        .iter()
        .map(|edge| (&edge.from, &edge.to))
        .chain(parents)
    {
        next.entry(one).or_default().push(other);
        next.entry(other).or_default().push(one);
    }
    let mut met: BTreeSet<&ClassName> = BTreeSet::new();
    let mut components: Vec<Component> = Vec::new();
    for class in schema.iter_declared() {
        if !met.insert(&class.id) {
            continue;
        }
        let mut component = vec![&class.id];
        let mut at = 0;
        while let Some(current) = component.get(at).copied() {
            at += 1;
            for other in next.get(current).into_iter().flatten() {
                if schema.get_declared(other).is_some() && met.insert(other) {
                    component.push(other);
                }
            }
        }
        component.sort();
        components.push(Component {
            size: component.len(),
            classes: component.into_iter().cloned().collect(),
        });
    }
    components.sort_by_key(|component| std::cmp::Reverse(component.size));
    components
}

fn hubs(schema: &Schema, edges: &[Edge]) -> Vec<Hub> {
    let mut counts: BTreeMap<&ClassName, (usize, usize)> = BTreeMap::new();
    for edge in edges {
        counts.entry(&edge.to).or_default().0 += 1;
        counts.entry(&edge.from).or_default().1 += 1;
    }
    let mut hubs: Vec<Hub> = counts
        .into_iter()
        .filter(|(class, _)| schema.get_declared(class).is_some())
        .map(|(class, (incoming, outgoing))| Hub {
            class_id: class.clone(),
            incoming,
            outgoing,
        })
        .filter(|hub| hub.incoming + hub.outgoing > 1)
        .collect();
    hubs.sort_by_key(|hub| std::cmp::Reverse(hub.incoming + hub.outgoing));
    hubs.truncate(HUBS);
    hubs
}
