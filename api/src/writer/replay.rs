//! Repeated commands, and their answers.

use std::collections::HashMap;

use spice_core::{
    decide::{Receipt, Stop, is_gone},
    error::{ErrorCode, Refusal, StoreError},
    guard::Guard,
    id::{CommandId, LogPosition},
    model::CommandEntry,
    port::registry::LookedUp,
};

use super::{
    fetch::{self, Rounds},
    receipts::{key_ids, to_receipt},
    request::{Accepted, Answer, Request},
    scribe::Task,
};

impl Task {
    /// Gives each command with a key its id in this log.
    pub(super) fn name(&self, requests: &mut [Request]) {
        for request in requests {
            if let Some(key) = &request.key {
                request.command.id = key.command_in(&self.stream);
            }
        }
    }

    /// Which of these commands are already in the log. A key does not count in other generations of
    /// the database.
    pub(super) async fn look_up_known(
        &mut self,
        requests: &[Request],
    ) -> Result<HashMap<CommandId, CommandEntry>, StoreError> {
        if !self.ports.settings.guards.has(Guard::EventIdLookup) {
            let looked_up = self.ports.look_up(&self.stream, &[]).await?;
            self.note(&looked_up);
            return Ok(HashMap::new());
        }
        let mut known = HashMap::new();
        let mut asked = Vec::new();
        for request in requests {
            let own = request.command.id;
            let ids = match &request.key {
                None => vec![own],
                Some(key) => key_ids(key, &self.stream),
            };
            for id in ids {
                match self.ports.recent.get(id) {
                    Some(entry) => self.take_known(&mut known, request, entry),
                    None => asked.push((id, request)),
                }
            }
        }
        let ids: Vec<CommandId> = asked.iter().map(|(id, _)| *id).collect();
        let reflected = self.reflector.reflected();
        let looked_up = self.ports.look_up(&self.stream, &ids).await?;
        self.note(&looked_up);
        for ((_, request), entry) in asked.into_iter().zip(looked_up.commands) {
            if let Some(entry) = entry {
                self.take_known(&mut known, request, entry);
            }
        }
        if known.len() < requests.len() {
            // A missing command must not be missing only because the registry was lost.
            self.check_reflected(reflected, looked_up.reflected)?;
        }
        self.check_seen(looked_up.reflected).await?;
        Ok(known)
    }

    /// Notes the registry's time, and whether the mark of this log is gone: a lost registry comes
    /// back without it.
    fn note(&mut self, looked_up: &LookedUp) {
        self.now = looked_up.now;
        let owner = &*self.ports.owner;
        if looked_up.marked_by.iter().all(|other| other != owner) {
            self.marked_at = None;
        }
    }

    /// Fails if the log is shorter than what the registry has seen of it. If the state ends exactly
    /// where the log was cut, an append would succeed there. The log's end is read only if the
    /// registry is ahead of the state, so a batch of the only writer costs nothing more.
    async fn check_seen(&self, reflected: LogPosition) -> Result<(), StoreError> {
        if reflected <= self.head.position() {
            return Ok(());
        }
        let end = self.ports.log.end(&self.stream).await?;
        Ok(self.ports.check_end(&self.stream, end, reflected)?)
    }

    fn take_known(
        &self,
        known: &mut HashMap<CommandId, CommandEntry>,
        request: &Request,
        entry: CommandEntry,
    ) {
        let is_elsewhere = request.key.is_some() && entry.stream != self.stream;
        if !is_elsewhere {
            known.insert(request.command.id, entry);
        }
    }

    /// The first answer again, unless nothing is left of what the command created.
    pub(super) async fn replay(&mut self, request: &Request, entry: &CommandEntry) -> Answer {
        let envelopes = self.ports.envelopes_of(entry).await?;
        let receipt = to_receipt(&entry.stream, &envelopes)?;
        let mut rounds = Rounds::default();
        // Only its own sender asks for a command without a key.
        while request.key.is_some() {
            let state = self.state.as_ref().ok_or_else(fetch::replaced)?;
            match is_gone(state, &entry.stream, &envelopes) {
                Ok(true) => return Err(gone(&receipt)),
                Ok(false) => break,
                Err(Stop::Refused(refusal)) => return Err(refusal),
                Err(Stop::Needs(needs)) => {
                    rounds.go_on(state, &needs)?;
                    self.fetch(needs).await?;
                }
            }
        }
        Ok(Accepted {
            receipt,
            is_replay: true,
        })
    }
}

fn gone(receipt: &Receipt) -> Refusal {
    let position = receipt.last;
    let message = format!(
        "the command of this Idempotency-Key was accepted at position {position}, and what it \
         created has been deleted since; use another key to create something new"
    );
    Refusal::new(ErrorCode::Deleted, message)
        .with("position", position.0)
        .with("command_id", receipt.command_id.to_string())
        .with("aggregate_id", receipt.aggregate.to_string())
}
