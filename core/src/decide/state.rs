//! The state for decisions: what changed since the registry's position, and what was fetched from
//! the registry.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use super::{
    need::{Changes, LiveInstances, Need},
    recent::Recent,
    stop::Stop,
    tally::{Tallies, Tally},
};
use crate::{
    envelope::Envelope,
    id::{BranchGeneration, CommandId, LogPosition, StreamId},
    lineage::Lineage,
    model::{
        AggregateState, BranchState, DatabaseState, ModelEntry, ModelKey, UnreadableEnvelope, fold,
        is_past,
    },
    name::{BranchName, ClassName},
    ontology::{Class, Schema},
    owner::{Claims, OwnerState},
    time::Timestamp,
};

/// One database at the end of its log.
#[derive(Debug, Clone)]
pub struct WriteState {
    stream: StreamId,
    end: LogPosition,
    last_time: Timestamp,
    database: Option<DatabaseState>,
    /// The newest branch of each name, live or not.
    branches: BTreeMap<BranchName, BranchState>,
    schemas: HashMap<BranchGeneration, Arc<Schema>>,
    claims: Arc<Claims>,
    /// Versions that the registry may not have yet.
    recent: Recent,
    fetched: HashMap<(BranchGeneration, ModelKey), Option<ModelEntry>>,
    live_instances: HashMap<LiveInstances, BTreeSet<ModelKey>>,
    fetched_at: HashMap<Lineage, HashMap<ModelKey, Option<ModelEntry>>>,
    changed: HashMap<Changes, BTreeSet<ModelKey>>,
    tallies: HashMap<CommandId, Tallies>,
}

/// A [`WriteState`] before a batch was tried.
#[derive(Debug, Clone)]
pub struct Mark {
    end: LogPosition,
    last_time: Timestamp,
    database: Option<DatabaseState>,
    branches: BTreeMap<BranchName, BranchState>,
    schemas: HashMap<BranchGeneration, Arc<Schema>>,
    claims: Arc<Claims>,
}

impl WriteState {
    /// The state of a log at `end` as read from the registry, without schemas.
    pub fn new(
        stream: StreamId,
        end: LogPosition,
        last_time: Timestamp,
        database: Option<DatabaseState>,
        branches: Vec<BranchState>,
    ) -> Self {
        Self {
            stream,
            end,
            last_time,
            database,
            branches: branches
                .into_iter()
                .map(|branch| (branch.name.clone(), branch))
                .collect(),
            schemas: HashMap::new(),
            claims: Arc::default(),
            recent: Recent::default(),
            fetched: HashMap::new(),
            live_instances: HashMap::new(),
            fetched_at: HashMap::new(),
            changed: HashMap::new(),
            tallies: HashMap::new(),
        }
    }

    /// The state of an empty log.
    pub fn empty(stream: StreamId) -> Self {
        Self::new(
            stream,
            LogPosition::ZERO,
            Timestamp::default(),
            None,
            Vec::new(),
        )
    }

    /// The same state with the owners of declared things.
    #[must_use]
    pub fn with_owners(mut self, owners: Vec<OwnerState>) -> Self {
        let claims = Arc::make_mut(&mut self.claims);
        for owner in owners {
            claims.put(owner);
        }
        self
    }

    /// Who declared what.
    pub fn claims(&self) -> &Arc<Claims> {
        &self.claims
    }

    /// The log.
    pub fn stream(&self) -> &StreamId {
        &self.stream
    }

    /// The position of the next envelope.
    pub fn end(&self) -> LogPosition {
        self.end
    }

    /// When the last envelope was accepted. Time never goes back within a log.
    pub fn last_time(&self) -> Timestamp {
        self.last_time
    }

    /// The database; none before it is created.
    pub fn database(&self) -> Option<&DatabaseState> {
        self.database.as_ref()
    }

    /// The newest branch of a name, live or not.
    pub fn branch(&self, name: &BranchName) -> Option<&BranchState> {
        self.branches.get(name)
    }

    /// A live branch.
    pub fn live_branch(&self, name: &BranchName) -> Option<&BranchState> {
        self.branch(name).filter(|branch| branch.live)
    }

    /// Every live branch, by name.
    pub fn live_branches(&self) -> impl Iterator<Item = &BranchState> {
        self.branches.values().filter(|branch| branch.live)
    }

    /// The classes of a branch.
    pub fn schema(&self, branch: &BranchState) -> Result<&Arc<Schema>, Stop> {
        self.schemas
            .get(&branch.generation)
            .ok_or_else(|| Stop::Needs(vec![Need::Schema(branch.generation)]))
    }

    /// The classes of a branch, if they were put in.
    pub fn known_schema(&self, generation: BranchGeneration) -> Option<&Arc<Schema>> {
        self.schemas.get(&generation)
    }

    /// The newest visible entry of a key on a branch.
    pub fn entry(&self, branch: &BranchState, key: &ModelKey) -> Result<Option<&ModelEntry>, Stop> {
        let fetched = self.fetched.get(&(branch.generation, key.clone()));
        let found = self.find(&branch.lineage, key, fetched);
        if found.is_none() && fetched.is_none() {
            return Err(Stop::Needs(vec![Need::Entry(
                branch.generation,
                key.clone(),
            )]));
        }
        Ok(found)
    }

    /// Whether a class has live instances on a branch.
    pub fn has_instances(&self, branch: &BranchState, class: &ClassName) -> Result<bool, Stop> {
        Ok(!self.live_instances(branch, class, 0)?.is_empty())
    }

    /// The live instances of a class on a branch, ordered by key; `most + 1` of them if there are
    /// more than `most`.
    pub fn live_instances(
        &self,
        branch: &BranchState,
        class: &ClassName,
        most: usize,
    ) -> Result<&BTreeSet<ModelKey>, Stop> {
        let asked = LiveInstances {
            branch: branch.generation,
            class: class.clone(),
            most,
        };
        let known = self.live_instances.get(&asked);
        known.ok_or_else(|| Stop::Needs(vec![Need::LiveInstances(asked)]))
    }

    /// The newest entry of a key that is visible through a lineage, at any position.
    pub fn entry_at(&self, lineage: &Lineage, key: &ModelKey) -> Result<Option<&ModelEntry>, Stop> {
        let fetched = self.fetched_at.get(lineage).and_then(|keys| keys.get(key));
        let found = self.find(lineage, key, fetched);
        if found.is_none() && !matches!(fetched, Some(None)) {
            return Err(Stop::Needs(vec![Need::EntryAt(
                lineage.clone(),
                key.clone(),
            )]));
        }
        Ok(found)
    }

    /// The written classes and instances, ordered by key; one more than the useful maximum if there
    /// are more.
    pub fn list_changed(&self, changes: &Changes) -> Result<Vec<ModelKey>, Stop> {
        let Some(reflected) = self.changed.get(changes) else {
            return Err(Stop::Needs(vec![Need::Changed(changes.clone())]));
        };
        let is_within = |branch: BranchGeneration, position: LogPosition| {
            let mut spans = changes.spans.iter();
            spans.any(|span| span.generation == branch && span.holds(position))
        };
        let recent = self.recent.writes().filter(|(position, branch, key)| {
            is_within(*branch, *position) && changes.concern(key)
        });
        let mut keys: BTreeSet<&ModelKey> = reflected.iter().collect();
        keys.extend(recent.map(|(_, _, key)| key));
        let enough = changes.most.saturating_add(1);
        Ok(keys.into_iter().take(enough).cloned().collect())
    }

    /// Whether a needed fact was put in. A decision that asks for it again cannot continue.
    pub fn knows(&self, need: &Need) -> bool {
        match need {
            Need::Entry(branch, key) => self.fetched.contains_key(&(*branch, key.clone())),
            Need::EntryAt(lineage, key) => {
                let keys = self.fetched_at.get(lineage);
                keys.is_some_and(|keys| keys.contains_key(key))
            }
            Need::LiveInstances(asked) => self.live_instances.contains_key(asked),
            Need::Schema(branch) => self.schemas.contains_key(branch),
            Need::Changed(changes) => self.changed.contains_key(changes),
        }
    }

    /// The first entry of a key on a lineage, of the recent ones and the fetched one.
    fn find<'a>(
        &'a self,
        lineage: &Lineage,
        key: &ModelKey,
        fetched: Option<&'a Option<ModelEntry>>,
    ) -> Option<&'a ModelEntry> {
        let fetched = fetched.and_then(Option::as_ref);
        lineage.levels().iter().find_map(|level| {
            let recent = self.recent.at(level.generation, key, level.until);
            recent.or_else(|| fetched.filter(|entry| entry.branch == level.generation))
        })
    }

    /// The recent entry of a key on a branch's lineage, whatever the registry has for it.
    pub fn recent_entry(&self, lineage: &Lineage, key: &ModelKey) -> Option<&ModelEntry> {
        lineage
            .levels()
            .iter()
            .find_map(|level| self.recent.at(level.generation, key, level.until))
    }

    /// Every recent key that starts with `prefix`.
    pub fn recent_keys(&self, prefix: &str) -> Vec<ModelKey> {
        self.recent.keys(prefix)
    }

    /// Puts in the answer to [`Need::Entry`].
    pub fn put_entry(
        &mut self,
        branch: BranchGeneration,
        key: ModelKey,
        entry: Option<ModelEntry>,
    ) {
        self.fetched.insert((branch, key), entry);
    }

    /// Puts in the answer to [`Need::EntryAt`].
    pub fn put_entry_at(&mut self, lineage: Lineage, key: ModelKey, entry: Option<ModelEntry>) {
        let keys = self.fetched_at.entry(lineage).or_default();
        keys.insert(key, entry);
    }

    /// Puts in the answer to [`Need::Changed`].
    pub fn put_changed(&mut self, changes: Changes, keys: BTreeSet<ModelKey>) {
        self.changed.insert(changes, keys);
    }

    /// Puts in what was counted before the decision of a command.
    pub fn put_tallies(&mut self, command: CommandId, tallies: Tallies) {
        self.tallies.insert(command, tallies);
    }

    /// What was counted on a branch before the decision of a command.
    pub(super) fn tally(&self, command: CommandId, branch: BranchGeneration) -> Option<&Tally> {
        let mut tallies = self.tallies.get(&command)?.iter();
        tallies.find(|it| {
            it.lineage
                .own()
                .is_some_and(|level| level.generation == branch)
        })
    }

    /// Puts in the answer to [`Need::LiveInstances`].
    pub fn put_live_instances(&mut self, asked: LiveInstances, keys: BTreeSet<ModelKey>) {
        self.live_instances.insert(asked, keys);
    }

    /// Puts in the answer to [`Need::Schema`].
    pub fn put_schema(&mut self, branch: BranchGeneration, schema: Arc<Schema>) {
        self.schemas.insert(branch, schema);
    }

    /// Forgets fetched facts. A later decision fetches again.
    pub fn forget_fetched(&mut self) {
        self.fetched.clear();
        self.live_instances.clear();
        self.fetched_at.clear();
        self.changed.clear();
        self.tallies.clear();
    }

    /// Forgets the versions below a position that the registry now has.
    pub fn forget_reflected(&mut self, position: LogPosition) {
        self.recent.remove_below(position);
    }

    /// Applies an envelope at the end of the log, and returns its entries.
    pub fn apply(&mut self, envelope: &Envelope) -> Result<Vec<ModelEntry>, UnreadableEnvelope> {
        let unreadable = |source| UnreadableEnvelope {
            position: envelope.position,
            event_type: envelope.event_type,
            source,
        };
        let entries = fold(envelope)?;
        for entry in &entries {
            let key = entry.key.as_str();
            if key == "d" {
                self.database = Some(entry.value.read().map_err(unreadable)?);
            } else if key.starts_with(ModelKey::BRANCHES) {
                self.apply_branch(entry.value.read().map_err(unreadable)?);
            } else if key.starts_with(ModelKey::CLASSES) {
                self.apply_class(entry, &entry.value.read().map_err(unreadable)?);
            } else if key.starts_with(ModelKey::OWNERS) {
                let owner = entry.value.read().map_err(unreadable)?;
                Arc::make_mut(&mut self.claims).put(owner);
            } else if key.starts_with(ModelKey::INSTANCES) {
                self.live_instances.clear();
            }
            self.recent.push(entry.clone());
        }
        self.end = envelope.position.next();
        self.last_time = self.last_time.max(envelope.occurred_at);
        Ok(entries)
    }

    /// A mark for [`WriteState::roll_back`].
    pub fn mark(&self) -> Mark {
        Mark {
            end: self.end,
            last_time: self.last_time,
            database: self.database.clone(),
            branches: self.branches.clone(),
            schemas: self.schemas.clone(),
            claims: Arc::clone(&self.claims),
        }
    }

    /// Undoes everything applied since the mark. Fetched facts are forgotten.
    pub fn roll_back(&mut self, mark: Mark) {
        self.recent.remove_from(mark.end);
        self.end = mark.end;
        self.last_time = mark.last_time;
        self.database = mark.database;
        self.branches = mark.branches;
        self.schemas = mark.schemas;
        self.claims = mark.claims;
        self.forget_fetched();
    }

    fn apply_branch(&mut self, branch: BranchState) {
        let known = self.branches.get(&branch.name);
        let is_new = known.is_none_or(|known| known.generation != branch.generation);
        if is_new && branch.live && branch.from.is_none() {
            self.schemas.insert(branch.generation, Arc::default());
        }
        if is_new
            && branch.live
            && let Some(from) = &branch.from
            && !is_past(branch.from_position, self.end)
            && let Some(schema) = self.schemas.get(&from.generation).cloned()
        {
            self.schemas.insert(branch.generation, schema);
        }
        if !branch.live {
            self.schemas.remove(&branch.generation);
        }
        self.branches.insert(branch.name.clone(), branch);
    }

    fn apply_class(&mut self, entry: &ModelEntry, state: &AggregateState) {
        let Some(schema) = self.schemas.get_mut(&entry.branch) else {
            return;
        };
        put_class(Arc::make_mut(schema), entry, state);
    }
}

/// Puts the class of a `c:` entry into a schema, or removes it.
fn put_class(schema: &mut Schema, entry: &ModelEntry, state: &AggregateState) {
    let Some(name) = entry.key.as_str().strip_prefix(ModelKey::CLASSES) else {
        return;
    };
    let Ok(name) = name.parse::<ClassName>() else {
        return;
    };
    let class = state
        .data
        .as_ref()
        .and_then(|data| Class::parse_stored(name.clone(), data).ok());
    match class {
        Some(class) => schema.put(Arc::new(class)),
        None => schema.remove(&name),
    }
}

/// The schema of `c:` entries.
pub fn schema_of(entries: &[ModelEntry]) -> Schema {
    let mut schema = Schema::default();
    for entry in entries {
        if let Ok(state) = entry.value.read::<AggregateState>() {
            put_class(&mut schema, entry, &state);
        }
    }
    schema
}
