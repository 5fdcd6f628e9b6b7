//! Brings the write model up to the end of a log, from the log alone.

use crate::{
    chain::{Anchor, ChainHead, resume},
    envelope::{Envelope, EventType, Kind},
    error::StoreError,
    guard::{Guard, Guards},
    id::{CommandId, StreamId},
    model::{CommandEntry, fold},
    port::{
        Store, StoreResult,
        log::{Log, missing},
        registry::{Advance, WriteModel},
    },
};

/// The number of envelopes in one read. One step takes at least this many if there are as many.
const STEP: usize = 5_000;

/// Brings the write model up to the end of a log from `seen`, the end that it has seen. Returns the
/// chain at the end. Refuses a log that is not the one that the write model has seen; then nothing
/// is changed. Others may do the same at the same time.
pub async fn catch_up(
    log: &dyn Log,
    model: &dyn WriteModel,
    stream: &StreamId,
    seen: Option<Anchor>,
    guards: Guards,
) -> StoreResult<ChainHead> {
    let mut head = resume(log, stream, seen.as_ref(), guards).await?;
    loop {
        let from = head.position();
        let envelopes = read_whole_commands(log, &mut head, guards).await?;
        if envelopes.is_empty() {
            return Ok(head);
        }
        let to = head.anchor().ok_or_else(|| unknown_chain(stream))?;
        let mut entries = Vec::new();
        for envelope in &envelopes {
            entries.extend(fold(envelope)?);
        }
        let commands = command_entries(stream, &envelopes);
        let advance = model.advance(stream, from, to, entries, commands);
        if let Advance::Elsewhere(_) = advance.await? {
            let seen = model.anchor(stream).await?;
            head = resume(log, stream, seen.as_ref(), guards).await?;
        }
    }
}

/// Some envelopes from the head's position on, cut where a command begins, so that none is split.
async fn read_whole_commands(
    log: &dyn Log,
    head: &mut ChainHead,
    guards: Guards,
) -> StoreResult<Vec<Envelope>> {
    let stream = head.stream().clone();
    let end = if guards.has(Guard::FreshEnd) {
        log.end(&stream).await?
    } else {
        log.known_end(&stream).await?
    };
    let mut envelopes: Vec<Envelope> = Vec::new();
    // The chain up to the last beginning of a command, and how many envelopes that is.
    let mut ahead = head.clone();
    let mut whole = None;
    while ahead.position() < end {
        let next = ahead.position();
        let records = log.read(&stream, next, STEP).await?;
        if records.is_empty() {
            return Err(missing(&stream, next));
        }
        for record in records {
            let envelope = record.envelope()?;
            let starts = envelope.metadata.kind == Kind::Command
                || envelope.event_type == EventType::DatabaseOpened;
            if starts && !envelopes.is_empty() {
                whole = Some((envelopes.len(), ahead.clone()));
            }
            ahead.take(record.position, &record.line)?;
            envelopes.push(envelope);
        }
        if ahead.position() < end
            && let Some((count, before)) = whole.take()
        {
            envelopes.truncate(count);
            *head = before;
            return Ok(envelopes);
        }
    }
    *head = ahead;
    Ok(envelopes)
}

/// The places of the commands among these envelopes, each with its last event.
pub fn command_entries(stream: &StreamId, envelopes: &[Envelope]) -> Vec<CommandEntry> {
    let mut entries: Vec<CommandEntry> = Vec::new();
    for envelope in envelopes {
        let id: CommandId = envelope.metadata.command_id;
        if envelope.metadata.kind == Kind::Command {
            entries.push(CommandEntry {
                id,
                stream: stream.clone(),
                position: envelope.position,
                last: envelope.position,
                payload_digest: envelope.metadata.payload_digest.clone().unwrap_or_default(),
            });
        } else if let Some(entry) = entries.last_mut().filter(|entry| entry.id == id) {
            entry.last = envelope.position;
        }
    }
    entries
}

/// A writer knows the chain: it reads every log from the beginning or from an anchor.
pub fn unknown_chain(stream: &StreamId) -> StoreError {
    StoreError::damaged(Store::Log, format!("the chain of {stream} is unknown"))
}
