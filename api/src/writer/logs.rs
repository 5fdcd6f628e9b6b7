//! The logs, those that cannot be used with the reason, and the registry brought up to the end of
//! all of them.

use spice_core::{
    error::{Refusal, StoreError},
    id::{LogPosition, StreamId},
    name::DatabaseName,
    port::registry::ListedDatabase,
};

use super::{Writer, handle::Standing, ports::Ports, reflect};

impl Writer {
    /// The opened databases whose log, or a log of an earlier generation, is damaged or refused,
    /// with the reason. A log of an earlier generation does not stop the database.
    pub fn refused(&self) -> Vec<(DatabaseName, Refusal)> {
        let mut refused = self.list_stopped();
        let earlier = self.shared.ports.refused.all().into_iter();
        refused.extend(earlier.map(|(stream, error)| {
            let refusal = Refusal::from(error).with("log", stream.to_string());
            (stream.database, refusal)
        }));
        refused.sort_by(|one, other| one.0.cmp(&other.0));
        refused.dedup();
        refused
    }

    /// The databases that this process follows, each with its log's end when it is live.
    pub fn open_databases(&self) -> Vec<(DatabaseName, Option<LogPosition>)> {
        let scribes = self.scribes();
        let open = scribes
            .iter()
            .filter(|(_, scribe)| !scribe.requests.is_closed());
        open.map(|(name, scribe)| match &*scribe.state.borrow() {
            Standing::Live(snapshot) => (name.clone(), Some(snapshot.end)),
            _ => (name.clone(), None),
        })
        .collect()
    }

    /// The opened databases that cannot be used, because the current log is damaged or refused.
    pub(super) fn list_stopped(&self) -> Vec<(DatabaseName, Refusal)> {
        self.scribes()
            .iter()
            .filter_map(|(name, scribe)| match &*scribe.state.borrow() {
                Standing::Failed(refusal) if refusal.is_damage() => {
                    Some((name.clone(), refusal.clone()))
                }
                _ => None,
            })
            .collect()
    }

    /// Every live database, by name, with everything that was in its log. The registry lists them;
    /// only logs that may have more are read. One whose log is damaged or refused is in the second
    /// list of the answer if it was opened, with the reason, and otherwise in neither.
    pub async fn databases(
        &self,
    ) -> Result<(Vec<ListedDatabase>, Vec<(DatabaseName, Refusal)>), Refusal> {
        match self.reflect_all().await {
            Err(error) if !error.is_damage() => return Err(error.into()),
            Ok(()) | Err(_) => {}
        }
        let stopped = self.list_stopped();
        let mut listed = self.shared.ports.model.databases().await?;
        listed.retain(|it| stopped.iter().all(|(name, _)| *name != it.stream.database));
        Ok((listed, stopped))
    }

    /// Brings the registry up to all logs: the ones that are being written, or all of them if this
    /// registry has not been swept.
    pub(super) async fn reflect_all(&self) -> Result<(), StoreError> {
        let model = &self.shared.ports.model;
        if model.sweep_due().await?.is_some() {
            return self.sweep().await;
        }
        let active = model.active_logs().await?;
        self.read_in(active, false).await
    }

    /// [`Writer::reflect_all`] for one database.
    pub(super) async fn reflect_database(&self, database: &DatabaseName) -> Result<(), StoreError> {
        let generations = self.shared.ports.generations(database).await?;
        self.read_in(generations, false).await
    }

    /// Compares every log with what registry and sinks have seen of it, and brings the registry up.
    /// A database whose log is damaged or refused is opened, so that it reports why.
    pub async fn check_logs(&self) -> Result<(), StoreError> {
        match self.sweep().await {
            Err(error) if !error.is_damage() => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    async fn sweep(&self) -> Result<(), StoreError> {
        let ports = &self.shared.ports;
        let sweep = ports.model.sweep_due().await?;
        let streams = ports.streams().await?;
        self.read_in(streams.clone(), true).await?;
        for stream in streams {
            // Marks of processes that are gone.
            ports.model.clear_active(&stream, "").await?;
        }
        if let Some(token) = sweep {
            ports.model.end_sweep(&token).await?;
        }
        Ok(())
    }

    /// Brings the registry up to the ends of logs, and compares already reflected logs with its
    /// anchors. A log that cannot be read does not block the others; it is the error at the end.
    pub(super) async fn read_in(
        &self,
        streams: Vec<StreamId>,
        compares: bool,
    ) -> Result<(), StoreError> {
        let ports = &self.shared.ports;
        let mut unread = None;
        for stream in streams {
            let Err(error) = read_in(ports, &stream, compares).await else {
                continue;
            };
            tracing::error!(%stream, %error, "cannot use a log");
            if error.is_damage() {
                // Opening it reports the same error.
                drop(self.snapshot(&stream.database).await);
            }
            unread.get_or_insert(error);
        }
        unread.map_or(Ok(()), Err)
    }

    /// The log of a database's newest generation, existing or seen.
    pub(super) async fn find_newest(
        &self,
        database: &DatabaseName,
    ) -> Result<Option<StreamId>, Refusal> {
        Ok(self.shared.ports.generations(database).await?.pop())
    }
}

/// Brings the registry up to a log's end. A log that it already reflects is compared with the
/// anchors only if `compares`.
async fn read_in(ports: &Ports, stream: &StreamId, compares: bool) -> Result<(), StoreError> {
    if !compares {
        let end = ports.end(stream).await?;
        if ports.model.reflected_position(stream).await? == end {
            return Ok(());
        }
    }
    reflect::catch_up(ports, stream).await.map(drop)
}
