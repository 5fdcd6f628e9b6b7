//! The engines of one log in one role: one for each sink, while any of them has work.

use std::{collections::BTreeMap, sync::Arc};

use futures::{
    Stream, StreamExt,
    stream::{FuturesUnordered, unfold},
};
use spice_core::{
    id::StreamId,
    port::{
        StoreResult,
        hints::{Listener, Topic},
        registry::Lease,
        sink::{Sink, SinkRole},
    },
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{
    replays::list_fed,
    rest::until_work_of,
    shared::{Shared, Task},
};
use crate::engine::{End, Engine, EnginePorts, Halt, Handler, Job, Patience};

/// Shared by the engines of a log.
pub(super) struct Engines<'a> {
    pub(super) shared: &'a Shared,
    pub(super) patience: &'a Patience,
    pub(super) handler: Arc<dyn Handler>,
    pub(super) stream: &'a StreamId,
    pub(super) task: &'a Task,
    pub(super) lease: &'a Lease,
    pub(super) token: &'a CancellationToken,
}

/// A sink, and the token that ends its engine.
type Fed = (Sink, CancellationToken);

impl Engines<'_> {
    /// Runs until no sink has work, or until another sink becomes live: then everything is started
    /// again.
    pub(super) async fn run(&self) -> StoreResult<()> {
        let mut known: BTreeMap<String, CancellationToken> = BTreeMap::new();
        let (mut working, mut resting) = (FuturesUnordered::new(), FuturesUnordered::new());
        let mut live = None;
        let Some(mut sinks) = self.sinks().await? else {
            return Ok(());
        };
        let mut lists = std::pin::pin!(self.lists());
        loop {
            let first = sinks.first().map(|sink| sink.generation.clone());
            if live.is_some() && live != first {
                return Ok(());
            }
            live = first;
            end_those_gone(&mut known, &sinks);
            self.task.keep_others(&sinks);
            for sink in &sinks {
                if !known.contains_key(&sink.generation) {
                    let token = self.token.child_token();
                    known.insert(sink.generation.clone(), token.clone());
                    working.push(self.feed((sink.clone(), token)));
                }
            }
            // The list and the engines are polled together: one that waits for a store in line must
            // not stand still while the other waits behind it.
            let found = loop {
                tokio::select! {
                    biased;
                    Some((fed, end)) = working.next() => {
                        if end == Some(End::Idle) {
                            resting.push(self.rest(fed));
                        }
                        if working.is_empty() {
                            return Ok(());
                        }
                    }
                    Some(fed) = resting.next() => working.push(self.feed(fed)),
                    Some(found) = lists.next() => break found,
                }
            };
            match found {
                Ok(found) => sinks = found,
                Err(error) if error.is_transient() => {
                    tracing::debug!(%error, stream = %self.stream, "sinks not listed");
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The sinks, whenever there may be others.
    fn lists(&self) -> impl Stream<Item = StoreResult<Vec<Sink>>> {
        let topic = Topic::Request(self.stream.clone());
        let requests = Listener::new(&*self.shared.ports.hints, topic);
        unfold(requests, async |mut requests| {
            // A hint may get lost: it looks by itself from time to time.
            let _ = timeout(self.shared.config.engine.look_again, requests.wait()).await;
            Some((self.list().await, requests))
        })
    }

    async fn list(&self) -> StoreResult<Vec<Sink>> {
        let sinks = self.handler.sinks().sinks(self.stream).await?;
        list_fed(self.shared, self.handler.projection(), self.stream, sinks).await
    }

    async fn sinks(&self) -> StoreResult<Option<Vec<Sink>>> {
        match self.patience.attempt(|| self.list()).await {
            Ok(sinks) => Ok(Some(sinks)),
            Err(Halt::Refused(error) | Halt::Damaged(error)) => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// Runs the engine of one sink. The status of the live sink is the status of the log.
    async fn feed(&self, (sink, token): Fed) -> (Fed, Option<End>) {
        let shared = self.shared;
        let reporter = self.task.reporter_of(&sink, &shared.ports.clock);
        let worker = self.handler.projection().worker();
        let name = format!("{worker}/{}/{}", self.stream, sink.generation);
        let run = || {
            let ports = EnginePorts {
                log: Arc::clone(&shared.ports.log),
                bus: Arc::clone(&shared.ports.bus),
                registry: Arc::clone(&shared.ports.registry),
                hints: Arc::clone(&shared.ports.hints),
                clock: Arc::clone(&shared.ports.clock),
            };
            let job = Job {
                stream: self.stream.clone(),
                sink: sink.generation.clone(),
                lease: self.lease.clone(),
            };
            let config = shared.config.engine.clone();
            let engine = Engine::new(ports, Arc::clone(&self.handler), job, config);
            engine.report_to(reporter.clone()).run(token.clone())
        };
        let end = shared.keep_running(&name, &reporter, &token, run).await;
        if end == Some(End::Idle) && sink.role != SinkRole::Live {
            let position = reporter.subscribe().borrow().position;
            reporter.report_rest(position, false);
        }
        ((sink, token), end)
    }

    async fn rest(&self, fed: Fed) -> Fed {
        until_work_of(self.shared, &*self.handler, self.stream, &fed.0.generation).await;
        fed
    }
}

/// Stops the engines of sinks that no longer exist, or whose replay is suspended.
fn end_those_gone(known: &mut BTreeMap<String, CancellationToken>, sinks: &[Sink]) {
    known.retain(|generation, token| {
        let stays = sinks.iter().any(|sink| sink.generation == *generation);
        if !stays {
            token.cancel();
        }
        stays
    });
}
