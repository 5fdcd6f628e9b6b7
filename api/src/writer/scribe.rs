//! A database's task: takes the waiting commands as one batch, commits it, and publishes a snapshot.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use spice_core::{
    chain::ChainHead,
    decide::WriteState,
    error::StoreError,
    id::{LogPosition, StreamId},
    port::{
        Store,
        hints::{Hints, Listener, Topic},
    },
    time::Timestamp,
};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    freshness::{Check, Freshness},
    handle::{Scribe, Standing},
    ports::Ports,
    published::Published,
    reflect::Reflector,
    request::Request,
    snapshot::Snapshot,
};

/// The time after which a database that could not be opened is tried again.
const RETRY_OPENING: Duration = Duration::from_secs(1);

/// The task.
pub(super) struct Task {
    pub(super) ports: Ports,
    pub(super) stream: StreamId,
    /// The state at the log's end; none when it must be read again.
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
    /// Hears of what other processes append.
    pub(super) appends: Listener<Arc<dyn Hints>>,
    /// Requests that the next batch begins with.
    pub(super) carried: VecDeque<Request>,
    /// Whether another writer has been met lately, and how long an append takes.
    pub(super) contended: Option<Duration>,
    standing: watch::Sender<Standing>,
    pub(super) freshness: Arc<Freshness>,
    pub(super) published: Published,
}

/// The reason why a waiting task wakes up.
enum Wake {
    /// A command came.
    Request(Box<Request>),
    /// A database that could not be opened is tried again.
    Open,
    /// The log may go on beyond the state.
    Follow,
    /// Nothing was appended for a while.
    Rest,
    /// Nobody has used the database for a while.
    Close,
    /// There is nothing left to do.
    End,
}

/// A new task, and its handle.
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
        appends: listen(ports, &stream),
        stream,
        state: None,
        is_behind: false,
        now: Timestamp::default(),
        marked_at: None,
        written_at: Instant::now(),
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

/// Listens to the hints that a log is longer.
pub(super) fn listen(ports: &Ports, stream: &StreamId) -> Listener<Arc<dyn Hints>> {
    Listener::new(Arc::clone(&ports.hints), Topic::Log(stream.clone()))
}

impl Task {
    async fn run(mut self, mut queue: mpsc::Receiver<Request>, stop: CancellationToken) {
        self.open().await;
        loop {
            if self.carried.is_empty() {
                match self.wait(&mut queue, &stop).await {
                    Wake::Request(request) => self.carried.push_back(*request),
                    Wake::Open => self.open().await,
                    Wake::Follow => self.follow().await,
                    Wake::Rest => self.rest().await,
                    // What was sent until now is still committed.
                    Wake::Close => queue.close(),
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

    /// What waits, up to the bounds of a batch; at least one command if there is one.
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

    async fn wait(
        &mut self,
        queue: &mut mpsc::Receiver<Request>,
        stop: &CancellationToken,
    ) -> Wake {
        let failed = matches!(*self.standing.borrow(), Standing::Failed(_));
        let idle_at = self.freshness.last_used() + self.ports.settings.idle;
        let is_open = !queue.is_closed() && !failed;
        let (rests_at, is_marked) = (self.rests_at(), self.marked_at.is_some());
        tokio::select! {
            biased;
            () = self.freshness.wait_asked() => Wake::Follow,
            request = queue.recv() => request.map_or(Wake::End, |it| Wake::Request(Box::new(it))),
            () = stop.cancelled() => Wake::End,
            () = self.appends.wait(), if is_open => Wake::Follow,
            () = tokio::time::sleep_until(rests_at), if is_marked => Wake::Rest,
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

    /// Publishes the state, which holds everything that was in the log when `check` began.
    pub(super) fn publish(&mut self, check: &Check) {
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
                    claims: Arc::clone(state.claims()),
                }))
            }
        };
        // A reader that finds the check covered must also find this state, not the one before.
        self.standing.send_modify(|published| {
            *published = standing;
            self.freshness.cover(check);
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
        state.forget_reflected(reflected);
        state.end().0.saturating_sub(reflected.0)
    }
}
