//! A small model of the api for tests: its state, its refusals, and its failures.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Mutex,
};

use spice_crds::{Exact, Fields};
use uuid::Uuid;

use crate::client::{Accepted, Api, ApiError, Command, Progress, Stored, Verb};

/// How the next command fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing happens, and there is no answer.
    Away,
    /// The command is executed, and the answer is lost.
    AnswerLost,
    /// The command is executed and projected later.
    Late,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    /// Things by path; a class by `database/branch/class`.
    pub(crate) things: BTreeMap<String, Stored>,
    pub(crate) faults: VecDeque<Fault>,
    pub(crate) refuse: Option<(&'static str, &'static str)>,
    answers: BTreeMap<Uuid, Accepted>,
    late: BTreeMap<String, u32>,
    /// The executed effects, in order.
    pub(crate) effects: Vec<String>,
    pub(crate) reads_fail: u32,
    /// Whether a handler has parked the late commands.
    pub(crate) parked: bool,
    position: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) state: Mutex<State>,
}

fn away() -> ApiError {
    ApiError::Transient {
        message: "cannot reach the api".into(),
    }
}

impl Memory {
    fn read(&self, key: &str) -> Result<Option<Stored>, ApiError> {
        let mut state = self.state.lock().unwrap();
        if state.reads_fail > 0 {
            state.reads_fail -= 1;
            return Err(away());
        }
        Ok(state.things.get(key).cloned())
    }

    pub(crate) fn effects(&self) -> Vec<String> {
        self.state.lock().unwrap().effects.clone()
    }

    /// Simulates a write by someone else.
    pub(crate) fn meddle(&self, key: &str, change: impl FnOnce(&mut Stored)) {
        let mut state = self.state.lock().unwrap();
        if let Some(thing) = state.things.get_mut(key) {
            change(thing);
            thing.sequence = thing.sequence.map(|n| n + 1);
        }
    }
}

fn key_of(command: &Command) -> String {
    let branch = command
        .query
        .iter()
        .find(|(key, _)| *key == "branch")
        .map(|(_, value)| value);
    let body = |key: &str| {
        command
            .body
            .as_ref()
            .and_then(|b| b.get(key)?.as_str())
            .unwrap_or_default()
    };
    let id = |name: &str| {
        let given = command.path.get(3).cloned();
        given.unwrap_or_else(|| body(name).to_owned())
    };
    match command.path.get(2).map(String::as_str) {
        None => command
            .path
            .get(1)
            .cloned()
            .unwrap_or_else(|| body("name").to_owned()),
        Some("branches") => format!("{}/{}", command.path[1], id("name")),
        Some(_) => format!("{}/{}/{}", command.path[1], branch.unwrap(), id("id")),
    }
}

impl Api for Memory {
    async fn database(&self, database: &str) -> Result<Option<Stored>, ApiError> {
        self.read(database)
    }
    async fn branch(&self, database: &str, branch: &str) -> Result<Option<Stored>, ApiError> {
        self.read(&format!("{database}/{branch}"))
    }
    async fn class(&self, db: &str, branch: &str, class: &str) -> Result<Option<Stored>, ApiError> {
        self.read(&format!("{db}/{branch}/{class}"))
    }
    async fn command(&self, command: &str) -> Result<Option<Progress>, ApiError> {
        let mut state = self.state.lock().unwrap();
        let is_parked = state.parked;
        let left = state.late.entry(command.to_owned()).or_default();
        let progress = if *left > 0 && is_parked {
            return Ok(Some(Progress::Parked(vec!["graph_worker".to_owned()])));
        } else if *left == 0 {
            Progress::Completed
        } else {
            Progress::Pending
        };
        *left = left.saturating_sub(1);
        Ok(Some(progress))
    }

    async fn send(&self, command: &Command) -> Result<Accepted, ApiError> {
        let state = &mut *self.state.lock().unwrap();
        if let Some((reason, message)) = state.refuse {
            return Err(ApiError::Rejected {
                reason: reason.into(),
                message: message.into(),
            });
        }
        let fault = state.faults.pop_front();
        if fault == Some(Fault::Away) {
            return Err(away());
        }
        if let Some(answer) = state.answers.get(&command.key) {
            return Ok(answer.clone());
        }
        let key = key_of(command);
        let conflict = |message: &str| ApiError::Conflict {
            message: message.into(),
        };
        let expected = command
            .query
            .iter()
            .find(|(name, _)| *name == "expected_seq");
        if let (Some((_, expected)), Some(thing)) = (expected, state.things.get(&key))
            && thing.sequence.map(|n| n.to_string()).as_ref() != Some(expected)
        {
            return Err(conflict("another sequence"));
        }
        state.position += 1;
        let position = Some(state.position);
        match (command.verb, state.things.get_mut(&key)) {
            (Verb::Create, Some(_)) => return Err(conflict("it is there")),
            (Verb::Create, None) => {
                let definition = body(command);
                let stored = Stored {
                    sequence: Some(1),
                    position,
                    definition,
                    projected: None,
                };
                state.things.insert(key.clone(), stored);
            }
            (Verb::Update, Some(thing)) => {
                thing.definition.extend(body(command));
                thing.sequence = thing.sequence.map(|n| n + 1);
                thing.position = position;
            }
            (Verb::Update, None) => return Err(conflict("it is gone")),
            (Verb::Delete, _) => {
                let below = format!("{key}/");
                state
                    .things
                    .retain(|other, _| *other != key && !other.starts_with(&below));
            }
        }
        state
            .effects
            .push(format!("{} {key}", command.verb.as_str()));
        let id = command.key.to_string();
        let progress = if fault == Some(Fault::Late) {
            state.late.insert(id.clone(), 2);
            Progress::Pending
        } else {
            Progress::Completed
        };
        let answer = Accepted {
            command: Some(id),
            progress,
        };
        state.answers.insert(command.key, answer.clone());
        if fault == Some(Fault::AnswerLost) {
            Err(away())
        } else {
            Ok(answer)
        }
    }
}

fn body(command: &Command) -> Fields {
    command
        .body
        .as_ref()
        .and_then(Exact::as_object)
        .cloned()
        .unwrap_or_default()
}
