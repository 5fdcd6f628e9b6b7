//! A small model of the api's replays for tests. The module `conformance` holds it to the real api.

use std::{collections::VecDeque, sync::Mutex};

use serde_json::json;
use spice_client::{NewReplay, Replay, ReplayState};

use super::api::{Instruction, ReplayApi, Started};
use crate::client::ApiError;

pub(super) const NOW: &str = "2026-01-02T03:04:05Z";

/// How the next request fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing happens, and there is no answer.
    Away,
    /// The request is carried out, and the answer is lost.
    AnswerLost,
}

/// A recorded request.
#[derive(Debug)]
struct Record {
    key: String,
    request: NewReplay,
    replay: Replay,
}

#[derive(Debug, Default)]
pub(super) struct State {
    records: Vec<Record>,
    pub(super) faults: VecDeque<Fault>,
    /// Whether a replay takes a step each time it is read.
    pub(super) is_running: bool,
    /// Whether the database exists.
    pub(super) is_gone: bool,
    /// What was sent that may change something, in order.
    pub(super) sent: Vec<&'static str>,
    pub(super) reads: u32,
}

/// An api with one database.
#[derive(Debug)]
pub(super) struct Memory {
    database: &'static str,
    pub(super) state: Mutex<State>,
}

fn rejected(reason: &str) -> ApiError {
    ApiError::Rejected {
        reason: reason.to_owned(),
        message: "refused".to_owned(),
    }
}

fn away() -> ApiError {
    ApiError::Transient {
        message: "cannot reach the api".to_owned(),
    }
}

fn missing(what: String) -> ApiError {
    ApiError::Missing { what }
}

impl Memory {
    pub(super) fn new(database: &'static str) -> Self {
        Self {
            database,
            state: Mutex::default(),
        }
    }

    /// Changes the only replay.
    pub(super) fn change(&self, change: impl FnOnce(&mut Replay)) {
        change(&mut self.state.lock().unwrap().records[0].replay);
    }

    /// The only replay.
    pub(super) fn replay(&self) -> Replay {
        self.state.lock().unwrap().records[0].replay.clone()
    }

    /// The number of replays.
    pub(super) fn count(&self) -> usize {
        self.state.lock().unwrap().records.len()
    }

    pub(super) fn forget_all(&self) {
        self.state.lock().unwrap().records.clear();
    }

    fn ask<T>(
        &self,
        database: &str,
        what: Option<&'static str>,
        work: impl FnOnce(&mut State) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let state = &mut *self.state.lock().unwrap();
        match what {
            Some(what) => state.sent.push(what),
            None => state.reads += 1,
        }
        let fault = state.faults.pop_front();
        if fault == Some(Fault::Away) {
            return Err(away());
        }
        if state.is_gone || database != self.database {
            return Err(missing(format!("database {database}")));
        }
        let answer = work(state);
        if fault.is_some() { Err(away()) } else { answer }
    }
}

impl ReplayApi for Memory {
    async fn find(&self, database: &str, replay: &str) -> Result<Option<Replay>, ApiError> {
        self.ask(database, None, |state| {
            let is_running = state.is_running;
            let found = state.find(replay);
            Ok(found.map(|record| {
                if is_running {
                    advance(record);
                }
                record.replay.clone()
            }))
        })
    }

    async fn start(
        &self,
        database: &str,
        request: &NewReplay,
        key: &str,
    ) -> Result<Started, ApiError> {
        self.ask(database, Some("start"), |state| {
            state.start(database, request, key)
        })
    }

    async fn instruct(
        &self,
        database: &str,
        replay: &str,
        instruction: Instruction,
    ) -> Result<Replay, ApiError> {
        let what = match instruction {
            Instruction::Approve => "approve",
            Instruction::Cancel => "cancel",
            Instruction::Suspend => "suspend",
            Instruction::Resume => "resume",
        };
        self.ask(database, Some(what), |state| {
            let record = state.find(replay).ok_or_else(|| rejected("not_found"))?;
            obey(&mut record.replay, instruction)?;
            Ok(record.replay.clone())
        })
    }
}

impl State {
    fn find(&mut self, replay: &str) -> Option<&mut Record> {
        let mut records = self.records.iter_mut();
        records.find(|record| record.replay.task_id == replay)
    }

    fn start(
        &mut self,
        database: &str,
        request: &NewReplay,
        key: &str,
    ) -> Result<Started, ApiError> {
        let comparable = |request: &NewReplay| NewReplay {
            suspend: None,
            ..request.clone()
        };
        if let Some(branch) = request.branch.as_ref().filter(|it| *it != "main") {
            return Err(missing(format!("branch {branch}")));
        }
        if let Some(record) = self.records.iter().find(|record| record.key == key) {
            return if comparable(&record.request) == comparable(request) {
                Ok(Started::Replay(Box::new(record.replay.clone())))
            } else {
                Err(rejected("event_id_reused"))
            };
        }
        let mut open = self.records.iter().map(|record| &record.replay);
        if let Some(other) = open.find(|replay| !replay.state.is_finished()) {
            return Ok(Started::Busy(other.task_id.clone()));
        }
        let replay = json!({
            "task_id": format!("replay-of-{key}"), "database": database, "state": "pending",
            "suspended": request.suspend.unwrap_or_default(), "events_total": 0,
            "events_replayed": 0, "events_per_second": 0, "requested_at": NOW,
        });
        let replay: Replay = serde_json::from_value(replay).unwrap();
        self.records.push(Record {
            key: key.to_owned(),
            request: request.clone(),
            replay: replay.clone(),
        });
        Ok(Started::Replay(Box::new(replay)))
    }
}

fn is_decided(replay: &Replay) -> bool {
    let late = [ReplayState::Swapping, ReplayState::Dropping];
    replay.state.is_finished() || late.contains(&replay.state)
}

fn obey(replay: &mut Replay, instruction: Instruction) -> Result<(), ApiError> {
    let late = || Err(rejected("failed_precondition"));
    match instruction {
        Instruction::Approve if replay.approved_at.is_some() => {}
        Instruction::Approve if replay.state != ReplayState::AwaitingApproval => return late(),
        Instruction::Approve => replay.approved_at = Some(NOW.to_owned()),
        Instruction::Cancel if replay.state == ReplayState::Cancelled => {}
        Instruction::Cancel if replay.state == ReplayState::Dropping => {}
        Instruction::Cancel if is_decided(replay) => return late(),
        Instruction::Cancel => replay.state = ReplayState::Dropping,
        Instruction::Suspend if replay.suspended => {}
        Instruction::Suspend if is_decided(replay) => return late(),
        Instruction::Suspend => replay.suspended = true,
        Instruction::Resume => replay.suspended = false,
    }
    Ok(())
}

/// Takes the next step.
fn advance(record: &mut Record) {
    let replay = &mut record.replay;
    if replay.suspended && !is_decided(replay) {
        return;
    }
    replay.state = match replay.state {
        ReplayState::Pending => {
            replay.started_at = Some(NOW.to_owned());
            replay.events_total = 20;
            ReplayState::Filling
        }
        ReplayState::Filling => {
            replay.events_replayed = 20;
            ReplayState::Comparing
        }
        ReplayState::Comparing => {
            replay.digests_match = Some(true);
            ReplayState::AwaitingApproval
        }
        ReplayState::AwaitingApproval => {
            let waits = record.request.approval.as_deref() == Some("Manual");
            if waits && replay.approved_at.is_none() {
                return;
            }
            ReplayState::Swapping
        }
        ReplayState::Swapping => ReplayState::Complete,
        ReplayState::Dropping => ReplayState::Cancelled,
        finished => finished,
    };
    if replay.state.is_finished() && replay.ended_at.is_none() {
        replay.ended_at = Some(NOW.to_owned());
    }
}

#[tokio::test]
async fn the_model_does_what_the_operator_expects_of_replays() {
    let memory = Memory::new("shop");
    memory.state.lock().unwrap().is_running = true;
    super::conformance::check(&memory, "shop").await.unwrap();
}
