//! Rest: everything in the log has reached every store.

use std::time::Duration;

use anyhow::bail;
use spice_core::{
    id::{LogPosition, StreamId},
    port::{
        StoreResult,
        log::Log,
        registry::{WorkerRegistry, WriteModel},
        sink::Sinks,
    },
};

use super::{RunningApi, World, work_key};

impl World {
    /// Waits until nothing is left to do, first with the remaining faults, then without.
    pub async fn settle(&self) -> anyhow::Result<()> {
        // The result is judged in the second round.
        let _restless = self.wait_rest(100).await?;
        self.faults.calm();
        match self.wait_rest(3_000).await? {
            None => Ok(()),
            Some(lagging) => {
                let statuses = self.statuses();
                bail!("it does not come to rest: {lagging}; {statuses:#?}")
            }
        }
    }

    /// Waits until nothing is left to do, with the remaining faults.
    pub async fn settle_with_faults(&self) -> anyhow::Result<()> {
        match self.wait_rest(1_000).await? {
            None => Ok(()),
            Some(lagging) => bail!("it does not come to rest: {lagging}"),
        }
    }

    /// Waits until nothing is left to do; returns what still lags after this many rounds.
    async fn wait_rest(&self, rounds: u32) -> anyhow::Result<Option<String>> {
        let mut lagging = None;
        for round in 0..rounds {
            if round % 50 == 0 {
                self.refresh_apis().await;
            }
            lagging = self.find_lag().await?;
            if lagging.is_none() {
                return Ok(None);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(lagging)
    }

    /// Describes the state of the workers.
    pub fn statuses(&self) -> Vec<String> {
        let mut all = Vec::new();
        for (node, workers) in self.workers().iter() {
            for ((stream, _), status) in workers.statuses() {
                all.push(format!(
                    "{:?} {} {stream}: {status:?}",
                    node.role, node.number
                ));
            }
        }
        all
    }

    /// Makes every api read the current state; if it cannot, the registry shows as lagging.
    async fn refresh_apis(&self) {
        let apis: Vec<RunningApi> = self.apis.borrow().values().cloned().collect();
        for api in apis {
            tokio::select! {
                _ = api.writer.databases() => {}
                () = api.gate.wait_dead() => {}
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
        }
    }

    async fn find_lag(&self) -> anyhow::Result<Option<String>> {
        for stream in self.log.streams().await? {
            let end = self.log.end(&stream).await?;
            let places = [
                (
                    "registry",
                    self.registry.get().reflected_position(&stream).await?,
                ),
                ("checkpoint", self.log.checkpoint(&stream).await?),
                ("graph", self.position(&*self.graph.get(), &stream).await?),
                (
                    "documents",
                    self.position(&*self.documents.get(), &stream).await?,
                ),
            ];
            if let Some((name, place)) = places.iter().find(|(_, place)| *place < end) {
                return Ok(Some(format!("{name} of {stream} is at {place} of {end}")));
            }
        }
        Ok(None)
    }

    /// The position that a live sink and its worker have reached.
    async fn position(&self, sinks: &dyn Sinks, stream: &StreamId) -> StoreResult<LogPosition> {
        let sink = sinks.sink(stream).await?;
        let key = work_key(sinks.projection(), stream, &sink);
        let recorded = self.registry.get().recorded_position(&key).await?;
        Ok(recorded.min(sink.position))
    }
}
