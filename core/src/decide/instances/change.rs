//! One change of one instance: its starting version, and its event.

use super::{
    BranchState, Change, Current, Draft, EventType, InstanceChange, InstanceEvent, ModelEntry,
    ModelKey, Pending, RawData, Refusal, Scope, Sequence, Stop,
    claim::{claim, release},
    class_not_found,
};
use crate::{
    decide::instance_not_found,
    error::ErrorCode,
    event::{Superseded, UniqueChange},
    id::AggregateId,
    json::{Json, Properties},
    merge::is_same,
    model::AggregateState,
    name::InstanceId,
    ontology::{Candidate, Class},
};

pub(super) fn decide_change(
    draft: &Draft,
    scope: &Scope,
    pending: &mut Pending,
    change: &InstanceChange,
    row: usize,
) -> Result<Change, Stop> {
    let name = change.class();
    let class = scope
        .schema
        .resolve(name)
        .ok_or_else(|| class_not_found(name))?;
    match change {
        InstanceChange::CreateInstance { id, data, .. } => {
            let new = New {
                id: id.as_ref(),
                data,
                row,
                without_defaults: false,
            };
            decide_create(draft, scope, pending, class, &new)
        }
        InstanceChange::UpdateInstance {
            id,
            data,
            expected_seq,
            ..
        } => {
            let current = current(draft, scope, class, change, id, *expected_seq)?;
            let before: Properties = match &current.state.data {
                Some(data) => data.read()?,
                None => Properties::new(),
            };
            let candidate = class.patched_instance(id, &before, data)?;
            let change = Change {
                event_type: EventType::InstanceUpdated,
                aggregate: aggregate(draft, scope, class, id),
                sequence: current.state.sequence.next(),
                event: event(draft, scope, class, &candidate, Some(&current)),
                strict: Vec::new(),
            };
            claim(draft, scope, pending, class, &candidate, &before, change)
        }
        InstanceChange::DeleteInstance {
            id, expected_seq, ..
        } => {
            let current = current(draft, scope, class, change, id, *expected_seq)?;
            decide_delete(draft, scope, pending, class, id, &current)
        }
    }
}

/// An instance to create.
pub(super) struct New<'a> {
    pub(super) id: Option<&'a InstanceId>,
    pub(super) data: &'a RawData,
    /// The row of the command, from 0.
    pub(super) row: usize,
    /// Whether defaults are not applied.
    pub(super) without_defaults: bool,
}

pub(super) fn decide_create(
    draft: &Draft,
    scope: &Scope,
    pending: &mut Pending,
    class: &Class,
    new: &New<'_>,
) -> Result<Change, Stop> {
    let New {
        id,
        data,
        row,
        without_defaults,
    } = *new;
    let command = draft.command.id;
    let made = if without_defaults {
        class.new_whole_instance(id, data, command, row)
    } else {
        class.new_instance(id, data, command, row)
    };
    let candidate = match made {
        Ok(candidate) => candidate,
        Err(refusal) => {
            // An existing instance is reported before violations of the ontology.
            let known = id.cloned().or_else(|| class.identify(data, command, row));
            if let Some(id) = known {
                refuse_known(draft, scope, class, &id, None)?;
            }
            return Err(refusal.into());
        }
    };
    let key = ModelKey::instance(&class.id, &candidate.id);
    let aggregate = aggregate(draft, scope, class, &candidate.id);
    if pending.instances.contains_key(&key) {
        return Err(pending.refuse_twice(key, &aggregate).into());
    }
    let properties = Some(&candidate.properties);
    refuse_known(draft, scope, class, &candidate.id, properties)?;
    let event = event(draft, scope, class, &candidate, None);
    let change = Change {
        event_type: EventType::InstanceCreated,
        aggregate,
        sequence: Sequence(1),
        event,
        strict: Vec::new(),
    };
    let nothing = Properties::new();
    claim(draft, scope, pending, class, &candidate, &nothing, change)
}

/// Refuses an id that exists or was deleted. Reports whether the existing state equals
/// `properties`.
fn refuse_known(
    draft: &Draft,
    scope: &Scope,
    class: &Class,
    id: &InstanceId,
    properties: Option<&Properties>,
) -> Result<(), Stop> {
    let key = ModelKey::instance(&class.id, id);
    let Some(entry) = draft.state.entry(scope.branch, &key)? else {
        return Ok(());
    };
    let state: AggregateState = entry.value.read()?;
    let (code, what) = if state.data.is_some() {
        (ErrorCode::AlreadyExists, "already exists")
    } else {
        (ErrorCode::Deleted, "was deleted, and a delete is final")
    };
    let aggregate = aggregate(draft, scope, class, id);
    let refusal = Refusal::new(code, format!("{}/{id} {what}", class.id));
    let identical = match (&state.data, properties) {
        (Some(data), Some(properties)) => is_same(data, &Json::of(properties)?),
        _ => false,
    };
    Err(refusal
        .with("identical", identical)
        .with("aggregate_id", aggregate.to_string())
        .with("actual_seq", state.sequence.0)
        .into())
}

pub(super) fn decide_delete(
    draft: &Draft,
    scope: &Scope,
    pending: &mut Pending,
    class: &Class,
    id: &InstanceId,
    current: &Current,
) -> Result<Change, Stop> {
    let aggregate = aggregate(draft, scope, class, id);
    let key = ModelKey::instance(&class.id, id);
    if pending.instances.contains_key(&key) {
        return Err(pending.refuse_twice(key, &aggregate).into());
    }
    let before: Properties = match &current.state.data {
        Some(data) => data.read()?,
        None => Properties::new(),
    };
    let superseded = find_superseded(draft, scope.branch, current);
    let unique = release(draft, scope, pending, class, id, &before)?;
    pending.instances.insert(key, false);
    let event = InstanceEvent {
        db_name: draft.command.database.clone(),
        branch: scope.branch.name.clone(),
        class_id: class.id.clone(),
        instance_id: id.clone(),
        created_at: current.state.created_at,
        data: None,
        unique,
        superseded,
    };
    let sequence = current.state.sequence.next();
    Ok(Change {
        event_type: EventType::InstanceDeleted,
        aggregate,
        sequence,
        event,
        strict: Vec::new(),
    })
}

/// The live version at the expected sequence, as the start of an update or a delete.
pub(super) fn current(
    draft: &Draft,
    scope: &Scope,
    class: &Class,
    change: &InstanceChange,
    id: &InstanceId,
    expected: Sequence,
) -> Result<Current, Stop> {
    let key = ModelKey::instance(&class.id, id);
    let Some(entry) = draft.state.entry(scope.branch, &key)? else {
        return Err(instance_not_found(change, id).into());
    };
    let state: AggregateState = entry.value.read()?;
    if state.data.is_none() {
        return Err(instance_not_found(change, id).with("deleted", true).into());
    }
    if state.sequence != expected {
        let aggregate = aggregate(draft, scope, class, id);
        return Err(Refusal::conflict(&aggregate, expected, state.sequence).into());
    }
    Ok(Current {
        state,
        entry: entry.clone(),
    })
}

/// The event, without the unique values that it claims and releases.
pub(super) fn event(
    draft: &Draft,
    scope: &Scope,
    class: &Class,
    candidate: &Candidate,
    before: Option<&Current>,
) -> InstanceEvent {
    InstanceEvent {
        db_name: draft.command.database.clone(),
        branch: scope.branch.name.clone(),
        class_id: class.id.clone(),
        instance_id: candidate.id.clone(),
        created_at: before.map_or(draft.moment.occurred_at, |current| current.state.created_at),
        data: Some(candidate.properties.clone()),
        unique: UniqueChange::default(),
        superseded: before.and_then(|current| find_superseded(draft, scope.branch, current)),
    }
}

fn find_superseded(draft: &Draft, branch: &BranchState, current: &Current) -> Option<Superseded> {
    superseded_version(draft, branch, &current.entry, &current.state)
}

/// The previous version, if a live branch still shows it. A version of a parent is not superseded:
/// the parent still has it.
pub(in crate::decide) fn superseded_version(
    draft: &Draft,
    branch: &BranchState,
    entry: &ModelEntry,
    state: &AggregateState,
) -> Option<Superseded> {
    let is_shown = |other: &BranchState| {
        let mut points = other.lineage.points().iter();
        points.any(|point| point.generation == entry.branch && point.until >= entry.position)
    };
    let is_own = entry.branch == branch.generation;
    if !is_own || !draft.state.live_branches().any(is_shown) {
        return None;
    }
    Some(Superseded {
        event_id: state.event_id,
        sequence_number: state.sequence,
        position: entry.position,
        occurred_at: state.occurred_at,
        created_at: state.created_at,
        data: state.data.clone()?,
    })
}

pub(super) fn aggregate(
    draft: &Draft,
    scope: &Scope,
    class: &Class,
    id: &InstanceId,
) -> AggregateId {
    AggregateId::Instance(
        draft.command.database.clone(),
        scope.branch.name.clone(),
        class.id.clone(),
        id.clone(),
    )
}
