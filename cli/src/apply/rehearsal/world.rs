//! The state of one database in a dry run. Decides actions on the state of the api plus the earlier
//! actions of the dry run.

use std::{collections::BTreeSet, sync::Arc};

use spice_client::{Client, Read};
use spice_core::{
    command::{Action, Command, Origin},
    decide::{Moment, Need, Stop, WriteState, decide},
    envelope::Envelope,
    id::{BranchGeneration, CommandId, LogPosition},
    model::{AggregateState, ModelEntry, ModelKey},
    name::{BranchName, ClassName, DatabaseName},
    ontology::Schema,
};
use spice_crds::Fields;
use spice_operator::{
    ApiError,
    client::{Stored, description_fields, origin},
};
use uuid::Uuid;

use super::{
    facts,
    refusal::{damage_error, invalid_name_error, refusal, undecidable_error},
};

/// A database in a dry run.
pub(super) struct World {
    state: WriteState,
    /// The first position after the real log.
    start: LogPosition,
    /// The number of commands in this dry run.
    sent: u128,
}

impl World {
    /// The database as the api has it; an empty log if it does not exist.
    pub(super) async fn load(client: &Client, database: DatabaseName) -> Result<Self, ApiError> {
        let state = facts::load(client, database).await?;
        Ok(Self {
            start: state.end(),
            state,
            sent: 0,
        })
    }

    /// The database, if it exists. Effects of the dry run are visible immediately.
    pub(super) fn database(&self) -> Option<Stored> {
        let database = self.state.database().filter(|database| database.live)?;
        Some(Stored {
            sequence: Some(database.sequence.0),
            position: self.state.end().0.checked_sub(1),
            projected: None,
            definition: description_fields(&database.description),
        })
    }

    /// A branch, if it exists.
    pub(super) fn branch(&self, name: &str) -> Result<Option<Stored>, ApiError> {
        let name: BranchName = name.parse().map_err(invalid_name_error)?;
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

    /// A class, if it exists.
    pub(super) async fn class(
        &mut self,
        client: &Client,
        branch: &str,
        class: &str,
    ) -> Result<Option<Stored>, ApiError> {
        let name: BranchName = branch.parse().map_err(invalid_name_error)?;
        let key = ModelKey::class(&class.parse::<ClassName>().map_err(invalid_name_error)?);
        let Some(branch) = self.state.live_branch(&name).cloned() else {
            return Ok(None);
        };
        loop {
            match self.state.entry(&branch, &key) {
                Ok(entry) => return entry.map_or(Ok(None), read_stored),
                Err(Stop::Needs(needs)) => self.fetch(client, needs).await?,
                Err(Stop::Refused(refused)) => return Err(refusal(&refused)),
            }
        }
    }

    /// Decides an action as the writer does, and keeps its effects if it is accepted.
    pub(super) async fn send(&mut self, client: &Client, action: Action) -> Result<(), ApiError> {
        if let Action::CreateBranch { from_branch, .. } = &action
            && let Some(parent) = self.state.live_branch(from_branch)
        {
            // A branch that starts at the end of its parent has the parent's classes.
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
                .map_err(|error| damage_error(&error))?;
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
                        return Err(undecidable_error(
                            "the decision asks again for a fact that it already has",
                        ));
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
                    let schema = match self.find_place(generation) {
                        Some(read) => facts::schema(client, self.name(), &read).await?,
                        None => Schema::default(),
                    };
                    self.state.put_schema(generation, Arc::new(schema));
                }
                Need::Entry(generation, key) => {
                    let entry = match self.find_place(generation) {
                        Some(read) => {
                            facts::fetch_entry(client, self.name(), &read, generation, &key).await?
                        }
                        None => None,
                    };
                    self.state.put_entry(generation, key, entry);
                }
                Need::LiveInstances(asked) => {
                    let keys = match self.find_place(asked.branch) {
                        Some(read) => facts::instances(client, self.name(), &read, &asked).await?,
                        None => BTreeSet::new(),
                    };
                    self.state.put_live_instances(asked, keys);
                }
                // Only merges need the state of a branch at a past position.
                Need::EntryAt(lineage, key) => self.state.put_entry_at(lineage, key, None),
                Need::Changed(_) => {
                    return Err(undecidable_error("a dry run does not compare branches"));
                }
            }
        }
        Ok(())
    }

    /// The place in the api that shows a branch: the branch itself or, for a branch of this dry
    /// run, its parent at the branch point. None if the api has neither.
    fn find_place(&self, generation: BranchGeneration) -> Option<Read> {
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

fn read_stored(entry: &ModelEntry) -> Result<Option<Stored>, ApiError> {
    let state: AggregateState = entry.value.read().map_err(|error| damage_error(&error))?;
    let Some(data) = state.data else {
        return Ok(None);
    };
    let definition: Fields = data.read().map_err(|error| damage_error(&error))?;
    Ok(Some(Stored {
        sequence: Some(state.sequence.0),
        position: Some(entry.position.0),
        projected: None,
        definition,
    }))
}
