//! Cycles of relationships.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use schemars::JsonSchema;
use serde::Serialize;

use super::edge::Edge;
use crate::name::{ClassName, PropertyName};

/// The maximum number of cycles in the answer.
const TOLD: usize = 100;
/// The maximum number of steps of the search.
const STEPS: usize = 2_000_000;

/// A cycle. A relationship and its own inverse do not form one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Cycle {
    /// The classes of the cycle, with the first one repeated at the end.
    pub classes: Vec<ClassName>,
    /// The relationships of the cycle.
    pub predicates: Vec<PropertyName>,
    /// The number of relationships.
    pub length: usize,
    /// Whether all of them are required and strict: then no instance can be the first.
    pub critical: bool,
}

/// The shortest cycle through each class, each cycle once, the critical ones first.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Cycles {
    /// The cycles.
    pub cycles: Vec<Cycle>,
    /// Whether there may be more.
    pub truncated: bool,
}

impl Cycles {
    /// Finds the shortest cycle through each class, and the shortest critical one.
    pub(super) fn find(edges: &[Edge]) -> Self {
        let binding: Vec<&Edge> = edges.iter().filter(|edge| edge.binding).collect();
        let mut found = BTreeSet::new();
        let mut steps = 0;
        for edges in [edges.iter().collect(), binding] {
            let graph = Graph::of(edges);
            for class in graph.out.keys() {
                found.extend(graph.shortest(class, &mut steps));
            }
        }
        let mut cycles: Vec<Cycle> = found.into_iter().collect();
        cycles.sort_by_key(|cycle| (!cycle.critical, cycle.length));
        let truncated = cycles.len() > TOLD || steps > STEPS;
        cycles.truncate(TOLD);
        Self { cycles, truncated }
    }

    /// The number of critical cycles.
    pub fn count_critical(&self) -> usize {
        self.cycles.iter().filter(|cycle| cycle.critical).count()
    }
}

struct Graph<'a> {
    edges: Vec<&'a Edge>,
    out: BTreeMap<&'a ClassName, Vec<usize>>,
}

impl<'a> Graph<'a> {
    /// The edges that can be part of a cycle: a class without outgoing edges cannot.
    fn of(mut edges: Vec<&'a Edge>) -> Self {
        loop {
            let sources: BTreeSet<&ClassName> = edges.iter().map(|edge| &edge.from).collect();
            let targets: BTreeSet<&ClassName> = edges.iter().map(|edge| &edge.to).collect();
            let before = edges.len();
            edges.retain(|edge| sources.contains(&edge.to) && targets.contains(&edge.from));
            if edges.len() == before {
                break;
            }
        }
        let mut out: BTreeMap<&ClassName, Vec<usize>> = BTreeMap::new();
        for (index, edge) in edges.iter().enumerate() {
            out.entry(&edge.from).or_default().push(index);
        }
        Self { edges, out }
    }

    /// The shortest cycle through a class in which no edge is the inverse of the previous one.
    fn shortest(&self, class: &ClassName, steps: &mut usize) -> Option<Cycle> {
        let mut came_from: BTreeMap<usize, Option<usize>> = BTreeMap::new();
        let mut open = VecDeque::new();
        for first in self.out.get(class).into_iter().flatten() {
            came_from.insert(*first, None);
            open.push_back(*first);
        }
        while let Some(current) = open.pop_front() {
            *steps += 1;
            if *steps > STEPS {
                return None;
            }
            let edge = self.edges[current];
            if edge.to == *class {
                let way = trace_path(&came_from, current);
                let returns = |way: &[usize]| match way {
                    [first, .., last] => is_way_back(self.edges[*last], self.edges[*first]),
                    _ => false,
                };
                if !returns(&way) {
                    return Some(self.cycle(&way));
                }
                continue;
            }
            for next in self.out.get(&edge.to).into_iter().flatten() {
                if !came_from.contains_key(next) && !is_way_back(edge, self.edges[*next]) {
                    came_from.insert(*next, Some(current));
                    open.push_back(*next);
                }
            }
        }
        None
    }

    /// The cycle of some edges, starting at its smallest.
    fn cycle(&self, way: &[usize]) -> Cycle {
        let mut edges: Vec<&Edge> = way.iter().map(|index| self.edges[*index]).collect();
        let smallest = (0..edges.len()).min_by_key(|index| edges[*index]);
        edges.rotate_left(smallest.unwrap_or_default());
        let mut classes: Vec<ClassName> = edges.iter().map(|edge| edge.from.clone()).collect();
        classes.extend(edges.last().map(|edge| edge.to.clone()));
        Cycle {
            classes,
            predicates: edges.iter().map(|edge| edge.predicate.clone()).collect(),
            length: edges.len(),
            critical: edges.iter().all(|edge| edge.binding),
        }
    }
}

fn trace_path(came_from: &BTreeMap<usize, Option<usize>>, last: usize) -> Vec<usize> {
    let mut way = vec![last];
    let mut current = last;
    while let Some(Some(before)) = came_from.get(&current) {
        way.push(*before);
        current = *before;
    }
    way.reverse();
    way
}

/// Whether one edge is the inverse of the other.
fn is_way_back(one: &Edge, other: &Edge) -> bool {
    one.from == other.to
        && one.to == other.from
        && one.predicate != other.predicate
        && (one.inverse_predicate.as_ref() == Some(&other.predicate)
            || other.inverse_predicate.as_ref() == Some(&one.predicate))
}
