//! Single events from the log: the origins of versions, the effects of a command.

use std::collections::HashMap;

use spice_core::{
    decide::Receipt,
    envelope::{Envelope, EventType},
    error::StoreError,
    id::{CommandId, LogPosition, StreamId},
    model::{BranchState, ModelEntry, fold},
    port::Store,
};

use super::{reading::Reading, reads::Reads};

/// The origin of a version: the event at its position, and its command.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) event_type: EventType,
    pub(crate) command_id: CommandId,
    pub(crate) command_type: Option<String>,
    pub(crate) actor: Option<String>,
}

impl From<Envelope> for Origin {
    fn from(envelope: Envelope) -> Self {
        Self {
            event_type: envelope.event_type,
            command_id: envelope.metadata.command_id,
            command_type: envelope.metadata.command_type,
            actor: envelope.actor,
        }
    }
}

impl Reading {
    /// The origins of the versions at these positions; none for events that the log has lost.
    pub(crate) async fn origins(
        &self,
        positions: Vec<LogPosition>,
    ) -> Result<HashMap<LogPosition, Origin>, StoreError> {
        let log = &self.reads.engine.log;
        let found = log.read_many(&self.view.stream, &positions).await?;
        let records = found.iter().flatten();
        records
            .map(|record| Ok((record.position, record.envelope()?.into())))
            .collect()
    }
}

impl Reads {
    /// The event at a position where one must exist.
    pub(crate) async fn event(
        &self,
        stream: &StreamId,
        position: LogPosition,
    ) -> Result<Envelope, StoreError> {
        let records = self.engine.log.read(stream, position, 1).await?;
        let record = records.first().ok_or_else(|| StoreError::Damaged {
            store: Store::Log,
            reason: format!("there is no envelope at position {position} of {stream}"),
        })?;
        record.envelope()
    }

    /// The branch that a command created, from the log; none for another command.
    pub(crate) async fn created_branch(
        &self,
        receipt: &Receipt,
    ) -> Result<Option<BranchState>, StoreError> {
        let (first, last) = (receipt.position, receipt.last);
        let limit = usize::try_from(last.0.saturating_sub(first.0) + 1).unwrap_or(usize::MAX);
        let records = self.engine.log.read(&receipt.stream, first, limit).await?;
        for record in records.iter().filter(|record| record.position <= last) {
            let envelope = record.envelope()?;
            if envelope.event_type == EventType::BranchCreated {
                let entries = fold(&envelope)?;
                return entries.first().map(ModelEntry::read).transpose();
            }
        }
        Ok(None)
    }
}
