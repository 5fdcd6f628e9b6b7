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

use spice_backoff::Backoff;
use spice_core::{
    chain::{Anchor, ChainHead, resume},
    decide::WriteState,
    envelope::Envelope,
    error::StoreError,
    id::{LogPosition, StreamId},
    lineage::Lineage,
    model::{CommandEntry, DatabaseState, ModelEntry, ModelKey},
    port::registry::{Advance, Lookup},
    reflect::{self, command_entries},
    time::Timestamp,
};
use tokio::{sync::mpsc, task::JoinHandle};

use super::ports::Ports;

/// Entries after which a transaction takes no further stretch in.
const MOST_ENTRIES: usize = 20_000;
const PAUSES: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5));
/// How long an orderly end waits for the registry; what it does not get is in the log.
const LAST_PATIENCE: Duration = Duration::from_secs(2);

/// A stretch of the log for the write model.
struct Stretch {
    from: LogPosition,
    to: Anchor,
    entries: Vec<ModelEntry>,
    commands: Vec<CommandEntry>,
}

/// Follows one log.
pub(super) struct Reflector {
    follower: Follower,
    queue: Option<mpsc::UnboundedSender<Stretch>>,
    task: Option<JoinHandle<()>>,
}

impl Reflector {
    pub(super) fn new(ports: Ports, stream: StreamId) -> Self {
        let follower = Follower {
            ports,
            stream,
            reflected: Arc::default(),
        };
        Self {
            follower,
            queue: None,
            task: None,
        }
    }

    /// Everything below this position is in the registry.
    pub(super) fn reflected(&self) -> LogPosition {
        LogPosition(self.follower.reflected.load(Ordering::Acquire))
    }

    /// Forgets what the registry was known to have.
    pub(super) fn restart(&mut self) {
        self.queue = None;
        if let Some(task) = self.task.take() {
            task.abort();
        }
        self.follower.reflected = Arc::default();
    }

    /// Hands a stretch over that is in the log; the registry has it soon.
    pub(super) fn follow(
        &mut self,
        from: LogPosition,
        to: Anchor,
        entries: Vec<ModelEntry>,
        envelopes: &[Envelope],
    ) {
        let Follower { ports, stream, .. } = &self.follower;
        let commands = command_entries(stream, envelopes);
        ports.recent.put(&commands);
        let stretch = Stretch {
            from,
            to,
            entries,
            commands,
        };
        // A follower that gave up has let go of its queue; the next one catches up from the log.
        let running = self.queue.take().filter(|queue| !queue.is_closed());
        let queue = running.unwrap_or_else(|| {
            let (queue, stretches) = mpsc::unbounded_channel();
            self.task = Some(tokio::spawn(self.follower.clone().run(stretches)));
            queue
        });
        if queue.send(stretch).is_err() {
            tracing::warn!(%stream, "the registry stays behind for now");
        }
        self.queue = Some(queue);
    }

    /// Waits a while until everything handed over is in the registry.
    pub(super) async fn finish(&mut self) {
        self.queue = None;
        if let Some(mut task) = self.task.take() {
            match tokio::time::timeout(LAST_PATIENCE, &mut task).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::error!(stream = %self.follower.stream, %error, "the registry is behind");
                }
                Err(_) => task.abort(),
            }
        }
    }

    /// Brings the registry up to the log's end and reads the state and the chain there.
    pub(super) async fn load(&mut self) -> Result<(WriteState, ChainHead), StoreError> {
        // Advancing is compare-and-set: whatever the follower was at, catching up mends it.
        self.restart();
        let Follower { ports, stream, .. } = &self.follower;
        let head = catch_up(ports, stream).await?;
        let end = head.position();
        ports.recent.forget(stream);
        self.follower.reflected.store(end.0, Ordering::Release);
        let state = state_at(ports, stream, end).await?;
        Ok((state, head))
    }
}

/// The state of a log as it stood at `end`, from a registry that reflects it that far.
pub(super) async fn state_at(
    ports: &Ports,
    stream: &StreamId,
    end: LogPosition,
) -> Result<WriteState, StoreError> {
    let Some(last) = end.0.checked_sub(1).map(LogPosition) else {
        return Ok(WriteState::empty(stream.clone()));
    };
    let model = &ports.model;
    let lineage = Lineage::main().at(last);
    let lookup = Lookup {
        lineage: lineage.clone(),
        key: ModelKey::database(),
    };
    let found = model.get(stream, &[lookup]).await?;
    let mut database = found.entries.iter().flatten().map(ModelEntry::read);
    let database: Option<DatabaseState> = database.next().transpose()?;
    let branches = read_all(ports, stream, &lineage, ModelKey::BRANCHES).await?;
    let owners = read_all(ports, stream, &lineage, ModelKey::OWNERS).await?;
    let record = ports.log.read_one(stream, last).await?;
    let last_time = match record {
        Some(record) => record.head()?.occurred_at,
        None => Timestamp::default(),
    };
    let state = WriteState::new(stream.clone(), end, last_time, database, branches);
    Ok(state.with_owners(owners))
}

/// Every entry of the whole database with a key prefix.
async fn read_all<T: serde::de::DeserializeOwned>(
    ports: &Ports,
    stream: &StreamId,
    lineage: &Lineage,
    prefix: &str,
) -> Result<Vec<T>, StoreError> {
    let entries = ports.model.scan_all(stream, lineage, prefix).await?;
    entries.iter().map(ModelEntry::read).collect()
}

/// The part of a reflector that runs behind the answers.
#[derive(Clone)]
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
            if let Err(error) = self.advance(stretch).await {
                tracing::error!(stream = %self.stream, %error, "the registry does not follow the log");
                return;
            }
        }
    }

    /// Tries for as long as the registry is away; an error is one that waiting does not mend.
    async fn advance(&self, stretch: Stretch) -> Result<(), StoreError> {
        let mut failures = 0;
        loop {
            match self.try_advance(&stretch).await {
                Ok(end) => {
                    self.reflected.fetch_max(end.0, Ordering::AcqRel);
                    self.ports.followed.notify_waiters();
                    self.ports.recent.remove(&stretch.commands);
                    return Ok(());
                }
                Err(error) if !error.is_transient() => return Err(error),
                Err(error) => {
                    tracing::warn!(stream = %self.stream, %error, "the registry cannot follow the log now");
                }
            }
            failures += 1;
            tokio::time::sleep(PAUSES.wait(failures)).await;
        }
    }

    async fn try_advance(&self, stretch: &Stretch) -> Result<LogPosition, StoreError> {
        let model = &self.ports.model;
        let (entries, commands) = (stretch.entries.clone(), stretch.commands.clone());
        match model
            .advance(&self.stream, stretch.from, stretch.to, entries, commands)
            .await?
        {
            Advance::Done => Ok(stretch.to.position),
            Advance::Elsewhere(position) if position >= stretch.to.position => Ok(position),
            Advance::Elsewhere(_) => Ok(catch_up(&self.ports, &self.stream).await?.position()),
        }
    }
}

/// Brings the registry up to the log's end from the log alone; the chain at the position reached.
/// A log that is not the one that registry and sinks have seen is refused, and nothing is changed.
pub(super) async fn catch_up(ports: &Ports, stream: &StreamId) -> Result<ChainHead, StoreError> {
    let (log, model, guards) = (&*ports.log, &*ports.model, ports.settings.guards);
    let seen = model.anchor(stream).await?;
    for sink in &ports.sinks {
        let of_sink = sink.anchor(stream).await?;
        if of_sink != seen {
            resume(log, stream, of_sink.as_ref(), guards).await?;
        }
    }
    reflect::catch_up(log, model, stream, seen, guards).await
}
