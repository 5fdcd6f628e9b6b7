//! Commits one batch: decides it, appends what is accepted, then answers. A refusal that rests on an
//! earlier member of the batch waits for the append too.

use spice_core::{
    decide::{Receipt, WriteState},
    error::{ErrorCode, Refusal, StoreError},
    guard::Guard,
    model::CommandEntry,
};
use tracing::Instrument;

use super::{
    append::Appended,
    draft::{Draft, Outcome, repeat},
    freshness::Look,
    request::{Accepted, Answer, Request},
    scribe::Task,
};

/// Envelopes that the registry may be behind before commands have to wait: what it does not have
/// yet is held in memory.
const MOST_BEHIND: u64 = 200_000;

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
                &Refusal::new(
                    ErrorCode::Unavailable,
                    "the registry is too far behind the log",
                ),
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

    /// Decides and appends; a request to create a deleted database opens its next log first.
    async fn turn_generation(&mut self, requests: Vec<Request>) -> Result<(), Vec<Request>> {
        let requests = self.open_next_log(requests).await;
        let mark = self
            .state
            .as_ref()
            .map(spice_core::decide::WriteState::mark);
        let mut draft = Draft::default();
        if let Err(error) = self.decide_all(requests, &mut draft).await {
            self.state = None;
            self.refuse_for(error, draft.into_requests()).await;
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
        let span = draft.span(&self.stream);
        let append = self.append(std::mem::take(&mut draft.lines));
        let appended = append.instrument(span).await;
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

    /// Opens the next log when a request creates the deleted database again. Commands that are in
    /// the sealed log are answered from there first: a late retry must not create the database
    /// again. If nothing gets into the next log, [`Task::settle`] goes back to the sealed one.
    async fn open_next_log(&mut self, requests: Vec<Request>) -> Vec<Request> {
        let database = self.state.as_ref().and_then(WriteState::database);
        let is_sealed = database.is_some_and(|database| !database.live);
        if !is_sealed || !requests.iter().any(Request::creates_database) {
            return requests;
        }
        let known = match self.known(&requests).await {
            Ok(known) => known,
            Err(error) => {
                self.refuse_for(error, requests).await;
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

    /// The answer to a request that is in the log already.
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

fn refuse_all(requests: Vec<Request>, refusal: &Refusal) {
    for request in requests {
        drop(request.answer.send(Err(refusal.clone())));
    }
}
