//! The replays that this process carries out, for metrics.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use spice_core::{
    name::DatabaseName,
    replay::{Replay, ReplayId, ReplayState},
};
use spice_telemetry::{Counter, Family, Scrape, table};

/// The unfinished replays, and how many have ended.
pub(super) struct Tally {
    open: Mutex<BTreeMap<ReplayId, (DatabaseName, ReplayState)>>,
    ended: Family<Counter, 1>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            open: Mutex::default(),
            ended: table::REPLAYS_ENDED.family(),
        }
    }
}

impl Tally {
    /// Notes the state of a replay, as this process has written it.
    pub(super) fn note(&self, replay: &Replay) {
        if replay.state.is_finished() {
            self.ended.with([replay.state.as_str().into()]).inc();
            self.forget(replay.id);
        } else {
            let database = replay.stream.database.clone();
            self.open().insert(replay.id, (database, replay.state));
        }
    }

    /// Forgets a replay that this process no longer carries out.
    pub(super) fn forget(&self, id: ReplayId) {
        self.open().remove(&id);
    }

    pub(super) fn report(&self, scrape: &mut Scrape) {
        scrape.add(&self.ended);
        let mut counts = BTreeMap::<_, u32>::new();
        for (database, state) in self.open().values() {
            let labels = (database.to_string(), state.as_str());
            *counts.entry(labels).or_default() += 1;
        }
        let replays = scrape.sample(&table::REPLAYS);
        for ((database, state), count) in counts {
            replays
                .with([database.into(), state.into()])
                .set(count.into());
        }
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<ReplayId, (DatabaseName, ReplayState)>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
