//! One database as it would be: the state that decisions rest on, filled from what the api tells.

use std::{collections::BTreeSet, sync::Arc};

use spice_client::{Client, Error, Instance, Read, Select};
use spice_core::{
    command::{Action, Command, Origin},
    decide::{LiveInstances, Moment, Need, Stop, WriteState, decide},
    envelope::Envelope,
    error::{ErrorCode, Refusal},
    event::BranchAt,
    id::{BranchGeneration, CommandId, EventId, LogPosition, Sequence, StreamId},
    json::Json,
    lineage::Lineage,
    model::{AggregateState, BranchState, DatabaseState, ModelEntry, ModelKey},
    name::{BranchName, ClassName, DatabaseName},
    ontology::{Class, Schema},
    port::graph::Entity,
    time::Timestamp,
};
use spice_crds::{Exact, Fields};
use spice_operator::{
    ApiError,
    client::{Stored, described, failure, origin},
};
use uuid::Uuid;

use super::refusal::{misnamed, refusal};

/// What a class says of itself; the rest of an answer is what the log says of it.
const DEFINITION: [&str; 8] = [
    "id",
    "label",
    "description",
    "parent_class",
    "abstract",
    "properties",
    "relationships",
    "metadata",
];

/// Instances that one call brings.
const PAGE: usize = 1_000;

/// A database of a rehearsal.
pub(super) struct World {
    state: WriteState,
    /// The first position that is rehearsed.
    start: LogPosition,
    /// How many commands were rehearsed.
    sent: u128,
}

impl World {
    /// The database as the api has it; an empty log when it has none.
    pub(super) async fn load(client: &Client, database: DatabaseName) -> Result<Self, ApiError> {
        let name = database.as_str().to_owned();
        let stream = StreamId::first(database);
        let found = found(client.database(&name, &Read::default()).await)?;
        let state = match found {
            None => WriteState::empty(stream),
            Some(found) => {
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
                let end = LogPosition(details.position).next();
                WriteState::new(stream, end, Timestamp::default(), Some(known), branches)
            }
        };
        Ok(Self {
            start: state.end(),
            state,
            sent: 0,
        })
    }

    /// The database, if it is there. Everything rehearsed shows at once.
    pub(super) fn database(&self) -> Option<Stored> {
        let database = self.state.database().filter(|database| database.live)?;
        Some(Stored {
            sequence: Some(database.sequence.0),
            position: self.state.end().0.checked_sub(1),
            projected: None,
            definition: described(&database.description),
        })
    }

    /// A branch, if it is there.
    pub(super) fn branch(&self, name: &str) -> Result<Option<Stored>, ApiError> {
        let name: BranchName = name.parse().map_err(misnamed)?;
        let branch = self.state.live_branch(&name);
        let from = branch.and_then(|branch| branch.from.as_ref());
        let from = from.map(|parent| parent.name.as_str());
        Ok(branch.map(|branch| Stored {
            sequence: Some(branch.sequence.0),
            position: Some(branch.from_position.0),
            definition: origin(from, Some(branch.from_position.0)),
            ..Stored::default()
        }))
    }

    /// A class, if it is there.
    pub(super) async fn class(
        &mut self,
        client: &Client,
        branch: &str,
        class: &str,
    ) -> Result<Option<Stored>, ApiError> {
        let name: BranchName = branch.parse().map_err(misnamed)?;
        let key = ModelKey::class(&class.parse::<ClassName>().map_err(misnamed)?);
        let Some(branch) = self.state.live_branch(&name).cloned() else {
            return Ok(None);
        };
        loop {
            match self.state.entry(&branch, &key) {
                Ok(entry) => return entry.map_or(Ok(None), stored),
                Err(Stop::Needs(needs)) => self.fetch(client, needs).await?,
                Err(Stop::Refused(refused)) => return Err(refusal(&refused)),
            }
        }
    }

    /// Decides an action, as the writer does, and takes in what accepting it makes.
    pub(super) async fn send(&mut self, client: &Client, action: Action) -> Result<(), ApiError> {
        if let Action::CreateBranch { from_branch, .. } = &action
            && let Some(parent) = self.state.live_branch(from_branch)
        {
            // The classes of a branch that starts at the end are its parent's.
            let generation = parent.generation;
            self.fetch(client, vec![Need::Schema(generation)]).await?;
        }
        self.sent += 1;
        let command = Command {
            id: CommandId(Uuid::from_u128(self.sent)),
            database: self.state.stream().database.clone(),
            action,
            origin: Origin {
                actor: None,
                service: "rehearsal".to_owned(),
                correlation_id: Uuid::nil(),
                traceparent: None,
                client: None,
            },
        };
        for envelope in &self.decide(client, &command).await? {
            self.state
                .apply(envelope)
                .map_err(|error| damaged(&error))?;
        }
        Ok(())
    }

    async fn decide(
        &mut self,
        client: &Client,
        command: &Command,
    ) -> Result<Vec<Envelope>, ApiError> {
        loop {
            let moment = Moment {
                stream: self.state.stream().clone(),
                position: self.state.end(),
                occurred_at: self.state.last_time(),
            };
            match decide(&self.state, &moment, command) {
                Ok(envelopes) => return Ok(envelopes),
                Err(Stop::Refused(refused)) => return Err(refusal(&refused)),
                Err(Stop::Needs(needs)) => {
                    if needs.iter().all(|need| self.state.knows(need)) {
                        return Err(unknown("the decision asks for what it has been told"));
                    }
                    self.fetch(client, needs).await?;
                }
            }
        }
    }

    async fn fetch(&mut self, client: &Client, needs: Vec<Need>) -> Result<(), ApiError> {
        for need in needs {
            if is_known(&self.state, &need) {
                continue;
            }
            match need {
                Need::Schema(generation) => {
                    let schema = self.read_schema(client, generation).await?;
                    self.state.put_schema(generation, Arc::new(schema));
                }
                Need::Entry(generation, key) => {
                    let entry = self.read_entry(client, generation, &key).await?;
                    self.state.put_entry(generation, key, entry);
                }
                Need::LiveInstances(asked) => {
                    let keys = self.read_instances(client, &asked).await?;
                    self.state.put_live_instances(asked, keys);
                }
                // What a branch held at a past position: of use to merges only.
                Need::EntryAt(lineage, key) => self.state.put_entry_at(lineage, key, None),
                Need::Changed(_) => return Err(unknown("a dry run does not compare branches")),
            }
        }
        Ok(())
    }

    /// Where the api has what shows on a branch: the branch itself or, of one that is rehearsed,
    /// its parent as of the branch point. Nothing: the api has none of it.
    fn place(&self, generation: BranchGeneration) -> Option<Read> {
        let mut generation = generation;
        let mut until: Option<LogPosition> = None;
        loop {
            let mut branches = self.state.live_branches();
            let branch = branches.find(|branch| branch.generation == generation)?;
            let is_rehearsed = branch.generation.0 >= self.start && branch.from.is_some();
            if !is_rehearsed {
                let read = Read::on(branch.name.as_str());
                let is_past = until.filter(|until| *until < self.start);
                let exists = self.start > LogPosition::ZERO;
                return exists.then(|| is_past.into_iter().fold(read, |read, at| read.as_of(at.0)));
            }
            let point = branch.from_position;
            until = Some(until.map_or(point, |until| until.min(point)));
            generation = branch.from.as_ref()?.generation;
        }
    }

    async fn read_schema(
        &self,
        client: &Client,
        generation: BranchGeneration,
    ) -> Result<Schema, ApiError> {
        let mut schema = Schema::default();
        let Some(read) = self.place(generation) else {
            return Ok(schema);
        };
        let classes: Vec<Fields> = client
            .classes_as(self.name(), &read)
            .await
            .map_err(|error| failure(&error))?;
        for fields in classes {
            let id = fields.get("id").and_then(Exact::as_str).unwrap_or_default();
            let id: ClassName = id.parse().map_err(misnamed)?;
            let class = Class::stored(id, &definition(&fields)?).map_err(|it| refusal(&it))?;
            schema.put(Arc::new(class));
        }
        Ok(schema)
    }

    async fn read_entry(
        &self,
        client: &Client,
        generation: BranchGeneration,
        key: &ModelKey,
    ) -> Result<Option<ModelEntry>, ApiError> {
        let Some(Entity::Class(class)) = key.entity() else {
            return Ok(None);
        };
        let Some(read) = self.place(generation) else {
            return Ok(None);
        };
        let name = class.as_str();
        let fields: Fields = match client.class_as(self.name(), name, &read).await {
            Ok(fields) => fields,
            Err(error) => return deleted(&error, generation, key),
        };
        // The api finds classes by label, too.
        if fields.get("id").and_then(Exact::as_str) != Some(name) {
            return Ok(None);
        }
        let number = |key: &str| fields.get(key).and_then(Exact::as_u64).unwrap_or_default();
        let state = AggregateState {
            sequence: Sequence(number("event_sequence")),
            data: Some(definition(&fields)?),
            ..nothing()
        };
        let position = LogPosition(number("position"));
        entry(generation, key, position, &state).map(Some)
    }

    async fn read_instances(
        &self,
        client: &Client,
        asked: &LiveInstances,
    ) -> Result<BTreeSet<ModelKey>, ApiError> {
        let Some(read) = self.place(asked.branch) else {
            return Ok(BTreeSet::new());
        };
        let select = Select {
            limit: Some(asked.most.saturating_add(1).min(PAGE)),
            ..Select::default()
        };
        let class = asked.class.as_str();
        let page = client
            .instance_page::<Instance>(self.name(), class, &select, &read)
            .await;
        let listed = found(page)?.map(|page| page.instances);
        let ids = listed
            .into_iter()
            .flatten()
            .map(|it| it.instance_id.parse());
        ids.map(|id| Ok(ModelKey::instance(&asked.class, &id.map_err(misnamed)?)))
            .collect()
    }

    fn name(&self) -> &str {
        self.state.stream().database.as_str()
    }
}

fn is_known(state: &WriteState, need: &Need) -> bool {
    match need {
        Need::Schema(generation) => state.known_schema(*generation).is_some(),
        need => state.knows(need),
    }
}

fn branches(listed: &[spice_client::Branch]) -> Result<Vec<BranchState>, ApiError> {
    let generation = |name: &str| {
        let known = listed.iter().find(|known| known.name == name);
        let position = known.and_then(|known| known.generation);
        position.map_or(BranchGeneration::MAIN, |at| {
            BranchGeneration(LogPosition(at))
        })
    };
    listed
        .iter()
        .map(|branch| {
            let name: BranchName = branch.name.parse().map_err(misnamed)?;
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
                    name: from.parse().map_err(misnamed)?,
                    generation: generation(from),
                }),
                from_position: point,
                ..BranchState::main(Timestamp::default())
            })
        })
        .collect()
}

/// The lineage of a branch: on that of the branch that it was made of.
fn lineage(
    branch: &spice_client::Branch,
    listed: &[spice_client::Branch],
) -> Result<Lineage, ApiError> {
    // A branch stands on older ones, so that this ends.
    let is_parent = |parent: &&spice_client::Branch| {
        Some(&parent.name) == branch.from_branch.as_ref() && parent.generation < branch.generation
    };
    let name: BranchName = branch.name.parse().map_err(misnamed)?;
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

/// The class as its author wrote it.
fn definition(fields: &Fields) -> Result<Json, ApiError> {
    let own: Fields = fields
        .iter()
        .filter(|(key, _)| DEFINITION.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    Json::of(&own).map_err(|error| damaged(&error))
}

fn nothing() -> AggregateState {
    AggregateState {
        sequence: Sequence(0),
        event_id: EventId(Uuid::nil()),
        occurred_at: Timestamp::default(),
        created_at: Timestamp::default(),
        data: None,
    }
}

fn entry(
    branch: BranchGeneration,
    key: &ModelKey,
    position: LogPosition,
    state: &AggregateState,
) -> Result<ModelEntry, ApiError> {
    Ok(ModelEntry {
        branch,
        key: key.clone(),
        position,
        value: Json::of(state).map_err(|error| damaged(&error))?,
    })
}

/// The entry of a class that is not there; of one that was deleted, its tombstone.
fn deleted(
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
    let sequence = refusal
        .detail
        .get("actual_seq")
        .and_then(serde_json::Value::as_u64);
    let state = AggregateState {
        sequence: Sequence(sequence.unwrap_or_default()),
        ..nothing()
    };
    entry(branch, key, LogPosition::ZERO, &state).map(Some)
}

fn stored(entry: &ModelEntry) -> Result<Option<Stored>, ApiError> {
    let state: AggregateState = entry.value.read().map_err(|error| damaged(&error))?;
    let Some(data) = state.data else {
        return Ok(None);
    };
    let definition: Fields = data.read().map_err(|error| damaged(&error))?;
    Ok(Some(Stored {
        sequence: Some(state.sequence.0),
        position: Some(entry.position.0),
        projected: None,
        definition,
    }))
}

/// What is there; none: 404.
fn found<T>(found: Result<T, Error>) -> Result<Option<T>, ApiError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(failure(&error)),
    }
}

fn damaged(error: &impl ToString) -> ApiError {
    refusal(&Refusal::new(ErrorCode::Internal, error.to_string()))
}

fn unknown(message: &str) -> ApiError {
    refusal(&Refusal::new(ErrorCode::FailedPrecondition, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_of_a_branch_stands_on_its_parent() {
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
