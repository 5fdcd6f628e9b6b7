//! Classes of the ontology.

use std::sync::Arc;

use super::{
    draft::{Draft, Fact, class_not_found},
    instances::delete_all,
    stop::{Needs, Stop},
    version::Version,
};
use crate::{
    envelope::EventType,
    error::{ErrorCode, Refusal},
    event::{ClassEvent, Superseded},
    id::{AggregateId, Sequence},
    json::Json,
    model::{BranchState, ModelKey},
    name::{BranchName, ClassName},
    ontology::{Class, Property, Schema},
    time::Timestamp,
};

pub(super) fn create(
    draft: &mut Draft,
    branch: &BranchName,
    definition: &Json,
) -> Result<(), Stop> {
    let class = Class::create(definition)?;
    let branch = draft.branch(branch)?;
    let schema = draft.state.schema(branch)?;
    let aggregate = aggregate(draft, branch, &class.id);
    if let Some(known) = Version::newest(draft.state, branch, &ModelKey::class(&class.id))? {
        return Err(known
            .refuse_again(&format!("class {}", class.id))
            .with("aggregate_id", aggregate.to_string())
            .with("actual_seq", known.state.sequence.0)
            .into());
    }
    refuse_contradictions(schema, &with(schema, &class), &class.id)?;
    draft.command(aggregate, Some(Sequence(1)), Some(branch))?;
    let created_at = draft.moment.occurred_at;
    let change = Change {
        event_type: EventType::OntologyClassCreated,
        sequence: Sequence(1),
        created_at,
        superseded: None,
    };
    push(draft, branch, &class.id, Some(class.definition), change)
}

pub(super) fn update(
    draft: &mut Draft,
    branch: &BranchName,
    class: &ClassName,
    patch: &Json,
    expected: Sequence,
) -> Result<(), Stop> {
    let branch = draft.branch(branch)?;
    let schema = draft.state.schema(branch)?;
    let current = find_current(draft, branch, class, expected)?;
    let definition = current.state.data.clone().unwrap_or_else(Json::null);
    let updated = Class::parse_stored(class.clone(), &definition)?.patch(patch)?;
    let after = with(schema, &updated);
    refuse_contradictions(schema, &after, class)?;
    refuse_late_unique(draft, branch, schema, &after, class)?;
    let change = Change {
        event_type: EventType::OntologyClassUpdated,
        sequence: current.state.sequence.next(),
        created_at: current.state.created_at,
        superseded: current.find_superseded(draft.state, branch),
    };
    let aggregate = aggregate(draft, branch, class);
    draft.command(aggregate, Some(change.sequence), Some(branch))?;
    push(draft, branch, class, Some(updated.definition), change)
}

pub(super) fn delete(
    draft: &mut Draft,
    branch: &BranchName,
    class: &ClassName,
    expected: Sequence,
    force: bool,
) -> Result<(), Stop> {
    let branch = draft.branch(branch)?;
    let schema = draft.state.schema(branch)?;
    let current = find_current(draft, branch, class, expected)?;
    let instances = if force {
        delete_all(draft, branch, class)?
    } else {
        refuse_needed(draft, branch, schema, class)?;
        Vec::new()
    };
    let change = Change {
        event_type: EventType::OntologyClassDeleted,
        sequence: current.state.sequence.next(),
        created_at: current.state.created_at,
        superseded: current.find_superseded(draft.state, branch),
    };
    let aggregate = aggregate(draft, branch, class);
    draft.command(aggregate, Some(change.sequence), Some(branch))?;
    // The instances come first, so that no position shows an instance without its class.
    for instance in instances {
        instance.push(draft, branch)?;
    }
    push(draft, branch, class, None, change)
}

/// Refuses to delete a class that other classes or instances need.
fn refuse_needed(
    draft: &Draft,
    branch: &BranchState,
    schema: &Schema,
    class: &ClassName,
) -> Result<(), Stop> {
    let mut declared = schema.iter_declared();
    if let Some(child) = declared.find(|other| other.parent() == Some(class)) {
        let message = format!(
            "class {class} is the parent of class {}; give that class another parent first, or pass force=true",
            child.id
        );
        let refusal = Refusal::new(ErrorCode::FailedPrecondition, message);
        return Err(refusal.with("parent_of", child.id.as_str()).into());
    }
    let referrer = schema
        .iter_declared()
        .find(|other| other.id != *class && other.targets().contains(&class));
    if let Some(referrer) = referrer {
        let message = format!(
            "class {class} is referred to by class {}; delete the relationship first, or pass force=true",
            referrer.id
        );
        let refusal = Refusal::new(ErrorCode::FailedPrecondition, message);
        return Err(refusal.with("referred_to_by", referrer.id.as_str()).into());
    }
    if draft.state.has_instances(branch, class)? {
        let message = format!(
            "class {class} has instances; delete them first, or pass force=true to delete them \
             together with the class"
        );
        return Err(Refusal::new(ErrorCode::FailedPrecondition, message)
            .with("class_id", class.as_str())
            .into());
    }
    Ok(())
}

/// The classes, with one of them replaced.
fn with(schema: &Schema, class: &Class) -> Schema {
    let mut after = schema.clone();
    after.put(Arc::new(class.clone()));
    after
}

/// Refuses new contradictions in a class or its subclasses. A change of a parent can cause them
/// anywhere: it may make a relationship elsewhere too wide.
fn refuse_contradictions(before: &Schema, after: &Schema, class: &ClassName) -> Result<(), Stop> {
    let known = before.get_declared(class).map(|class| class.parent());
    let moves = known
        .is_some_and(|parent| parent != after.get_declared(class).and_then(|class| class.parent()));
    let touched: Vec<ClassName> = if moves {
        let all = after.iter_declared();
        all.map(|class| class.id.clone()).collect()
    } else {
        let kinds = after.kinds(class);
        std::iter::once(class.clone()).chain(kinds).collect()
    };
    let mut found = Vec::new();
    for name in touched {
        let known = before.contradictions(&name);
        let mut new = after.contradictions(&name);
        new.retain(|violation| !known.contains(violation));
        found.extend(new);
    }
    if found.is_empty() {
        return Ok(());
    }
    Err(Refusal::validation(&found).into())
}

/// The unique values of instances are claimed when they are written. So a property can become
/// unique, or change how it compares while unique, only while the class and its subclasses have no
/// instances.
fn refuse_late_unique(
    draft: &Draft,
    branch: &BranchState,
    before: &Schema,
    after: &Schema,
    class: &ClassName,
) -> Result<(), Stop> {
    let mut needs = Needs::default();
    for name in std::iter::once(class.clone()).chain(after.kinds(class)) {
        let Some((property, late)) = find_late_unique(before, after, &name) else {
            continue;
        };
        if needs.take(draft.state.has_instances(branch, &name))? == Some(true) {
            return Err(refuse_late(property, late).into());
        }
    }
    needs.settle()
}

/// A property that becomes unique, or changes how it compares while unique.
pub(super) fn find_late_unique<'a>(
    before: &Schema,
    after: &'a Schema,
    class: &ClassName,
) -> Option<(&'a Property, &'a Class)> {
    let late = after.get(class)?;
    let known = before.get(class).map(|class| class.properties());
    let is_claimed = |property: &&Property| {
        let mut old = known.unwrap_or_default().iter();
        old.any(|old| old.unique && old.name == property.name && old.compares_like(property))
    };
    let mut unique = late.properties().iter().filter(|it| it.unique);
    let property = unique.find(|property| !is_claimed(property))?;
    Some((property, late.as_ref()))
}

fn refuse_late(property: &Property, class: &Class) -> Refusal {
    let message = format!(
        "property {} of class {} cannot become unique, or change its type while unique, as long \
         as the class has instances; delete them first, or add a class",
        property.name, class.id
    );
    Refusal::new(ErrorCode::FailedPrecondition, message)
        .with("property", property.name.as_str())
        .with("class_id", class.id.as_str())
}

struct Change {
    event_type: EventType,
    sequence: Sequence,
    created_at: Timestamp,
    superseded: Option<Superseded>,
}

/// The live version at the expected sequence.
fn find_current<'a>(
    draft: &Draft<'a>,
    branch: &BranchState,
    class: &ClassName,
    expected: Sequence,
) -> Result<Version<'a>, Stop> {
    let aggregate = aggregate(draft, branch, class);
    let expected = (&aggregate, expected);
    let not_found = || class_not_found(class.as_str());
    Version::read_expected(
        draft.state,
        branch,
        &ModelKey::class(class),
        expected,
        not_found,
    )
}

fn aggregate(draft: &Draft, branch: &BranchState, class: &ClassName) -> AggregateId {
    let database = draft.command.database.clone();
    AggregateId::OntologyClass(database, branch.name.clone(), class.clone())
}

fn push(
    draft: &mut Draft,
    branch: &BranchState,
    class: &ClassName,
    definition: Option<Json>,
    change: Change,
) -> Result<(), Stop> {
    let event = ClassEvent {
        db_name: draft.command.database.clone(),
        branch: branch.name.clone(),
        class_id: class.clone(),
        class: definition,
        created_at: change.created_at,
        superseded: change.superseded,
    };
    let aggregate = aggregate(draft, branch, class);
    let fact = Fact::domain(change.event_type, aggregate, change.sequence);
    draft.push(fact, &event, Some(branch))
}
