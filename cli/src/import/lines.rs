//! `spice import` of NDJSON as `spice export` writes it: a line is an instance with its class, its id
//! and its values. Nothing is converted. Lines go to the api in the order of the file, a batch of one
//! class at a time; an id that is there already with the same values counts as unchanged, so that an
//! import that was ended is begun again to the same effect.

mod batch;
mod line;
mod rejects;
#[cfg(test)]
pub(crate) mod tests;

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    process::ExitCode,
};

use anyhow::Context;
use spice_client::{Client, OnError as Refused, Write};
use spice_core::{id::CommandId, ontology::Schema};
use tokio::{task::block_in_place, time::Instant};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::{
    batch::{Batch, Batches, Row, Source, WaitingLine},
    rejects::Rejects,
};
use super::{
    INTERRUPTED, REJECTED, RETRIES,
    journal::Counts,
    options::{OnError, Options},
    session::wait_shown,
    settle::is_identical,
    summary::Summary,
    waiting::{Waiting, may_wait},
};
use crate::{classes, output, session::Session as Connection};

/// One import of lines.
struct Session<'a> {
    client: &'a Client,
    database: &'a str,
    options: &'a Options,
    schema: &'a Schema,
    rejects: Rejects,
    waiting: Waiting<WaitingLine>,
    counts: Counts,
    position: Option<u64>,
    started: Instant,
}

/// Why a line that was sent was not made.
enum Verdict {
    /// It is there, as it is.
    Unchanged,
    /// It refers to what is not there.
    Waiting(String),
    Refused(String),
}

pub(super) async fn run(
    connection: &Connection,
    options: &Options,
    ending: &CancellationToken,
) -> anyhow::Result<ExitCode> {
    options.refuse_table_flags()?;
    let read = connection.read(None);
    let schema = classes::fetch(&connection.client, connection.database()?, &read).await?;
    let class = match &options.class {
        None => None,
        Some(class) => Some(classes::find(connection, class, &read).await?.0.id.clone()),
    };
    let client = connection.client.clone().with_retries(RETRIES);
    let input = open(options)?;
    let batches = Batches::new(input, &schema, class.as_ref(), options.batch.into());
    let mut session = Session {
        client: &client,
        database: connection.database()?,
        options,
        schema: &schema,
        rejects: Rejects::begin(options)?,
        waiting: Waiting::new(),
        counts: Counts::default(),
        position: None,
        started: Instant::now(),
    };
    let outcome = session.take_all(batches, ending).await;
    session.rejects.flush()?;
    outcome.with_context(|| session.describe_stop())
}

fn open(options: &Options) -> anyhow::Result<Box<dyn BufRead>> {
    if options.is_stream() {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    let path = &options.file;
    let file = File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(Box::new(BufReader::new(file)))
}

impl Session<'_> {
    async fn take_all(
        &mut self,
        mut batches: Batches<'_, Box<dyn BufRead>>,
        ending: &CancellationToken,
    ) -> anyhow::Result<ExitCode> {
        while let Some(batch) = block_in_place(|| batches.next()).transpose()? {
            tokio::select! {
                biased;
                () = ending.cancelled() => {
                    output::note(self.describe_stop());
                    return Ok(ExitCode::from(INTERRUPTED));
                }
                taken = self.take(batch) => taken?,
            }
            if self.options.on_error == OnError::Abort && self.counts.rejected > 0 {
                output::note(self.describe_stop());
                break;
            }
        }
        tokio::select! {
            biased;
            () = ending.cancelled() => {
                output::note(self.describe_stop());
                return Ok(ExitCode::from(INTERRUPTED));
            }
            sent = self.send_waiting() => sent?,
        }
        if !self.options.dry_run {
            wait_shown(self.client, self.database).await?;
        }
        self.finish()
    }

    /// Sends a batch, and counts what became of its lines.
    async fn take(&mut self, batch: Batch) -> anyhow::Result<()> {
        self.counts.rows += batch.rows.len() as u64;
        let verdicts = self.send(&batch).await?;
        for line in self.settle(batch, verdicts)? {
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

    /// Counts what became of the lines of a batch; returns those that may be taken later.
    fn settle(
        &mut self,
        batch: Batch,
        verdicts: Vec<(usize, Verdict)>,
    ) -> anyhow::Result<Vec<WaitingLine>> {
        let mut verdicts = verdicts.into_iter().peekable();
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
            match verdicts.next_if(|(row, _)| *row == number) {
                None => self.counts.created += 1,
                Some((_, Verdict::Unchanged)) => self.counts.unchanged += 1,
                Some((_, Verdict::Refused(why))) => self.reject(&source, &why)?,
                Some((_, Verdict::Waiting(why))) => waiting.push(WaitingLine {
                    source,
                    instance,
                    why,
                }),
            }
        }
        Ok(waiting)
    }

    fn reject(&mut self, source: &Source, why: &str) -> anyhow::Result<()> {
        self.counts.rejected += 1;
        self.rejects.add(source, why)
    }

    /// Sends the lines again that wait for others, now that all are in.
    async fn send_waiting(&mut self) -> anyhow::Result<()> {
        let mut waiting = std::mem::replace(&mut self.waiting, Waiting::new());
        let most = self.options.batch.into();
        let left = waiting
            .send_again(most, async |_, lines| {
                let batch = Batch::of_waiting(&lines);
                let verdicts = self.send(&batch).await?;
                self.settle(batch, verdicts)
            })
            .await?;
        for line in left {
            self.reject(&line.source, &line.why)?;
        }
        self.rejects.flush()
    }

    /// What became of the lines that were sent and not made, by their number from 1.
    async fn send(&mut self, batch: &Batch) -> anyhow::Result<Vec<(usize, Verdict)>> {
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
        let verdict = |error| match error {
            error if is_identical(error) => Verdict::Unchanged,
            error if may_wait(error) => Verdict::Waiting(rejects::tell(error)),
            error => Verdict::Refused(rejects::tell(error)),
        };
        let errors = answer.errors.iter();
        Ok(errors.map(|error| (error.row, verdict(error))).collect())
    }

    /// What the classes say of the lines, without what others hold: references, unique values.
    fn check(&self, batch: &Batch) -> Vec<(usize, Verdict)> {
        let mut refused = Vec::new();
        for (index, instance) in batch.instances().enumerate() {
            let Some(class) = self.schema.get(&instance.class) else {
                continue;
            };
            let command = CommandId(Uuid::nil());
            let made = class.new_whole_instance(Some(&instance.id), &instance.data, command, 0);
            if let Err(refusal) = made {
                refused.push((index + 1, Verdict::Refused(refusal.message)));
            }
        }
        refused
    }

    fn finish(&self) -> anyhow::Result<ExitCode> {
        let path = self.rejects.path();
        let summary = Summary {
            last_position: self.position,
            rejects_file: path.map(Into::into),
            dry_run: self.options.dry_run,
            ..Summary::new(self.counts, self.started.elapsed().as_secs_f64())
        };
        summary.write(self.options.at.output.output)?;
        let Some(path) = path else {
            return Ok(ExitCode::SUCCESS);
        };
        output::note(format!(
            "rejected: {}, in {} with line and reason; mend them there and import that file",
            self.counts.rejected,
            path.display()
        ));
        Ok(ExitCode::from(REJECTED))
    }

    fn describe_stop(&self) -> String {
        let Counts {
            rows,
            created,
            unchanged,
            rejected,
            ..
        } = self.counts;
        format!(
            "stopped after {rows} lines ({created} created, {unchanged} unchanged, {rejected} rejected); the same command takes what is in already as unchanged"
        )
    }
}
