//! What stands before every port of every node: counts, strikes, and holds back the calls of
//! those who sleep or have stopped.

use std::{
    any::Any,
    collections::HashMap,
    future::pending,
    sync::{Arc, Mutex, PoisonError},
};

use spice_core::{
    error::StoreError,
    id::{LogPosition, StreamId},
    port::{
        StoreResult,
        log::{Append, Batch, Log},
    },
};
use spice_testing::double::{self, Hook};

use super::{
    faults::{Call, Fate, Faults, Life, Node, Port, Scope, Verdict, When},
    signal::{Watched, poll_once},
};

/// One node's way to the ports.
#[derive(Clone)]
pub struct Gate {
    pub(super) faults: Arc<Faults>,
    node: Node,
    life: Arc<Watched<Life>>,
    deaf: bool,
    ends: KnownEnds,
}

/// The logs' ends as one node was told them by its own calls. A cache may be as stale as this.
#[derive(Clone, Default)]
struct KnownEnds(Arc<Mutex<HashMap<StreamId, LogPosition>>>);

impl KnownEnds {
    fn get(&self, stream: &StreamId) -> Option<LogPosition> {
        let ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ends.get(stream).copied()
    }

    /// Remembers the end that a call was told.
    fn learn(&self, call: double::Call<'_>, answer: &dyn Any) {
        let end = if call.method == "end" {
            answer.downcast_ref::<LogPosition>().copied()
        } else {
            match answer.downcast_ref::<Append>() {
                Some(Append::Done) => call.position.map(|first| first.plus(call.count as u64)),
                // Something stands there.
                Some(Append::Occupied) => call.position.map(LogPosition::next),
                Some(Append::Unknown) | None => None,
            }
        };
        if let (Some(stream), Some(end)) = (call.stream, end) {
            let mut ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            ends.insert(stream.clone(), end);
        }
    }
}

impl Gate {
    /// The way of a node that starts now.
    pub fn open(faults: &Arc<Faults>, node: Node, deaf: bool) -> Self {
        Self {
            deaf,
            life: faults.create_life(node),
            faults: Arc::clone(faults),
            node,
            ends: KnownEnds::default(),
        }
    }

    /// Waits while the node sleeps; never returns once it has stopped.
    pub async fn wait_alive(&self) {
        let awake = |life: &Life| (*life != Life::Paused).then_some(*life);
        if self.life.wait(awake).await == Life::Dead {
            pending::<()>().await;
        }
    }

    /// Returns when the node has stopped.
    pub async fn wait_dead(&self) {
        self.life
            .wait(|life| (*life == Life::Dead).then_some(()))
            .await;
    }

    /// Asks again after every effect that anything has, until there is an answer; those who wait
    /// are served in the order in which they came. Never, when hints are lost.
    pub async fn until<R, F>(&self, mut ask: impl FnMut() -> F) -> R
    where
        F: Future<Output = R>,
    {
        if self.deaf {
            pending::<()>().await;
        }
        loop {
            let seen = self.faults.effects.get();
            if let Some(answer) = poll_once(ask()) {
                self.wait_alive().await;
                return answer;
            }
            let changed = |count: &u64| (*count != seen).then_some(());
            self.faults.effects.wait(changed).await;
        }
    }

    /// Makes a call, or does to it what the plan says.
    pub async fn call<T>(
        &self,
        port: Port,
        method: &'static str,
        effect: impl Future<Output = StoreResult<T>> + Send,
    ) -> StoreResult<T> {
        self.wait_alive().await;
        let call = Call {
            node: self.node,
            port,
            method,
        };
        match self.faults.enter(call) {
            Verdict::Proceed => {}
            Verdict::Away => {
                return Err(StoreError::Unavailable {
                    store: port.into(),
                    reason: format!("{port:?} is away"),
                });
            }
            Verdict::Pause => {
                self.faults.set_life(self.node, Life::Paused);
                self.wait_alive().await;
            }
            Verdict::Crash(When::Before, scope) => return self.crash(scope).await,
            Verdict::Crash(When::After, scope) => {
                drop(effect.await);
                self.faults.effects.change(|count| *count += 1);
                return self.crash(scope).await;
            }
        }
        let answer = effect.await;
        self.faults.effects.change(|count| *count += 1);
        self.wait_alive().await;
        answer
    }

    async fn crash<T>(&self, scope: Scope) -> T {
        self.faults.crash(self.node, scope);
        pending().await
    }
}

impl Hook for Gate {
    async fn around<T: Any + Send + Sync>(
        &self,
        call: double::Call<'_>,
        effect: impl Future<Output = StoreResult<T>> + Send,
    ) -> StoreResult<T> {
        let answer = self.call(call.port, call.method, effect).await?;
        self.ends.learn(call, &answer);
        Ok(answer)
    }

    /// The end that this node was told last: what others appended since is not in it.
    async fn known_end<L: Log + ?Sized>(
        &self,
        log: &L,
        stream: &StreamId,
    ) -> StoreResult<LogPosition> {
        match self.ends.get(stream) {
            Some(end) => Ok(end),
            None => log.end(stream).await,
        }
    }

    /// An append may lose its answer.
    async fn append<L: Log + ?Sized>(
        &self,
        log: &L,
        stream: &StreamId,
        batch: Batch,
    ) -> StoreResult<Append> {
        match self.faults.choose_fate(stream, &batch) {
            None => log.append(stream, batch).await,
            Some(Fate::Landed) => {
                log.append(stream, batch).await?;
                Ok(Append::Unknown)
            }
            Some(Fate::Never | Fate::Late(_)) => Ok(Append::Unknown),
        }
    }
}
