//! What the workers of a process report about the logs of their share.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use futures::{StreamExt, stream::FuturesUnordered};
use spice_core::{
    error::StoreError,
    handler::Projection,
    id::StreamId,
    name::DatabaseName,
    port::{StoreResult, registry::DeadLetterCount},
};
use spice_telemetry::{Label, Scrape, Source, table};
use tokio::time::timeout;

use super::shared::{LIVE, Role, Shared};
use crate::{
    event::Event,
    status::{Counts, WorkerState, WorkerStatus},
};

/// How long a scrape waits for log and registry. What is not known by then is left out.
const PATIENCE: Duration = Duration::from_secs(2);

/// Reports the workers that share this.
pub(super) struct Report(pub(super) Arc<Shared>);

/// A worker on one sink of one log.
struct Place {
    stream: StreamId,
    role: Role,
    sink: &'static str,
    status: WorkerStatus,
    counts: Counts,
}

/// How far a worker is behind its log.
#[derive(Default)]
struct Lag {
    positions: u64,
    seconds: f64,
}

impl Place {
    fn labels(&self) -> [Label; 3] {
        let database = self.stream.database.to_string();
        [database.into(), self.role.as_str().into(), self.sink.into()]
    }

    /// A worker that is starting, or that failed before it found its place, has no position yet.
    fn has_position(&self) -> bool {
        let at_work = [WorkerState::Running, WorkerState::Resting];
        at_work.contains(&self.status.state) || self.status.position.0 > 0
    }
}

#[async_trait]
impl Source for Report {
    async fn report(&self, scrape: &mut Scrape) {
        let places = self.places();
        report_states(scrape, &places);
        self.report_lags(scrape, &places).await;
        self.report_letters(scrape, &places).await;
        self.0.replays.report(scrape);
        let leases = scrape.sample(&table::LEASES);
        for (role, held) in self.0.leases() {
            leases.with([role.as_str().into()]).set(to_f64(held));
        }
    }
}

/// What is known without asking anyone.
fn report_states(scrape: &mut Scrape, places: &[Place]) {
    let states = scrape.sample(&table::WORKER_STATE);
    let positions = scrape.sample(&table::WORKER_POSITION);
    let batches = scrape.sample(&table::WORKER_BATCHES);
    let retries = scrape.sample(&table::WORKER_RETRIES);
    for place in places {
        let [database, worker, sink] = place.labels();
        let state = place.status.state.label().into();
        states.with([database, worker, sink, state]).set(1.0);
        batches.with(place.labels()).inc_by(place.counts.batches);
        retries.with(place.labels()).inc_by(place.counts.retries);
        if place.has_position() {
            let position = to_f64(place.status.position.0);
            positions.with(place.labels()).set(position);
        }
    }
}

impl Report {
    /// The workers of the newest log of each database. One that is done with a sealed log is left
    /// out: its database was deleted.
    fn places(&self) -> Vec<Place> {
        let tasks = self.0.lock();
        // The order of logs is by name, then by generation.
        let newest = tasks.keys().map(|(log, _)| (&log.database, log));
        let newest: BTreeMap<&DatabaseName, &StreamId> = newest.collect();
        let mut places = Vec::new();
        for ((stream, role), task) in &*tasks {
            let is_newest = newest.get(&stream.database) == Some(&stream);
            let is_done = task.reporter.subscribe().borrow().state == WorkerState::Ended;
            if is_done || !is_newest {
                continue;
            }
            for (sink, reporter) in task.reporters(*role) {
                places.push(Place {
                    stream: stream.clone(),
                    role: *role,
                    sink,
                    status: reporter.subscribe().borrow().clone(),
                    counts: reporter.counts(),
                });
            }
        }
        places
    }

    async fn report_lags(&self, scrape: &mut Scrape, places: &[Place]) {
        let positions = scrape.sample(&table::WORKER_LAG);
        let seconds = scrape.sample(&table::WORKER_LAG_SECONDS);
        let mut lags = FuturesUnordered::new();
        for place in places {
            if place.has_position() {
                lags.push(self.lag_of(place));
            }
        }
        let report = async {
            while let Some((place, lag)) = lags.next().await {
                match lag {
                    Ok(lag) => {
                        positions.with(place.labels()).set(to_f64(lag.positions));
                        seconds.with(place.labels()).set(lag.seconds);
                    }
                    Err(error) => {
                        tracing::debug!(%error, stream = %place.stream, "lag is not known");
                    }
                }
            }
        };
        if timeout(PATIENCE, report).await.is_err() {
            tracing::debug!("the lag of some workers is not known in time");
        }
    }

    async fn lag_of<'a>(&self, place: &'a Place) -> (&'a Place, StoreResult<Lag>) {
        (place, self.lag(place).await)
    }

    /// A worker at rest may have missed a hint, so its log is looked at too, as far as it is known.
    async fn lag(&self, place: &Place) -> StoreResult<Lag> {
        let (ports, next) = (&self.0.ports, place.status.position);
        let end = if place.status.state == WorkerState::Resting {
            ports.log.known_end(&place.stream).await?
        } else {
            ports.log.end(&place.stream).await?
        };
        if end <= next {
            return Ok(Lag::default());
        }
        let records = ports.log.read(&place.stream, next, 1).await?;
        let Some(oldest) = records.first() else {
            return Ok(Lag::default());
        };
        let oldest = Event::read(oldest, &place.stream).map_err(StoreError::from)?;
        let age = ports.clock.now().as_micros() - oldest.occurred_at.as_micros();
        Ok(Lag {
            positions: end.0.saturating_sub(next.0),
            seconds: to_f64(u64::try_from(age).unwrap_or_default()) / 1e6,
        })
    }

    async fn report_letters(&self, scrape: &mut Scrape, places: &[Place]) {
        let counts = match timeout(PATIENCE, self.letters(places)).await {
            Ok(Ok(counts)) => counts,
            Ok(Err(error)) => {
                tracing::debug!(%error, "dead letters are not counted");
                return;
            }
            Err(_) => {
                tracing::debug!("dead letters are not counted in time");
                return;
            }
        };
        let letters = scrape.sample(&table::DEAD_LETTERS);
        for (labels, count) in counts {
            letters.with(labels).set(to_f64(count));
        }
    }

    /// Every handler of a live sink has a number, also when it has parked nothing.
    async fn letters(&self, places: &[Place]) -> StoreResult<BTreeMap<[Label; 3], u64>> {
        let mut counts = BTreeMap::new();
        let mut reported = BTreeSet::new();
        for place in places.iter().filter(|place| place.sink == LIVE) {
            let Some(projection) = place.role.projection() else {
                continue;
            };
            reported.insert((&place.stream, projection));
            for handler in projection.handlers() {
                let database = place.stream.database.to_string().into();
                counts.insert([database, (*handler).into(), LIVE.into()], 0);
            }
        }
        for parked in self.0.ports.registry.count_dead_letters().await? {
            let Some(projection) = Projection::of(&parked.handler) else {
                continue;
            };
            if reported.contains(&(&parked.stream, projection)) {
                let sink = self.sink(projection, &parked).await?;
                let database = parked.stream.database.to_string().into();
                let labels = [database, parked.handler.into(), sink.into()];
                *counts.entry(labels).or_default() += parked.count;
            }
        }
        Ok(counts)
    }

    /// The role of the sink that has parked something.
    async fn sink(
        &self,
        projection: Projection,
        parked: &DeadLetterCount,
    ) -> StoreResult<&'static str> {
        let sinks = match projection {
            Projection::Graph => self.0.ports.graph.sinks(&parked.stream).await?,
            Projection::Documents => self.0.ports.documents.sinks(&parked.stream).await?,
        };
        let found = sinks.iter().find(|sink| sink.generation == parked.sink);
        Ok(found.map_or("gone", |sink| sink.role.as_str()))
    }
}

#[allow(clippy::cast_precision_loss)]
fn to_f64(count: u64) -> f64 {
    count as f64
}
