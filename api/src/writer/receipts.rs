//! The receipts of accepted commands, from registry and log.

use spice_core::{
    decide::{self, Receipt},
    envelope::Envelope,
    error::{ErrorCode, Refusal, StoreError},
    id::{CommandId, StreamId},
    idempotency::IdempotencyKey,
    model::CommandEntry,
    name::DatabaseName,
};

use super::{Writer, ports::Ports};

/// The logs that may contain a command.
#[derive(Clone, Copy)]
enum Within<'a> {
    Any,
    /// Every generation of a database.
    Database(&'a DatabaseName),
    Log(&'a StreamId),
}

impl Within<'_> {
    fn concerns(self, name: &DatabaseName) -> bool {
        match self {
            Self::Any => true,
            Self::Database(database) => database == name,
            Self::Log(log) => log.database == *name,
        }
    }
}

impl Writer {
    /// The receipt of an accepted command, from registry and log; none for an unknown id. If a log
    /// that cannot be read may contain it, that error is the answer.
    pub async fn receipt(&self, command: CommandId) -> Result<Option<Receipt>, Refusal> {
        self.receipt_within(command, Within::Any).await
    }

    /// The receipt of a command of one database. The logs of other databases do not affect it.
    pub async fn receipt_in(
        &self,
        database: &DatabaseName,
        command: CommandId,
    ) -> Result<Option<Receipt>, Refusal> {
        self.receipt_within(command, Within::Database(database))
            .await
    }

    async fn receipt_within(
        &self,
        command: CommandId,
        within: Within<'_>,
    ) -> Result<Option<Receipt>, Refusal> {
        let ports = &self.shared.ports;
        let mut entry = ports.entry_of(command).await?;
        let mut unread = None;
        if entry.is_none() {
            let read_in = match within {
                Within::Any => self.reflect_all().await,
                Within::Database(database) => self.reflect_database(database).await,
                Within::Log(stream) => self.read_in(vec![stream.clone()], false).await,
            };
            unread = read_in.err().map(Refusal::from);
            entry = ports.entry_of(command).await?;
        }
        let mut stopped = self.list_stopped().into_iter();
        let Some(entry) = entry else {
            let stopped = stopped.find(|(name, _)| within.concerns(name));
            let why = unread.or_else(|| stopped.map(|(_, refusal)| refusal));
            return why.map_or(Ok(None), Err);
        };
        if let Some(error) = ports.refused.get(&entry.stream) {
            return Err(error.into());
        }
        match stopped.find(|(name, _)| *name == entry.stream.database) {
            Some((_, refusal)) => Err(refusal),
            None => Ok(Some(ports.receipt_of(&entry).await?)),
        }
    }

    /// The receipt of the command with a key in the newest generation of a database.
    pub async fn receipt_of_key(
        &self,
        database: &DatabaseName,
        key: &IdempotencyKey,
    ) -> Result<Option<Receipt>, Refusal> {
        let Some(stream) = self.find_newest(database).await? else {
            return Ok(None);
        };
        for id in key_ids(key, &stream) {
            let receipt = self.receipt_within(id, Within::Log(&stream)).await?;
            if let Some(receipt) = receipt.filter(|receipt| receipt.stream == stream) {
                return Ok(Some(receipt));
            }
        }
        Ok(None)
    }
}

impl Ports {
    pub(super) async fn entry_of(
        &self,
        command: CommandId,
    ) -> Result<Option<CommandEntry>, StoreError> {
        match self.recent.get(command) {
            Some(entry) => Ok(Some(entry)),
            None => Ok(self.model.commands(&[command]).await?.pop().flatten()),
        }
    }

    /// The receipt of a command that is in the log.
    pub(super) async fn receipt_of(&self, entry: &CommandEntry) -> Result<Receipt, Refusal> {
        to_receipt(&entry.stream, &self.envelopes_of(entry).await?)
    }

    /// The envelopes of a command that is in the log.
    pub(super) async fn envelopes_of(
        &self,
        entry: &CommandEntry,
    ) -> Result<Vec<Envelope>, Refusal> {
        let mut envelopes = Vec::new();
        let mut next = entry.position;
        while next <= entry.last {
            let count = usize::try_from(entry.last.0 - next.0 + 1).unwrap_or(usize::MAX);
            let records = self.log.read(&entry.stream, next, count).await?;
            if records.is_empty() {
                let end = self.end(&entry.stream).await?;
                self.check_end(&entry.stream, end, entry.last.next())
                    .map_err(StoreError::from)?;
                let message = "a known command is not in the log";
                return Err(Refusal::new(ErrorCode::Internal, message));
            }
            for record in records {
                next = record.position.next();
                envelopes.push(record.envelope()?);
            }
        }
        Ok(envelopes)
    }
}

pub(super) fn to_receipt(stream: &StreamId, envelopes: &[Envelope]) -> Result<Receipt, Refusal> {
    decide::receipt(stream, envelopes)
        .map_err(|error| Refusal::new(ErrorCode::Internal, error.to_string()))
}

/// The possible ids of a key's command in a log. The second one is from earlier builds, which did
/// not distinguish generations.
pub(super) fn key_ids(key: &IdempotencyKey, stream: &StreamId) -> Vec<CommandId> {
    let mut ids = vec![key.command_in(stream), key.command_in_any(&stream.database)];
    ids.dedup();
    ids
}
