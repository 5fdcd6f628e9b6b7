//! Which logs there are, which of them cannot be used and why, and the registry brought up to the
//! end of them all.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use spice_core::{
    chain::{LogFault, check_end},
    error::{Refusal, StoreError},
    guard::Guard,
    id::{LogPosition, StreamId},
    name::DatabaseName,
};

use super::{Ports, Standing, Writer, reflect};

impl Writer {
    /// The name of every database that has a log or had one, in order.
    pub async fn names(&self) -> Result<Vec<DatabaseName>, Refusal> {
        let streams = self.shared.ports.streams().await?;
        let mut names: Vec<DatabaseName> =
            streams.into_iter().map(|stream| stream.database).collect();
        names.dedup();
        Ok(names)
    }

    /// The databases that are met and whose log, or the log of an earlier generation, is damaged or
    /// refused, and why. A log of an earlier generation does not stop the database.
    pub fn refused(&self) -> Vec<(DatabaseName, Refusal)> {
        let mut refused = self.stopped();
        let earlier = self.shared.ports.refused.all().into_iter();
        refused.extend(earlier.map(|(stream, error)| {
            let refusal = Refusal::from(error).with("log", stream.to_string());
            (stream.database, refusal)
        }));
        refused.sort_by(|one, other| one.0.cmp(&other.0));
        refused.dedup();
        refused
    }

    /// The databases that are met and cannot be used, because the log in use is damaged or refused.
    pub(super) fn stopped(&self) -> Vec<(DatabaseName, Refusal)> {
        let scribes = self.shared.scribes.lock();
        let scribes = scribes.unwrap_or_else(PoisonError::into_inner);
        scribes
            .iter()
            .filter_map(|(name, scribe)| match &*scribe.state.borrow() {
                Standing::Failed(refusal) if refusal.is_damage() => {
                    Some((name.clone(), refusal.clone()))
                }
                _ => None,
            })
            .collect()
    }

    /// Brings the registry up to the end of every log, sealed ones too. A log that cannot be read
    /// holds up no other; it is the error at the end.
    pub async fn catch_up(&self) -> Result<(), Refusal> {
        self.catch_up_where(|_| true).await
    }

    pub(super) async fn catch_up_where(
        &self,
        concerns: impl Fn(&StreamId) -> bool,
    ) -> Result<(), Refusal> {
        let mut unread = None;
        for stream in self.shared.ports.streams().await? {
            if concerns(&stream)
                && let Err(error) = self.shared.ports.catch_up(&stream).await
            {
                unread.get_or_insert(error);
            }
        }
        unread.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Compares every log with what the registry has seen of it, and brings the registry up. A
    /// database whose log is damaged or refused is opened, so that it tells why.
    pub async fn check_logs(&self) -> Result<(), StoreError> {
        for stream in self.shared.ports.streams().await? {
            let Err(error) = reflect::catch_up(&self.shared.ports, &stream).await else {
                continue;
            };
            tracing::error!(%stream, %error, "log cannot be used");
            if error.is_damage() {
                // Opening it is what tells; the answer is the same error.
                drop(self.snapshot(&stream.database).await);
            }
        }
        Ok(())
    }

    /// The log of a database's newest generation, if there is any or was one.
    pub(super) async fn newest(
        &self,
        database: &DatabaseName,
    ) -> Result<Option<StreamId>, Refusal> {
        Ok(self.shared.ports.generations(database).await?.pop())
    }
}

/// Logs of earlier generations that are damaged or refused.
#[derive(Clone, Default)]
pub(super) struct Refused(Arc<Mutex<BTreeMap<StreamId, StoreError>>>);

impl Refused {
    pub(super) fn put(&self, stream: &StreamId, error: StoreError) {
        self.lock().insert(stream.clone(), error);
    }

    pub(super) fn remove(&self, stream: &StreamId) {
        self.lock().remove(stream);
    }

    pub(super) fn get(&self, stream: &StreamId) -> Option<StoreError> {
        self.lock().get(stream).cloned()
    }

    fn all(&self) -> BTreeMap<StreamId, StoreError> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<StreamId, StoreError>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ports {
    /// Fails when a log ends before the position up to which it was seen here.
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

    /// Every log that there is, and every log that the registry has seen: one of those may be
    /// missing.
    pub(super) async fn streams(&self) -> Result<Vec<StreamId>, StoreError> {
        let mut streams = self.log.streams().await?;
        streams.extend(self.model.anchored().await?);
        streams.sort();
        streams.dedup();
        Ok(streams)
    }

    /// [`Ports::streams`] of one database, in order of generation.
    pub(super) async fn generations(
        &self,
        database: &DatabaseName,
    ) -> Result<Vec<StreamId>, StoreError> {
        let mut streams = self.log.generations(database).await?;
        streams.extend(self.model.anchored_generations(database).await?);
        streams.sort();
        streams.dedup();
        Ok(streams)
    }

    /// Brings the registry up to a log's end, if it is elsewhere.
    async fn catch_up(&self, stream: &StreamId) -> Result<(), StoreError> {
        let end = self.log.end(stream).await?;
        if self.model.reflected(stream).await? != end {
            reflect::catch_up(self, stream).await?;
        }
        Ok(())
    }
}
