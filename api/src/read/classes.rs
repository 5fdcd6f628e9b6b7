//! The classes of a branch as they were written: the current ones from the write model and the
//! log's tail, those at a position from the graph.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer, ser::Error as _};
use serde_json::{Map, Value};
use spice_core::{
    error::{Refusal, StoreError},
    id::{EventId, LogPosition, Sequence},
    json::Json,
    model::{ModelEntry, ModelKey},
    name::{BranchName, ClassName, DatabaseName},
    owner::{OwnerView, Thing},
    port::{
        graph::{Entity, State},
        registry::Lookup,
    },
    time::Timestamp,
};

use super::reading::{Reading, no_class};

/// A class in answers: its definition, then its metadata from the log.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ClassRecord {
    #[serde(flatten, serialize_with = "write_fields")]
    #[schemars(with = "Map<String, Value>")]
    definition: Json,
    event_id: EventId,
    /// The `expected_seq` of the next write.
    pub(crate) event_sequence: Sequence,
    version: Sequence,
    position: LogPosition,
    created_at: Timestamp,
    updated_at: Timestamp,
    db_name: DatabaseName,
    branch: BranchName,
    /// Who declared the class; missing without an owner, and for a read in the past.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<OwnerView>,
    /// In the requested language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) class_label: Option<String>,
}

impl ClassRecord {
    /// The id of the class.
    pub(crate) fn id(&self) -> Result<ClassName, serde_json::Error> {
        class_id(&self.definition)
    }
}

fn class_id(definition: &Json) -> Result<ClassName, serde_json::Error> {
    #[derive(Deserialize)]
    struct Definition {
        id: ClassName,
    }
    Ok(definition.read::<Definition>()?.id)
}

fn write_fields<S: Serializer>(definition: &Json, serializer: S) -> Result<S::Ok, S::Error> {
    let fields: IndexMap<String, Json> = definition.read().map_err(S::Error::custom)?;
    serializer.collect_map(&fields)
}

impl Reading {
    /// The live classes of the read, by id.
    pub(crate) async fn class_records(&self) -> Result<Vec<ClassRecord>, StoreError> {
        if self.as_of.is_some() {
            let versions = self.reads.engine.graph.classes(&self.view).await?;
            let records = versions.into_iter();
            return Ok(records.filter_map(|it| self.record(it.state)).collect());
        }
        let (stream, lineage) = (&self.view.stream, &self.view.lineage);
        let tail = self.class_tail().await?;
        let model = &self.reads.engine.model;
        let stored = model.scan_all(stream, lineage, ModelKey::CLASSES).await?;
        let records = self.pick_newest(stored, tail).into_values();
        records
            .filter_map(|entry| entry.state().map(|state| self.record(state)).transpose())
            .collect()
    }

    /// One live class, or `not_found`, with the sequence of a deleted one.
    pub(crate) async fn class_record(&self, class: &ClassName) -> Result<ClassRecord, Refusal> {
        let mut deleted = None;
        let found = if self.as_of.is_some() {
            let entity = [Entity::Class(class.clone())];
            let versions = self.reads.engine.graph.get(&self.view, &entity).await?;
            let mut versions = versions.into_iter().flatten();
            versions.find_map(|version| self.record(version.state))
        } else {
            match self.find_newest(ModelKey::class(class)).await? {
                None => None,
                Some(entry) => {
                    let state = entry.state()?;
                    deleted = Some(state.sequence);
                    self.record(state)
                }
            }
        };
        found.ok_or_else(|| {
            let missing = no_class(class.as_str());
            match deleted {
                Some(sequence) => missing.with("deleted", true).with("actual_seq", sequence.0),
                None => missing,
            }
        })
    }

    /// The newest visible entry of a key.
    async fn find_newest(&self, key: ModelKey) -> Result<Option<ModelEntry>, StoreError> {
        let mut tail = self.class_tail().await?;
        tail.retain(|entry| entry.key == key);
        let lineage = self.view.lineage.clone();
        let lookup = [Lookup { lineage, key }];
        let model = &self.reads.engine.model;
        let known = model.get(&self.view.stream, &lookup).await?;
        let stored = known.entries.into_iter().flatten().collect();
        Ok(self.pick_newest(stored, tail).into_values().next())
    }

    /// The newest entry of each key.
    fn pick_newest(
        &self,
        stored: Vec<ModelEntry>,
        tail: Vec<ModelEntry>,
    ) -> BTreeMap<ModelKey, ModelEntry> {
        let mut newest: BTreeMap<ModelKey, ModelEntry> = BTreeMap::new();
        for entry in stored.into_iter().chain(tail) {
            let known = newest.get(&entry.key);
            if known.is_none_or(|known| self.supersedes(&entry, known)) {
                newest.insert(entry.key.clone(), entry);
            }
        }
        newest
    }

    /// The visible class entries of the log's tail. Read before the registry, so that nothing is
    /// missed in between.
    async fn class_tail(&self) -> Result<Vec<ModelEntry>, StoreError> {
        let (stream, end) = (&self.view.stream, self.snapshot.end);
        let mut entries = self.reads.tail(stream, end, ModelKey::CLASSES).await?;
        let lineage = &self.view.lineage;
        entries.retain(|entry| lineage.shows(entry.branch, entry.position));
        Ok(entries)
    }

    /// Whether an entry hides another of the same key: it is on a nearer layer, or later on the
    /// same one.
    fn supersedes(&self, entry: &ModelEntry, known: &ModelEntry) -> bool {
        let depth = |entry: &ModelEntry| self.view.lineage.depth(entry.branch);
        let order = depth(entry).cmp(&depth(known));
        order.then(known.position.cmp(&entry.position)).is_lt()
    }

    fn find_owner(&self, definition: &Json, created_at: Timestamp) -> Option<OwnerView> {
        let branch = self.snapshot.branches.get(&self.branch);
        let is_known = self.as_of.is_none() && !self.snapshot.claims.is_empty();
        let branch = branch.filter(|_| is_known)?;
        let thing = Thing::Class {
            branch: branch.name.clone(),
            name: class_id(definition).ok()?,
        };
        let claims = &self.snapshot.claims;
        claims.find_holder(&thing, created_at, Some(branch.created_at))
    }

    /// The record of a class; none for a deleted one.
    fn record(&self, state: State) -> Option<ClassRecord> {
        let definition = state.data?;
        Some(ClassRecord {
            owner: self.find_owner(&definition, state.created_at),
            definition,
            event_id: state.event_id,
            event_sequence: state.sequence,
            version: state.sequence,
            position: state.position,
            created_at: state.created_at,
            updated_at: state.occurred_at,
            db_name: self.view.stream.database.clone(),
            branch: self.branch.clone(),
            class_label: None,
        })
    }
}
