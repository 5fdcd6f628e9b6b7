//! What the operator reports at `/metrics`.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use kube::runtime::reflector::Store;
use spice_crds::ResourceStatus;
use spice_telemetry::{Counter, Family, Histogram, Scrape, Source, table};

use crate::{
    beat::Beats,
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
}

/// Counts the objects of a kind by condition and status.
type Count =
    Box<dyn Fn(&mut BTreeMap<(&'static str, &'static str, &'static str), u64>) + Send + Sync>;

/// What this process counts.
pub(crate) struct Metrics {
    passes: Family<Counter, 2>,
    durations: Family<Histogram, 1>,
    errors: Family<Counter, 2>,
    first_ready: Family<Histogram, 1>,
    drift: Family<Counter, 1>,
    commands: Family<Counter, 2>,
    command_durations: Family<Histogram, 2>,
    /// The objects of each kind that changed and wait for their pass.
    queues: Mutex<BTreeMap<&'static str, HashSet<String>>>,
    /// The objects that this process saw first, until they are Ready.
    new: Mutex<HashSet<String>>,
    counts: Mutex<Vec<Count>>,
    leads: AtomicBool,
    beats: Arc<Beats>,
    version: String,
}

impl Metrics {
    pub(crate) fn new(version: String, beats: Arc<Beats>) -> Self {
        Self {
            passes: table::OPERATOR_PASSES.family(),
            durations: table::OPERATOR_PASS_DURATION.family(),
            errors: table::OPERATOR_ERRORS.family(),
            first_ready: table::OPERATOR_FIRST_READY.family(),
            drift: table::OPERATOR_DRIFT.family(),
            commands: table::OPERATOR_COMMANDS.family(),
            command_durations: table::OPERATOR_COMMAND_DURATION.family(),
            queues: Mutex::default(),
            new: Mutex::default(),
            counts: Mutex::default(),
            leads: AtomicBool::default(),
            beats,
            version,
        }
    }

    /// An object changed and waits for its pass.
    pub(crate) fn enqueue<K: Kind>(&self, uid: &str) {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.entry(K::KIND).or_default().insert(uid.to_owned());
    }

    /// A pass over an object begins.
    pub(crate) fn begin<K: Kind>(&self, uid: &str) {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.entry(K::KIND).or_default().remove(uid);
    }

    /// A pass ended.
    pub(crate) fn end<K: Kind>(&self, ending: Ending, took: Duration) {
        let labels = [K::KIND.into(), ending.as_str().into()];
        self.passes.with(labels).inc();
        let duration = self.durations.with([K::KIND.into()]);
        duration.observe(took.as_secs_f64());
    }

    /// A pass ended with an error.
    pub(crate) fn error<K: Kind>(&self, reason: &str) {
        let labels = [K::KIND.into(), reason.to_owned().into()];
        self.errors.with(labels).inc();
    }

    /// A pass led to this status.
    pub(crate) fn status<K: Kind>(&self, resource: &K, status: &ResourceStatus) -> Ending {
        self.notice_first_ready(resource, is_ready(status));
        let find = |kind| find(&status.conditions, kind);
        let synced = find(kind::SYNCED).map(|it| it.reason.as_str());
        if let Some(unavailable) = synced.filter(|it| *it == reason::API_UNAVAILABLE) {
            self.error::<K>(unavailable);
            Ending::Unavailable
        } else if let Some(stalled) = find(kind::STALLED) {
            self.error::<K>(&stalled.reason);
            Ending::Stalled
        } else if is_ready(status) {
            Ending::Settled
        } else {
            Ending::Waiting
        }
    }

    fn notice_first_ready<K: Kind>(&self, resource: &K, is_ready: bool) {
        let meta = resource.meta();
        let uid = meta.uid.as_deref().unwrap_or_default();
        let mut new = self.new.lock().unwrap_or_else(PoisonError::into_inner);
        let before = resource.status();
        if before.is_none_or(|status| status.observed_generation.is_none()) {
            new.insert(uid.to_owned());
        }
        if is_ready && new.remove(uid) {
            let created = meta.creation_timestamp.as_ref();
            let age = created.map(|at| jiff::Timestamp::now().duration_since(at.0));
            let age = age.map_or(0.0, |age| age.as_secs_f64().max(0.0));
            self.first_ready.with([K::KIND.into()]).observe(age);
        }
    }

    /// An object is gone.
    pub(crate) fn forget<K: Kind>(&self, uid: &str) {
        self.begin::<K>(uid);
        let mut new = self.new.lock().unwrap_or_else(PoisonError::into_inner);
        new.remove(uid);
    }

    /// A pass corrected what somebody else changed.
    pub(crate) fn drift<K: Kind>(&self) {
        self.drift.with([K::KIND.into()]).inc();
    }

    /// A command was answered.
    pub(crate) fn command(&self, verb: &'static str, outcome: &'static str, took: Duration) {
        let labels = || [verb.into(), outcome.into()];
        self.commands.with(labels()).inc();
        let duration = self.command_durations.with(labels());
        duration.observe(took.as_secs_f64());
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
        self.leads.store(leads, Ordering::Relaxed);
    }

    /// The kind whose watch has been quiet for longest, and for how long.
    pub(crate) fn quietest(&self) -> Option<(&'static str, Duration)> {
        let ages = self.beats.ages().into_iter();
        ages.max_by_key(|(_, age)| *age)
    }
}

#[async_trait]
impl Source for Metrics {
    async fn report(&self, scrape: &mut Scrape) {
        let build = scrape.sample(&table::BUILD_INFO);
        build.with([self.version.clone().into()]).set(1.0);
        scrape.add(&self.passes);
        scrape.add(&self.durations);
        scrape.add(&self.errors);
        scrape.add(&self.first_ready);
        scrape.add(&self.drift);
        scrape.add(&self.commands);
        scrape.add(&self.command_durations);
        let leader = scrape.sample(&table::OPERATOR_LEADER);
        let leads = self.leads.load(Ordering::Relaxed);
        leader.with([]).set(f64::from(u8::from(leads)));
        let ages = scrape.sample(&table::OPERATOR_WATCH_AGE);
        for (kind, age) in self.beats.ages() {
            ages.with([kind.into()]).set(age.as_secs_f64());
        }
        // Exact below 2^53.
        #[allow(clippy::cast_precision_loss)]
        let exact = |count: u64| count as f64;
        let depths = scrape.sample(&table::OPERATOR_QUEUE);
        for (kind, queue) in &*self.queues.lock().unwrap_or_else(PoisonError::into_inner) {
            depths.with([(*kind).into()]).set(exact(queue.len() as u64));
        }
        let mut counted = BTreeMap::new();
        for count in &*self.counts.lock().unwrap_or_else(PoisonError::into_inner) {
            count(&mut counted);
        }
        let resources = scrape.sample(&table::OPERATOR_RESOURCES);
        for ((kind, condition, status), count) in counted {
            let labels = [kind.into(), condition.into(), status.into()];
            resources.with(labels).set(exact(count));
        }
    }
}
