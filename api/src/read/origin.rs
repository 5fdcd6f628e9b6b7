//! Single events from the log: the origins of versions, the effects of a command.

use std::collections::HashMap;

use spice_core::{
    decide::Receipt,
    envelope::{Envelope, EventType},
    error::StoreError,
    id::{LogPosition, StreamId},
    model::{BranchState, ModelEntry, fold},
    port::log::missing,
};

use super::{reading::Reading, reads::Reads};

impl Reading {
    /// The origins of the versions at these positions: the events there, without their data. None
    /// for events that the log has lost.
    pub(crate) async fn origins(
        &self,
        positions: Vec<LogPosition>,
    ) -> Result<HashMap<LogPosition, Envelope>, StoreError> {
        let log = &self.reads.engine.log;
        let found = log.read_many(&self.view.stream, &positions).await?;
        let records = found.iter().flatten();
        records
            .map(|record| Ok((record.position, record.head()?)))
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
        let record = self.engine.log.read_one(stream, position).await?;
        record.ok_or_else(|| missing(stream, position))?.envelope()
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
