//! One start of an import: sends batches, keeps rejects and journal in step with the answers.

use std::{process::ExitCode, sync::Arc, time::Duration};

use bytes::Bytes;
use spice_client::{BulkAnswer, Client, OnError as Refused, Read, RowError, Write};
use spice_core::{command::RawData, json::Json};
use tokio::time::{Instant, timeout};

use super::{
    Importer, REJECTED,
    batch::{Batch, Fate, WaitingRow},
    columns::left_out,
    dry::check_row,
    journal::{Journal, JournalFile},
    options::{OnError, Options},
    plan::Plan,
    progress::Progress,
    reader::{Dialect, Place},
    rejects::Rejects,
    row::hex,
    settle::{Lines, Settled, settle},
    source::Source,
    summary::{Summary, describe_rejects, describe_stop},
    target::Target,
    waiting::Waiting,
};

/// Between two writes of the journal; what came after the last is done again, to the same effect.
const STORE: Duration = Duration::from_millis(250);
/// How long the projections may go without any progress at the end, in waits of the api.
const WAIT: Duration = Duration::from_secs(30);
const WAITS: usize = 20;

/// How long an answer may take before a person is told.
const SILENCE: Duration = Duration::from_secs(10);
const CHANGED: &str = "the file, the columns or the class are not as they were; starting over: rows that are in already count as unchanged";

/// One start of an import.
pub(super) struct Session<'a> {
    client: &'a Client,
    options: &'a Options,
    database: String,
    plan: Arc<Plan>,
    file: JournalFile,
    journal: Journal,
    rejects: Rejects,
    waiting: Waiting<WaitingRow>,
    /// The journal as it was before the first row that waits: an import that is ended meanwhile
    /// goes on there.
    frozen: Option<Journal>,
    lines: Lines,
    progress: Progress,
    started: Instant,
    stored: Instant,
    /// What it took before this start.
    before: f64,
    /// Rows that were rejected before this start.
    rejected_before: u64,
    lines_before_head: u64,
}

impl<'a> Session<'a> {
    /// Begins, or goes on where an earlier start was ended; `source` then stands there.
    pub(super) fn begin(
        client: &'a Client,
        options: &'a Options,
        target: &Target,
        plan: &Arc<Plan>,
        source: &mut Source,
    ) -> anyhow::Result<Self> {
        let task = task(target, plan, source);
        let file = JournalFile::new(options.state());
        let found = file.load()?;
        let is_other = found.as_ref().is_some_and(|it| it.task != task);
        let known = found.filter(|journal| journal.task == task);
        let (mut journal, rejects) = take_up(options, plan, known, task, source.layout.dialect)?;
        let counts = journal.counts;
        if counts.rows == 0 {
            journal.place = source.reader.place();
        } else if !plan.counts_rows() {
            source.go_to(options, journal.place)?;
        }
        // From the first command on, a start that goes on uses the same keys.
        file.store(&journal)?;
        let progress = Progress::begin(source.bytes, journal.place.offset, counts.rows)?;
        if counts.rows > 0 {
            let line = journal.place.line;
            progress.tell(&format!(
                "going on in line {line} after {} rows",
                counts.rows
            ));
        } else if is_other {
            progress.tell(CHANGED);
        }
        let now = Instant::now();
        Ok(Self {
            client,
            options,
            database: target.database.clone(),
            plan: Arc::clone(plan),
            file,
            rejects,
            waiting: Waiting::new(),
            frozen: None,
            lines: Lines::new(),
            progress,
            started: now,
            stored: now,
            before: journal.seconds,
            rejected_before: counts.rejected,
            lines_before_head: source.head.line - 1,
            journal,
        })
    }

    /// Where the first batch begins.
    pub(super) fn place(&self) -> Place {
        self.journal.place
    }

    fn reject(&mut self, batch: &Batch, settled: &Settled) -> anyhow::Result<()> {
        for (index, reasons) in &settled.rejects {
            let record = &batch.rows[*index].record;
            self.rejects
                .add(&self.plan, record, batch.id(*index), reasons)?;
        }
        Ok(())
    }

    /// Keeps the rows that may be taken later. With `--on-error abort` there is no later.
    fn keep_waiting(&mut self, batch: &Batch, settled: &mut Settled) -> anyhow::Result<()> {
        let may_wait = self.options.on_error == OnError::Skip;
        let mut refused = Vec::new();
        for (index, reasons) in settled.waiting.drain(..) {
            let row = batch.waiting_row(index, reasons.clone());
            let Some(row) = row.filter(|_| may_wait) else {
                refused.push((index, reasons));
                continue;
            };
            if self.frozen.is_none() {
                self.journal.rejects = self.rejects.flush()?;
                self.frozen = Some(self.journal.clone());
            }
            if self.waiting.add(row).is_some() {
                refused.push((index, reasons));
            }
        }
        if !refused.is_empty() {
            settled.rejects.extend(refused);
            settled.rejects.sort_by_key(|(index, _)| *index);
        }
        Ok(())
    }

    /// Sends rows that waited; returns those that still do.
    async fn send_part(
        &mut self,
        pass: u32,
        rows: Vec<WaitingRow>,
    ) -> anyhow::Result<Vec<WaitingRow>> {
        let batch = Batch::of_waiting(self.journal.place, self.plan.has_exact(), &rows);
        let Some(body) = batch.body() else {
            return Ok(rows);
        };
        let key = self.key(&format!("again:{pass}"), &body);
        let answer = self.send(body, key).await?;
        let settled = settle(&self.plan, &batch, &answer.errors, &mut self.lines);
        self.reject(&batch, &settled)?;
        let journal = &mut self.journal;
        journal.counts.created += settled.created;
        journal.counts.unchanged += settled.unchanged;
        journal.counts.rejected += settled.rejects.len() as u64;
        journal.position = journal.position.max(answer.position);
        let reasons = settled.waiting.into_iter();
        Ok(reasons
            .filter_map(|(index, reasons)| batch.waiting_row(index, reasons))
            .collect())
    }

    async fn send(&self, body: Bytes, key: String) -> anyhow::Result<BulkAnswer> {
        let write = Write::on(&self.options.at.branch).key(&key);
        let class = self.plan.class.id.as_str();
        let answer =
            self.client
                .bulk_create_body(&self.database, class, body, Refused::Skip, &write);
        let mut answer = std::pin::pin!(answer);
        loop {
            match timeout(SILENCE, &mut answer).await {
                Ok(answer) => return Ok(answer?),
                Err(_) => self
                    .progress
                    .tell("no answer yet; what is in flight is sent again for about a minute"),
            }
        }
    }

    fn count(&mut self, batch: &Batch, settled: &Settled, position: Option<u64>) {
        let journal = &mut self.journal;
        journal.counts.rows += batch.rows.len() as u64;
        journal.counts.created += settled.created;
        journal.counts.unchanged += settled.unchanged;
        journal.counts.rejected += settled.rejects.len() as u64;
        journal.counts.equal_rows += batch.equal;
        journal.counts.blank_rows += batch.blanks;
        journal.counts.surplus_cells += batch.surplus;
        journal.place = batch.end;
        journal.position = journal.position.max(position);
    }

    /// The name of a batch's command: the same whenever this import sends it from that place.
    fn key(&self, place: &str, body: &[u8]) -> String {
        let run = self.journal.run;
        format!("import:{run}:{place}:{}", hex(body))
    }

    /// What the class says of the rows, without what others hold.
    fn check(&self, batch: &Batch) -> Vec<RowError> {
        let sent = |row: &super::batch::Row| matches!(row.fate, Fate::Sent(_));
        let rows = batch.rows.iter().enumerate().filter(|(_, row)| sent(row));
        let checked = rows.zip(1..).filter_map(|((index, _), number)| {
            let data: RawData = serde_json::from_slice(batch.data(index)).unwrap_or_default();
            let id = batch.id(index);
            check_row(&self.plan.class, id, &data, batch.is_whole, number)
        });
        checked.collect()
    }

    fn seconds(&self) -> f64 {
        self.before + self.started.elapsed().as_secs_f64()
    }

    fn exit_code(&self) -> ExitCode {
        match self.journal.counts.rejected {
            0 => ExitCode::SUCCESS,
            _ => ExitCode::from(REJECTED),
        }
    }

    fn write_summary(&self) -> anyhow::Result<()> {
        let summary = Summary {
            last_position: self.journal.position,
            rejects_file: self.rejects.path().map(Into::into),
            dry_run: self.options.dry_run,
            lines_before_head: self.lines_before_head,
            left_out: left_out(&self.plan.columns),
            ..Summary::new(self.journal.counts, self.seconds())
        };
        for sentence in summary.describe_left_out() {
            self.progress.tell(&sentence);
        }
        summary.write(self.options.at.output.output)
    }

    fn tell_rejects(&self) {
        let Some(path) = self.rejects.path() else {
            return;
        };
        self.progress
            .tell(&describe_rejects(&self.journal.counts, path));
    }
}

impl Importer for Session<'_> {
    type Batch = Batch;

    async fn take(&mut self, batch: Batch) -> anyhow::Result<()> {
        let answer = match batch.body() {
            None => BulkAnswer::default(),
            Some(_) if self.options.dry_run => BulkAnswer {
                errors: self.check(&batch),
                ..BulkAnswer::default()
            },
            Some(body) => {
                let key = self.key(&format!("{}", batch.begin.offset), &body);
                self.send(body, key).await?
            }
        };
        let mut settled = settle(&self.plan, &batch, &answer.errors, &mut self.lines);
        self.keep_waiting(&batch, &mut settled)?;
        self.reject(&batch, &settled)?;
        self.count(&batch, &settled, answer.position);
        if self.stored.elapsed() >= STORE {
            self.store()?;
        }
        self.progress
            .update(&self.journal.counts, self.journal.place.offset);
        Ok(())
    }

    async fn send_waiting(&mut self) -> anyhow::Result<()> {
        let mut waiting = std::mem::replace(&mut self.waiting, Waiting::new());
        let most = self.options.batch.into();
        let left = waiting
            .send_again(most, async |pass, rows| self.send_part(pass, rows).await)
            .await?;
        for row in left {
            self.rejects
                .add(&self.plan, &row.record, row.id.as_ref(), &row.reasons)?;
            self.journal.counts.rejected += 1;
        }
        self.frozen = None;
        Ok(())
    }

    fn store(&mut self) -> anyhow::Result<()> {
        self.journal.rejects = self.rejects.flush()?;
        self.journal.seconds = self.seconds();
        match &mut self.frozen {
            None => self.file.store(&self.journal)?,
            Some(frozen) => {
                frozen.seconds = self.journal.seconds;
                self.file.store(frozen)?;
            }
        }
        self.stored = Instant::now();
        Ok(())
    }

    fn has_rejects(&self) -> bool {
        self.journal.counts.rejected > self.rejected_before
    }

    async fn finish(&mut self) -> anyhow::Result<ExitCode> {
        self.progress.wait();
        if !self.options.dry_run {
            wait_shown(self.client, &self.database).await?;
        }
        self.file.remove()?;
        self.progress.end();
        self.write_summary()?;
        self.tell_rejects();
        Ok(self.exit_code())
    }

    fn end_at_reject(&self) -> anyhow::Result<ExitCode> {
        self.progress.end();
        self.write_summary()?;
        self.tell_rejects();
        self.tell_stop();
        Ok(self.exit_code())
    }

    fn tell_stop(&self) {
        self.progress.end();
        self.progress.tell(&self.describe_stop());
    }

    fn describe_stop(&self) -> String {
        let journal = self.frozen.as_ref().unwrap_or(&self.journal);
        let has_journal = self.file.path().is_some();
        describe_stop(&journal.counts, journal.place.line, has_journal)
    }
}

/// Waits until the projections show all that is in the log now: an earlier start may have put there
/// what this one found unchanged.
pub(super) async fn wait_shown(client: &Client, name: &str) -> anyhow::Result<()> {
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
            let context =
                "every row is in the log, but not all of them show; see `spice dead-letters list`";
            return Err(anyhow::Error::from(error).context(context));
        }
    }
    Ok(())
}

/// The journal and the rejects of an earlier start of the import, or new ones.
fn take_up(
    options: &Options,
    plan: &Plan,
    known: Option<Journal>,
    task: String,
    dialect: Dialect,
) -> anyhow::Result<(Journal, Rejects)> {
    let path = options.rejects();
    if let Some(journal) = known
        && let Some(rejects) = Rejects::resume(&path, dialect, plan, journal.rejects)?
    {
        return Ok((journal, rejects));
    }
    let rejects = Rejects::begin(&path, dialect, plan)?;
    Ok((Journal::new(task), rejects))
}

/// What is imported and into what, all that makes a row what it becomes included.
fn task(target: &Target, plan: &Plan, source: &Source) -> String {
    let Plan {
        class,
        columns,
        identity,
        nulls,
        source: origin,
        ..
    } = plan;
    let definition: Vec<&Json> = target
        .schema
        .iter_declared()
        .filter(|it| it.id == class.id || target.schema.is_kind_of(&class.id, &it.id))
        .map(|it| &it.definition)
        .collect();
    let text = format!(
        "{} {} {columns:?} {identity:?} {nulls:?} {origin:?} {:?} {} {:?} {definition:?}",
        target.branch,
        class.id,
        source.layout,
        source.encoding.name(),
        source.fingerprint,
    );
    hex(text.as_bytes())
}
