//! The append, settled: a PUT with no answer is not given up. The position is read: something is
//! there, then it was ours or another's; nothing is there, then the same bytes are sent again,
//! and nothing else, for the first PUT may still land (docs/append-protocol.md).

use std::time::Duration;

use bytes::Bytes;
use spice_backoff::Backoff;
use spice_core::{
    chain::ChainHead,
    envelope::Envelope,
    error::StoreError,
    guard::Guard,
    id::LogPosition,
    port::{
        Store,
        log::{Append, Batch},
    },
    reflect::unknown_chain,
};
use tokio::time::Instant;

use super::scribe::Task;

/// The pauses between two looks at an append that has no answer yet.
const PAUSES: Backoff = Backoff::new(Duration::from_millis(10), Duration::from_secs(5));

/// How an append ended.
pub(super) enum Appended {
    /// It is in the log.
    Done,
    /// Another writer's segment stands there; nothing of ours is in the log.
    Lost,
    /// Nothing of ours is in the log, and nothing will be.
    Failed(StoreError),
}

impl Appended {
    fn label(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Lost => "lost",
            Self::Failed(_) => "failed",
        }
    }
}

/// Makes envelopes the next link of a log's chain.
pub(super) fn link(head: &ChainHead, envelopes: &mut [Envelope]) -> Result<(), StoreError> {
    let (end, stream) = (head.position(), head.stream());
    let Some(envelope) = envelopes.first_mut() else {
        return Ok(());
    };
    if envelope.position != end {
        let decided = envelope.position;
        let reason = format!(
            "{stream}: a command was decided at {decided}, but the chain was read up to {end}"
        );
        return Err(StoreError::damaged(Store::Log, reason));
    }
    envelope.chain = Some(head.next().ok_or_else(|| unknown_chain(stream))?);
    Ok(())
}

impl Task {
    /// Appends lines where the chain that was read ends, and nowhere else.
    pub(super) async fn append(&mut self, lines: Vec<Bytes>) -> Appended {
        let first = self.head.position();
        let batch = Batch { first, lines };
        let mut head = self.head.clone();
        for (line, position) in batch.lines.iter().zip(first.0..) {
            if let Err(fault) = head.take(LogPosition(position), line) {
                return Appended::Failed(fault.into());
            }
        }
        let started = Instant::now();
        let appended = self.put(&batch).await;
        let done = matches!(appended, Appended::Done).then_some(&batch);
        let outcome = appended.label();
        self.ports.appends.count(outcome, started.elapsed(), done);
        if done.is_some() {
            self.head = head;
        }
        appended
    }

    /// Sends a batch until it is known what became of it.
    async fn put(&mut self, batch: &Batch) -> Appended {
        let started = Instant::now();
        let mut looks = 0;
        let mut unsettled = false;
        loop {
            match self.ports.log.append(&self.stream, batch.clone()).await {
                Ok(Append::Done) => return Appended::Done,
                Ok(Append::Occupied) if !unsettled => {
                    self.contended = Some(started.elapsed());
                    return Appended::Lost;
                }
                Ok(Append::Occupied | Append::Unknown) => {}
                Err(error) if !unsettled => {
                    return Appended::Failed(self.explain(batch, error).await);
                }
                Err(error) => {
                    tracing::warn!(stream = %self.stream, %error, "append is not settled yet");
                }
            }
            if !self.ports.settings.guards.has(Guard::SameBytesAgain) {
                return Appended::Failed(unanswered());
            }
            unsettled = true;
            match self.stands(batch).await {
                Some(true) => return Appended::Done,
                Some(false) => {
                    self.contended = Some(started.elapsed());
                    return Appended::Lost;
                }
                None => {}
            }
            looks += 1;
            tokio::time::sleep(PAUSES.wait(looks)).await;
        }
    }

    /// Why the log did not take a batch: a log that became shorter has no place for it.
    async fn explain(&self, batch: &Batch, error: StoreError) -> StoreError {
        if !matches!(error, StoreError::Rejected { .. }) {
            return error;
        }
        match self.ports.end(&self.stream).await {
            Ok(end) => match self.ports.check_end(&self.stream, end, batch.first) {
                Ok(()) => error,
                Err(fault) => fault.into(),
            },
            Err(away) => {
                tracing::warn!(stream = %self.stream, %away, "cannot read the log after a rejected append");
                error
            }
        }
    }

    /// Whether what stands at the batch's position is the batch; none when nothing stands there
    /// or when the log cannot be read now.
    async fn stands(&self, batch: &Batch) -> Option<bool> {
        match self.ports.log.read_one(&self.stream, batch.first).await {
            Ok(found) => Some(Some(&found?.line) == batch.lines.first()),
            Err(error) => {
                tracing::warn!(stream = %self.stream, %error, "cannot read the log to settle an append");
                None
            }
        }
    }
}

pub(super) fn unanswered() -> StoreError {
    StoreError::unavailable(Store::Log, "no answer to an append")
}

/// Envelopes as they go into the log.
pub(super) fn to_lines(envelopes: &[Envelope]) -> Result<Vec<Bytes>, StoreError> {
    let to_line = |envelope: &Envelope| {
        envelope.to_line().map(Bytes::from).map_err(|error| {
            let reason = format!("cannot write an envelope: {error}");
            StoreError::rejected(Store::Log, reason)
        })
    };
    envelopes.iter().map(to_line).collect()
}
