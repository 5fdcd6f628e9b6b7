//! An allowed change of an instance, with its event.

use crate::{
    decide::{
        draft::{Draft, Fact},
        stop::Stop,
    },
    envelope::EventType,
    event::InstanceEvent,
    id::{AggregateId, InstanceRef, Sequence},
    model::{BranchState, ModelKey},
    name::PropertyName,
};

/// An allowed change, with its event.
pub(in crate::decide) struct Change {
    pub(super) event_type: EventType,
    pub(super) aggregate: AggregateId,
    pub(super) sequence: Sequence,
    pub(super) event: InstanceEvent,
    /// References that must point to existing instances after the command.
    pub(super) strict: Vec<(PropertyName, InstanceRef)>,
}

/// An allowed change, with its row number.
pub(super) struct Numbered {
    pub(super) number: usize,
    pub(super) change: Change,
}

impl Change {
    pub(super) fn key(&self) -> ModelKey {
        ModelKey::instance(&self.event.class_id, &self.event.instance_id)
    }

    pub(super) fn creates(&self) -> bool {
        self.event_type == EventType::InstanceCreated
    }

    pub(super) fn deletes(&self) -> bool {
        self.event_type == EventType::InstanceDeleted
    }

    /// Adds the event.
    pub(in crate::decide) fn push(
        self,
        draft: &mut Draft,
        branch: &BranchState,
    ) -> Result<(), Stop> {
        let fact = Fact::domain(self.event_type, self.aggregate, self.sequence);
        draft.push(fact, &self.event, Some(branch))
    }
}
