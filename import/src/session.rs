//! One run of an import: sends batches, and keeps rejects and journal consistent with the answers.

use std::time::Duration;

use bytes::Bytes;
use spice_client::{BulkAnswer, Client, OnError as Refused, Read, Write};
use spice_core::name::{ClassName, InstanceId};
use tokio::time::{Instant, timeout};

use crate::{
    batch::Batch,
    check::check,
    column::LeftOut,
    digest::hex,
    error::{Error, Result},
    journal::{Journal, JournalFile},
    observer::{Event, Observer},
    options::{OnError, Options},
    reader::Record,
    reason::Reason,
    rejects::{Late, Rejects},
    settle::{Outcome, Seen, settle},
    shape::Shape,
    start::Start,
    summary::{Stop, Summary, rate},
    waiting::{Waiting, WaitingRow},
};

/// The time between two writes of the journal. What came after the last write is repeated, with the
/// same effect.
const STORE: Duration = Duration::from_millis(250);
/// How long the projections may make no progress at the end, in waits of the api.
const WAIT: Duration = Duration::from_secs(30);
const WAITS: usize = 20;
/// How long an answer may take before the observer is notified.
const SILENCE: Duration = Duration::from_secs(10);

/// The parts of a summary other than row counts.
#[derive(Default)]
pub(crate) struct Facts {
    pub(crate) lines_before_head: u64,
    pub(crate) left_out: Vec<LeftOut>,
}

/// One run of an import.
pub(crate) struct Session<'a> {
    client: &'a Client,
    options: &'a Options,
    observer: &'a mut dyn Observer,
    shape: &'a dyn Shape,
    facts: Facts,
    pub(crate) file: JournalFile,
    journal: Journal,
    rejects: Rejects,
    waiting: Waiting,
    /// Rows that waited and were rejected.
    late: Vec<Late>,
    /// The journal before the first waiting row. An interrupted import resumes there.
    frozen: Option<Journal>,
    seen: Seen,
    started: Instant,
    stored: Instant,
    /// The elapsed time of earlier runs.
    before: f64,
    /// The number of rows that earlier runs rejected.
    rejected_before: u64,
}

impl<'a> Session<'a> {
    pub(crate) fn begin(
        client: &'a Client,
        options: &'a Options,
        observer: &'a mut dyn Observer,
        shape: &'a dyn Shape,
        facts: Facts,
        start: Start,
        bytes: Option<u64>,
    ) -> Result<Self> {
        // From the first command on, a resumed run uses the same keys.
        start.file.store(&start.journal)?;
        start.announce(bytes, observer);
        let now = Instant::now();
        Ok(Self {
            client,
            options,
            observer,
            shape,
            facts,
            file: start.file,
            rejects: start.rejects,
            waiting: Waiting::default(),
            late: Vec::new(),
            frozen: None,
            seen: Seen::default(),
            started: now,
            stored: now,
            before: start.journal.seconds,
            rejected_before: start.journal.counts.rejected,
            journal: start.journal,
        })
    }

    /// Sends a batch, and counts the results of its rows.
    pub(crate) async fn process(&mut self, batch: Batch) -> Result<()> {
        let outcomes = self.send(&batch, &batch.begin.offset.to_string()).await?;
        let is_waiting = |outcome: &Outcome| matches!(outcome, Outcome::Waiting(_));
        if self.may_wait() && self.frozen.is_none() && outcomes.iter().any(is_waiting) {
            self.journal.rejects = self.rejects.flush()?;
            self.frozen = Some(self.journal.clone());
        }
        for (index, outcome) in outcomes.into_iter().enumerate() {
            match outcome {
                Outcome::Rejected(reasons) => self.reject(&batch, index, &reasons)?,
                Outcome::Waiting(reasons) => self.keep(&batch, index, &reasons)?,
                Outcome::Created => self.journal.counts.created += 1,
                Outcome::Unchanged => self.journal.counts.unchanged += 1,
            }
        }
        let counts = &mut self.journal.counts;
        counts.rows += batch.rows.len() as u64;
        counts.equal_rows += batch.equal;
        counts.blank_rows += batch.blanks;
        counts.surplus_cells += batch.surplus;
        counts.blank_items += batch.blank_items;
        counts.blank_item_line = counts.blank_item_line.or(batch.blank_item_line);
        self.journal.place = batch.end;
        if self.stored.elapsed() >= STORE {
            self.store()?;
        }
        self.observer.observe(Event::Advanced {
            counts: &self.journal.counts,
            offset: self.journal.place.offset,
        });
        Ok(())
    }

    /// Sends the waiting rows again after all others.
    pub(crate) async fn send_waiting(&mut self) -> Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        let most = self.options.batch;
        let send = async |pass, rows| self.send_part(pass, rows).await;
        for row in waiting.resend(most, send).await? {
            self.reject_late(&row.raw, row.id.as_ref(), &row.reasons, row.place);
        }
        self.late.sort_by_key(|row| row.line);
        self.rejects.insert(&std::mem::take(&mut self.late))?;
        self.frozen = None;
        Ok(())
    }

    /// Syncs what was recorded so far.
    pub(crate) fn store(&mut self) -> Result<()> {
        self.journal.rejects = self.rejects.flush()?;
        self.journal.seconds = self.seconds();
        if let Some(frozen) = &mut self.frozen {
            frozen.seconds = self.journal.seconds;
        }
        self.file
            .store(self.frozen.as_ref().unwrap_or(&self.journal))?;
        self.stored = Instant::now();
        Ok(())
    }

    /// Whether this run has rejected rows.
    pub(crate) fn has_rejects(&self) -> bool {
        self.journal.counts.rejected > self.rejected_before
    }

    /// After every row is accepted, waits until the projections have everything that is now in the
    /// log: an earlier run may have written what this one found unchanged.
    pub(crate) async fn wait_shown(&mut self) -> Result<()> {
        self.observer.observe(Event::Waiting);
        if self.options.dry_run {
            return Ok(());
        }
        let (client, name) = (self.client, &self.options.database);
        let end = client.database(name, &Read::default()).await?;
        let read = Read {
            timeout: Some(WAIT),
            ..Read::default().at_least(end.details.position)
        };
        for wait in 1..=WAITS {
            let Err(error) = client.database(name, &read).await else {
                break;
            };
            let parked = error
                .refusal()
                .and_then(|refusal| refusal.detail.get("parked_count")?.as_u64())
                .unwrap_or(0);
            if error.status() != Some(504) || parked > 0 || wait == WAITS {
                return Err(Error::NotShown(error));
            }
        }
        Ok(())
    }

    /// Reports that the import ends without the wait for the projections.
    pub(crate) fn skip_wait(&mut self) {
        if !self.options.dry_run {
            self.observer.observe(Event::WaitSkipped);
        }
    }

    /// Whether rows wait for later rows.
    pub(crate) fn has_waiting(&self) -> bool {
        self.frozen.is_some()
    }

    pub(crate) fn summary(&self) -> Summary {
        let seconds = self.seconds();
        Summary {
            counts: self.journal.counts,
            seconds,
            rows_per_second: rate(self.journal.counts.rows, seconds),
            last_position: self.journal.position,
            rejects_file: self.rejects.path().map(Into::into),
            dry_run: self.options.dry_run,
            lines_before_head: self.facts.lines_before_head,
            left_out: self.facts.left_out.clone(),
        }
    }

    /// The progress of the import.
    pub(crate) fn progress(&self) -> Stop {
        let journal = self.frozen.as_ref().unwrap_or(&self.journal);
        Stop {
            counts: journal.counts,
            line: journal.place.line,
            is_resumable: self.file.0.is_some(),
        }
    }

    /// With `--on-error abort` no row is sent a second time.
    fn may_wait(&self) -> bool {
        self.options.on_error == OnError::Skip
    }

    /// Sends waiting rows; returns those that still wait. An id is sent once per request.
    async fn send_part(&mut self, pass: u32, rows: Vec<WaitingRow>) -> Result<Vec<WaitingRow>> {
        let mut left = Vec::new();
        let mut rows = rows;
        while !rows.is_empty() {
            let (batch, places, later) = Batch::from_waiting(self.journal.place, rows);
            // Equal rows may be sent one after the other: each is a separate command.
            let line = batch.rows.first().map_or(0, |row| row.raw.line);
            let outcomes = self.send(&batch, &format!("again:{pass}:{line}")).await?;
            for ((index, outcome), place) in outcomes.into_iter().enumerate().zip(places) {
                match outcome {
                    Outcome::Rejected(reasons) => {
                        let raw = &batch.rows[index].raw;
                        self.reject_late(raw, batch.id(index), &reasons, place);
                    }
                    Outcome::Waiting(reasons) => {
                        left.extend(batch.waiting_row(index, reasons, place));
                    }
                    Outcome::Created => self.journal.counts.created += 1,
                    Outcome::Unchanged => self.journal.counts.unchanged += 1,
                }
            }
            rows = later;
        }
        Ok(left)
    }

    /// Sends a batch; returns the results of its rows. `place` distinguishes its command from the
    /// others of this import.
    async fn send(&mut self, batch: &Batch, place: &str) -> Result<Vec<Outcome>> {
        let errors = match batch.body() {
            None => Vec::new(),
            Some(_) if self.options.dry_run => check(self.shape, batch),
            Some((class, body)) => {
                let key = self.key(place, &body);
                let answer = self.call(class, body, &key).await?;
                self.journal.position = self.journal.position.max(answer.position);
                answer.errors
            }
        };
        Ok(settle(self.shape, batch, &errors, &mut self.seen))
    }

    async fn call(&mut self, class: &ClassName, body: Bytes, key: &str) -> Result<BulkAnswer> {
        let (client, options) = (self.client, self.options);
        let write = Write::on(&options.branch).key(key);
        let answer = client.bulk_create_body(
            &options.database,
            class.as_str(),
            body,
            Refused::Skip,
            &write,
        );
        let mut answer = std::pin::pin!(answer);
        loop {
            match timeout(SILENCE, &mut answer).await {
                Ok(answer) => return Ok(answer?),
                Err(_) => self.observer.observe(Event::Silent),
            }
        }
    }

    /// The key of a batch's command: the same whenever this import sends it from that place.
    fn key(&self, place: &str, body: &[u8]) -> String {
        let run = self.journal.run;
        format!("import:{run}:{place}:{}", hex(body))
    }

    fn reject(&mut self, batch: &Batch, index: usize, reasons: &[Reason]) -> Result<()> {
        let row = self.render_reject(&batch.rows[index].raw, batch.id(index), reasons);
        self.rejects.add(&row)
    }

    /// Keeps a row that may be accepted later; rejects it if there is no later or no room.
    fn keep(&mut self, batch: &Batch, index: usize, reasons: &[Reason]) -> Result<()> {
        let row = batch.waiting_row(index, reasons.to_vec(), self.rejects.length());
        if self.may_wait() && row.is_some_and(|row| self.waiting.add(row)) {
            return Ok(());
        }
        self.reject(batch, index, reasons)
    }

    /// Rejects a row that waited.
    fn reject_late(
        &mut self,
        raw: &Record,
        id: Option<&InstanceId>,
        reasons: &[Reason],
        place: u64,
    ) {
        let (line, row) = (raw.line, self.render_reject(raw, id, reasons));
        self.late.push(Late { line, place, row });
    }

    fn render_reject(
        &mut self,
        raw: &Record,
        id: Option<&InstanceId>,
        reasons: &[Reason],
    ) -> Vec<u8> {
        self.journal.counts.rejected += 1;
        self.shape.render_reject(raw, id, reasons)
    }

    fn seconds(&self) -> f64 {
        self.before + self.started.elapsed().as_secs_f64()
    }
}
