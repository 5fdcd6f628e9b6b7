//! The change that a domain event makes to a class or an instance, as both stores need it.

use serde::Deserialize;
use spice_core::{
    event::Superseded,
    id::InstanceRef,
    json::Json,
    name::{BranchName, ClassName, InstanceId},
    port::{Store, StoreResult, graph::Entity},
    time::Timestamp,
};

use crate::event::{Event, Subject};

/// A new version of a class or an instance.
pub(super) struct Change {
    pub(super) branch: BranchName,
    pub(super) entity: Entity,
    pub(super) created_at: Timestamp,
    /// The whole state; none after a deletion.
    pub(super) data: Option<Json>,
    /// The version before it, if a live branch still shows that one.
    pub(super) superseded: Option<Superseded>,
}

impl Change {
    /// Parses the change of an event; none for an event that changes no class and no instance. The
    /// store refuses an event whose data cannot be parsed.
    pub(super) fn parse(event: &Event<'_>, store: Store) -> StoreResult<Option<Self>> {
        let change = match event.subject() {
            Some(Subject::Class) => event.data::<ClassData>().map(Self::from),
            Some(Subject::Instance) => event.data::<InstanceData>().map(Self::from),
            _ => return Ok(None),
        };
        change.map(Some).map_err(|error| error.to_refusal(store))
    }
}

#[derive(Deserialize)]
struct ClassData {
    branch: BranchName,
    class_id: ClassName,
    created_at: Timestamp,
    class: Option<Json>,
    superseded: Option<Superseded>,
}

impl From<ClassData> for Change {
    fn from(class: ClassData) -> Self {
        Self {
            branch: class.branch,
            entity: Entity::Class(class.class_id),
            created_at: class.created_at,
            data: class.class,
            superseded: class.superseded,
        }
    }
}

#[derive(Deserialize)]
struct InstanceData {
    branch: BranchName,
    class_id: ClassName,
    instance_id: InstanceId,
    created_at: Timestamp,
    data: Option<Json>,
    superseded: Option<Superseded>,
}

impl From<InstanceData> for Change {
    fn from(instance: InstanceData) -> Self {
        Self {
            branch: instance.branch,
            entity: Entity::Instance(InstanceRef {
                class: instance.class_id,
                id: instance.instance_id,
            }),
            created_at: instance.created_at,
            data: instance.data,
            superseded: instance.superseded,
        }
    }
}
