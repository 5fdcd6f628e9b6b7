//! What the graph and the documents keep of an entity.

use crate::{
    id::{EventId, InstanceRef, LogPosition, Sequence},
    json::Json,
    name::ClassName,
    time::Timestamp,
};

/// The entity of a version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Entity {
    /// A class.
    Class(ClassName),
    /// An instance.
    Instance(InstanceRef),
}

impl Entity {
    /// The id of an instance or of a class.
    pub fn id(&self) -> &str {
        match self {
            Self::Class(class) => class.as_str(),
            Self::Instance(instance) => instance.id.as_str(),
        }
    }
}

/// The state of an entity after an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The entity.
    pub entity: Entity,
    /// The position of the event.
    pub position: LogPosition,
    /// The aggregate's sequence.
    pub sequence: Sequence,
    /// The event.
    pub event_id: EventId,
    /// When the event was accepted.
    pub occurred_at: Timestamp,
    /// When the entity was created.
    pub created_at: Timestamp,
    /// The whole state; none if the entity was deleted.
    pub data: Option<Json>,
}
