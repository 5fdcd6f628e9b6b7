//! What reads show: instance documents (contract §8) and classes, values as they were written.

use indexmap::IndexMap;
use serde::{Serialize, Serializer};
use spice_core::{
    decide::Receipt,
    id::{EventId, LogPosition, Sequence},
    json::Json,
    model::{AggregateState, ModelEntry, ModelKey},
    name::{BranchName, ClassName, DatabaseName},
    ontology::Class,
    port::{
        documents::Document,
        graph::{Entity, Version},
        registry::Lookup,
    },
    time::Timestamp,
};

use crate::http::{Api, failure::Failure, read::Reading};

/// How many classes are read at once from the write model.
const PAGE: usize = 1_000;

/// An instance document of contract §8. `branch` is the branch that the read was made on, whichever
/// layer below the value comes from.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct InstanceDocument<'a> {
    instance_id: &'a str,
    class_id: &'a ClassName,
    #[serde(skip_serializing_if = "Option::is_none")]
    class_label: Option<&'a str>,
    data: &'a Json,
    event_id: EventId,
    event_sequence: Sequence,
    event_timestamp: Timestamp,
    version: Sequence,
    db_name: &'a DatabaseName,
    branch: &'a BranchName,
    position: LogPosition,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// What all instance documents of one answer share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) database: &'a DatabaseName,
    pub(crate) branch: &'a BranchName,
    pub(crate) language: Option<&'a str>,
}

impl<'a> Frame<'a> {
    /// The document of a live instance; none for a tombstone or a class.
    pub(crate) fn document(
        &self,
        document: &'a Document,
        class: Option<&'a Class>,
    ) -> Option<InstanceDocument<'a>> {
        let Entity::Instance(instance) = &document.entity else {
            return None;
        };
        Some(InstanceDocument {
            instance_id: instance.id.as_str(),
            class_id: &instance.class,
            class_label: class.map(|class| class.label(self.language)),
            data: document.data.as_ref()?,
            event_id: document.event_id,
            event_sequence: document.sequence,
            event_timestamp: document.occurred_at,
            version: document.sequence,
            db_name: self.database,
            branch: self.branch,
            position: document.position,
            created_at: document.created_at,
            updated_at: document.occurred_at,
        })
    }

    /// The document that a version of the graph makes.
    pub(crate) fn version(
        &self,
        version: &'a Version,
        class: Option<&'a Class>,
    ) -> Option<InstanceDocument<'a>> {
        let Entity::Instance(instance) = &version.entity else {
            return None;
        };
        Some(InstanceDocument {
            instance_id: instance.id.as_str(),
            class_id: &instance.class,
            class_label: class.map(|class| class.label(self.language)),
            data: version.data.as_ref()?,
            event_id: version.event_id,
            event_sequence: version.sequence,
            event_timestamp: version.occurred_at,
            version: version.sequence,
            db_name: self.database,
            branch: self.branch,
            position: version.position,
            created_at: version.created_at,
            updated_at: version.occurred_at,
        })
    }
}

/// A class as reads show it: what was written, then what the log says of it.
#[derive(Debug, Clone)]
pub(crate) struct ClassRecord {
    definition: Json,
    known: Known,
}

#[derive(Debug, Clone, Serialize)]
struct Known {
    event_id: EventId,
    event_sequence: Sequence,
    version: Sequence,
    position: LogPosition,
    created_at: Timestamp,
    updated_at: Timestamp,
    db_name: DatabaseName,
    branch: BranchName,
}

impl Serialize for ClassRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let written: IndexMap<String, Json> =
            self.definition.read().map_err(serde::ser::Error::custom)?;
        let known = Json::of(&self.known).map_err(serde::ser::Error::custom)?;
        let known: IndexMap<String, Json> = known.read().map_err(serde::ser::Error::custom)?;
        let fields = written.iter().chain(known.iter());
        serializer.collect_map(fields)
    }
}

impl Api {
    /// The live classes that a read shows, by id.
    pub(crate) async fn class_records(
        &self,
        reading: &Reading,
    ) -> Result<Vec<ClassRecord>, Failure> {
        if reading.as_of.is_some() {
            let versions = self.engine.graph.classes(&reading.view).await?;
            return Ok(versions
                .into_iter()
                .filter_map(|version| of_version(reading, version))
                .collect());
        }
        let mut newest: std::collections::BTreeMap<ModelKey, ModelEntry> =
            std::collections::BTreeMap::new();
        let (model, stream) = (&self.engine.model, &reading.view.stream);
        let tail = self.class_tail(reading).await?;
        let mut after: Option<ModelKey> = None;
        loop {
            let lineage = &reading.view.lineage;
            let page = model
                .scan(stream, lineage, ModelKey::CLASSES, after.as_ref(), PAGE)
                .await?;
            let full = page.len() == PAGE;
            after = page.last().map(|entry| entry.key.clone());
            newest.extend(page.into_iter().map(|entry| (entry.key.clone(), entry)));
            if !full {
                break;
            }
        }
        for entry in tail {
            match newest.get(&entry.key) {
                Some(known) if !supersedes(reading, &entry, known) => {}
                _ => {
                    newest.insert(entry.key.clone(), entry);
                }
            }
        }
        newest
            .into_values()
            .filter_map(|entry| of_entry(reading, &entry).transpose())
            .collect()
    }

    /// One live class, or `not_found`; of one that was deleted the sequence is told.
    pub(crate) async fn class_record(
        &self,
        reading: &Reading,
        class: &ClassName,
    ) -> Result<ClassRecord, Failure> {
        let mut deleted = None;
        let found = if reading.as_of.is_some() {
            let entity = [Entity::Class(class.clone())];
            let versions = self.engine.graph.get(&reading.view, &entity).await?;
            versions
                .into_iter()
                .flatten()
                .find_map(|version| of_version(reading, version))
        } else {
            let key = ModelKey::class(class);
            let tail = self.class_tail(reading).await?;
            let lookup = Lookup {
                lineage: reading.view.lineage.clone(),
                key: key.clone(),
            };
            let known = self
                .engine
                .model
                .get(&reading.view.stream, &[lookup])
                .await?;
            let mut newest = known.into_iter().flatten().next();
            for entry in tail.into_iter().filter(|entry| entry.key == key) {
                if newest
                    .as_ref()
                    .is_none_or(|known| supersedes(reading, &entry, known))
                {
                    newest = Some(entry);
                }
            }
            match newest {
                None => None,
                Some(entry) => {
                    deleted = Some(entry.value.read::<AggregateState>()?.sequence);
                    of_entry(reading, &entry)?
                }
            }
        };
        found.ok_or_else(|| {
            let name = class.as_str();
            let missing = Failure::not_found(format!("there is no class {name:?} on this branch"))
                .with("class_id", name);
            match deleted {
                Some(sequence) => missing.with("deleted", true).with("actual_seq", sequence.0),
                None => missing,
            }
        })
    }

    /// The class entries of the log's tail that show. Read before the registry is, so that nothing
    /// falls in between.
    async fn class_tail(&self, reading: &Reading) -> Result<Vec<ModelEntry>, Failure> {
        let (stream, end) = (&reading.view.stream, reading.snapshot.end);
        let mut entries = self.tail(stream, end, ModelKey::CLASSES).await?;
        let lineage = &reading.view.lineage;
        entries.retain(|entry| lineage.shows(entry.branch, entry.position));
        Ok(entries)
    }
}

/// Whether an entry hides another of the same key: it stands on a layer further up, or later on
/// the same one.
fn supersedes(reading: &Reading, entry: &ModelEntry, known: &ModelEntry) -> bool {
    let layer = |entry: &ModelEntry| {
        let levels = reading.view.lineage.levels();
        levels
            .iter()
            .position(|level| level.generation == entry.branch)
    };
    match layer(entry).cmp(&layer(known)) {
        std::cmp::Ordering::Less => true,
        std::cmp::Ordering::Equal => entry.position > known.position,
        std::cmp::Ordering::Greater => false,
    }
}

fn of_entry(reading: &Reading, entry: &ModelEntry) -> Result<Option<ClassRecord>, Failure> {
    let state: AggregateState = entry.value.read()?;
    let Some(definition) = state.data else {
        return Ok(None);
    };
    Ok(Some(ClassRecord {
        definition,
        known: Known {
            event_id: state.event_id,
            event_sequence: state.sequence,
            version: state.sequence,
            position: entry.position,
            created_at: state.created_at,
            updated_at: state.occurred_at,
            db_name: reading.view.stream.database.clone(),
            branch: reading.branch.clone(),
        },
    }))
}

fn of_version(reading: &Reading, version: Version) -> Option<ClassRecord> {
    Some(ClassRecord {
        definition: version.data?,
        known: Known {
            event_id: version.event_id,
            event_sequence: version.sequence,
            version: version.sequence,
            position: version.position,
            created_at: version.created_at,
            updated_at: version.occurred_at,
            db_name: reading.view.stream.database.clone(),
            branch: reading.branch.clone(),
        },
    })
}

/// Which command an answer is about, in words: `CREATE_INSTANCE`.
pub(crate) fn command_type(receipt: &Receipt) -> &'static str {
    receipt.event_type.command_type().unwrap_or_default()
}
