//! Paths in the schema from one class to another, as hops of a query.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;
use spice_core::{
    error::Refusal,
    name::ClassName,
    ontology::{Class, Relationship, Schema},
};

use super::{plan, request::Direction};

/// The maximum length of a path.
pub(crate) const DEPTH: u64 = 10;
/// The maximum number of paths.
const WAYS: usize = 100;
/// The maximum number of steps of the search.
const STEPS: usize = 100_000;

/// One path, as hops of a query.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct SchemaPath {
    pub(crate) length: usize,
    pub(crate) hops: Vec<SchemaHop>,
}

/// One hop of a path, in the form of `hops`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct SchemaHop {
    pub(crate) predicate: String,
    pub(crate) target_class: ClassName,
    pub(crate) direction: Direction,
}

/// The paths from one class to another, as an answer.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct SchemaPaths<'a> {
    pub(crate) source_class: &'a str,
    pub(crate) target_class: &'a str,
    pub(crate) max_depth: u64,
    pub(crate) count: usize,
    pub(crate) paths: Vec<SchemaPath>,
    /// Whether there are more.
    pub(crate) more: bool,
}

/// The paths from one class to another that visit no class twice, short ones first, and whether
/// there are more.
pub(crate) fn schema_paths(
    schema: &Schema,
    source: &str,
    target: &str,
    max_depth: u64,
) -> Result<(Vec<SchemaPath>, bool), Refusal> {
    let depth = plan::bounded("max_depth", max_depth, 1, DEPTH)?;
    let source = plan::class(schema, "source_class", source)?;
    let target = plan::class(schema, "target_class", target)?;
    let mut found = Vec::new();
    let mut frontier = vec![Vec::new()];
    let mut steps = 0;
    for _ in 0..depth {
        let mut next = Vec::new();
        for hops in frontier {
            for hop in hops_from(schema, end(&source, &hops)) {
                steps += 1;
                if found.len() == WAYS || steps > STEPS {
                    return Ok((found, true));
                }
                let to = &hop.target_class;
                let arrives = *to == target.id;
                let is_met = *to == source.id || hops.iter().any(|hop| hop.target_class == *to);
                if is_met && !(arrives && source.id == target.id) {
                    continue;
                }
                if arrives {
                    found.push(SchemaPath::new(extend(&hops, hop)));
                } else {
                    next.push(extend(&hops, hop));
                }
            }
        }
        frontier = next;
    }
    Ok((found, false))
}

/// The shortest path from a class to each reachable class, near ones first.
pub(crate) fn reachable(
    schema: &Schema,
    source: &str,
    max_depth: u64,
) -> Result<Vec<SchemaPath>, Refusal> {
    let depth = plan::bounded("max_depth", max_depth, 1, DEPTH)?;
    let source = plan::class(schema, "source_class", source)?;
    let mut met = BTreeSet::from([source.id.clone()]);
    let mut found = Vec::new();
    let mut frontier = vec![Vec::new()];
    for _ in 0..depth {
        let mut next = Vec::new();
        for hops in frontier {
            for hop in hops_from(schema, end(&source, &hops)) {
                if met.insert(hop.target_class.clone()) {
                    next.push(extend(&hops, hop));
                }
            }
        }
        found.extend(next.iter().cloned().map(SchemaPath::new));
        frontier = next;
    }
    Ok(found)
}

impl SchemaPath {
    fn new(hops: Vec<SchemaHop>) -> Self {
        Self {
            length: hops.len(),
            hops,
        }
    }
}

fn extend(hops: &[SchemaHop], hop: SchemaHop) -> Vec<SchemaHop> {
    hops.iter().cloned().chain([hop]).collect()
}

/// The class where a path ends.
fn end<'a>(source: &'a Class, hops: &'a [SchemaHop]) -> &'a ClassName {
    hops.last().map_or(&source.id, |hop| &hop.target_class)
}

/// The relationships of a class, then those that lead to it.
fn hops_from(schema: &Schema, class: &ClassName) -> Vec<SchemaHop> {
    let hop = |it: &Relationship, target: &ClassName, direction| SchemaHop {
        predicate: it.predicate.as_str().to_owned(),
        target_class: target.clone(),
        direction,
    };
    let own = schema.get(class).into_iter();
    let own = own.flat_map(|class| class.relationships());
    let out = own.filter(|it| schema.get(&it.target).is_some());
    let out = out.map(|it| hop(it, &it.target, Direction::Out));
    let back = schema.iter().flat_map(|other| {
        let back = other.relationships().iter();
        let back = back.filter(|it| it.leads_to(class));
        back.map(|it| hop(it, &other.id, Direction::In))
    });
    out.chain(back).collect()
}
