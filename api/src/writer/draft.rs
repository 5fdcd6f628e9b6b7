//! Decides a batch: looks up what was there before, and decides the rest in order.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use spice_core::{
    decide::{Moment, Receipt, Stop, WriteState, decide, receipt},
    envelope::Envelope,
    error::{ErrorCode, Refusal, StoreError},
    guard::Guard,
    id::{CommandId, StreamId},
    model::{CommandEntry, ModelEntry},
    port::Store,
};
use spice_telemetry::trace;
use tracing::Span;

use super::{
    append::{link, to_lines},
    fetch::{self, Rounds},
    request::Request,
    scribe::Task,
};

/// What a request is answered once the batch is in the log.
pub(super) enum Outcome {
    Accepted(Receipt),
    Refused(Refusal),
    /// It is in the log already.
    Repeated(CommandEntry),
    /// It is the same as an earlier member of this batch.
    SameAs(usize),
}

/// A batch while it is being decided.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) outcomes: Vec<(Request, Outcome)>,
    pub(super) envelopes: Vec<Envelope>,
    /// The same as the lines of the log.
    pub(super) lines: Vec<Bytes>,
    bytes: usize,
    pub(super) entries: Vec<ModelEntry>,
    /// The requests that are not decided yet. Those that follow a sealed log and those that do not
    /// fit remain for the next batch.
    pub(super) rest: VecDeque<Request>,
}

impl Draft {
    /// A batch of which nothing is decided yet.
    pub(super) fn of(requests: Vec<Request>) -> Self {
        Self {
            rest: requests.into(),
            ..Self::default()
        }
    }

    /// The span of its append, linked to the commands that it accepts.
    pub(super) fn span(&self, stream: &StreamId) -> Span {
        let outcomes = self.outcomes.iter();
        let accepted = outcomes.filter(|(_, it)| matches!(it, Outcome::Accepted(_)));
        let span = trace::append(stream, self.outcomes.len());
        let traces = accepted.filter_map(|(it, _)| it.command.origin.traceparent.as_deref());
        trace::link(&span, traces);
        span
    }

    pub(super) fn into_requests(self) -> Vec<Request> {
        let decided = self.outcomes.into_iter().map(|(request, _)| request);
        decided.chain(self.rest).collect()
    }
}

impl Task {
    /// Decides a draft's requests in order; each decision sees the effects of those before it.
    pub(super) async fn decide_all(&mut self, draft: &mut Draft) -> Result<(), StoreError> {
        let known = self.prepare(draft.rest.make_contiguous()).await?;
        let mut waiting = std::mem::take(&mut draft.rest);
        let mut own: HashMap<CommandId, usize> = HashMap::new();
        while let Some(request) = waiting.pop_front() {
            if self.seals_log(draft) && request.creates_database() {
                draft.rest.push_back(request);
                continue;
            }
            let earlier = own.get(&request.command.id).copied();
            let outcome = match self.decide_one(&request, &known, earlier, draft).await {
                Ok(Some(outcome)) => outcome,
                full_or_failed => {
                    draft.rest.push_back(request);
                    draft.rest.append(&mut waiting);
                    return full_or_failed.map(drop);
                }
            };
            if matches!(outcome, Outcome::Accepted(_)) {
                own.insert(request.command.id, draft.outcomes.len());
            }
            draft.outcomes.push((request, outcome));
        }
        Ok(())
    }

    /// Whether this batch seals the log.
    fn seals_log(&self, draft: &Draft) -> bool {
        let database = self.state.as_ref().and_then(WriteState::database);
        !draft.envelopes.is_empty() && database.is_some_and(|database| !database.live)
    }

    /// Looks up which commands are in the log already, and fetches the facts for the decisions about
    /// the others: one round trip each.
    async fn prepare(
        &mut self,
        requests: &[Request],
    ) -> Result<HashMap<CommandId, CommandEntry>, StoreError> {
        let known = self.look_up_known(requests).await?;
        if let Some(state) = &mut self.state {
            state.forget_fetched();
            for request in requests {
                if !request.tallies.is_empty() {
                    state.put_tallies(request.command.id, Arc::clone(&request.tallies));
                }
            }
        }
        let mut needs = Vec::new();
        for request in requests {
            if let Some(state) = &self.state
                && !known.contains_key(&request.command.id)
                && let Err(Stop::Needs(more)) = self.decide(state, request)
            {
                needs.extend(more);
            }
        }
        self.fetch(needs).await?;
        Ok(known)
    }

    fn decide(&self, state: &WriteState, request: &Request) -> Result<Vec<Envelope>, Stop> {
        let moment = Moment {
            stream: self.stream.clone(),
            position: state.end(),
            occurred_at: self.now.max(state.last_time()),
        };
        decide(state, &moment, &request.command)
    }

    /// The outcome of a request; none when it does not fit into this batch any more.
    async fn decide_one(
        &mut self,
        request: &Request,
        known: &HashMap<CommandId, CommandEntry>,
        earlier: Option<usize>,
        draft: &mut Draft,
    ) -> Result<Option<Outcome>, StoreError> {
        let repeat = |digest: &str, first: Outcome| {
            let checked = self.check_payload(request, digest);
            checked.map_or_else(Outcome::Refused, |()| first)
        };
        if let Some(entry) = known.get(&request.command.id) {
            let first = Outcome::Repeated(entry.clone());
            return Ok(Some(repeat(&entry.payload_digest, first)));
        }
        let earlier = earlier.filter(|_| self.ports.settings.guards.has(Guard::EventIdLookup));
        if let Some(index) = earlier
            && let Some((first, _)) = draft.outcomes.get(index)
        {
            return Ok(Some(repeat(&first.digest, Outcome::SameAs(index))));
        }
        let mut rounds = Rounds::default();
        while let Some(state) = &self.state {
            match self.decide(state, request) {
                Ok(envelopes) => return self.accept(envelopes, draft),
                Err(Stop::Refused(refusal)) => return Ok(Some(Outcome::Refused(refusal))),
                Err(Stop::Needs(needs)) => {
                    if let Err(refusal) = rounds.go_on(state, &needs) {
                        return Ok(Some(Outcome::Refused(refusal)));
                    }
                    self.fetch(needs).await?;
                }
            }
        }
        Err(fetch::replaced())
    }

    fn accept(
        &mut self,
        mut envelopes: Vec<Envelope>,
        draft: &mut Draft,
    ) -> Result<Option<Outcome>, StoreError> {
        if draft.envelopes.is_empty() {
            link(&self.head, &mut envelopes)?;
        }
        let lines = to_lines(&envelopes)?;
        let bytes: usize = lines.iter().map(Bytes::len).sum();
        if !draft.envelopes.is_empty() && draft.bytes + bytes > self.ports.settings.batch_bytes {
            return Ok(None);
        }
        let receipt = receipt(&self.stream, &envelopes)
            .map_err(|error| StoreError::damaged(Store::Log, error.to_string()))?;
        if let Some(state) = &mut self.state {
            for envelope in &envelopes {
                draft.entries.extend(state.apply(envelope)?);
            }
        }
        draft.envelopes.extend(envelopes);
        draft.lines.extend(lines);
        draft.bytes += bytes;
        Ok(Some(Outcome::Accepted(receipt)))
    }

    /// Refuses a request whose id was used before with another payload.
    pub(super) fn check_payload(&self, request: &Request, digest: &str) -> Result<(), Refusal> {
        let id = request.command.id;
        if request.digest == digest {
            return Ok(());
        }
        if self.ports.settings.keep_first_on_mismatch {
            tracing::warn!(command_id = %id, "an id was reused with another payload; the first command is kept");
            return Ok(());
        }
        let message = format!("command {id} is in the log with another payload");
        let refusal = Refusal::new(ErrorCode::EventIdReused, message);
        Err(refusal.with("command_id", id.to_string()))
    }
}
