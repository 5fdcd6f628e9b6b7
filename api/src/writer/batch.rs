//! One batch: look up what was there before, decide the rest in order, append what is accepted,
//! then answer. A refusal that rests on an earlier member of the batch waits for the PUT too.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use spice_core::{
    command::Action,
    decide::{Moment, Receipt, Stop, WriteState, decide, receipt},
    envelope::Envelope,
    error::{ErrorCode, Refusal, StoreError},
    guard::Guard,
    id::CommandId,
    model::{CommandEntry, ModelEntry},
    port::Store,
};

use super::{
    Accepted, Answer, Request,
    append::{Appended, to_lines},
    fetch::{self, Rounds},
    freshness::Look,
    scribe::Task,
};

/// Envelopes that the registry may be behind before commands have to wait: what it does not have
/// yet is held in memory.
const MOST_BEHIND: u64 = 200_000;

/// What is to become of a request once the batch is in the log.
enum Outcome {
    Accepted(Receipt),
    Refused(Refusal),
    /// It stands in the log already.
    Repeated(CommandEntry),
    /// It is the same as an earlier member of this batch.
    SameAs(usize),
}

/// A batch as it is decided.
#[derive(Default)]
struct Draft {
    outcomes: Vec<(Request, Outcome)>,
    envelopes: Vec<Envelope>,
    /// The envelopes as they go into the log.
    lines: Vec<Bytes>,
    bytes: usize,
    entries: Vec<ModelEntry>,
    /// What has to wait for the next batch: what follows a sealed log, and what does not fit.
    rest: VecDeque<Request>,
}

impl Task {
    /// Brings every request of a batch to its answer.
    pub(super) async fn commit(&mut self, requests: Vec<Request>) {
        let mut open = requests;
        while !open.is_empty() {
            open = self.attempt(open).await;
        }
    }

    /// One attempt; returns what has to be decided again, because another writer appended.
    async fn attempt(&mut self, requests: Vec<Request>) -> Vec<Request> {
        if let Err(error) = self.prepare_state().await {
            self.refuse_for(error, requests).await;
            return Vec::new();
        }
        if self.forget_reflected() > MOST_BEHIND {
            refuse_all(
                requests,
                &super::behind("the registry is too far behind the log"),
            );
            return Vec::new();
        }
        let mut requests = requests;
        self.name(&mut requests);
        if let Err(requests) = self.turn_generation(requests).await {
            return requests;
        }
        Vec::new()
    }

    /// Decides and appends; a request to make a deleted database opens its next log first.
    async fn turn_generation(&mut self, requests: Vec<Request>) -> Result<(), Vec<Request>> {
        let requests = self.open_next_log(requests).await;
        let mark = self
            .state
            .as_ref()
            .map(spice_core::decide::WriteState::mark);
        let mut draft = Draft::default();
        if let Err(error) = self.decide_all(requests, &mut draft).await {
            self.state = None;
            let refusal = error.into();
            refuse_all(draft.into_requests(), &refusal);
            return Ok(());
        }
        if draft.envelopes.is_empty() {
            return self.answer_without_append(draft).await;
        }
        if let Err(error) = self.mark_active().await {
            self.roll_back(mark);
            self.refuse_for(error, draft.into_requests()).await;
            return Ok(());
        }
        // A won append is a look: nothing else was there when it was sent.
        let look = self.freshness.begin();
        let appended = self.append(std::mem::take(&mut draft.lines)).await;
        match appended {
            Appended::Done => {
                self.keep(draft, &look).await;
                Ok(())
            }
            Appended::Lost => {
                self.roll_back(mark);
                self.is_behind = true;
                Err(draft.into_requests())
            }
            Appended::Failed(error) => {
                self.roll_back(mark);
                self.refuse_for(error, draft.into_requests()).await;
                Ok(())
            }
        }
    }

    /// Answers a batch of which nothing goes into the log. No append proves that the state is the
    /// log's end, so the end is read first; when another process appended, all is decided again.
    async fn answer_without_append(&mut self, draft: Draft) -> Result<(), Vec<Request>> {
        let reads_tail = self.ports.settings.guards.has(Guard::TailBeforeRefusal);
        let tail = if reads_tail {
            self.read_tail().await
        } else {
            Ok(false)
        };
        match tail {
            Ok(false) => {
                self.answer(draft).await;
                Ok(())
            }
            Ok(true) => {
                self.is_behind = true;
                Err(draft.into_requests())
            }
            Err(error) => {
                self.refuse_for(error, draft.into_requests()).await;
                Ok(())
            }
        }
    }

    /// Refuses requests because of a store.
    async fn refuse_for(&mut self, error: StoreError, requests: Vec<Request>) {
        tracing::warn!(stream = %self.stream, %error, "cannot commit a batch");
        self.fail(&error).await;
        refuse_all(requests, &error.into());
    }

    /// Opens the next log when a request makes the deleted database anew. What the sealed log knows
    /// is answered from there before: a late retry must not make the database again. When nothing
    /// gets into the next log, [`Task::settle`] goes back to the sealed one.
    async fn open_next_log(&mut self, requests: Vec<Request>) -> Vec<Request> {
        let database = self.state.as_ref().and_then(WriteState::database);
        let is_sealed = database.is_some_and(|database| !database.live);
        if !is_sealed || !requests.iter().any(Request::creates_database) {
            return requests;
        }
        let known = match self.known(&requests).await {
            Ok(known) => known,
            Err(error) => {
                refuse_all(requests, &error.into());
                return Vec::new();
            }
        };
        let is_known = |request: &Request| known.contains_key(&request.command.id);
        let is_new = |request: &Request| request.creates_database() && !is_known(request);
        if !requests.iter().any(is_new) {
            return requests;
        }
        let (repeated, mut rest): (Vec<_>, Vec<_>) = requests.into_iter().partition(is_known);
        for request in repeated {
            let answer = match known.get(&request.command.id) {
                Some(entry) => self.repeated(&request, entry).await,
                None => continue,
            };
            drop(request.answer.send(answer));
        }
        let next = self.stream.next();
        self.move_to(next.clone()).await;
        self.head = self.genesis();
        self.state = Some(WriteState::empty(next));
        self.name(&mut rest);
        rest
    }

    /// The answer to a request that the log knows.
    async fn repeated(&mut self, request: &Request, entry: &CommandEntry) -> Answer {
        let same = entry.payload_digest == request.digest;
        let keep_first = self.ports.settings.keep_first_on_mismatch;
        match repeat(request, same, keep_first, Outcome::Repeated(entry.clone())) {
            Outcome::Refused(refusal) => Err(refusal),
            _ => self.replay(request, entry).await,
        }
    }

    fn roll_back(&mut self, mark: Option<spice_core::decide::Mark>) {
        if let (Some(state), Some(mark)) = (&mut self.state, mark) {
            state.roll_back(mark);
        }
    }

    /// The batch is in the log: the registry follows, the clients are answered.
    async fn keep(&mut self, mut draft: Draft, look: &Look) {
        let from = draft
            .envelopes
            .first()
            .map(|envelope| envelope.position)
            .unwrap_or_default();
        let entries = std::mem::take(&mut draft.entries);
        if let Some(to) = self.head.anchor() {
            self.reflector.follow(from, to, entries, &draft.envelopes);
        }
        self.give_hint(from);
        if let Err(error) = self.load_schemas().await {
            tracing::warn!(stream = %self.stream, %error, "the classes of a branch were not read");
            self.state = None;
        }
        self.publish(look);
        self.answer(draft).await;
    }

    async fn answer(&mut self, draft: Draft) {
        let mut accepted: Vec<Option<Receipt>> = Vec::with_capacity(draft.outcomes.len());
        for (request, outcome) in draft.outcomes {
            let answer = match outcome {
                Outcome::Accepted(receipt) => Ok(Accepted {
                    receipt,
                    is_replay: false,
                }),
                Outcome::Refused(refusal) => Err(refusal),
                Outcome::Repeated(entry) => self.replay(&request, &entry).await,
                Outcome::SameAs(index) => same_as(accepted.get(index).cloned().flatten()),
            };
            accepted.push(answer.as_ref().ok().map(|answer| answer.receipt.clone()));
            // A client that has gone away needs no answer; its command stands all the same.
            drop(request.answer.send(answer));
        }
        for request in draft.rest.into_iter().rev() {
            self.carried.push_front(request);
        }
    }

    async fn decide_all(
        &mut self,
        requests: Vec<Request>,
        draft: &mut Draft,
    ) -> Result<(), StoreError> {
        let mut waiting = VecDeque::from(requests);
        let prepared = self.prepare(waiting.make_contiguous()).await;
        let known = match prepared {
            Ok(known) => known,
            Err(error) => {
                draft.rest = waiting;
                return Err(error);
            }
        };
        let mut own: HashMap<CommandId, usize> = HashMap::new();
        while let Some(request) = waiting.pop_front() {
            if self.sealed_here(draft) && request.creates_database() {
                draft.rest.push_back(request);
                continue;
            }
            let earlier = own.get(&request.command.id).copied();
            let outcome = match self.decide_one(&request, &known, earlier, draft).await {
                Ok(Some(outcome)) => outcome,
                Ok(None) => {
                    draft.rest.push_back(request);
                    draft.rest.append(&mut waiting);
                    return Ok(());
                }
                Err(error) => {
                    draft.rest.push_back(request);
                    draft.rest.append(&mut waiting);
                    return Err(error);
                }
            };
            if matches!(outcome, Outcome::Accepted(_)) {
                own.insert(request.command.id, draft.outcomes.len());
            }
            draft.outcomes.push((request, outcome));
        }
        Ok(())
    }

    /// Whether this very batch seals the log.
    fn sealed_here(&self, draft: &Draft) -> bool {
        !draft.envelopes.is_empty()
            && self
                .state
                .as_ref()
                .and_then(|state| state.database())
                .is_some_and(|d| !d.live)
    }

    /// One round trip each for what was there before and for what the decisions have to know.
    async fn prepare(
        &mut self,
        requests: &[Request],
    ) -> Result<HashMap<CommandId, CommandEntry>, StoreError> {
        let known = self.known(requests).await?;
        if let Some(state) = &mut self.state {
            state.forget_fetched();
        }
        let mut needs = Vec::new();
        for request in requests
            .iter()
            .filter(|r| !known.contains_key(&r.command.id))
        {
            if let Some(state) = &self.state
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

    /// What becomes of a request; none when it does not fit into this batch any more.
    async fn decide_one(
        &mut self,
        request: &Request,
        known: &HashMap<CommandId, CommandEntry>,
        earlier: Option<usize>,
        draft: &mut Draft,
    ) -> Result<Option<Outcome>, StoreError> {
        let keep_first = self.ports.settings.keep_first_on_mismatch;
        if let Some(entry) = known.get(&request.command.id) {
            let same = entry.payload_digest == request.digest;
            let first = Outcome::Repeated(entry.clone());
            return Ok(Some(repeat(request, same, keep_first, first)));
        }
        let earlier = earlier.filter(|_| self.ports.settings.guards.has(Guard::EventIdLookup));
        if let Some(index) = earlier
            && let Some((first, outcome)) = draft.outcomes.get(index)
            && matches!(outcome, Outcome::Accepted(_))
        {
            let same = first.digest == request.digest;
            let first = Outcome::SameAs(index);
            return Ok(Some(repeat(request, same, keep_first, first)));
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
            self.link(&mut envelopes)?;
        }
        let lines = to_lines(&envelopes)?;
        let bytes: usize = lines.iter().map(Bytes::len).sum();
        if !draft.envelopes.is_empty() && draft.bytes + bytes > self.ports.settings.batch_bytes {
            return Ok(None);
        }
        let damaged = |reason: String| StoreError::Damaged {
            store: Store::Log,
            reason,
        };
        let receipt =
            receipt(&self.stream, &envelopes).map_err(|error| damaged(error.to_string()))?;
        if let Some(state) = &mut self.state {
            for envelope in &envelopes {
                let entries = state
                    .apply(envelope)
                    .map_err(|error| damaged(error.to_string()))?;
                draft.entries.extend(entries);
            }
        }
        draft.envelopes.extend(envelopes);
        draft.lines.extend(lines);
        draft.bytes += bytes;
        Ok(Some(Outcome::Accepted(receipt)))
    }
}

impl Request {
    fn creates_database(&self) -> bool {
        matches!(self.command.action, Action::CreateDatabase { .. })
    }
}

impl Draft {
    fn into_requests(self) -> Vec<Request> {
        self.outcomes
            .into_iter()
            .map(|(request, _)| request)
            .chain(self.rest)
            .collect()
    }
}

/// The answer to a command that came twice within a batch.
fn same_as(first: Option<Receipt>) -> Answer {
    let lost = || {
        Refusal::new(
            ErrorCode::Internal,
            "the first of two equal commands is missing",
        )
    };
    Ok(Accepted {
        receipt: first.ok_or_else(lost)?,
        is_replay: true,
    })
}

fn repeat(request: &Request, same: bool, keep_first: bool, first: Outcome) -> Outcome {
    let id = request.command.id;
    if same {
        return first;
    }
    if keep_first {
        tracing::warn!(command_id = %id, "an id was reused with another payload; the first command is kept");
        return first;
    }
    let message = format!("command {id} is in the log with another payload");
    let refusal = Refusal::new(ErrorCode::EventIdReused, message);
    Outcome::Refused(refusal.with("command_id", id.to_string()))
}

fn refuse_all(requests: Vec<Request>, refusal: &Refusal) {
    for request in requests {
        drop(request.answer.send(Err(refusal.clone())));
    }
}
