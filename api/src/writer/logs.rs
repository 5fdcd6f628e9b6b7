//! Which logs there are, which of them cannot be used and why, and the registry brought up to the
//! end of them all.

use std::sync::PoisonError;

use spice_core::{
    error::{Refusal, StoreError},
    id::StreamId,
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

    /// The databases that are met and whose log is damaged or refused, and why.
    pub fn refused(&self) -> Vec<(DatabaseName, Refusal)> {
        let scribes = self.shared.scribes.lock();
        let scribes = scribes.unwrap_or_else(PoisonError::into_inner);
        let mut refused: Vec<_> = scribes
            .iter()
            .filter_map(|(name, scribe)| match &*scribe.state.borrow() {
                Standing::Failed(refusal) if refusal.is_damage() => {
                    Some((name.clone(), refusal.clone()))
                }
                _ => None,
            })
            .collect();
        refused.sort_by(|one, other| one.0.cmp(&other.0));
        refused
    }

    /// Brings the registry up to the end of every log, sealed ones too. A log that cannot be read
    /// holds up no other; it is the error at the end.
    pub async fn catch_up(&self) -> Result<(), Refusal> {
        self.catch_up_where(|_| true).await
    }

    pub(super) async fn catch_up_where(
        &self,
        concerns: impl Fn(&DatabaseName) -> bool,
    ) -> Result<(), Refusal> {
        let mut unread = None;
        for stream in self.shared.ports.streams().await? {
            if concerns(&stream.database)
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
            if let StoreError::Damaged { .. } | StoreError::LogRefused(_) = error {
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
        let mut streams = self.shared.ports.streams().await?.into_iter();
        Ok(streams.rfind(|stream| stream.database == *database))
    }
}

impl Ports {
    /// Every log that there is, and every log that the registry has seen: one of those may be
    /// missing.
    pub(super) async fn streams(&self) -> Result<Vec<StreamId>, StoreError> {
        let mut streams = self.log.streams().await?;
        streams.extend(self.model.anchored().await?);
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
