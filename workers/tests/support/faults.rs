//! Faults to inject.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use spice_core::{
    error::StoreError,
    id::{LogPosition, StreamId},
    port::{
        Store, StoreResult,
        bus::{Bus, Subscription},
        log::Record,
        sink::{Applied, SinkPosition, Sinks},
    },
};
use spice_testing::double::{Call, Hook, unavailable};
use spice_workers::{Event, engine::Handler};

/// The faults of a handler.
#[derive(Default)]
pub struct Faults {
    /// Positions whose events the sink refuses.
    pub refuse: BTreeSet<u64>,
    /// The sink refuses whole calls that contain one of `refuse`.
    pub refuse_calls: bool,
    /// The sink accepts after this many refusals.
    pub gives_in_after: Option<usize>,
    /// The sink is unavailable.
    pub away: bool,
    /// How long each call takes.
    pub slow: Duration,
    /// The next call never answers, after its effect.
    pub hang: bool,
    /// The total time that the sink took.
    pub spent: Duration,
    /// Every call: the positions of its events.
    pub calls: Vec<Vec<u64>>,
    /// How often each refused position was tried.
    pub refusals: Vec<u64>,
}

impl Faults {
    fn give_in(&mut self) {
        let limit = self.gives_in_after.unwrap_or(usize::MAX);
        if self.refusals.len() >= limit {
            self.refuse.clear();
        }
    }
}

pub struct FaultyHandler {
    inner: Arc<dyn Handler>,
    faults: Mutex<Faults>,
}

impl FaultyHandler {
    pub fn new(inner: Arc<dyn Handler>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            faults: Mutex::default(),
        })
    }

    pub fn with<T>(&self, change: impl FnOnce(&mut Faults) -> T) -> T {
        change(&mut self.faults.lock().unwrap())
    }

    /// Every position that took effect, in order.
    pub fn list_applied(&self) -> Vec<u64> {
        self.with(|faults| faults.calls.concat())
    }
}

fn refusal(position: LogPosition) -> StoreError {
    StoreError::Rejected {
        store: Store::Graph,
        reason: format!("poison at {position}"),
    }
}

#[async_trait]
impl Handler for FaultyHandler {
    fn sinks(&self) -> &dyn Sinks {
        self.inner.sinks()
    }

    fn name_of(&self, event: &Event<'_>) -> Option<&'static str> {
        self.inner.name_of(event)
    }

    async fn apply(
        &self,
        stream: &StreamId,
        sink: &str,
        from: LogPosition,
        through: SinkPosition,
        events: &[&Event<'_>],
    ) -> StoreResult<Applied> {
        let slow = self.with(|faults| faults.slow);
        if !slow.is_zero() {
            tokio::time::sleep(slow).await;
        }
        if self.with(|faults| faults.away) {
            return Err(StoreError::Unavailable {
                store: Store::Graph,
                reason: "away".to_owned(),
            });
        }
        let is_poison =
            |event: &Event<'_>| self.with(|faults| faults.refuse.contains(&event.position.0));
        let poison: Vec<usize> = (0..events.len())
            .filter(|it| is_poison(events[*it]))
            .collect();
        self.with(|faults| {
            faults
                .refusals
                .extend(poison.iter().map(|it| events[*it].position.0));
        });
        self.with(Faults::give_in);
        if self.with(|faults| faults.refuse_calls) && !poison.is_empty() {
            return Err(refusal(events[poison[0]].position));
        }
        let good: Vec<usize> = (0..events.len())
            .filter(|it| !poison.contains(it))
            .collect();
        let chosen: Vec<&Event<'_>> = good.iter().map(|index| events[*index]).collect();
        let began = tokio::time::Instant::now();
        let mut effects = self
            .inner
            .apply(stream, sink, from, through, &chosen)
            .await?;
        self.with(|faults| faults.spent += began.elapsed());
        self.with(|faults| {
            let positions = chosen.iter().map(|event| event.position.0).collect();
            faults.calls.push(positions);
        });
        if self.with(|faults| std::mem::take(&mut faults.hang)) {
            std::future::pending::<()>().await;
        }
        for (index, _) in &mut effects.refused {
            *index = good[*index];
        }
        for index in &mut effects.stale {
            *index = good[*index];
        }
        let refused = poison
            .iter()
            .map(|index| (*index, refusal(events[*index].position)));
        effects.refused.extend(refused);
        Ok(effects)
    }
}

/// A sink that takes no batch while this is true.
pub struct Away(pub Arc<AtomicBool>);

impl Hook for Away {
    async fn before(&self, call: Call<'_>) -> StoreResult<()> {
        if call.method == "apply" && self.0.load(Ordering::SeqCst) {
            return Err(unavailable(call.port.into()));
        }
        Ok(())
    }
}

/// A bus that delivers exactly what a test gives it, and can be set to fail when it publishes.
#[derive(Default)]
pub struct ScriptBus {
    deliveries: Mutex<VecDeque<StoreResult<Vec<Record>>>>,
    wake: tokio::sync::Notify,
    pub published: Mutex<Vec<u64>>,
    pub failures: Mutex<VecDeque<bool>>,
    pub subscriptions: Mutex<u32>,
}

impl ScriptBus {
    pub fn deliver(&self, delivery: StoreResult<Vec<Record>>) {
        self.deliveries.lock().unwrap().push_back(delivery);
        self.wake.notify_one();
    }
}

/// A shared handle to the bus.
#[derive(Clone)]
pub struct Scripted(pub Arc<ScriptBus>);

#[async_trait]
impl Bus for Scripted {
    async fn publish(&self, _: &StreamId, records: Vec<Record>) -> StoreResult<()> {
        let failure = self.0.failures.lock().unwrap().pop_front();
        if failure != Some(false) {
            let positions = records.iter().map(|record| record.position.0);
            self.0.published.lock().unwrap().extend(positions);
        }
        match failure {
            None => Ok(()),
            Some(_) => Err(StoreError::Unavailable {
                store: Store::Bus,
                reason: "away".to_owned(),
            }),
        }
    }

    async fn subscribe(&self, _: &str, _: &StreamId) -> StoreResult<Box<dyn Subscription>> {
        *self.0.subscriptions.lock().unwrap() += 1;
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl Subscription for Scripted {
    async fn next(&mut self, _: usize) -> StoreResult<Vec<Record>> {
        loop {
            let next = self.0.deliveries.lock().unwrap().pop_front();
            if let Some(delivery) = next {
                return delivery;
            }
            self.0.wake.notified().await;
        }
    }

    async fn commit(&mut self, _: LogPosition) -> StoreResult<()> {
        Ok(())
    }
}
