//! Checks a request against the schema and the limits; the result can be executed.

use std::sync::Arc;

use spice_core::{
    error::{ErrorCode, Refusal},
    json::Properties,
    name::{ClassName, InstanceId, PropertyName},
    ontology::{Class, Relationship, Schema, Text},
    query::{Conditions, Filter, INSTANCE_ID, Operator},
    unicode::nfc,
};

use super::request::{Direction, EDGES, GraphRequest, HOPS, HopRequest, LIMIT, NODES, PATHS};

/// A checked request.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) start: Arc<Class>,
    pub(crate) filters: Vec<Filter>,
    /// The single instance that the filters select by its id, if they do.
    pub(crate) address: Option<InstanceId>,
    pub(crate) hops: Vec<Hop>,
    pub(crate) limit: usize,
    pub(crate) offset: usize,
    pub(crate) max_nodes: usize,
    pub(crate) max_edges: usize,
    /// The number of paths to list; none if they are not requested.
    pub(crate) max_paths: Option<usize>,
    pub(crate) path_depth: usize,
    pub(crate) no_cycles: bool,
}

/// One hop of a plan.
#[derive(Debug, Clone)]
pub(crate) struct Hop {
    pub(crate) predicate: PropertyName,
    pub(crate) target: Arc<Class>,
    /// The classes of its target nodes: the target and its subclasses, by id.
    pub(crate) kinds: Vec<ClassName>,
    pub(crate) direction: Direction,
    pub(crate) filters: Vec<Filter>,
}

/// Checks a request.
pub(crate) fn plan(schema: &Schema, request: &GraphRequest) -> Result<Plan, Refusal> {
    let limit = bounded("limit", request.limit, 1, LIMIT)?;
    let offset = bounded("offset", request.offset, 0, i64::MAX.unsigned_abs())?;
    let max_nodes = bounded("max_nodes", request.max_nodes, 1, NODES)?;
    let max_edges = bounded("max_edges", request.max_edges, 1, EDGES)?;
    let max_paths = bounded("max_paths", request.max_paths, 1, PATHS)?;
    if request.hops.len() > HOPS {
        let message = format!(
            "a query can have at most {HOPS} hops, not {}",
            request.hops.len()
        );
        return Err(invalid(message).with("field", "hops").with("maximum", HOPS));
    }
    let path_depth = match request.path_depth_limit {
        None => request.hops.len(),
        Some(depth) => bounded("path_depth_limit", depth, 1, HOPS as u64)?.min(request.hops.len()),
    };
    let start = class(schema, "start_class", &request.start_class)?;
    let filters = parse(&start, request.filters.as_ref())?;
    let mut hops: Vec<Hop> = Vec::with_capacity(request.hops.len());
    for (index, hop) in request.hops.iter().enumerate() {
        let from = hops.last().map_or(&start, |hop| &hop.target);
        hops.push(plan_hop(schema, index, from, hop)?);
    }
    Ok(Plan {
        address: address(&start, &filters),
        start,
        filters,
        hops,
        limit,
        offset,
        max_nodes,
        max_edges,
        max_paths: request.include_paths.then_some(max_paths),
        path_depth,
        no_cycles: request.no_cycles,
    })
}

fn plan_hop(
    schema: &Schema,
    index: usize,
    from: &Arc<Class>,
    hop: &HopRequest,
) -> Result<Hop, Refusal> {
    let at = |key: &str| format!("hops[{index}].{key}");
    let target = class(schema, &at("target_class"), &hop.target_class)?;
    let (holder, other) = match hop.direction {
        Direction::Out => (from, &target),
        Direction::In => (&target, from),
    };
    let own = relationship(holder, &hop.predicate);
    let step = own.map(|own| (own, hop.direction, other));
    let step = step.or_else(|| {
        let back = way_back(other, holder, &hop.predicate)?;
        Some((back, hop.direction.reversed(), holder))
    });
    let Some((relationship, direction, arrives)) = step else {
        let known: Vec<&str> = holder
            .relationships()
            .iter()
            .map(|known| known.predicate.as_str())
            .collect();
        let message = format!(
            "{} has no relationship {:?}; it has {}",
            holder.id,
            hop.predicate,
            join(&known)
        );
        return Err(invalid(message)
            .with("field", at("predicate"))
            .with("class_id", holder.id.as_str())
            .with("predicates", known));
    };
    let (predicate, leads_to) = (&relationship.predicate, &relationship.target);
    if !relationship.leads_to(&arrives.id) {
        let message = format!(
            "{} of {} refers to {leads_to}, not to {}",
            predicate, holder.id, arrives.id
        );
        return Err(invalid(message)
            .with("field", at("target_class"))
            .with("predicate", predicate.as_str())
            .with("target_class", leads_to.as_str()));
    }
    let filters = parse(&target, hop.target_filters.as_ref())
        .map_err(|refusal| refusal.with("field", at("target_filters")))?;
    let mut kinds = schema.kinds(&target.id);
    kinds.push(target.id.clone());
    kinds.sort();
    Ok(Hop {
        predicate: predicate.clone(),
        target,
        kinds,
        direction,
        filters,
    })
}

/// The relationship of a class with a name or label.
fn relationship<'a>(holder: &'a Class, name: &str) -> Option<&'a Relationship> {
    let predicate = holder.resolve(name)?;
    let mut known = holder.relationships().iter();
    known.find(|known| known.predicate == *predicate)
}

/// The relationship of a class with another one whose inverse has this name.
fn way_back<'a>(holder: &'a Class, other: &Class, name: &str) -> Option<&'a Relationship> {
    let is_called = |known: &&Relationship| {
        let labels = || known.inverse_label.iter().flat_map(Text::all).map(nfc);
        known
            .inverse_predicate
            .as_ref()
            .is_some_and(|it| it.as_str() == name)
            || labels().any(|label| label == nfc(name))
    };
    let mut known = holder.relationships().iter().filter(is_called);
    known.find(|known| known.leads_to(&other.id))
}

pub(super) fn class(schema: &Schema, field: &str, name: &str) -> Result<Arc<Class>, Refusal> {
    schema.resolve(name).cloned().ok_or_else(|| {
        let known: Vec<&str> = schema.iter().map(|class| class.id.as_str()).collect();
        let message = format!(
            "there is no class {name:?}; the classes are {}",
            join(&known)
        );
        invalid(message)
            .with("field", field)
            .with("class_id", name)
            .with("classes", known)
    })
}

fn parse(class: &Class, filters: Option<&Conditions>) -> Result<Vec<Filter>, Refusal> {
    filters.map_or_else(
        || Ok(Vec::new()),
        |filters| Filter::parse_all(class, filters),
    )
}

/// The instance that equality on the id, or on the whole primary key, selects.
fn address(class: &Class, filters: &[Filter]) -> Option<InstanceId> {
    let equal = |property: &str| {
        filters.iter().find_map(|filter| match &filter.operator {
            Operator::Eq(value) if filter.property.as_str() == property => Some(value.clone()),
            _ => None,
        })
    };
    if let Some(id) = equal(INSTANCE_ID) {
        return id.as_string()?.parse().ok();
    }
    let key = class.primary_key().map(|property| &property.name);
    let key: Properties = key
        .filter_map(|name| Some((name.clone(), equal(name.as_str())?)))
        .collect();
    class.keyed_id(&key)
}

pub(super) fn bounded(field: &str, value: u64, least: u64, most: u64) -> Result<usize, Refusal> {
    let number = usize::try_from(value)
        .ok()
        .filter(|_| (least..=most).contains(&value));
    number.ok_or_else(|| {
        invalid(format!(
            "{field} must be from {least} to {most}, not {value}"
        ))
        .with("field", field)
        .with("minimum", least)
        .with("maximum", most)
    })
}

fn join(known: &[&str]) -> String {
    if known.is_empty() {
        "none".to_owned()
    } else {
        known.join(", ")
    }
}

fn invalid(message: String) -> Refusal {
    Refusal::new(ErrorCode::InvalidQuery, message)
}
