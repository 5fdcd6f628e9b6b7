//! Questions, and their answers from the files: a nested join that is independent of the graph's.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::business::{Business, CLASSES, Class, Row};

/// A graph query.
pub(crate) struct Question {
    pub(crate) class: &'static str,
    pub(crate) filters: Value,
    pub(crate) hops: Vec<Hop>,
}

pub(crate) struct Hop {
    predicate: &'static str,
    target: &'static str,
    inward: bool,
    filters: Value,
}

/// The nodes and edges of every complete path.
#[derive(Default)]
pub(crate) struct Expected {
    pub(crate) nodes: BTreeSet<String>,
    pub(crate) edges: BTreeSet<[String; 3]>,
}

type Link = (&'static str, &'static str, &'static str);

impl Hop {
    pub(crate) fn outward(predicate: &'static str, target: &'static str) -> Self {
        Self {
            predicate,
            target,
            inward: false,
            filters: json!({}),
        }
    }

    pub(crate) fn inward(predicate: &'static str, target: &'static str) -> Self {
        Self {
            inward: true,
            ..Self::outward(predicate, target)
        }
    }

    pub(crate) fn with_filters(self, filters: Value) -> Self {
        Self { filters, ..self }
    }

    fn body(&self) -> Value {
        let mut hop = json!({"predicate": self.predicate, "target_class": self.target});
        if self.inward {
            hop["direction"] = "in".into();
        }
        if self.filters != json!({}) {
            hop["target_filters"] = self.filters.clone();
        }
        hop
    }
}

impl Question {
    pub(crate) fn hop(mut self, hop: Hop) -> Self {
        self.hops.push(hop);
        self
    }

    /// The question in the form of the api.
    pub(crate) fn body(&self) -> Value {
        json!({
            "start_class": self.class,
            "filters": self.filters,
            "hops": self.hops.iter().map(Hop::body).collect::<Vec<_>>(),
            "limit": 1000,
        })
    }

    /// The answer of the files.
    pub(crate) fn answer(&self, business: &Business) -> Expected {
        let mut expected = Expected::default();
        let rows = business
            .of(self.class)
            .iter()
            .filter(|row| passes(row, &self.filters));
        for row in rows {
            let at = (class(self.class), row);
            walk(business, at, &self.hops, &mut Vec::new(), &mut expected);
        }
        expected
    }
}

/// Adds the complete paths from a row; returns whether there is one.
fn walk(
    business: &Business,
    (from, row): (&'static Class, &Row),
    hops: &[Hop],
    path: &mut Vec<[String; 3]>,
    expected: &mut Expected,
) {
    let here = format!("{}/{}", from.name, from.id_of(row));
    let Some((hop, rest)) = hops.split_first() else {
        expected.nodes.insert(here);
        for edge in path.iter() {
            expected.nodes.extend([edge[0].clone(), edge[2].clone()]);
            expected.edges.insert(edge.clone());
        }
        return;
    };
    let target = class(hop.target);
    for other in business
        .of(hop.target)
        .iter()
        .filter(|other| passes(other, &hop.filters))
    {
        let there = format!("{}/{}", target.name, target.id_of(other));
        let (holder, held, holder_row) = if hop.inward {
            (target, from, other)
        } else {
            (from, target, row)
        };
        let (_, _, column) = link(holder, hop.predicate, held);
        let leads_to = format!("{}/{}", held.name, holder_row[column]);
        if leads_to != if hop.inward { &*here } else { &*there } {
            continue;
        }
        let ends = if hop.inward {
            [&there, &here]
        } else {
            [&here, &there]
        };
        path.push([ends[0].clone(), hop.predicate.to_owned(), ends[1].clone()]);
        walk(business, (target, other), rest, path, expected);
        path.pop();
    }
}

fn class(name: &str) -> &'static Class {
    CLASSES.iter().find(|class| class.name == name).unwrap()
}

fn link(holder: &'static Class, predicate: &str, target: &Class) -> Link {
    let is_it = |link: &&Link| link.0 == predicate && link.1 == target.name;
    *holder.links.iter().find(is_it).unwrap()
}

/// Whether a row matches: cells are compared as text, which is correct for these questions
/// (strings, and times in one form).
fn passes(row: &Row, filters: &Value) -> bool {
    let conditions: BTreeMap<&String, &Value> = filters.as_object().unwrap().iter().collect();
    conditions.into_iter().all(|(column, condition)| {
        let cell = row[column].as_str();
        match condition {
            Value::String(text) => cell == text,
            Value::Object(operators) => operators.iter().all(|(name, operand)| match &**name {
                "gte" => cell >= operand.as_str().unwrap(),
                "in" => operand
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|value| value == cell),
                other => panic!("the join does not know {other}"),
            }),
            other => panic!("the join does not know {other}"),
        }
    })
}
