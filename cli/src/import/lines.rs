//! `spice import` of NDJSON as `spice export` writes it: a line is an instance with its class, its id
//! and its values. Nothing is converted. Lines go to the api in the order of the file, a batch of one
//! class at a time; an id that is there already with the same values counts as unchanged, so that an
//! import that was ended is begun again to the same effect.

mod batch;
mod line;
mod rejects;
#[cfg(test)]
pub(crate) mod tests;

use std::{collections::HashSet, io::BufReader, process::ExitCode, sync::Arc};

use spice_client::{Client, OnError as Refused, RowError, Write};
use spice_core::ontology::Schema;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::{
    batch::{Batch, Batches, Row, Source, WaitingLine},
    rejects::Rejects,
};
use super::{
    INTERRUPTED, Importer, REJECTED, RETRIES,
    dry::check_row,
    import,
    journal::Counts,
    open,
    options::{OnError, Options},
    paths::check_paths,
    session::wait_shown,
    settle::is_identical,
    source::Text,
    summary::{Summary, describe_rejects, describe_stop},
    waiting::{Waiting, may_wait},
};
use crate::{classes, output, session::Session as Connection};

/// One import of lines.
struct Session<'a> {
    client: &'a Client,
    database: &'a str,
    options: &'a Options,
    schema: Arc<Schema>,
    rejects: Rejects,
    waiting: Waiting<WaitingLine>,
    counts: Counts,
    /// The line before which everything is taken.
    line: u64,
    position: Option<u64>,
    started: Instant,
}

pub(super) async fn run(
    connection: &Connection,
    options: &Arc<Options>,
    ending: &CancellationToken,
) -> anyhow::Result<ExitCode> {
    options.refuse_table_flags()?;
    check_paths(options)?;
    let read = connection.read(None);
    let (class, schema) =
        classes::find_if_named(connection, options.class.as_deref(), &read).await?;
    let Some(text) = open(options, ending, Text::open).await? else {
        return Ok(ExitCode::from(INTERRUPTED));
    };
    let (class, schema) = (class.map(|it| it.id.clone()), Arc::new(schema));
    let input = BufReader::new(text.input);
    let batches = Batches::new(input, Arc::clone(&schema), class, options.batch.into());
    let client = connection.client.clone().with_retries(RETRIES);
    let mut session = Session {
        client: &client,
        database: connection.database()?,
        options,
        schema,
        rejects: Rejects::begin(options)?,
        waiting: Waiting::new(),
        counts: Counts::default(),
        line: 1,
        position: None,
        started: Instant::now(),
    };
    let ends_at_reject = options.on_error == OnError::Abort;
    import(&mut session, batches, ends_at_reject, ending).await
}

impl Importer for Session<'_> {
    type Batch = Batch;

    async fn take(&mut self, batch: Batch) -> anyhow::Result<()> {
        let errors = self.send(&batch).await?;
        self.counts.rows += batch.rows.len() as u64;
        self.counts.blank_rows += batch.blanks;
        self.line = batch.end;
        for line in self.settle(batch, errors)? {
            let line = match self.options.on_error {
                OnError::Skip => self.waiting.add(line),
                OnError::Abort => Some(line),
            };
            if let Some(line) = line {
                self.reject(&line.source, &line.why)?;
            }
        }
        self.rejects.flush()
    }

    async fn send_waiting(&mut self) -> anyhow::Result<()> {
        let mut waiting = std::mem::replace(&mut self.waiting, Waiting::new());
        let most = self.options.batch.into();
        let mut left = waiting
            .send_again(most, async |_, lines| self.send_part(lines).await)
            .await?;
        left.sort_by_key(|line| line.source.number);
        for line in left {
            self.reject(&line.source, &line.why)?;
        }
        self.rejects.flush()
    }

    fn has_rejects(&self) -> bool {
        self.counts.rejected > 0
    }

    fn store(&mut self) -> anyhow::Result<()> {
        self.rejects.flush()
    }

    async fn finish(&mut self) -> anyhow::Result<ExitCode> {
        if !self.options.dry_run {
            wait_shown(self.client, self.database).await?;
        }
        self.tell_done()
    }

    fn end_at_reject(&self) -> anyhow::Result<ExitCode> {
        let code = self.tell_done()?;
        self.tell_stop();
        Ok(code)
    }

    fn tell_stop(&self) {
        output::note(self.describe_stop());
    }

    fn describe_stop(&self) -> String {
        describe_stop(&self.counts, self.line, false)
    }
}

impl Session<'_> {
    /// Counts what became of the lines of a batch; returns those that may be taken later.
    fn settle(&mut self, batch: Batch, errors: Vec<RowError>) -> anyhow::Result<Vec<WaitingLine>> {
        let mut errors = errors.into_iter().peekable();
        let mut waiting = Vec::new();
        let (rows, instances) = batch.into_parts();
        let mut sent = instances.into_iter().zip(1..);
        for row in rows {
            let source = match row {
                Row::Rejected(source, why) => {
                    self.reject(&source, &why)?;
                    continue;
                }
                Row::Sent(source) => source,
            };
            let Some((instance, number)) = sent.next() else {
                break;
            };
            let Some(error) = errors.next_if(|error| error.row == number) else {
                self.counts.created += 1;
                continue;
            };
            if is_identical(&error) {
                self.counts.unchanged += 1;
                continue;
            }
            let why = rejects::tell(&error);
            if may_wait(&error) {
                waiting.push(WaitingLine {
                    source,
                    instance,
                    why,
                });
            } else {
                self.reject(&source, &why)?;
            }
        }
        Ok(waiting)
    }

    fn reject(&mut self, source: &Source, why: &str) -> anyhow::Result<()> {
        self.counts.rejected += 1;
        self.rejects.add(source, why)
    }

    /// Sends lines that waited; returns those that still do.
    async fn send_part(&mut self, lines: Vec<WaitingLine>) -> anyhow::Result<Vec<WaitingLine>> {
        // An id goes once into a request; its other lines wait for the next pass.
        let mut ids = HashSet::new();
        let is_first = |line: &WaitingLine| ids.insert(line.instance.id.clone());
        let (first, mut again): (Vec<_>, Vec<_>) = lines.into_iter().partition(is_first);
        let batch = Batch::of_waiting(first);
        let errors = self.send(&batch).await?;
        let mut left = self.settle(batch, errors)?;
        left.append(&mut again);
        left.sort_by_key(|line| line.source.number);
        Ok(left)
    }

    /// What the api says of the lines that it did not make.
    async fn send(&mut self, batch: &Batch) -> anyhow::Result<Vec<RowError>> {
        let Some((class, body)) = batch.body() else {
            return Ok(Vec::new());
        };
        if self.options.dry_run {
            return Ok(self.check(batch));
        }
        let write = Write::on(&self.options.at.branch);
        let answer = self
            .client
            .bulk_create_body(self.database, class.as_str(), body, Refused::Skip, &write)
            .await?;
        self.position = self.position.max(answer.position);
        Ok(answer.errors)
    }

    /// What the classes say of the lines, without what others hold.
    fn check(&self, batch: &Batch) -> Vec<RowError> {
        let instances = batch.instances().zip(1..);
        let checked = instances.filter_map(|(instance, number)| {
            let class = self.schema.get(&instance.class)?;
            check_row(class, Some(&instance.id), &instance.data, true, number)
        });
        checked.collect()
    }

    fn tell_done(&self) -> anyhow::Result<ExitCode> {
        let path = self.rejects.path();
        let summary = Summary {
            last_position: self.position,
            rejects_file: path.map(Into::into),
            dry_run: self.options.dry_run,
            ..Summary::new(self.counts, self.started.elapsed().as_secs_f64())
        };
        for sentence in summary.describe_left_out() {
            output::note(sentence);
        }
        summary.write(self.options.at.output.output)?;
        let Some(path) = path else {
            return Ok(ExitCode::SUCCESS);
        };
        output::note(describe_rejects(&self.counts, path));
        Ok(ExitCode::from(REJECTED))
    }
}
