//! Reads the state of a database from the api, as facts for decisions.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::Value;
use spice_client::{Client, Error, Instance, Read, Select};
use spice_core::{
    decide::{LiveInstances, WriteState},
    event::BranchAt,
    id::{BranchGeneration, EventId, LogPosition, Sequence, StreamId},
    json::Json,
    lineage::Lineage,
    model::{AggregateState, BranchState, DatabaseState, ModelEntry, ModelKey},
    name::{BranchName, ClassName, DatabaseName},
    ontology::{Class, DEFINITION, Schema},
    port::graph::Entity,
    time::Timestamp,
};
use spice_crds::{Exact, Fields};
use spice_operator::{ApiError, client::failure};
use uuid::Uuid;

use super::refusal::{damage_error, invalid_name_error, refusal};

/// Instances per call.
const PAGE: usize = 1_000;

/// The state of a database; an empty log if it does not exist.
pub(super) async fn load(client: &Client, database: DatabaseName) -> Result<WriteState, ApiError> {
    let name = database.as_str().to_owned();
    let stream = StreamId::first(database);
    let Some(found) = accept_not_found(client.database(&name, &Read::default()).await)? else {
        return Ok(WriteState::empty(stream));
    };
    let details = found.details;
    let known = DatabaseState {
        sequence: Sequence(details.sequence),
        description: details.description,
        options: None,
        created_at: Timestamp::default(),
        live: true,
    };
    let listed = client.branches(&name).await.map_err(|it| failure(&it))?;
    let branches = branches(&listed.branches)?;
    let (end, time) = (LogPosition(details.position).next(), Timestamp::default());
    Ok(WriteState::new(stream, end, time, Some(known), branches))
}

/// The classes of a branch.
pub(super) async fn schema(
    client: &Client,
    database: &str,
    read: &Read,
) -> Result<Schema, ApiError> {
    let mut schema = Schema::default();
    let classes = client.classes_as::<Fields>(database, read).await;
    for fields in classes.map_err(|error| failure(&error))? {
        let id = fields.get("id").and_then(Exact::as_str).unwrap_or_default();
        let id: ClassName = id.parse().map_err(invalid_name_error)?;
        let class = Class::parse_stored(id, &definition(&fields)?).map_err(|it| refusal(&it))?;
        schema.put(Arc::new(class));
    }
    Ok(schema)
}

/// The entry of a class on a branch; none if the class never existed.
pub(super) async fn fetch_entry(
    client: &Client,
    database: &str,
    read: &Read,
    generation: BranchGeneration,
    key: &ModelKey,
) -> Result<Option<ModelEntry>, ApiError> {
    let Some(Entity::Class(class)) = key.entity() else {
        return Ok(None);
    };
    let name = class.as_str();
    let fields: Fields = match client.class_as(database, name, read).await {
        Ok(fields) => fields,
        Err(error) => return find_tombstone(&error, generation, key),
    };
    // The api also finds classes by label.
    if fields.get("id").and_then(Exact::as_str) != Some(name) {
        return Ok(None);
    }
    let number = |key: &str| fields.get(key).and_then(Exact::as_u64).unwrap_or_default();
    let state = AggregateState {
        sequence: Sequence(number("event_sequence")),
        data: Some(definition(&fields)?),
        ..empty_state()
    };
    let position = LogPosition(number("position"));
    new_entry(generation, key, position, &state).map(Some)
}

/// Instances of a class on a branch; at least one more than requested if there are more.
pub(super) async fn instances(
    client: &Client,
    database: &str,
    read: &Read,
    asked: &LiveInstances,
) -> Result<BTreeSet<ModelKey>, ApiError> {
    let select = Select {
        limit: Some(asked.most.saturating_add(1).min(PAGE)),
        ..Select::default()
    };
    let class = asked.class.as_str();
    let page = client
        .instance_page::<Instance>(database, class, &select, read)
        .await;
    let listed = accept_not_found(page)?.map(|page| page.instances);
    let key = |it: Instance| {
        let id = it.instance_id.parse().map_err(invalid_name_error)?;
        Ok(ModelKey::instance(&asked.class, &id))
    };
    listed.into_iter().flatten().map(key).collect()
}

fn branches(listed: &[spice_client::Branch]) -> Result<Vec<BranchState>, ApiError> {
    let generation = |name: &str| {
        let known = listed.iter().find(|known| known.name == name);
        let own = known.and_then(|known| known.generation).map(LogPosition);
        own.map_or(BranchGeneration::MAIN, BranchGeneration)
    };
    listed
        .iter()
        .map(|branch| {
            let name: BranchName = branch.name.parse().map_err(invalid_name_error)?;
            if name.is_main() {
                return Ok(BranchState::main(Timestamp::default()));
            }
            let from = branch.from_branch.as_deref().unwrap_or("main");
            let point = LogPosition(branch.from_position.unwrap_or_default());
            Ok(BranchState {
                lineage: lineage(branch, listed)?,
                name,
                generation: generation(&branch.name),
                sequence: Sequence(branch.sequence.unwrap_or(1)),
                from: Some(BranchAt {
                    name: from.parse().map_err(invalid_name_error)?,
                    generation: generation(from),
                }),
                from_position: point,
                ..BranchState::main(Timestamp::default())
            })
        })
        .collect()
}

/// The lineage of a branch, on top of its parent's lineage.
fn lineage(
    branch: &spice_client::Branch,
    listed: &[spice_client::Branch],
) -> Result<Lineage, ApiError> {
    // A parent is always older, so this ends.
    let is_parent = |parent: &&spice_client::Branch| {
        Some(&parent.name) == branch.from_branch.as_ref() && parent.generation < branch.generation
    };
    let name: BranchName = branch.name.parse().map_err(invalid_name_error)?;
    if name.is_main() {
        return Ok(Lineage::main());
    }
    let base = match listed.iter().find(is_parent) {
        Some(parent) => lineage(parent, listed)?,
        None => Lineage::main(),
    };
    let own = BranchGeneration(LogPosition(branch.generation.unwrap_or_default()));
    let point = LogPosition(branch.from_position.unwrap_or_default());
    Ok(base.branch(name, own, point))
}

/// The class as its author wrote it, without the fields that the api adds.
fn definition(fields: &Fields) -> Result<Json, ApiError> {
    let mut own = fields.clone();
    own.retain(|key, _| DEFINITION.contains(&key.as_str()));
    Json::of(&own).map_err(|error| damage_error(&error))
}

fn empty_state() -> AggregateState {
    AggregateState {
        sequence: Sequence(0),
        event_id: EventId(Uuid::nil()),
        occurred_at: Timestamp::default(),
        created_at: Timestamp::default(),
        data: None,
    }
}

fn new_entry(
    branch: BranchGeneration,
    key: &ModelKey,
    position: LogPosition,
    state: &AggregateState,
) -> Result<ModelEntry, ApiError> {
    Ok(ModelEntry {
        branch,
        key: key.clone(),
        position,
        value: Json::of(state).map_err(|error| damage_error(&error))?,
    })
}

/// The entry of a missing class; for a deleted class, its tombstone.
fn find_tombstone(
    error: &Error,
    branch: BranchGeneration,
    key: &ModelKey,
) -> Result<Option<ModelEntry>, ApiError> {
    let Some(refusal) = error.refusal().filter(|_| error.is_not_found()) else {
        return Err(failure(error));
    };
    if refusal.detail.get("deleted") != Some(&true.into()) {
        return Ok(None);
    }
    let sequence = refusal.detail.get("actual_seq").and_then(Value::as_u64);
    let state = AggregateState {
        sequence: Sequence(sequence.unwrap_or_default()),
        ..empty_state()
    };
    new_entry(branch, key, LogPosition::ZERO, &state).map(Some)
}

/// The result; none for 404.
fn accept_not_found<T>(found: Result<T, Error>) -> Result<Option<T>, ApiError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(failure(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_of_a_branch_has_the_lineage_of_its_parent() {
        let of = |name: &str, from: Option<&str>, generation: Option<u64>, point: Option<u64>| {
            let fields = serde_json::json!({"name": name, "from_branch": from,
                "generation": generation, "from_position": point});
            serde_json::from_value::<spice_client::Branch>(fields).unwrap()
        };
        let listed = [
            of("top", Some("middle"), Some(20), Some(19)),
            of("middle", Some("main"), Some(10), Some(9)),
            of("main", None, None, None),
            of("other", Some("top"), Some(5), Some(4)),
        ];
        let known = branches(&listed).unwrap();
        let levels = |at: usize| -> Vec<(String, u64)> {
            let levels = known[at].lineage.levels().iter();
            levels
                .map(|level| (level.name.to_string(), level.until.0))
                .collect()
        };
        let end = LogPosition::MAX.0;
        let expected = [("top", end), ("middle", 19), ("main", 9)];
        assert_eq!(levels(0), expected.map(|(name, at)| (name.to_owned(), at)));
        let expected = [("middle", end), ("main", 9)];
        assert_eq!(levels(1), expected.map(|(name, at)| (name.to_owned(), at)));
        let expected = [("other", end), ("main", 4)];
        let why = "its parent of this name came later";
        assert_eq!(
            levels(3),
            expected.map(|(name, at)| (name.to_owned(), at)),
            "{why}"
        );
    }
}
