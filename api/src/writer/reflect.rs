//! Lets the registry's write model follow the log: behind the answers while the writer runs, and
//! from the log itself where anything is missing. It advances only from the position it has; one
//! writer wins, the others find it done.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use spice_core::{
    decide::WriteState,
    envelope::{Envelope, EventType, Kind},
    error::StoreError,
    id::{CommandId, LogPosition, StreamId},
    lineage::Lineage,
    model::{BranchState, CommandEntry, DatabaseState, ModelEntry, ModelKey, fold},
    port::registry::{Advance, Lookup},
    time::Timestamp,
};
use tokio::{sync::mpsc, task::JoinHandle};

use super::{Ports, parse};

/// Envelopes that one step of catching up takes.
const STEP: usize = 5_000;
/// Entries that one transaction may hold; the queue is bounded by this many more.
const MOST_ENTRIES: usize = 20_000;
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A stretch of the log for the write model.
struct Stretch {
    from: LogPosition,
    to: LogPosition,
    entries: Vec<ModelEntry>,
    commands: Vec<CommandEntry>,
}

/// Follows one log.
pub(super) struct Reflector {
    ports: Ports,
    stream: StreamId,
    reflected: Arc<AtomicU64>,
    queue: Option<mpsc::UnboundedSender<Stretch>>,
    task: Option<JoinHandle<()>>,
}

impl Reflector {
    pub(super) fn new(ports: Ports, stream: StreamId) -> Self {
        Self {
            ports,
            stream,
            reflected: Arc::new(AtomicU64::new(0)),
            queue: None,
            task: None,
        }
    }

    /// Everything below this position is in the registry.
    pub(super) fn reflected(&self) -> LogPosition {
        LogPosition(self.reflected.load(Ordering::Acquire))
    }

    /// Forgets what the registry was known to have.
    pub(super) fn restart(&mut self) {
        self.queue = None;
        if let Some(task) = self.task.take() {
            task.abort();
        }
        self.reflected = Arc::new(AtomicU64::new(0));
    }

    /// Hands a stretch over that is in the log; the registry has it soon.
    pub(super) fn follow(
        &mut self,
        from: LogPosition,
        to: LogPosition,
        entries: Vec<ModelEntry>,
        envelopes: &[Envelope],
    ) {
        let commands = command_entries(&self.stream, envelopes);
        self.ports.recent.put(&commands);
        let stretch = Stretch {
            from,
            to,
            entries,
            commands,
        };
        let queue = self.queue.get_or_insert_with(|| {
            let (queue, stretches) = mpsc::unbounded_channel();
            let follower = Follower {
                ports: self.ports.clone(),
                stream: self.stream.clone(),
                reflected: self.reflected.clone(),
            };
            self.task = Some(tokio::spawn(follower.run(stretches)));
            queue
        });
        if queue.send(stretch).is_err() {
            tracing::error!(stream = %self.stream, "the registry is no longer followed up");
        }
    }

    /// Waits until everything handed over is in the registry.
    pub(super) async fn finish(&mut self) {
        self.queue = None;
        if let Some(task) = self.task.take()
            && let Err(error) = task.await
        {
            tracing::error!(stream = %self.stream, %error, "following up the registry ended badly");
        }
    }

    /// Brings the registry up to the log's end and reads the state there.
    pub(super) async fn load(&mut self) -> Result<WriteState, StoreError> {
        self.finish().await;
        let end = catch_up(&self.ports, &self.stream).await?;
        self.reflected.store(end.0, Ordering::Release);
        if end == LogPosition::ZERO {
            return Ok(WriteState::empty(self.stream.clone()));
        }
        let model = &self.ports.model;
        let lineage = Lineage::main();
        let lookup = Lookup {
            lineage: lineage.clone(),
            key: ModelKey::database(),
        };
        let found = model
            .get(&self.stream, &[lookup])
            .await?
            .into_iter()
            .next()
            .flatten();
        let database = found
            .map(|entry| read::<DatabaseState>(&entry))
            .transpose()?;
        let mut branches = Vec::new();
        let mut after = None;
        loop {
            let page = model
                .scan(
                    &self.stream,
                    &lineage,
                    ModelKey::BRANCHES,
                    after.as_ref(),
                    STEP,
                )
                .await?;
            for entry in &page {
                branches.push(read::<BranchState>(entry)?);
            }
            after = page.last().map(|entry| entry.key.clone());
            if page.len() < STEP {
                break;
            }
        }
        let last_time = self.last_time(end).await?;
        Ok(WriteState::new(
            self.stream.clone(),
            end,
            last_time,
            database,
            branches,
        ))
    }

    async fn last_time(&self, end: LogPosition) -> Result<Timestamp, StoreError> {
        let last = LogPosition(end.0.saturating_sub(1));
        let records = self.ports.log.read(&self.stream, last, 1).await?;
        match records.first() {
            Some(record) => Ok(parse(&self.stream, record.position, &record.line)?.occurred_at),
            None => Ok(Timestamp::default()),
        }
    }
}

/// The part of a reflector that runs behind the answers.
struct Follower {
    ports: Ports,
    stream: StreamId,
    reflected: Arc<AtomicU64>,
}

impl Follower {
    async fn run(self, mut stretches: mpsc::UnboundedReceiver<Stretch>) {
        while let Some(mut stretch) = stretches.recv().await {
            while stretch.entries.len() < MOST_ENTRIES
                && let Ok(next) = stretches.try_recv()
            {
                stretch.to = next.to;
                stretch.entries.extend(next.entries);
                stretch.commands.extend(next.commands);
            }
            self.advance(stretch).await;
        }
    }

    async fn advance(&self, stretch: Stretch) {
        let mut pause = Duration::from_millis(50);
        loop {
            match self.try_advance(&stretch).await {
                Ok(end) => {
                    self.reflected.fetch_max(end.0, Ordering::AcqRel);
                    self.ports.recent.remove(&stretch.commands);
                    return;
                }
                Err(error) => {
                    tracing::warn!(stream = %self.stream, %error, "registry cannot follow the log now");
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn try_advance(&self, stretch: &Stretch) -> Result<LogPosition, StoreError> {
        let model = &self.ports.model;
        let (entries, commands) = (stretch.entries.clone(), stretch.commands.clone());
        match model
            .advance(&self.stream, stretch.from, stretch.to, entries, commands)
            .await?
        {
            Advance::Done => Ok(stretch.to),
            Advance::Elsewhere(position) if position >= stretch.to => Ok(position),
            Advance::Elsewhere(_) => catch_up(&self.ports, &self.stream).await,
        }
    }
}

/// Brings the registry up to the log's end from the log alone; tells the position reached.
pub(super) async fn catch_up(ports: &Ports, stream: &StreamId) -> Result<LogPosition, StoreError> {
    let mut from = ports.model.reflected(stream).await?;
    loop {
        let envelopes = read_whole_commands(ports, stream, from).await?;
        let Some(last) = envelopes.last() else {
            return Ok(from);
        };
        let to = last.position.next();
        let mut entries = Vec::new();
        for envelope in &envelopes {
            entries.extend(fold(envelope).map_err(|error| damaged(&error))?);
        }
        let commands = command_entries(stream, &envelopes);
        match ports
            .model
            .advance(stream, from, to, entries, commands)
            .await?
        {
            Advance::Done => from = to,
            Advance::Elsewhere(position) => from = position,
        }
    }
}

/// Some envelopes from a position on, cut where a command begins, so that none is split.
async fn read_whole_commands(
    ports: &Ports,
    stream: &StreamId,
    from: LogPosition,
) -> Result<Vec<Envelope>, StoreError> {
    let end = ports.log.end(stream).await?;
    let mut envelopes: Vec<Envelope> = Vec::new();
    let mut next = from;
    while next < end {
        for record in ports.log.read(stream, next, STEP).await? {
            next = record.position.next();
            envelopes.push(parse(stream, record.position, &record.line)?);
        }
        if next >= end {
            return Ok(envelopes);
        }
        let starts = |envelope: &Envelope| {
            envelope.metadata.kind == Kind::Command
                || envelope.event_type == EventType::DatabaseOpened
        };
        if let Some(cut) = envelopes.iter().rposition(starts).filter(|cut| *cut > 0) {
            envelopes.truncate(cut);
            return Ok(envelopes);
        }
    }
    Ok(envelopes)
}

/// Where the commands among these envelopes stand, each with its last event.
fn command_entries(stream: &StreamId, envelopes: &[Envelope]) -> Vec<CommandEntry> {
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

fn read<T: serde::de::DeserializeOwned>(entry: &ModelEntry) -> Result<T, StoreError> {
    entry.value.read().map_err(|error| StoreError::Damaged {
        store: "registry",
        reason: format!("entry {} cannot be read: {error}", entry.key),
    })
}

fn damaged(error: &impl std::fmt::Display) -> StoreError {
    StoreError::Damaged {
        store: "log",
        reason: error.to_string(),
    }
}
