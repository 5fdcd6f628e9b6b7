//! The state of one database in a dry run. Decides declarations on the state of the api plus the
//! earlier ones of the dry run.

use std::{collections::BTreeSet, sync::Arc};

use serde::Deserialize;
use spice_client::{Client, Read};
use spice_core::{
    command::{Command, Origin},
    decide::{Moment, Need, Stop, WriteState, decide, receipt},
    envelope::Envelope,
    id::{BranchGeneration, CommandId, LogPosition},
    name::{BranchName, DatabaseName},
    ontology::Schema,
};
use spice_operator::{
    ApiError,
    client::{ChangedThing, Declaration, Known, Subject},
};
use uuid::Uuid;

use super::{
    declaration::action,
    facts,
    refusal::{damage_error, invalid_name_error, refusal, undecidable_error},
};

/// The part of a receipt that lists changes.
#[derive(Deserialize)]
struct Changes {
    changes: Vec<ChangedThing>,
}

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

    /// Whether nothing of this dry run was decided yet.
    pub(super) fn is_untouched(&self) -> bool {
        self.sent == 0
    }

    /// What is known about the database. Effects of the dry run are visible immediately.
    pub(super) fn known(&self) -> Known {
        let end = self.state.end().0;
        Known {
            exists: self.state.database().is_some_and(|it| it.live),
            over: 0,
            generation: 1,
            position: end.saturating_sub(1),
            projected: end,
        }
    }

    /// Decides a declaration as the writer does, and keeps its effects if it is accepted.
    pub(super) async fn send(
        &mut self,
        client: &Client,
        declaration: &Declaration,
    ) -> Result<Vec<ChangedThing>, ApiError> {
        if let Subject::Branch { from_branch, .. } = &declaration.subject {
            self.fetch_parent(client, from_branch).await?;
        }
        self.sent += 1;
        let command = Command {
            id: CommandId(Uuid::from_u128(self.sent)),
            database: self.state.stream().database.clone(),
            action: action(declaration)?,
            origin: Origin {
                actor: None,
                service: "rehearsal".to_owned(),
                correlation_id: Uuid::nil(),
                traceparent: None,
                client: None,
            },
        };
        let envelopes = self.decide(client, &command).await?;
        let receipt = receipt(self.state.stream(), &envelopes);
        let receipt = receipt.map_err(|error| damage_error(&error))?;
        let changes = receipt.result.read::<Changes>();
        let Changes { changes } = changes.map_err(|error| damage_error(&error))?;
        // The api writes nothing if nothing changes.
        if !changes.is_empty() {
            for envelope in &envelopes {
                self.state
                    .apply(envelope)
                    .map_err(|error| damage_error(&error))?;
            }
        }
        Ok(changes)
    }

    /// A branch that starts at the end of its parent has the parent's classes.
    async fn fetch_parent(&mut self, client: &Client, parent: &str) -> Result<(), ApiError> {
        let parent: BranchName = parent.parse().map_err(invalid_name_error)?;
        let Some(parent) = self.state.live_branch(&parent) else {
            return Ok(());
        };
        let generation = parent.generation;
        self.fetch(client, vec![Need::Schema(generation)]).await
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
