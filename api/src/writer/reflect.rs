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
    model::{BranchState, CommandEntry, DatabaseState, ModelEntry, ModelKey},
    port::{
        Store,
        registry::{Advance, Lookup},
    },
    reflect::{self, command_entries},
    time::Timestamp,
};
use tokio::{sync::mpsc, task::JoinHandle};

use super::ports::{Ports, parse};

/// Branches that one read takes.
const PAGE: usize = 5_000;
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
        to: Anchor,
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
        // A follower that gave up has let go of its queue; the next one catches up from the log.
        let running = self.queue.take().filter(|queue| !queue.is_closed());
        let queue = running.unwrap_or_else(|| self.start_following());
        if queue.send(stretch).is_err() {
            tracing::warn!(stream = %self.stream, "the registry stays behind for now");
        }
        self.queue = Some(queue);
    }

    fn start_following(&mut self) -> mpsc::UnboundedSender<Stretch> {
        let (queue, stretches) = mpsc::unbounded_channel();
        let follower = Follower {
            ports: self.ports.clone(),
            stream: self.stream.clone(),
            reflected: self.reflected.clone(),
        };
        self.task = Some(tokio::spawn(follower.run(stretches)));
        queue
    }

    /// Waits a while until everything handed over is in the registry.
    pub(super) async fn finish(&mut self) {
        self.queue = None;
        if let Some(mut task) = self.task.take() {
            match tokio::time::timeout(LAST_PATIENCE, &mut task).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::error!(stream = %self.stream, %error, "the registry is behind");
                }
                Err(_) => task.abort(),
            }
        }
    }

    /// Brings the registry up to the log's end and reads the state and the chain there.
    pub(super) async fn load(&mut self) -> Result<(WriteState, ChainHead), StoreError> {
        // Advancing is compare-and-set: whatever the follower was at, catching up mends it.
        self.restart();
        let head = catch_up(&self.ports, &self.stream).await?;
        let end = head.position();
        self.ports.recent.forget(&self.stream);
        self.reflected.store(end.0, Ordering::Release);
        let state = state_at(&self.ports, &self.stream, end).await?;
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
    let database = found
        .entries
        .first()
        .and_then(Option::as_ref)
        .map(read::<DatabaseState>)
        .transpose()?;
    let mut branches = Vec::new();
    let mut after = None;
    loop {
        let prefix = ModelKey::BRANCHES;
        let page = model
            .scan(stream, &lineage, prefix, after.as_ref(), PAGE)
            .await?;
        for entry in &page {
            branches.push(read::<BranchState>(entry)?);
        }
        after = page.last().map(|entry| entry.key.clone());
        if page.len() < PAGE {
            break;
        }
    }
    let last_time = match ports.log.read(stream, last, 1).await?.first() {
        Some(record) => parse(stream, record.position, &record.line)?.occurred_at,
        None => Timestamp::default(),
    };
    let stream = stream.clone();
    Ok(WriteState::new(stream, end, last_time, database, branches))
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

/// What an entry of the registry says.
pub(super) fn read<T: serde::de::DeserializeOwned>(entry: &ModelEntry) -> Result<T, StoreError> {
    entry.value.read().map_err(|error| StoreError::Damaged {
        store: Store::Registry,
        reason: format!("entry {} cannot be read: {error}", entry.key),
    })
}
