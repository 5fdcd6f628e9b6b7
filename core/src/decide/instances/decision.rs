//! Decides one change of one instance: its starting version, and its event.

use super::{
    change::Change,
    claim::{claim, release},
    scope::{Pending, Scope},
};
use crate::{
    command::{InstanceChange, RawData},
    decide::{draft::Draft, stop::Stop, version::Version},
    envelope::EventType,
    error::{ErrorCode, Refusal},
    event::{InstanceEvent, UniqueChange},
    id::{AggregateId, Sequence},
    json::{Json, Properties},
    merge::is_same,
    model::ModelKey,
    name::InstanceId,
    ontology::{Candidate, Class},
};

pub(in crate::decide) fn decide_change(
    draft: &Draft,
    scope: &Scope,
    pending: &mut Pending,
    change: &InstanceChange,
    row: usize,
) -> Result<Change, Stop> {
    let class = match change {
        InstanceChange::DeleteInstance { class, .. } => scope.class_of_deleted(class)?,
        _ => scope.class(change.class())?,
    };
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
            let before = properties(&current)?;
            let candidate = class.patch_instance(id, &before, data)?;
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
    pending.refuse_twice(&key, &aggregate)?;
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
    let Some(known) = Version::newest(draft.state, scope.branch, &key)? else {
        return Ok(());
    };
    let identical = match (&known.state.data, properties) {
        (Some(data), Some(properties)) => is_same(data, &Json::of(properties)?),
        _ => false,
    };
    let aggregate = aggregate(draft, scope, class, id);
    Err(known
        .refuse_again(&format!("{}/{id}", class.id))
        .with("identical", identical)
        .with("aggregate_id", aggregate.to_string())
        .with("actual_seq", known.state.sequence.0)
        .into())
}

pub(super) fn decide_delete(
    draft: &Draft,
    scope: &Scope,
    pending: &mut Pending,
    class: &Class,
    id: &InstanceId,
    current: &Version,
) -> Result<Change, Stop> {
    let aggregate = aggregate(draft, scope, class, id);
    let key = ModelKey::instance(&class.id, id);
    pending.refuse_twice(&key, &aggregate)?;
    let superseded = current.find_superseded(draft.state, scope.branch);
    let unique = release(draft, scope, pending, class, id, &properties(current)?)?;
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

/// The live version at the expected sequence.
fn current<'a>(
    draft: &Draft<'a>,
    scope: &Scope,
    class: &Class,
    change: &InstanceChange,
    id: &InstanceId,
    expected: Sequence,
) -> Result<Version<'a>, Stop> {
    let key = ModelKey::instance(&class.id, id);
    let aggregate = aggregate(draft, scope, class, id);
    let expected = (&aggregate, expected);
    let not_found = || instance_not_found(change, id);
    Version::read_expected(draft.state, scope.branch, &key, expected, not_found)
}

fn instance_not_found(change: &InstanceChange, id: &InstanceId) -> Refusal {
    let class = change.class();
    Refusal::new(
        ErrorCode::NotFound,
        format!("there is no instance {class}/{id}"),
    )
    .with("class_id", class)
    .with("instance_id", id.as_str())
}

fn properties(version: &Version) -> Result<Properties, Stop> {
    match &version.state.data {
        Some(data) => Ok(data.read()?),
        None => Ok(Properties::new()),
    }
}

/// The event, without the unique values that it claims and releases.
fn event(
    draft: &Draft,
    scope: &Scope,
    class: &Class,
    candidate: &Candidate,
    before: Option<&Version>,
) -> InstanceEvent {
    InstanceEvent {
        db_name: draft.command.database.clone(),
        branch: scope.branch.name.clone(),
        class_id: class.id.clone(),
        instance_id: candidate.id.clone(),
        created_at: before.map_or(draft.moment.occurred_at, |current| current.state.created_at),
        data: Some(candidate.properties.clone()),
        unique: UniqueChange::default(),
        superseded: before.and_then(|current| current.find_superseded(draft.state, scope.branch)),
    }
}

fn aggregate(draft: &Draft, scope: &Scope, class: &Class, id: &InstanceId) -> AggregateId {
    AggregateId::Instance(
        draft.command.database.clone(),
        scope.branch.name.clone(),
        class.id.clone(),
        id.clone(),
    )
}
