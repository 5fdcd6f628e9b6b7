//! What the writer works with: the ports, and what its parts share. Asks log, registry and sinks
//! which logs there are and where they end.

use std::{collections::BTreeSet, sync::Arc};

use spice_core::{
    chain::{LogFault, check_end},
    error::StoreError,
    guard::Guard,
    id::{CommandId, LogPosition, StreamId},
    name::DatabaseName,
    port::{
        clock::Clock,
        hints::Hints,
        log::Log,
        registry::{Anchors, LookedUp, WriteModel},
    },
};
use tokio::sync::Notify;

use super::{
    metrics::Appends, recent::Recent, refused::Refused, settings::WriterSettings, skew::Skew,
};

/// The ports, and what is known in this process.
#[derive(Clone)]
pub(super) struct Ports {
    pub(super) log: Arc<dyn Log>,
    pub(super) model: Arc<dyn WriteModel>,
    pub(super) hints: Arc<dyn Hints>,
    /// The sinks: they too have seen the logs.
    pub(super) sinks: Vec<Arc<dyn Anchors>>,
    pub(super) clock: Arc<dyn Clock>,
    /// How far this host's clock is off the registry's.
    pub(super) skew: Arc<Skew>,
    /// Names this process among those that append.
    pub(super) owner: Arc<str>,
    pub(super) settings: Arc<WriterSettings>,
    pub(super) recent: Arc<Recent>,
    pub(super) refused: Arc<Refused>,
    pub(super) appends: Appends,
    /// Notified whenever the registry has followed a log.
    pub(super) followed: Arc<Notify>,
}

impl Ports {
    /// Fails if a log ends before the position up to which it was seen here.
    pub(super) fn check_end(
        &self,
        stream: &StreamId,
        end: LogPosition,
        seen: LogPosition,
    ) -> Result<(), LogFault> {
        if self.settings.guards.has(Guard::Anchor) {
            check_end(stream, end, seen)?;
        }
        Ok(())
    }

    /// The end of a log, for whatever a client is told because of it.
    pub(super) async fn end(&self, stream: &StreamId) -> Result<LogPosition, StoreError> {
        if self.settings.guards.has(Guard::FreshEnd) {
            return self.log.end(stream).await;
        }
        self.log.known_end(stream).await
    }

    /// Every existing log, and every log that the registry or a sink has seen and that may be
    /// missing.
    pub(super) async fn streams(&self) -> Result<Vec<StreamId>, StoreError> {
        let mut streams = BTreeSet::from_iter(self.log.streams().await?);
        streams.extend(self.model.anchored_logs().await?);
        for sink in &self.sinks {
            streams.extend(sink.anchored_logs().await?);
        }
        Ok(streams.into_iter().collect())
    }

    /// [`Ports::streams`] for one database, ordered by generation.
    pub(super) async fn generations(
        &self,
        database: &DatabaseName,
    ) -> Result<Vec<StreamId>, StoreError> {
        let mut streams = BTreeSet::from_iter(self.log.generations(database).await?);
        streams.extend(self.model.anchored_generations(database).await?);
        for sink in &self.sinks {
            streams.extend(sink.anchored_generations(database).await?);
        }
        Ok(streams.into_iter().collect())
    }

    /// Looks commands up in the registry, and compares its clock with this host's.
    pub(super) async fn look_up(
        &self,
        stream: &StreamId,
        ids: &[CommandId],
    ) -> Result<LookedUp, StoreError> {
        let before = self.clock.now();
        let looked_up = self.model.look_up(stream, ids).await?;
        self.skew.note(&(before..=self.clock.now()), looked_up.now);
        Ok(looked_up)
    }
}
