//! Paths in the schema from one class to another, as hops of a query.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;
use spice_core::{
    error::Refusal,
    name::ClassName,
    ontology::{Class, Schema},
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
    let mut frontier = vec![(vec![source.id.clone()], Vec::<SchemaHop>::new())];
    let mut steps = 0;
    for _ in 0..depth {
        let mut next = Vec::new();
        for (met, hops) in frontier {
            for hop in hops_from(schema, met.last()) {
                steps += 1;
                if found.len() == WAYS || steps > STEPS {
                    return Ok((found, true));
                }
                let arrives = hop.target_class == target.id;
                if met.contains(&hop.target_class) && !(arrives && source.id == target.id) {
                    continue;
                }
                let mut hops: Vec<SchemaHop> = hops.clone();
                let mut met = met.clone();
                met.push(hop.target_class.clone());
                hops.push(hop);
                if arrives {
                    found.push(SchemaPath {
                        length: hops.len(),
                        hops,
                    });
                } else {
                    next.push((met, hops));
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
    let mut frontier = vec![(source.id.clone(), Vec::<SchemaHop>::new())];
    for _ in 0..depth {
        let mut next = Vec::new();
        for (class, hops) in frontier {
            for hop in hops_from(schema, Some(&class)) {
                if !met.insert(hop.target_class.clone()) {
                    continue;
                }
                let at = hop.target_class.clone();
                let hops: Vec<SchemaHop> = hops.iter().cloned().chain([hop]).collect();
                found.push(SchemaPath {
                    length: hops.len(),
                    hops: hops.clone(),
                });
                next.push((at, hops));
            }
        }
        frontier = next;
    }
    Ok(found)
}

fn hops_from(schema: &Schema, class: Option<&ClassName>) -> Vec<SchemaHop> {
    let Some(name) = class else {
        return Vec::new();
    };
    let hop = |predicate: &str, target: &ClassName, direction| SchemaHop {
        predicate: predicate.to_owned(),
        target_class: target.clone(),
        direction,
    };
    let own = schema
        .get(name)
        .map(|class| class.relationships())
        .unwrap_or_default();
    let out = own
        .iter()
        .filter(|relationship| schema.get(&relationship.target).is_some())
        .map(|it| hop(it.predicate.as_str(), &it.target, Direction::Out));
    let back = |class: &Class| -> Vec<SchemaHop> {
        class
            .relationships()
            .iter()
            .filter(|it| it.leads_to(name))
            .map(|it| hop(it.predicate.as_str(), &class.id, Direction::In))
            .collect()
    };
    out.chain(schema.iter().flat_map(|class| back(class)))
        .collect()
}
