//! Fetches from the registry what decisions have to know, many answers in one round trip.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use spice_core::{
    decide::{Need, schema_of},
    error::StoreError,
    id::BranchGeneration,
    lineage::{Lineage, Span},
    model::{AggregateState, BranchState, ModelEntry, ModelKey},
    name::ClassName,
    ontology::Schema,
    port::registry::Lookup,
};

use super::scribe::Task;

/// Entries that one scan asks for.
const PAGE: usize = 1_000;

/// Changed keys that one question asks for; each page costs a look at all that changed.
const CHANGES_PAGE: usize = 50_000;

impl Task {
    /// Fetches what is needed and puts it into the state.
    pub(super) async fn fetch(&mut self, needs: Vec<Need>) -> Result<(), StoreError> {
        let needs: HashSet<Need> = needs.into_iter().collect();
        let mut keys = Vec::new();
        let mut past = Vec::new();
        for need in needs {
            match need {
                Need::Entry(branch, key) => keys.push((branch, key)),
                Need::EntryAt(lineage, key) => past.push(Lookup { lineage, key }),
                Need::Changed(spans) => self.fetch_changed(spans).await?,
                Need::LiveInstance(branch, class) => self.fetch_live(branch, class).await?,
                Need::Schema(branch) => {
                    if let Some(branch) = self.live_branch(branch) {
                        let schema = self.fetch_schema(&branch).await?;
                        self.with_state(|state| state.put_schema(branch.generation, schema));
                    }
                }
            }
        }
        self.fetch_past(past).await?;
        if keys.is_empty() {
            return Ok(());
        }
        let lookups: Vec<Lookup> = keys
            .iter()
            .map(|(branch, key)| Lookup {
                lineage: self.lineage(*branch),
                key: key.clone(),
            })
            .collect();
        let found = self.ports.model.get(&self.stream, &lookups).await?;
        self.with_state(|state| {
            for ((branch, key), entry) in keys.into_iter().zip(found) {
                state.put_entry(branch, key, entry);
            }
        });
        self.check_registry().await
    }

    /// The entries that show through lineages of whatever position.
    async fn fetch_past(&mut self, lookups: Vec<Lookup>) -> Result<(), StoreError> {
        if lookups.is_empty() {
            return Ok(());
        }
        let found = self.ports.model.get(&self.stream, &lookups).await?;
        self.with_state(|state| {
            for (lookup, entry) in lookups.into_iter().zip(found) {
                state.put_entry_at(lookup.lineage, lookup.key, entry);
            }
        });
        self.check_registry().await
    }

    /// The classes and instances that were written within spans, as far as the registry has them.
    async fn fetch_changed(&mut self, spans: Vec<Span>) -> Result<(), StoreError> {
        let mut keys = BTreeSet::new();
        loop {
            let after = keys.last();
            let model = &self.ports.model;
            let page = model
                .changed(&self.stream, &spans, after, CHANGES_PAGE)
                .await?;
            let full = page.len() == CHANGES_PAGE;
            keys.extend(page);
            if !full {
                break;
            }
        }
        self.with_state(|state| state.put_changed(spans, keys));
        self.check_registry().await
    }

    /// A registry that was thrown away under us knows too little: read everything in anew.
    pub(super) async fn check_registry(&mut self) -> Result<(), StoreError> {
        let known = self.reflector.reflected();
        if self.ports.model.reflected(&self.stream).await? >= known {
            return Ok(());
        }
        self.state = None;
        self.reflector.restart();
        Err(StoreError::Unavailable {
            store: "registry",
            reason: "it was replaced by an older one and is being brought up from the log".into(),
        })
    }

    /// The classes of a branch, as of the state's end.
    pub(super) async fn fetch_schema(
        &self,
        branch: &BranchState,
    ) -> Result<Arc<Schema>, StoreError> {
        let mut entries = self.scan_all(&branch.lineage, ModelKey::CLASSES).await?;
        if let Some(state) = &self.state {
            for key in state.recent_keys(ModelKey::CLASSES) {
                if let Some(entry) = state.recent_entry(&branch.lineage, &key) {
                    overlay(&mut entries, entry, &branch.lineage);
                }
            }
        }
        Ok(Arc::new(schema_of(&entries)))
    }

    /// Every entry of a prefix that shows, page by page.
    async fn scan_all(
        &self,
        lineage: &Lineage,
        prefix: &str,
    ) -> Result<Vec<ModelEntry>, StoreError> {
        let mut entries: Vec<ModelEntry> = Vec::new();
        loop {
            let after = entries.last().map(|entry| entry.key.clone());
            let model = &self.ports.model;
            let page = model
                .scan(&self.stream, lineage, prefix, after.as_ref(), PAGE)
                .await?;
            let full = page.len() == PAGE;
            entries.extend(page);
            if !full {
                return Ok(entries);
            }
        }
    }

    /// Whether any instance of a class is live on a branch.
    async fn fetch_live(
        &mut self,
        branch: BranchGeneration,
        class: ClassName,
    ) -> Result<(), StoreError> {
        let lineage = self.lineage(branch);
        let prefix = ModelKey::instances_of(&class);
        let mut any = self.state.as_ref().is_some_and(|state| {
            let recent = state.recent_keys(&prefix);
            recent
                .iter()
                .filter_map(|key| state.recent_entry(&lineage, key))
                .any(is_live)
        });
        let mut after: Option<ModelKey> = None;
        while !any {
            let model = &self.ports.model;
            let page = model
                .scan(&self.stream, &lineage, &prefix, after.as_ref(), PAGE)
                .await?;
            let state = self.state.as_ref();
            any = page.iter().any(|entry| {
                let recent = state.and_then(|state| state.recent_entry(&lineage, &entry.key));
                is_live(recent.unwrap_or(entry))
            });
            after = page.last().map(|entry| entry.key.clone());
            if page.len() < PAGE {
                break;
            }
        }
        self.with_state(|state| state.put_live_instance(branch, class, any));
        Ok(())
    }

    fn live_branch(&self, generation: BranchGeneration) -> Option<BranchState> {
        let state = self.state.as_ref()?;
        state
            .live_branches()
            .find(|branch| branch.generation == generation)
            .cloned()
    }

    fn lineage(&self, generation: BranchGeneration) -> Lineage {
        self.live_branch(generation)
            .map_or_else(Lineage::main, |branch| branch.lineage)
    }

    fn with_state(&mut self, change: impl FnOnce(&mut spice_core::decide::WriteState)) {
        if let Some(state) = &mut self.state {
            change(state);
        }
    }
}

/// Puts a recent entry over what the registry told, unless the registry's stands nearer.
fn overlay(entries: &mut Vec<ModelEntry>, recent: &ModelEntry, lineage: &Lineage) {
    let depth = |entry: &ModelEntry| {
        lineage
            .levels()
            .iter()
            .position(|level| level.generation == entry.branch)
    };
    match entries.iter_mut().find(|entry| entry.key == recent.key) {
        Some(entry) if depth(entry) < depth(recent) => {}
        Some(entry) => *entry = recent.clone(),
        None => entries.push(recent.clone()),
    }
}

fn is_live(entry: &ModelEntry) -> bool {
    entry
        .value
        .read::<AggregateState>()
        .is_ok_and(|state| state.data.is_some())
}
