//! Fetches the facts for decisions from the registry, many in one round trip.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use spice_core::{
    decide::{Changes, LiveInstances, Need, WriteState, schema_of},
    error::{ErrorCode, Refusal, StoreError},
    id::{BranchGeneration, LogPosition, StreamId},
    lineage::{Lineage, Span},
    model::{AggregateState, BranchState, ModelEntry, ModelKey},
    ontology::Schema,
    port::{
        Store,
        registry::{Found, Lookup},
    },
};

use super::{ports::Ports, scribe::Task};

/// Entries per scan.
pub(super) const PAGE: usize = 1_000;

/// Changed keys per question; each page scans all changes.
pub(super) const CHANGES_PAGE: usize = 50_000;

/// The number of positions per question about changes: one position has one class or instance, so a
/// page holds them all.
const STRETCH: u64 = CHANGES_PAGE as u64;

/// The maximum number of rounds of fetching for one decision; each round asks for what the previous
/// one showed.
const MOST_ROUNDS: usize = 64;

/// The number of rounds of a decision, and whether it makes progress.
#[derive(Debug, Default)]
pub(super) struct Rounds(usize);

impl Rounds {
    /// Starts another round. Refused for a decision that asks only for facts that it has, and for
    /// one with too many levels of dependencies.
    pub(super) fn go_on(&mut self, state: &WriteState, needs: &[Need]) -> Result<(), Refusal> {
        self.0 += 1;
        if needs.iter().all(|need| state.knows(need)) {
            let message = "the decision asks again for a fact that it already has";
            return Err(Refusal::new(ErrorCode::Internal, message));
        }
        if self.0 > MOST_ROUNDS {
            let message =
                format!("the command has more than {MOST_ROUNDS} levels of dependencies; split it");
            let refusal = Refusal::new(ErrorCode::FailedPrecondition, message);
            return Err(refusal.with("most", MOST_ROUNDS));
        }
        Ok(())
    }
}

/// Where decisions fetch their facts: the registry, as far as it reflects a log.
pub(super) struct Source<'a> {
    pub(super) ports: &'a Ports,
    pub(super) stream: &'a StreamId,
    /// The last position that counts.
    pub(super) until: LogPosition,
}

impl Task {
    /// Fetches the needed facts and puts them into the state.
    pub(super) async fn fetch(&mut self, needs: Vec<Need>) -> Result<(), StoreError> {
        let Some(state) = &mut self.state else {
            return Ok(());
        };
        let source = Source {
            ports: &self.ports,
            stream: &self.stream,
            until: LogPosition::MAX,
        };
        let known = self.reflector.reflected();
        let reflected = match source.fetch(state, needs).await? {
            Some(reflected) => reflected,
            None => self.ports.model.reflected_position(&self.stream).await?,
        };
        self.check_reflected(known, reflected)
    }

    /// Where the task fetches from: everything that the registry has.
    pub(super) fn source(&self) -> Source<'_> {
        Source {
            ports: &self.ports,
            stream: &self.stream,
            until: LogPosition::MAX,
        }
    }

    /// The registry was deleted in the meantime and knows too little: reads everything again.
    /// `known` must be read before the registry is asked, because it advances.
    pub(super) fn check_reflected(
        &mut self,
        known: LogPosition,
        reflected: LogPosition,
    ) -> Result<(), StoreError> {
        if reflected >= known {
            return Ok(());
        }
        self.state = None;
        self.reflector.restart();
        Err(replaced())
    }
}

/// The registry knows less than before.
pub(super) fn replaced() -> StoreError {
    let reason = "it was replaced by an older one and is catching up from the log";
    StoreError::unavailable(Store::Registry, reason)
}

impl Source<'_> {
    /// Fetches the needed entries into the state. Returns the position that the registry reflected
    /// meanwhile; none if the last answer did not say.
    pub(super) async fn fetch(
        &self,
        state: &mut WriteState,
        needs: Vec<Need>,
    ) -> Result<Option<LogPosition>, StoreError> {
        let needs: HashSet<Need> = needs.into_iter().collect();
        let mut keys = Vec::new();
        let mut past = Vec::new();
        for need in needs {
            match need {
                Need::Entry(branch, key) => keys.push((branch, key)),
                Need::EntryAt(lineage, key) => past.push((lineage, key)),
                Need::Changed(changes) => {
                    let keys = self.changed(&changes).await?;
                    state.put_changed(changes, keys);
                }
                Need::LiveInstances(asked) => {
                    let keys = self.live_instances(state, &asked).await?;
                    state.put_live_instances(asked, keys);
                }
                Need::Schema(branch) => {
                    if let Some(branch) = live_branch(state, branch).cloned() {
                        let schema = self.schema(state, &branch).await?;
                        state.put_schema(branch.generation, schema);
                    }
                }
            }
        }
        let now = keys
            .iter()
            .map(|(branch, key)| (lineage(state, *branch), key.clone()));
        let asked: Vec<_> = now.chain(past.iter().cloned()).collect();
        if asked.is_empty() {
            return Ok(None);
        }
        let found = self.look_up(asked).await?;
        let mut entries = found.entries.into_iter();
        for ((branch, key), entry) in keys.into_iter().zip(&mut entries) {
            state.put_entry(branch, key, entry);
        }
        for ((lineage, key), entry) in past.into_iter().zip(entries) {
            state.put_entry_at(lineage, key, entry);
        }
        Ok(Some(found.reflected))
    }

    /// The visible entries of lineages, in the requested order.
    pub(super) async fn entries(
        &self,
        asked: Vec<(Lineage, ModelKey)>,
    ) -> Result<Vec<Option<ModelEntry>>, StoreError> {
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.look_up(asked).await?.entries)
    }

    async fn look_up(&self, asked: Vec<(Lineage, ModelKey)>) -> Result<Found, StoreError> {
        let lookups: Vec<Lookup> = asked
            .into_iter()
            .map(|(lineage, key)| Lookup {
                lineage: lineage.at(self.until),
                key,
            })
            .collect();
        self.ports.model.get(self.stream, &lookups).await
    }

    /// The written classes and instances, up to the useful maximum. Goes by position, so it reads
    /// each change once, and none after the stop.
    pub(super) async fn changed(
        &self,
        changes: &Changes,
    ) -> Result<BTreeSet<ModelKey>, StoreError> {
        let mut keys = BTreeSet::new();
        let end = self.ports.model.reflected_position(self.stream).await?;
        for span in &changes.spans {
            let until = span.until.min(self.until).0.saturating_add(1).min(end.0);
            let first = span.after.map_or(0, |after| after.0.saturating_add(1));
            let mut from = first.max(span.generation.0.0);
            while from < until && keys.len() <= changes.most {
                let to = from.saturating_add(STRETCH).min(until);
                let stretch = Span {
                    generation: span.generation,
                    after: from.checked_sub(1).map(LogPosition),
                    until: LogPosition(to - 1),
                };
                let page = self.changed_page(&[stretch], None, CHANGES_PAGE).await?;
                keys.extend(page.into_iter().filter(|key| changes.concern(key)));
                from = to;
            }
        }
        Ok(keys)
    }

    /// Some of the classes and instances that were written within spans, ordered by key; all of
    /// them if they are fewer than `limit`.
    pub(super) async fn changed_page(
        &self,
        spans: &[Span],
        after: Option<&ModelKey>,
        limit: usize,
    ) -> Result<Vec<ModelKey>, StoreError> {
        let spans: Vec<Span> = spans
            .iter()
            .map(|span| Span {
                until: span.until.min(self.until),
                ..*span
            })
            .collect();
        let model = &self.ports.model;
        model.changed_keys(self.stream, &spans, after, limit).await
    }

    /// The classes of a branch at the state's end.
    pub(super) async fn schema(
        &self,
        state: &WriteState,
        branch: &BranchState,
    ) -> Result<Arc<Schema>, StoreError> {
        let lineage = branch.lineage.at(self.until);
        let model = &self.ports.model;
        let stored = model.scan_all(self.stream, &lineage, ModelKey::CLASSES);
        let mut entries = stored.await?;
        let mut recent = recent(state, &branch.lineage, ModelKey::CLASSES);
        for entry in &mut entries {
            if let Some(recent) = recent.remove(&entry.key) {
                *entry = nearer(entry, recent, &branch.lineage).clone();
            }
        }
        entries.extend(recent.into_values().cloned());
        Ok(Arc::new(schema_of(&entries)))
    }

    /// The live instances of a class on a branch; one more than the useful maximum if there are
    /// more.
    async fn live_instances(
        &self,
        state: &WriteState,
        asked: &LiveInstances,
    ) -> Result<BTreeSet<ModelKey>, StoreError> {
        let lineage = lineage(state, asked.branch);
        let prefix = ModelKey::instances_of(&asked.class);
        let mut recent = recent(state, &lineage, &prefix);
        let visible = lineage.at(self.until);
        let mut live = BTreeSet::new();
        let mut after: Option<ModelKey> = None;
        loop {
            let model = &self.ports.model;
            let page = model
                .scan(self.stream, &visible, &prefix, after.as_ref(), PAGE)
                .await?;
            for entry in &page {
                let recent = recent.remove(&entry.key);
                if is_live(recent.map_or(entry, |recent| nearer(entry, recent, &lineage))) {
                    live.insert(entry.key.clone());
                }
            }
            after = page.last().map(|entry| entry.key.clone());
            if page.len() < PAGE || live.len() > asked.most {
                break;
            }
        }
        recent.retain(|_, entry| is_live(entry));
        live.extend(recent.into_keys());
        let enough = asked.most.saturating_add(1);
        Ok(live.into_iter().take(enough).collect())
    }
}

fn live_branch(state: &WriteState, generation: BranchGeneration) -> Option<&BranchState> {
    let mut live = state.live_branches();
    live.find(|branch| branch.generation == generation)
}

fn lineage(state: &WriteState, generation: BranchGeneration) -> Lineage {
    live_branch(state, generation).map_or_else(Lineage::main, |branch| branch.lineage.clone())
}

/// The entries of a lineage that the registry may not have yet.
fn recent<'a>(
    state: &'a WriteState,
    lineage: &Lineage,
    prefix: &str,
) -> BTreeMap<ModelKey, &'a ModelEntry> {
    let keys = state.recent_keys(prefix).into_iter();
    keys.filter_map(|key| Some((key.clone(), state.recent_entry(lineage, &key)?)))
        .collect()
}

/// Chooses between the stored entry of a key and a recent one: the one that the lineage shows.
fn nearer<'a>(stored: &'a ModelEntry, recent: &'a ModelEntry, lineage: &Lineage) -> &'a ModelEntry {
    if lineage.depth(stored.branch) < lineage.depth(recent.branch) {
        stored
    } else {
        recent
    }
}

fn is_live(entry: &ModelEntry) -> bool {
    let state = entry.read::<AggregateState>();
    state.is_ok_and(|state| state.data.is_some())
}
