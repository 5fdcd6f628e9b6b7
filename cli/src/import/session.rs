//! One start of an import: sends batches, keeps rejects and journal in step with the answers.

use std::{
    fs, os::unix::fs::MetadataExt, path::Path, process::ExitCode, sync::Arc, time::Duration,
};

use bytes::Bytes;
use serde_json::{Value, json};
use spice_client::{BulkAnswer, Client, OnError, Read, RowError, Write};
use spice_core::{
    command::RawData,
    error::{ErrorCode, Refusal},
    id::CommandId,
    json::Json,
};
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use super::{
    REJECTED,
    batch::{Batch, Fate},
    columns::left_out,
    journal::{Counts, Journal, JournalFile},
    options::Options,
    plan::Plan,
    progress::Progress,
    reader::{Dialect, Place},
    rejects::Rejects,
    row::hex,
    settle::{Lines, Settled, settle},
    source::Source,
    summary::Summary,
    target::Target,
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
    lines: Lines,
    progress: Progress,
    started: Instant,
    stored: Instant,
    /// What it took before this start.
    before: f64,
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
        check_paths(options)?;
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
            lines: Lines::new(),
            progress,
            started: now,
            stored: now,
            before: journal.seconds,
            lines_before_head: source.head.line - 1,
            journal,
        })
    }

    /// Where the first batch begins.
    pub(super) fn place(&self) -> Place {
        self.journal.place
    }

    /// Sends a batch and writes down what became of its rows.
    pub(super) async fn take(&mut self, batch: Batch) -> anyhow::Result<()> {
        let answer = match batch.body() {
            None => BulkAnswer::default(),
            Some(_) if self.options.dry_run => BulkAnswer {
                errors: self.check(&batch),
                ..BulkAnswer::default()
            },
            Some(body) => self.send(&batch, body).await?,
        };
        let settled = settle(&self.plan, &batch, &answer.errors, &mut self.lines);
        for (index, reasons) in &settled.rejects {
            self.rejects.add(
                &self.plan,
                &batch.rows[*index].record,
                batch.id(*index),
                reasons,
            )?;
        }
        self.count(&batch, &settled, answer.position);
        if self.stored.elapsed() >= STORE {
            self.store()?;
        }
        self.progress
            .update(&self.journal.counts, self.journal.place.offset);
        Ok(())
    }

    async fn send(&self, batch: &Batch, body: Bytes) -> anyhow::Result<BulkAnswer> {
        let write = Write::on(&self.options.at.branch).key(&self.key(batch, &body));
        let class = self.plan.class.id.as_str();
        let answer =
            self.client
                .bulk_create_body(&self.database, class, body, OnError::Skip, &write);
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

    /// The name of a batch's command: the same whenever this import sends it.
    fn key(&self, batch: &Batch, body: &[u8]) -> String {
        let run = self.journal.run;
        format!("import:{run}:{}:{}", batch.begin.offset, hex(body))
    }

    /// What the class says of the rows, without what others hold: references, unique values.
    fn check(&self, batch: &Batch) -> Vec<RowError> {
        let sent = |row: &super::batch::Row| matches!(row.fate, Fate::Sent(_));
        let rows = batch.rows.iter().enumerate().filter(|(_, row)| sent(row));
        let mut errors = Vec::new();
        for (number, (index, _)) in rows.enumerate() {
            let data: RawData = serde_json::from_slice(batch.data(index)).unwrap_or_default();
            let (class, id) = (&self.plan.class, batch.id(index));
            let command = CommandId(Uuid::nil());
            let made = if batch.is_whole {
                class.new_whole_instance(id, &data, command, number)
            } else {
                class.new_instance(id, &data, command, number)
            };
            let Err(refusal) = made else {
                continue;
            };
            let mut detail = refusal.to_detail();
            detail["row"] = json!(number + 1);
            detail["message"] = Value::from(refusal.message);
            errors.extend(serde_json::from_value::<RowError>(detail));
        }
        errors
    }

    /// Brings rejects and journal to the disk.
    pub(super) fn store(&mut self) -> anyhow::Result<()> {
        self.journal.rejects = self.rejects.flush()?;
        self.journal.seconds = self.seconds();
        self.file.store(&self.journal)?;
        self.stored = Instant::now();
        Ok(())
    }

    fn seconds(&self) -> f64 {
        self.before + self.started.elapsed().as_secs_f64()
    }

    pub(super) fn has_rejects(&self) -> bool {
        self.journal.counts.rejected > 0
    }

    /// All rows are taken: waits until they show, and tells what was done.
    pub(super) async fn finish(&mut self) -> anyhow::Result<ExitCode> {
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

    /// A row was rejected, and that was to end the import.
    pub(super) fn end_at_reject(&self) -> anyhow::Result<ExitCode> {
        self.progress.end();
        self.write_summary()?;
        self.tell_rejects();
        self.tell_stop();
        Ok(self.exit_code())
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
        self.progress.tell(&format!(
            "rejected: {}, in {} with line and reason; mend them there and import that file",
            self.journal.counts.rejected,
            path.display()
        ));
    }

    /// Says where it stopped, and how to go on.
    pub(super) fn tell_stop(&self) {
        self.progress.end();
        self.progress.tell(&self.describe_stop());
    }

    pub(super) fn describe_stop(&self) -> String {
        let Counts {
            rows,
            created,
            unchanged,
            rejected,
            ..
        } = self.journal.counts;
        let again = match self.file.path() {
            Some(_) => "the same command goes on there",
            None => "the same command takes what is in already as unchanged",
        };
        format!(
            "stopped before line {} after {rows} rows ({created} created, {unchanged} unchanged, {rejected} rejected); {again}",
            self.journal.place.line
        )
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

/// Refuses to write over the file itself, or where nothing can be written, before it is too late.
fn check_paths(options: &Options) -> anyhow::Result<()> {
    let rejects = options.rejects();
    let state = options.state();
    let refuse = |message: String| Err(Refusal::new(ErrorCode::InvalidRequest, message).into());
    for (path, flag) in [(Some(&rejects), "--rejects"), (state.as_ref(), "--state")] {
        let Some(path) = path else {
            continue;
        };
        refuse_same(path, &options.file, flag)?;
        if flag == "--state" {
            refuse_same(path, &rejects, flag)?;
        }
        let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
        if folder.is_some_and(|folder| !folder.is_dir()) {
            let path = path.display();
            return refuse(format!(
                "{path}: there is no folder for it; name another with {flag}"
            ));
        }
    }
    Ok(())
}

/// Refuses a path that leads to a file that is read, or written already.
pub(super) fn refuse_same(path: &Path, other: &Path, flag: &str) -> Result<(), Refusal> {
    if !is_same(path, other) {
        return Ok(());
    }
    let path = path.display();
    let message = format!("{path} would be written over; name another with {flag}");
    Err(Refusal::new(ErrorCode::InvalidRequest, message))
}

/// Whether two paths lead to the same file.
fn is_same(one: &Path, other: &Path) -> bool {
    let found = |path: &Path| fs::metadata(path).map(|meta| (meta.dev(), meta.ino())).ok();
    one == other || (found(one).is_some() && found(one) == found(other))
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
