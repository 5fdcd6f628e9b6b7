//! Dead letters: the events that a sink has parked.

use std::collections::BTreeSet;

use spice_core::{
    error::{Refusal, StoreError},
    id::StreamId,
    json::Json,
    name::DatabaseName,
    port::{Store, registry::DeadLetter},
};

use super::reads::Reads;

impl Reads {
    /// The dead letters of the log of a live database, or of all logs.
    pub(crate) async fn dead_letters(
        &self,
        database: Option<&DatabaseName>,
    ) -> Result<Vec<DeadLetter>, Refusal> {
        let snapshot = match database {
            None => None,
            Some(database) => Some(self.engine.writer.snapshot(database).await?),
        };
        let stream = snapshot.as_ref().map(|snapshot| &snapshot.stream);
        Ok(self.seen_letters(stream).await?)
    }

    /// Returns the dead letters of one log or of all, without those of sinks that no read sees.
    pub(super) async fn seen_letters(
        &self,
        stream: Option<&StreamId>,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let mut letters = self.engine.work.dead_letters(stream).await?;
        let streams = letters.iter().map(|letter| letter.stream.clone());
        for stream in streams.collect::<BTreeSet<_>>() {
            let unseen = self.unseen(&stream).await?;
            letters.retain(|letter| letter.stream != stream || unseen.shows(&letter.sink));
        }
        Ok(letters)
    }

    /// The envelope of a parked event, as it was written; none if the log has lost it.
    pub(crate) async fn parked_envelope(
        &self,
        letter: &DeadLetter,
    ) -> Result<Option<Json>, StoreError> {
        let (stream, position) = (&letter.stream, letter.position);
        let found = self.engine.log.read_one(stream, position).await?;
        let line = found.map(|record| serde_json::from_slice(&record.line));
        line.transpose().map_err(|error| {
            let reason = format!("position {position} of {stream} is not valid JSON: {error}");
            StoreError::damaged(Store::Log, reason)
        })
    }
}
