//! Where a version comes from: the event at its position, and the command that caused it.

use serde::Serialize;
use spice_core::{
    envelope::{Envelope, EventType},
    id::{CommandId, LogPosition, StreamId},
    time::Timestamp,
};

use crate::http::{Api, failure::Failure, read::read_envelope};

/// What the log says of an event.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Origin {
    pub(crate) event_type: EventType,
    pub(crate) command_id: CommandId,
    pub(crate) command_type: Option<String>,
    pub(crate) actor: Option<String>,
    pub(crate) occurred_at: Timestamp,
}

impl From<Envelope> for Origin {
    fn from(envelope: Envelope) -> Self {
        Self {
            event_type: envelope.event_type,
            command_id: envelope.metadata.command_id,
            command_type: envelope.metadata.command_type,
            actor: envelope.actor,
            occurred_at: envelope.occurred_at,
        }
    }
}

impl Api {
    /// What the log says of the event at a position; none where the log has lost it.
    pub(crate) async fn origin(
        &self,
        stream: &StreamId,
        position: LogPosition,
    ) -> Result<Option<Origin>, Failure> {
        let records = self.engine.log.read(stream, position, 1).await?;
        let found = records.iter().find(|record| record.position == position);
        let envelope = found
            .map(|record| read_envelope(&record.line))
            .transpose()?;
        Ok(envelope.map(Origin::from))
    }
}
