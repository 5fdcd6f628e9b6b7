//! The test world of the workers: a log and stores in memory, a story to write, faults to inject.
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    clippy::struct_excessive_bools
)]

pub mod desk;
mod faults;
mod story;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
        mpsc::RecvTimeoutError,
    },
    time::Duration,
};

use futures::FutureExt;
use spice_backoff::{Backoff, Seeded};
use spice_core::{
    bucket::Bucket,
    chain::ChainHead,
    envelope::Envelope,
    guard::Guards,
    handler,
    id::{BranchGeneration, EventId, LogPosition, StreamId},
    lineage::{Lineage, View},
    port::{
        bus::Bus,
        clock::Clock,
        documents::{Document, Documents},
        graph::{Entity, Graph, Version},
        hints::{Hints, Topic},
        log::{Log, Record},
        registry::{DeadLetter, Lease, WorkKey, WorkerRegistry},
        replays::{Replays, Start},
        sink::{SinkRole, Sinks},
    },
    replay::{Replay, ReplayId, ReplayRequest},
    time::Timestamp,
};
use spice_store_local::{LocalBus, LocalHints};
use spice_store_sqlite::{Location, Mode, SqliteDocuments, SqliteGraph, SqliteRegistry};
use spice_testing::{MemoryLog, clock::HandClock, double::Double};
use spice_workers::{
    engine::{End, Engine, EngineConfig, EnginePorts, Handler, Job},
    graph_worker::GraphWorker,
    projection_worker::ProjectionWorker,
    replay::{Replayer, wait_caught_up},
    status::WorkerState,
    supervisor::{Ports, Role, Workers, WorkersConfig},
    verify::{Projection, Sources},
};
use tokio::{sync::oneshot, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use faults::Away;
pub use faults::{FaultyHandler, ScriptBus, Scripted};
pub use story::{Story, entity};

pub struct World {
    pub log: MemoryLog,
    pub hints: LocalHints,
    pub bus: Arc<dyn Bus>,
    pub registry: SqliteRegistry,
    pub graph: Arc<SqliteGraph>,
    pub documents: Arc<SqliteDocuments>,
    pub clock: Arc<HandClock>,
    pub story: Story,
}

impl World {
    pub fn new() -> Self {
        let (log, hints) = (MemoryLog::new(), LocalHints::new());
        let guards = Guards::default();
        let (place, mode) = (&Location::Memory, Mode::Inline);
        let clock: Arc<HandClock> = Arc::default();
        let registry = SqliteRegistry::open(place, mode, guards).unwrap();
        Self {
            story: Story::new(log.clone(), hints.clone()),
            log,
            hints,
            bus: Arc::new(LocalBus::new()),
            registry: registry.with_clock(Arc::clone(&clock) as Arc<dyn Clock>),
            graph: Arc::new(SqliteGraph::open(place, mode, guards).unwrap()),
            documents: Arc::new(SqliteDocuments::open(place, mode, guards).unwrap()),
            clock,
        }
    }

    pub fn stream(&self) -> &StreamId {
        &self.story.stream
    }

    pub fn engine_ports(&self) -> EnginePorts {
        EnginePorts {
            log: Arc::new(self.log.clone()),
            bus: Arc::clone(&self.bus),
            registry: Arc::new(self.registry.clone()),
            hints: Arc::new(self.hints.clone()),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
        }
    }

    pub fn ports(&self) -> Ports {
        Ports {
            log: Arc::new(self.log.clone()),
            bus: Arc::clone(&self.bus),
            registry: Arc::new(self.registry.clone()),
            model: Arc::new(self.registry.clone()),
            hints: Arc::new(self.hints.clone()),
            graph: Arc::clone(&self.graph) as Arc<dyn Graph>,
            documents: Arc::clone(&self.documents) as Arc<dyn Documents>,
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
        }
    }

    /// The ports, with a graph that takes no batch while `away` is true.
    pub fn ports_with_graph_away(&self, away: &Arc<AtomicBool>) -> Ports {
        let hook = Away(Arc::clone(away));
        Ports {
            graph: Arc::new(Double::new(Arc::clone(&self.graph), hook)),
            ..self.ports()
        }
    }

    pub fn sources(&self) -> Sources<'_> {
        Sources {
            log: &self.log,
            graph: &*self.graph,
            documents: &*self.documents,
            registry: &self.registry,
        }
    }

    pub fn graph_handler(&self) -> Arc<FaultyHandler> {
        let graph = Arc::clone(&self.graph) as Arc<dyn Graph>;
        FaultyHandler::new(Arc::new(GraphWorker::new(graph)))
    }

    pub fn documents_handler(&self) -> Arc<FaultyHandler> {
        let documents = Arc::clone(&self.documents) as Arc<dyn Documents>;
        let guards = Guards::default();
        FaultyHandler::new(Arc::new(ProjectionWorker::new(
            documents,
            Arc::new(self.registry.clone()),
            Arc::new(self.log.clone()),
            guards,
        )))
    }

    /// The lease on the story's log, which is free or held by the owner.
    pub fn lease(&self, handler: &dyn Handler, owner: &str) -> Lease {
        let buckets = [Bucket::of(self.stream())];
        let leases = self
            .registry
            .acquire(handler.projection().worker(), &buckets, owner, LEASE);
        leases.now_or_never().unwrap().unwrap().remove(0)
    }

    /// The work on the live sink of the story's log.
    pub fn job(&self, handler: &dyn Handler, lease: Lease) -> Job {
        let sink = handler.sinks().sink(self.stream());
        Job {
            stream: self.stream().clone(),
            sink: sink.now_or_never().unwrap().unwrap().generation,
            lease,
        }
    }

    /// Starts an engine as an owner.
    pub fn start(&self, handler: &Arc<FaultyHandler>, owner: &str) -> Running {
        self.start_as(handler, owner, config())
    }

    pub fn start_as(
        &self,
        handler: &Arc<FaultyHandler>,
        owner: &str,
        config: EngineConfig,
    ) -> Running {
        let job = self.job(&**handler, self.lease(&**handler, owner));
        self.run(handler, job, config)
    }

    /// Starts an engine on a sink of its own.
    pub fn start_job(&self, handler: &Arc<FaultyHandler>, job: Job) -> Running {
        self.run(handler, job, config())
    }

    fn run(&self, handler: &Arc<FaultyHandler>, job: Job, config: EngineConfig) -> Running {
        let worker = handler.projection().worker();
        let held = (self.registry.clone(), worker, job.lease.clone());
        let handler = Arc::clone(handler) as Arc<dyn Handler>;
        let engine = Engine::new(self.engine_ports(), handler, job, config);
        let status = engine.status();
        let token = CancellationToken::new();
        let task = tokio::spawn(engine.run(token.clone()));
        Running {
            status,
            token,
            task,
            held,
        }
    }

    /// Runs an engine until it has processed the whole log, then ends it.
    pub async fn run_through(&self, handler: &Arc<FaultyHandler>) {
        let running = self.start(handler, "one");
        self.wait_for(handler).await;
        assert_eq!(running.stop().await, End::Stopped);
    }

    /// Runs both workers once through the log.
    pub async fn project(&self) {
        self.run_through(&self.graph_handler()).await;
        self.run_through(&self.documents_handler()).await;
    }

    pub async fn wait_for(&self, handler: &Arc<FaultyHandler>) {
        let end = self.log.end(self.stream()).await.unwrap();
        self.wait_for_position(handler, end).await;
    }

    async fn wait_for_position(&self, handler: &Arc<FaultyHandler>, end: LogPosition) {
        let sinks = handler.sinks();
        let live = (self.stream(), None);
        let waiting = wait_caught_up(sinks, &self.registry, &self.hints, live, end);
        within(waiting).await.unwrap();
    }

    /// Has the workers of the story's log look whether there is something else to do.
    pub fn request(&self) {
        self.hints.give(&Topic::Request(self.stream().clone()));
    }

    /// Removes everything that a store holds of the story's log, like a lost file.
    pub async fn wipe(&self, sinks: &dyn Sinks) {
        let live = sinks.sink(self.stream()).await.unwrap();
        let dropped = sinks.drop_sink(self.stream(), &live.generation, SinkRole::Live);
        dropped.await.unwrap();
    }

    /// Delivers the whole log.
    pub async fn deliver(&self) {
        let records = self.records();
        self.bus.publish(self.stream(), records).await.unwrap();
    }

    /// Makes a chain of the log, every envelope an append of its own; then changes one of them.
    pub fn chain(&self, changed: Option<usize>) {
        let stream = self.stream();
        let mut head = ChainHead::at(stream, LogPosition::ZERO);
        let mut lines = Vec::new();
        for record in self.records() {
            let envelope = Envelope {
                chain: head.next(),
                ..Envelope::from_line(&record.line).unwrap()
            };
            let line = envelope.to_line().unwrap();
            head.take(record.position, line.as_bytes()).unwrap();
            lines.push(line);
        }
        if let Some(at) = changed {
            lines[at] = lines[at].replacen("\"service\":\"test\"", "\"service\":\"tesT\"", 1);
        }
        let lines = lines.into_iter().map(Into::into).collect();
        self.log.put(stream, lines);
    }

    /// The chain of the log at its end.
    pub fn head(&self) -> ChainHead {
        let mut head = ChainHead::at(self.stream(), LogPosition::ZERO);
        for record in self.records() {
            head.take(record.position, &record.line).unwrap();
        }
        head
    }

    /// Replaces the log's last append with another one.
    pub fn exchange_last(&self) {
        let mut lines = self.log.lines(self.stream());
        let last = lines.pop().unwrap();
        let mut envelope = Envelope::from_line(&last).unwrap();
        envelope.event_id.0 = uuid::Uuid::from_u128(4_711);
        lines.push(envelope.to_line().unwrap().into());
        self.log.put(self.stream(), lines);
    }

    pub fn records(&self) -> Vec<Record> {
        let lines = self.log.lines(self.stream()).into_iter().zip(0..);
        lines
            .map(|(line, position)| Record {
                position: LogPosition(position),
                line,
            })
            .collect()
    }

    /// Requests a retry of an instance in the graph, without a hint.
    pub async fn request_retry(&self, id: &str) {
        let aggregate = format!("demo:main:Part:{id}");
        let asked = self
            .registry
            .request_retry(handler::INSTANCES, self.stream(), &aggregate);
        asked.await.unwrap();
    }

    /// Waits until every requested retry is carried out.
    pub async fn wait_for_retries(&self) {
        let carried_out = async {
            while !self
                .registry
                .retries(self.stream())
                .await
                .unwrap()
                .is_empty()
            {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        within(carried_out).await;
    }

    /// Requests a replay that keeps the old sinks; finds the one that is not finished, if there is.
    pub async fn request_replay(&self, projection: Projection) -> ReplayId {
        self.start_replay(ReplayRequest {
            keep_old: true,
            ..ReplayRequest::blue_green([projection])
        })
        .await
    }

    pub async fn start_replay(&self, request: ReplayRequest) -> ReplayId {
        let id = ReplayId(uuid::Uuid::new_v4());
        let replay = Replay::new(id, self.stream().clone(), request, None, self.clock.now());
        let start = self.registry.start_replay(&replay).await.unwrap();
        self.request();
        match start {
            Start::Started => id,
            Start::Exists(other) | Start::Running(other) => other.id,
        }
    }

    /// Carries out a replay beside the workers.
    pub async fn carry_out(&self, id: ReplayId, hints: &dyn Hints) -> Replay {
        self.carry_out_over(self.sources(), id, hints).await
    }

    /// Carries out a replay over these stores.
    pub async fn carry_out_over(
        &self,
        sources: Sources<'_>,
        id: ReplayId,
        hints: &dyn Hints,
    ) -> Replay {
        let replayer = Replayer {
            sources,
            hints,
            clock: &*self.clock,
            backoff: Seeded::new(Backoff::new(LEASE / 300, LEASE), 7, "replay"),
            look_again: LEASE,
            report: &|_| {},
        };
        let replay = replayer.carry_out(self.stream(), id).await.unwrap();
        replay.expect("it is known")
    }

    /// Requests a replay and carries it out.
    pub async fn replay(&self, projection: Projection) -> Replay {
        let id = self.request_replay(projection).await;
        self.carry_out(id, &self.hints).await
    }

    pub async fn letters(&self) -> Vec<(u64, String, u32)> {
        let letters = self.all_letters().await;
        letters
            .into_iter()
            .map(|letter| (letter.position.0, letter.class, letter.attempts))
            .collect()
    }

    pub async fn all_letters(&self) -> Vec<DeadLetter> {
        self.registry
            .dead_letters(Some(self.stream()))
            .await
            .unwrap()
    }

    pub async fn find_recorded(&self, handler: &Arc<FaultyHandler>) -> u64 {
        let key = self.key(handler).await;
        self.registry.recorded_position(&key).await.unwrap().0
    }

    pub async fn key(&self, handler: &Arc<FaultyHandler>) -> WorkKey {
        let sink = handler.sinks().sink(self.stream()).await.unwrap();
        WorkKey {
            worker: handler.projection().worker().to_owned(),
            stream: self.stream().clone(),
            sink: sink.generation,
        }
    }

    pub async fn versions(&self) -> Vec<Version> {
        let mut all = Vec::new();
        let sink = self.graph.sink(self.stream()).await.unwrap().generation;
        for branch in self.story.branches() {
            let page = self
                .graph
                .latest(self.stream(), &sink, branch, None, 10_000);
            all.extend(page.await.unwrap());
        }
        all
    }

    pub async fn shelf(&self) -> Vec<Document> {
        let mut all = Vec::new();
        let sink = self.documents.sink(self.stream()).await.unwrap().generation;
        for branch in self.story.branches() {
            let page = self
                .documents
                .all(self.stream(), &sink, branch, None, 10_000);
            all.extend(page.await.unwrap());
        }
        all
    }

    /// Removes entities from the live graph.
    pub async fn remove_versions(&self, branch: BranchGeneration, entities: &[Entity]) {
        let sink = self.graph.sink(self.stream()).await.unwrap().generation;
        let removed = self.graph.remove(self.stream(), &sink, branch, entities);
        removed.await.unwrap();
    }

    /// Removes entities from the live documents.
    pub async fn remove_documents(&self, branch: BranchGeneration, entities: &[Entity]) {
        let sink = self.documents.sink(self.stream()).await.unwrap().generation;
        let removed = self
            .documents
            .remove(self.stream(), &sink, branch, entities);
        removed.await.unwrap();
    }

    /// Returns the sequence of an instance on `main` in the graph.
    pub async fn graph_sequence(&self, id: &str) -> Option<u64> {
        self.graph_sequence_on(BranchGeneration::MAIN, id).await
    }

    pub async fn graph_sequence_on(&self, branch: BranchGeneration, id: &str) -> Option<u64> {
        let wanted = entity(id);
        let versions = self.versions().await;
        versions
            .iter()
            .find(|version| version.branch == branch && version.state.entity == wanted)
            .map(|version| version.state.sequence.0)
    }

    pub async fn document(&self, branch: BranchGeneration, entity: &Entity) -> Option<Document> {
        let documents = self.shelf().await;
        documents
            .into_iter()
            .rfind(|document| document.branch.1 == branch && document.state.entity == *entity)
    }

    /// Returns what a read on a branch of `main` shows of an instance.
    pub async fn read_on(&self, branch: BranchGeneration, id: &str) -> Option<Document> {
        let point = LogPosition(branch.0.0 - 1);
        let lineage = Lineage::main().branch("what-if".parse().unwrap(), branch, point);
        let view = View {
            stream: self.stream().clone(),
            lineage,
        };
        let Entity::Instance(instance) = entity(id) else {
            unreachable!("an instance");
        };
        let found = self.documents.get(&view, &[instance]).await.unwrap();
        found.into_iter().next().unwrap()
    }

    pub fn event_at(&self, position: u64) -> EventId {
        self.story.event_id(position)
    }
}

pub struct Running {
    pub status: tokio::sync::watch::Receiver<spice_workers::status::WorkerStatus>,
    pub token: CancellationToken,
    pub task: JoinHandle<Result<End, spice_core::error::StoreError>>,
    /// The registry, the name and the lease that it holds.
    held: (SqliteRegistry, &'static str, Lease),
}

impl Running {
    /// Stops it and releases its lease.
    pub async fn stop(self) -> End {
        self.token.cancel();
        let end = within(self.task).await.unwrap().unwrap();
        let (registry, worker, lease) = self.held;
        registry.release(worker, &lease).await.unwrap();
        end
    }

    /// Waits for a state and returns it.
    pub async fn until(&mut self, met: impl Fn(&WorkerState) -> bool) -> WorkerState {
        let waiting = self.status.wait_for(|status| met(&status.state));
        within(waiting).await.unwrap().state.clone()
    }
}

/// Workers that feed sinks and carry out no replay.
pub fn feeders() -> WorkersConfig {
    WorkersConfig {
        roles: Role::FEEDERS.to_vec(),
        ..WorkersConfig::default()
    }
}

/// How long a lease lasts.
pub const LEASE: Duration = Duration::from_secs(30);

/// Waits until a log's worker in a role is in such a state.
pub async fn until_state(
    workers: &Workers,
    stream: &StreamId,
    role: Role,
    met: impl Fn(&WorkerState) -> bool,
) {
    let reached = async {
        let mut status = loop {
            if let Some(status) = workers.status(stream, role) {
                break status;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        };
        status.wait_for(|it| met(&it.state)).await.map(drop)
    };
    within(reached).await.unwrap();
}

/// An engine that keeps running when nothing is left to do.
pub fn config() -> EngineConfig {
    EngineConfig {
        idle: Duration::from_hours(24),
        seed: 7,
        ..EngineConfig::default()
    }
}

/// Fails after an hour of paused time, or after minutes of real time, which a task may fill that
/// never waits: then the future never ends.
pub async fn within<T>(future: impl Future<Output = T>) -> T {
    let (minutes, hour) = (Duration::from_mins(2), Duration::from_hours(1));
    let (late, is_late) = oneshot::channel();
    let (done, is_done) = std::sync::mpsc::channel::<()>();
    std::thread::spawn(move || {
        if is_done.recv_timeout(minutes) == Err(RecvTimeoutError::Timeout) {
            let _gone = late.send(());
        }
    });
    let ended = tokio::select! {
        biased;
        answer = tokio::time::timeout(hour, future) => answer.ok(),
        Ok(()) = is_late => None,
    };
    drop(done);
    ended.expect("in time")
}
