//! Commits one batch: decides it, appends what is accepted, then answers. A refusal that rests on an
//! earlier member of the batch waits for the append too.

use spice_core::{
    decide::{Mark, Receipt, WriteState},
    error::{ErrorCode, Refusal, StoreError},
    guard::Guard,
    model::CommandEntry,
};
use tracing::Instrument;

use super::{
    append::Appended,
    draft::{Draft, Outcome},
    freshness::Check,
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
        let mut draft = Draft::of(requests);
        if let Err(error) = self.settle_draft(&mut draft).await {
            self.refuse_for(error, draft.into_requests()).await;
            return Vec::new();
        }
        draft.into_requests()
    }

    /// Decides and appends a draft. Answers its requests, or leaves them in the draft if they have
    /// to be decided again. On an error nothing of the draft is in the log.
    async fn settle_draft(&mut self, draft: &mut Draft) -> Result<(), StoreError> {
        self.prepare_state().await?;
        if self.forget_reflected() > MOST_BEHIND {
            let message = "the registry is too far behind the log";
            let refusal = Refusal::new(ErrorCode::Unavailable, message);
            refuse_all(std::mem::take(draft).into_requests(), &refusal);
            return Ok(());
        }
        self.name(draft.rest.make_contiguous());
        self.open_next_log(draft).await?;
        let mark = self.state.as_ref().map(WriteState::mark);
        if let Err(error) = self.decide_all(draft).await {
            self.state = None;
            return Err(error);
        }
        if draft.envelopes.is_empty() {
            return self.answer_without_append(draft).await;
        }
        if let Err(error) = self.mark_active().await {
            self.roll_back(mark);
            return Err(error);
        }
        // A won append is a check: nothing else was there when it was sent.
        let check = self.freshness.begin();
        let span = draft.span(&self.stream);
        let append = self.append(std::mem::take(&mut draft.lines));
        match append.instrument(span).await {
            Appended::Done => self.keep(std::mem::take(draft), &check).await,
            Appended::Lost => {
                self.roll_back(mark);
                self.is_behind = true;
            }
            Appended::Failed(error) => {
                self.roll_back(mark);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Answers a batch of which nothing goes into the log. No append proves that the state is the
    /// log's end, so the end is read first; when another process appended, all is decided again.
    async fn answer_without_append(&mut self, draft: &mut Draft) -> Result<(), StoreError> {
        let reads_tail = self.ports.settings.guards.has(Guard::TailBeforeRefusal);
        if reads_tail && self.read_tail().await? {
            self.is_behind = true;
        } else {
            self.answer(std::mem::take(draft)).await;
        }
        Ok(())
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
    async fn open_next_log(&mut self, draft: &mut Draft) -> Result<(), StoreError> {
        let database = self.state.as_ref().and_then(WriteState::database);
        let is_sealed = database.is_some_and(|database| !database.live);
        if !is_sealed || !draft.rest.iter().any(Request::creates_database) {
            return Ok(());
        }
        let known = self.look_up_known(draft.rest.make_contiguous()).await?;
        let is_known = |request: &Request| known.contains_key(&request.command.id);
        let is_new = |request: &Request| request.creates_database() && !is_known(request);
        if !draft.rest.iter().any(is_new) {
            return Ok(());
        }
        for request in std::mem::take(&mut draft.rest) {
            let Some(entry) = known.get(&request.command.id) else {
                draft.rest.push_back(request);
                continue;
            };
            let answer = self.repeat(&request, entry).await;
            drop(request.answer.send(answer));
        }
        let next = self.stream.next();
        self.move_to(next.clone()).await;
        self.head = self.genesis();
        self.state = Some(WriteState::empty(next));
        self.name(draft.rest.make_contiguous());
        Ok(())
    }

    /// The answer to a request that is in the log already.
    async fn repeat(&mut self, request: &Request, entry: &CommandEntry) -> Answer {
        self.check_payload(request, &entry.payload_digest)?;
        self.replay(request, entry).await
    }

    fn roll_back(&mut self, mark: Option<Mark>) {
        if let (Some(state), Some(mark)) = (&mut self.state, mark) {
            state.roll_back(mark);
        }
    }

    /// The batch is in the log: the registry follows, the clients are answered.
    async fn keep(&mut self, mut draft: Draft, check: &Check) {
        let first = draft.envelopes.first();
        let from = first.map(|first| first.position).unwrap_or_default();
        let entries = std::mem::take(&mut draft.entries);
        if let Some(to) = self.head.anchor() {
            self.reflector.follow(from, to, entries, &draft.envelopes);
        }
        self.give_hint(from);
        if let Err(error) = self.load_schemas().await {
            tracing::warn!(stream = %self.stream, %error, "the classes of a branch were not read");
            self.state = None;
        }
        self.publish(check);
        self.answer(draft).await;
    }

    async fn answer(&mut self, mut draft: Draft) {
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
        draft.rest.append(&mut self.carried);
        self.carried = draft.rest;
    }
}

/// The answer to a command that came twice within a batch.
fn same_as(first: Option<Receipt>) -> Answer {
    let receipt = first.ok_or_else(|| {
        let message = "the first of two equal commands is missing";
        Refusal::new(ErrorCode::Internal, message)
    })?;
    Ok(Accepted {
        receipt,
        is_replay: true,
    })
}

fn refuse_all(requests: Vec<Request>, refusal: &Refusal) {
    for request in requests {
        drop(request.answer.send(Err(refusal.clone())));
    }
}
