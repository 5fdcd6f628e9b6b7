//! Runs an import. Rows are sent in the order of the input, one command at a time, while the next
//! is being read. So the result of a row depends only on the input, and an import that is repeated
//! or resumed has the same effect.

#[cfg(test)]
mod tests;

use std::{future::Future, io::BufReader, sync::Arc, time::Duration};

use spice_client::{Client, Read, Retries};
use spice_core::{
    error::{ErrorCode, Refusal},
    ontology::{Class, Schema},
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    batch::{Batch, Batches},
    classes,
    column::list_left_out,
    error::{Error, Result, refuse_input},
    lines::{LineRows, Lines},
    observer::Observer,
    options::{Format, Input, OnError, Options},
    paths::check_paths,
    plan::Plan,
    rows::Rows,
    session::{Facts, Session},
    shape::Shape,
    source::{Source, Text},
    start::Start,
    summary::{Failure, Outcome},
    table::{Table, TableRows},
    task::{Task, identify_branch},
};

/// About a minute: the time of a server restart.
const RETRIES: Retries = Retries {
    attempts: 18,
    first: Duration::from_millis(100),
    longest: Duration::from_secs(5),
};
/// How long to wait for the answer to an open request after the import is cancelled.
const GRACE: Duration = Duration::from_secs(10);
/// How long to wait for a stream to show whether it ended, after the import is cancelled.
const READ_GRACE: Duration = Duration::from_secs(1);
/// The number of batches that are read ahead.
const AHEAD: usize = 1;

/// Why no more rows are read.
enum End {
    /// The input ended.
    Whole,
    /// A row was rejected, and the options require to stop there.
    AtReject,
    /// The import was cancelled.
    Cancelled,
}

/// Imports an input until its end, or until `ending` is cancelled.
pub async fn run(
    client: &Client,
    options: Options,
    input: Input,
    observer: &mut dyn Observer,
    ending: &CancellationToken,
) -> Result<Outcome, Failure> {
    check_paths(&options, &input)?;
    let read = Read::on(&options.branch);
    let schema = classes::fetch(client, &options.database, &read).await?;
    let class = find_class(&schema, &options)?;
    let patient = client.clone().with_retries(RETRIES);
    let import = Import {
        client: &patient,
        options: Arc::new(options),
        observer,
        ending,
    };
    match (import.options.format, class) {
        (Format::Ndjson, class) => import.run_lines(input, schema, class).await,
        (Format::Csv, Some(class)) => {
            let branch = identify_branch(client, &import.options).await?;
            import.run_table(input, schema, class, branch).await
        }
        (Format::Csv, None) => {
            let check = move |it: &Options| Text::check_signature(it, input);
            match import.open(check).await? {
                Some(()) => Err(refuse_input("CSV has one class: name it with --class").into()),
                None => Ok(Outcome::NotStarted),
            }
        }
    }
}

/// The class in the options, if any.
fn find_class(schema: &Schema, options: &Options) -> Result<Option<Arc<Class>>> {
    let Some(wanted) = &options.class else {
        return Ok(None);
    };
    if let Some(class) = schema.resolve(wanted) {
        return Ok(Some(Arc::clone(class)));
    }
    let known: Vec<&str> = schema.iter().map(|class| class.id.as_str()).collect();
    let message = format!(
        "there is no class {wanted} on branch {}; the classes are {}",
        options.branch,
        known.join(", ")
    );
    Err(Refusal::new(ErrorCode::NotFound, message).into())
}

/// What each format needs in addition to its input.
struct Import<'a> {
    client: &'a Client,
    options: Arc<Options>,
    observer: &'a mut dyn Observer,
    ending: &'a CancellationToken,
}

impl Import<'_> {
    async fn run_lines(
        self,
        input: Input,
        schema: Schema,
        class: Option<Arc<Class>>,
    ) -> Result<Outcome, Failure> {
        let Some(text) = self.open(move |it| Text::open(it, input)).await? else {
            return Ok(Outcome::NotStarted);
        };
        let schema = Arc::new(schema);
        let shape = Lines(Arc::clone(&schema));
        let class = class.map(|class| class.id.clone());
        let rows = LineRows::new(BufReader::new(text.bytes), schema, class);
        let mut start = Start::read(&self.options, Task::default(), shape.rejects_head())?;
        start.journal.place = rows.place();
        let facts = Facts::default();
        self.process_all(rows, &shape, facts, start, text.length)
            .await
    }

    async fn run_table(
        self,
        input: Input,
        schema: Schema,
        class: Arc<Class>,
        branch: String,
    ) -> Result<Outcome, Failure> {
        let own = Arc::clone(&class);
        let open = move |options: &Options| Source::open(options, input, &own);
        let Some(mut source) = self.open(open).await? else {
            return Ok(Outcome::NotStarted);
        };
        let plan = Arc::new(plan(&schema, &class, &source, &self.options)?);
        let shape = Table::new(Arc::clone(&plan), source.layout.dialect);
        let task = Task::of(&branch, &schema, &plan, &source);
        let mut start = Start::read(&self.options, task, shape.rejects_head())?;
        if start.journal.counts.rows == 0 {
            start.journal.place = source.reader.place();
        } else if !plan.needs_row_numbers() {
            source.seek(start.journal.place)?;
        }
        let facts = Facts {
            lines_before_head: source.head.line - 1,
            left_out: list_left_out(&plan.columns),
        };
        let rows = TableRows::new(source.reader, plan);
        self.process_all(rows, &shape, facts, start, source.length)
            .await
    }

    /// Opens the input, which may take long to start; none if the import is cancelled first.
    async fn open<T: Send + 'static>(
        &self,
        open: impl FnOnce(&Options) -> Result<T> + Send + 'static,
    ) -> Result<Option<T>> {
        let options = Arc::clone(&self.options);
        let opening = tokio::task::spawn_blocking(move || open(&options));
        match wait_with_grace(self.ending, Duration::ZERO, opening).await {
            Some(opened) => opened?.map(Some),
            None => Ok(None),
        }
    }

    /// Processes all rows from the start and returns the summary.
    async fn process_all(
        self,
        rows: impl Rows + Send + 'static,
        shape: &dyn Shape,
        facts: Facts,
        start: Start,
        bytes: Option<u64>,
    ) -> Result<Outcome, Failure> {
        let options = &*self.options;
        let ends_at_reject = options.on_error == OnError::Abort;
        let batches = Batches::new(rows, options.batch, ends_at_reject);
        let batches = read_ahead(batches.with_start(start.journal.place));
        let (client, observer) = (self.client, self.observer);
        let mut session = Session::begin(client, options, observer, shape, facts, start, bytes)?;
        let end = take_batches(&mut session, batches, ends_at_reject, self.ending).await;
        // Whatever ended it, the progress is written.
        session.store()?;
        match end {
            Ok(End::Whole) => {}
            Ok(End::AtReject) => {
                return Ok(Outcome::Rejected(session.summary(), session.progress()));
            }
            Ok(End::Cancelled) => return Ok(Outcome::Cancelled(session.progress())),
            Err(error) => {
                let stop = Some(session.progress());
                return Err(Failure { error, stop });
            }
        }
        // Every row is done, so a cancellation only ends the wait for the projections.
        match wait_with_grace(self.ending, Duration::ZERO, session.wait_shown()).await {
            Some(shown) => shown?,
            None => session.skip_wait(),
        }
        session.file.remove()?;
        Ok(Outcome::Complete(session.summary()))
    }
}

/// The plan of a table. Refuses unknown columns before anything is sent.
fn plan(schema: &Schema, class: &Arc<Class>, source: &Source, options: &Options) -> Result<Plan> {
    let likely = source.layout.likely_head;
    let checked = || {
        let plan = Plan::read(schema, class, &source.head, &options.mapping)?;
        plan.check_head(&source.head, &source.first_rows, likely)?;
        plan.check_first(&source.first_rows)?;
        Ok(plan)
    };
    checked().map_err(|mut error: Error| {
        if let (Error::Refused(refusal), Some(line)) = (&mut error, likely) {
            let hint = format!("; line {line} looks like the column names: --head-line {line}");
            refusal.message.push_str(&hint);
        }
        error
    })
}

/// Reads batches while others are being sent.
fn read_ahead<R: Rows + Send + 'static>(batches: Batches<R>) -> mpsc::Receiver<Result<Batch>> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || {
        for batch in batches {
            if sender.blocking_send(batch).is_err() {
                return;
            }
        }
    });
    receiver
}

async fn take_batches(
    session: &mut Session<'_>,
    mut batches: mpsc::Receiver<Result<Batch>>,
    ends_at_reject: bool,
    ending: &CancellationToken,
) -> Result<End> {
    while let Some(next) = wait_with_grace(ending, READ_GRACE, batches.recv()).await {
        let Some(batch) = next.transpose()? else {
            if ending.is_cancelled() && session.has_waiting() {
                break;
            }
            let sent = wait_with_grace(ending, GRACE, session.send_waiting()).await;
            return sent.map_or(Ok(End::Cancelled), |sent| sent.map(|()| End::Whole));
        };
        if ending.is_cancelled() {
            break;
        }
        match wait_with_grace(ending, GRACE, session.process(batch)).await {
            None => break,
            Some(taken) => taken?,
        }
        if ends_at_reject && session.has_rejects() {
            return Ok(End::AtReject);
        }
    }
    Ok(End::Cancelled)
}

/// The output of a future; none if it takes too long after the cancellation.
async fn wait_with_grace<F: Future>(
    ending: &CancellationToken,
    grace: Duration,
    future: F,
) -> Option<F::Output> {
    let given_up = async {
        ending.cancelled().await;
        // Even a sleep of no time lets the future go first.
        if !grace.is_zero() {
            tokio::time::sleep(grace).await;
        }
    };
    tokio::select! {
        biased;
        () = given_up => None,
        output = future => Some(output),
    }
}
