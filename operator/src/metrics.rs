//! What the operator reports at `/metrics`.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use kube::runtime::reflector::Store;
use spice_crds::ResourceStatus;
use spice_telemetry::{Counter, Family, Histogram, Scrape, Source, table};
use tokio::time::Instant;

use crate::{
    client::{Change, ChangedThing},
    condition::{find, kind, reason},
    kind::Kind,
    observe::is_ready,
    watch::Guarded,
};

/// How a pass ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The object is none of this installation's, or cannot be read, or only its finalizer changed.
    Skipped,
    /// Nothing can have changed since the last pass, so the api was not asked.
    Idle,
    /// The declared state is in force.
    Settled,
    /// It waits for something.
    Waiting,
    /// A person must act.
    Stalled,
    /// The api did not answer.
    Unavailable,
    /// The object may go.
    Released,
    /// The API server refused a request, or did not answer.
    Failed,
}

impl Ending {
    fn as_str(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Idle => "idle",
            Self::Settled => "settled",
            Self::Waiting => "waiting",
            Self::Stalled => "stalled",
            Self::Unavailable => "unavailable",
            Self::Released => "released",
            Self::Failed => "failed",
        }
    }

    /// The ending of a pass with this status.
    pub(crate) fn of(status: &ResourceStatus) -> Self {
        let find = |kind| find(&status.conditions, kind);
        let synced = find(kind::SYNCED).map(|it| it.reason.as_str());
        if synced == Some(reason::API_UNAVAILABLE) {
            Self::Unavailable
        } else if find(kind::STALLED).is_some() {
            Self::Stalled
        } else if is_ready(status) {
            Self::Settled
        } else {
            Self::Waiting
        }
    }
}

/// Counts the objects of a kind by condition and status.
type Count =
    Box<dyn Fn(&mut BTreeMap<(&'static str, &'static str, &'static str), u64>) + Send + Sync>;

/// What this process counts.
pub(crate) struct Metrics {
    passes: Family<Counter, 2>,
    durations: Family<Histogram, 1>,
    changes: Family<Counter, 2>,
    corrections: Family<Counter, 1>,
    refusals: Family<Counter, 2>,
    /// When each watch last brought something.
    watches: Mutex<HashMap<&'static str, Instant>>,
    counts: Mutex<Vec<Count>>,
    leads: Mutex<bool>,
    version: String,
}

impl Metrics {
    pub(crate) fn new(version: String) -> Self {
        Self {
            passes: table::OPERATOR_PASSES.family(),
            durations: table::OPERATOR_PASS_DURATION.family(),
            changes: table::OPERATOR_CHANGES.family(),
            corrections: table::OPERATOR_CORRECTIONS.family(),
            refusals: table::OPERATOR_REFUSALS.family(),
            watches: Mutex::default(),
            counts: Mutex::default(),
            leads: Mutex::default(),
            version,
        }
    }

    /// A pass ended.
    pub(crate) fn pass<K: Kind>(&self, ending: Ending, took: Duration) {
        let labels = [K::KIND.into(), ending.as_str().into()];
        self.passes.with(labels).inc();
        let duration = self.durations.with([K::KIND.into()]);
        duration.observe(took.as_secs_f64());
    }

    /// A pass changed things in the api.
    pub(crate) fn changes<K: Kind>(&self, changes: &[ChangedThing], is_correction: bool) {
        for thing in changes {
            let change = match thing.change {
                Change::Added => "added",
                Change::Modified => "modified",
                Change::Deleted => "deleted",
            };
            self.changes.with([K::KIND.into(), change.into()]).inc();
        }
        if is_correction && !changes.is_empty() {
            self.corrections.with([K::KIND.into()]).inc();
        }
    }

    /// Something was refused that was not refused before.
    pub(crate) fn refusal<K: Kind>(&self, reason: &str) {
        let labels = [K::KIND.into(), reason.to_owned().into()];
        self.refusals.with(labels).inc();
    }

    /// The watch of a kind brought something.
    pub(crate) fn watched<K: Kind>(&self) {
        let mut watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        watches.insert(K::KIND, Instant::now());
    }

    /// Counts the objects of a store in each scrape.
    pub(crate) fn count<K: Kind>(&self, store: Store<Guarded<K>>) {
        let count: Count = Box::new(move |counts| {
            let objects = store.state();
            let statuses = objects.iter().filter_map(|object| {
                let object = object.0.as_ref().ok()?;
                object.status()
            });
            for condition in statuses.flat_map(|status| &status.conditions) {
                // Others may have written anything into the status.
                let Some(name) = kind::ALL.iter().find(|name| **name == condition.kind) else {
                    continue;
                };
                let key = (K::KIND, *name, condition.status.as_str());
                *counts.entry(key).or_default() += 1;
            }
        });
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.push(count);
    }

    /// Whether this process reconciles.
    pub(crate) fn leads(&self, leads: bool) {
        *self.leads.lock().unwrap_or_else(PoisonError::into_inner) = leads;
    }
}

#[async_trait]
impl Source for Metrics {
    async fn report(&self, scrape: &mut Scrape) {
        let build = scrape.sample(&table::BUILD_INFO);
        build.with([self.version.clone().into()]).set(1.0);
        scrape.add(&self.passes);
        scrape.add(&self.durations);
        scrape.add(&self.changes);
        scrape.add(&self.corrections);
        scrape.add(&self.refusals);
        let leads = *self.leads.lock().unwrap_or_else(PoisonError::into_inner);
        let leader = scrape.sample(&table::OPERATOR_LEADER);
        leader.with([]).set(f64::from(u8::from(leads)));
        let ages = scrape.sample(&table::OPERATOR_WATCH_AGE);
        let watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        for (kind, at) in watches.iter() {
            let age = at.elapsed().as_secs_f64();
            ages.with([(*kind).into()]).set(age);
        }
        let mut counted = BTreeMap::new();
        for count in &*self.counts.lock().unwrap_or_else(PoisonError::into_inner) {
            count(&mut counted);
        }
        let resources = scrape.sample(&table::OPERATOR_RESOURCES);
        for ((kind, condition, status), count) in counted {
            let labels = [kind.into(), condition.into(), status.into()];
            // Exact below 2^53.
            #[allow(clippy::cast_precision_loss)]
            resources.with(labels).set(count as f64);
        }
    }
}
