//! A database's task: takes what waits as one batch, commits it, and tells how things stand.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use spice_core::{
    chain::ChainHead,
    decide::WriteState,
    envelope::Envelope,
    error::StoreError,
    id::{LogPosition, StreamId},
    model::BranchState,
    name::BranchName,
    ontology::Schema,
    port::{Store, hints::Topic},
    time::Timestamp,
};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    Ports, Request, Scribe, Snapshot, Standing,
    freshness::{Freshness, Look},
    reflect::{self, Reflector},
};

/// How long a database that could not be opened waits before it is tried again unasked.
const RETRY_OPENING: Duration = Duration::from_secs(1);

/// The task's own part.
pub(super) struct Task {
    pub(super) ports: Ports,
    pub(super) stream: StreamId,
    /// The state at the log's end; none when it has to be read anew.
    pub(super) state: Option<WriteState>,
    /// The chain where the state ends.
    pub(super) head: ChainHead,
    pub(super) reflector: Reflector,
    /// Whether the log is known to go on beyond the state: another writer won a position.
    pub(super) is_behind: bool,
    /// The registry's time, as of the batch in hand.
    pub(super) now: Timestamp,
    /// When this log was last marked as one that is written here.
    pub(super) marked_at: Option<Instant>,
    /// When it was last written.
    pub(super) written_at: Instant,
    /// The newest hint that was followed.
    pub(super) hinted: u64,
    /// Requests that the next batch begins with.
    pub(super) carried: VecDeque<Request>,
    /// Whether another writer has been met lately, and how long an append takes.
    pub(super) contended: Option<Duration>,
    standing: watch::Sender<Standing>,
    pub(super) freshness: Arc<Freshness>,
    published: Published,
}

/// What a task that waits wakes up for.
enum Wake {
    /// A command came.
    Request(Box<Request>),
    /// A database that could not be opened is tried again.
    Open,
    /// The log may go on beyond the state.
    Follow,
    /// The same, as a hint with this number says.
    Hint(u64),
    /// Nothing was appended for a while.
    Rest,
    /// Nobody has used the database for a while.
    Close,
    /// There is nothing left to do.
    End,
}

/// Parts of the snapshot that are shared until they change.
#[derive(Default)]
struct Published {
    branches: Arc<BTreeMap<BranchName, BranchState>>,
    schemas: Arc<BTreeMap<BranchName, Arc<Schema>>>,
}

/// The way to a new task, and the task.
pub(super) fn open(
    ports: &Ports,
    stream: StreamId,
    stop: CancellationToken,
) -> (Scribe, impl Future<Output = ()> + Send + 'static) {
    let (requests, queue) = mpsc::channel(ports.settings.queue);
    let (standing, state) = watch::channel(Standing::Opening);
    let freshness = Arc::new(Freshness::new());
    let task = Task {
        ports: ports.clone(),
        reflector: Reflector::new(ports.clone(), stream.clone()),
        head: ChainHead::at(&stream, LogPosition::ZERO),
        stream,
        state: None,
        is_behind: false,
        now: Timestamp::default(),
        marked_at: None,
        written_at: Instant::now(),
        hinted: 0,
        carried: VecDeque::new(),
        contended: None,
        standing,
        freshness: Arc::clone(&freshness),
        published: Published::default(),
    };
    let scribe = Scribe {
        requests,
        state,
        freshness,
    };
    (scribe, Box::pin(task.run(queue, stop)))
}

impl Task {
    async fn run(mut self, mut queue: mpsc::Receiver<Request>, stop: CancellationToken) {
        self.open().await;
        loop {
            if self.carried.is_empty() {
                match self.wait(&mut queue, &stop).await {
                    Wake::Request(request) => self.carried.push_back(*request),
                    Wake::Open => {
                        self.open().await;
                        continue;
                    }
                    Wake::Follow => {
                        self.follow().await;
                        continue;
                    }
                    Wake::Hint(number) => {
                        self.hinted = number;
                        self.follow().await;
                        continue;
                    }
                    Wake::Rest => {
                        self.rest().await;
                        continue;
                    }
                    // What was sent until now is still committed.
                    Wake::Close => {
                        queue.close();
                        continue;
                    }
                    Wake::End => break,
                }
            }
            let batch = self.gather(&mut queue);
            self.commit(batch).await;
            self.take_turns().await;
        }
        self.reflector.finish().await;
        self.rest().await;
    }

    /// What waits, up to the bounds of a batch, and at least one command.
    fn gather(&mut self, queue: &mut mpsc::Receiver<Request>) -> Vec<Request> {
        let settings = Arc::clone(&self.ports.settings);
        let mut batch = Vec::new();
        let mut bytes = 0;
        while batch.len() < settings.batch_commands && bytes < settings.batch_bytes {
            let next = self.carried.pop_front().or_else(|| queue.try_recv().ok());
            let Some(request) = next else { break };
            bytes += request.bytes;
            batch.push(request);
        }
        batch
    }

    async fn wait(&self, queue: &mut mpsc::Receiver<Request>, stop: &CancellationToken) -> Wake {
        let failed = matches!(*self.standing.borrow(), Standing::Failed(_));
        let idle_at = self.freshness.last_used() + self.ports.settings.idle;
        let is_open = !queue.is_closed() && !failed;
        let topic = Topic::Log(self.stream.clone());
        tokio::select! {
            biased;
            () = self.freshness.asked() => Wake::Follow,
            request = queue.recv() => request.map_or(Wake::End, |it| Wake::Request(Box::new(it))),
            () = stop.cancelled() => Wake::End,
            number = self.ports.hints.wait(&topic, self.hinted), if is_open => Wake::Hint(number),
            () = tokio::time::sleep_until(self.rests_at()), if self.marked_at.is_some() => {
                Wake::Rest
            }
            () = tokio::time::sleep(RETRY_OPENING), if failed => Wake::Open,
            () = tokio::time::sleep_until(idle_at), if is_open => self.close_when_idle(),
        }
    }

    /// It may have been used while this slept.
    fn close_when_idle(&self) -> Wake {
        if self.freshness.last_used() + self.ports.settings.idle > Instant::now() {
            return Wake::Follow;
        }
        Wake::Close
    }

    async fn open(&mut self) {
        if let Err(error) = self.settle().await {
            tracing::warn!(stream = %self.stream, %error, "cannot open the database");
            self.standing.send_replace(Standing::Failed(error.into()));
        }
    }

    /// Takes in what another process appended.
    async fn follow(&mut self) {
        if let Err(error) = self.settle().await {
            tracing::warn!(stream = %self.stream, %error, "cannot follow the log");
            self.fail(&error).await;
        }
    }

    /// The chain of this log where nothing is in it.
    pub(super) fn genesis(&self) -> ChainHead {
        ChainHead::at(&self.stream, LogPosition::ZERO).guarded(self.ports.settings.guards)
    }

    /// Reads the state anew where there is none, and what another writer appended, and tells how
    /// things stand.
    pub(super) async fn settle(&mut self) -> Result<(), StoreError> {
        let look = self.freshness.begin();
        loop {
            if self.state.is_none() {
                self.read_in_earlier_generations().await?;
                let (state, head) = self.reflector.load().await?;
                self.head = head;
                self.state = Some(state);
                self.published = Published::default();
            }
            self.read_tail().await?;
            if !self.is_over() {
                break;
            }
            // The newest may be an earlier one than this: a next log was opened and nothing came to
            // stand in it.
            let newest = self.newest_stream().await?;
            if newest == self.stream {
                break;
            }
            self.move_to(newest).await;
        }
        self.load_schemas().await?;
        self.publish(&look);
        Ok(())
    }

    /// Makes sure that there is a state to decide on. It may be behind the log: a won append proves
    /// that it was not, and [`Task::read_tail`] shows it before anything is refused.
    pub(super) async fn prepare_state(&mut self) -> Result<(), StoreError> {
        if self.state.is_none() || self.is_behind || self.is_over() {
            return self.settle().await;
        }
        Ok(())
    }

    /// Whether this log holds no live database: it is sealed, or there is nothing in it.
    fn is_over(&self) -> bool {
        let database = self.state.as_ref().and_then(WriteState::database);
        database.is_none_or(|database| !database.live)
    }

    /// Brings the registry up to the sealed logs of this name, so that a retried command of theirs
    /// gets its first answer. A sealed log that is damaged or refused does not stop the live one.
    async fn read_in_earlier_generations(&self) -> Result<(), StoreError> {
        for stream in self.ports.generations(&self.stream.database).await? {
            if stream.generation >= self.stream.generation {
                continue;
            }
            match reflect::catch_up(&self.ports, &stream).await {
                Ok(_) => self.ports.refused.remove(&stream),
                Err(error) if error.is_damage() => {
                    tracing::warn!(%stream, %error, "cannot read a sealed log; using the live one");
                    self.ports.refused.put(&stream, error);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn newest_stream(&self) -> Result<StreamId, StoreError> {
        let mut generations = self.ports.generations(&self.stream.database).await?;
        Ok(generations.pop().unwrap_or_else(|| self.stream.clone()))
    }

    /// Goes on with another generation of the database.
    pub(super) async fn move_to(&mut self, stream: StreamId) {
        self.reflector.finish().await;
        self.rest().await;
        self.marked_at = None;
        self.reflector = Reflector::new(self.ports.clone(), stream.clone());
        self.stream = stream;
        self.state = None;
    }

    /// Takes in what another process appended beyond the state's end; whether there was anything.
    pub(super) async fn read_tail(&mut self) -> Result<bool, StoreError> {
        let Some(state) = &self.state else {
            return Ok(false);
        };
        let mut next = state.end();
        let end = self.ports.end(&self.stream).await?;
        self.ports.check_end(&self.stream, end, next)?;
        self.is_behind = false;
        if end <= next {
            return Ok(false);
        }
        loop {
            let records = self.ports.log.read(&self.stream, next, 1_000).await?;
            if records.is_empty() {
                return Ok(true);
            }
            let mut envelopes = Vec::with_capacity(records.len());
            let mut head = self.head.clone();
            for record in &records {
                head.take(record.position, &record.line)?;
                envelopes.push(super::parse(&self.stream, record.position, &record.line)?);
                next = record.position.next();
            }
            self.take_in(&envelopes, head)?;
        }
    }

    /// Folds envelopes that are in the log into the state; the registry follows.
    fn take_in(&mut self, envelopes: &[Envelope], head: ChainHead) -> Result<(), StoreError> {
        let Some(state) = &mut self.state else {
            return Ok(());
        };
        let from = state.end();
        let mut entries = Vec::new();
        for envelope in envelopes {
            match state.apply(envelope) {
                Ok(made) => entries.extend(made),
                Err(error) => {
                    self.state = None;
                    let reason = error.to_string();
                    return Err(StoreError::Damaged {
                        store: Store::Log,
                        reason,
                    });
                }
            }
        }
        self.head = head;
        if let Some(to) = self.head.anchor() {
            self.reflector.follow(from, to, entries, envelopes);
        }
        Ok(())
    }

    /// The classes of every live branch, for those that have none yet.
    pub(super) async fn load_schemas(&mut self) -> Result<(), StoreError> {
        let Some(state) = &self.state else {
            return Ok(());
        };
        let missing: Vec<_> = state
            .live_branches()
            .filter(|branch| state.known_schema(branch.generation).is_none())
            .cloned()
            .collect();
        for branch in missing {
            let Some(state) = &self.state else {
                return Ok(());
            };
            let schema = self.fetch_schema(state, &branch).await?;
            if let Some(state) = &mut self.state {
                state.put_schema(branch.generation, schema);
            }
        }
        Ok(())
    }

    /// Publishes the state, which holds everything that was in the log when `look` began.
    pub(super) fn publish(&mut self, look: &Look) {
        let Some(state) = &self.state else { return };
        let standing = match state.database().filter(|database| database.live) {
            None => Standing::Absent,
            Some(database) => {
                self.published.refresh(state);
                Standing::Live(Arc::new(Snapshot {
                    stream: self.stream.clone(),
                    end: state.end(),
                    database: database.clone(),
                    branches: self.published.branches.clone(),
                    schemas: self.published.schemas.clone(),
                }))
            }
        };
        // A reader that finds the look covered must also find this state, not the one before.
        self.standing.send_modify(|published| {
            *published = standing;
            self.freshness.cover(look);
        });
    }

    /// A writer that meets another lets one append time pass after each win.
    async fn take_turns(&mut self) {
        if let Some(append_time) = self.contended.take() {
            tokio::time::sleep(append_time.min(Duration::from_secs(1))).await;
        }
    }

    /// Tells that the state cannot be read. A log that is refused or damaged ends reading too: it is
    /// opened anew, against what registry and sinks have seen, once the registry has seen what was
    /// accepted here.
    pub(super) async fn fail(&mut self, error: &StoreError) {
        let refused = matches!(
            error,
            StoreError::LogRefused(_)
                | StoreError::Damaged {
                    store: Store::Log,
                    ..
                }
        );
        if refused {
            self.reflector.finish().await;
            self.state = None;
        }
        let is_open = matches!(
            *self.standing.borrow(),
            Standing::Live(_) | Standing::Absent
        );
        if refused || !is_open {
            self.standing
                .send_replace(Standing::Failed(error.clone().into()));
        }
    }

    /// Forgets what the registry has by now; how many envelopes it is behind.
    pub(super) fn forget_reflected(&mut self) -> u64 {
        let reflected = self.reflector.reflected();
        let Some(state) = &mut self.state else {
            return 0;
        };
        state.reflected(reflected);
        state.end().0.saturating_sub(reflected.0)
    }
}

impl Published {
    fn refresh(&mut self, state: &WriteState) {
        let same_branches = self.branches.len() == state.live_branches().count()
            && state
                .live_branches()
                .all(|branch| self.branches.get(&branch.name) == Some(branch));
        if !same_branches {
            let live = state
                .live_branches()
                .map(|branch| (branch.name.clone(), branch.clone()));
            self.branches = Arc::new(live.collect());
        }
        let same_schemas = same_branches
            && state.live_branches().all(|branch| {
                match (
                    self.schemas.get(&branch.name),
                    state.known_schema(branch.generation),
                ) {
                    (Some(published), Some(known)) => Arc::ptr_eq(published, known),
                    (None, None) => true,
                    _ => false,
                }
            });
        if !same_schemas {
            let known = state.live_branches().filter_map(|branch| {
                Some((
                    branch.name.clone(),
                    state.known_schema(branch.generation)?.clone(),
                ))
            });
            self.schemas = Arc::new(known.collect());
        }
    }
}
