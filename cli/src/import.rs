//! `spice import`: a CSV file as instances of a class, or NDJSON as an export wrote it. Rows go to the api in the order of the
//! file, one command at a time while the next is being read, so that what becomes of a row depends
//! on the file alone and an import that is repeated, or goes on after any end, does the same.

mod batch;
mod columns;
mod convert;
mod decoder;
mod dry;
mod encoding;
mod exact;
mod identity;
mod journal;
mod layout;
mod lines;
mod occurrences;
mod options;
mod paths;
mod plan;
mod progress;
mod reader;
mod rejects;
mod row;
mod session;
mod settle;
mod signature;
mod source;
mod summary;
mod target;
#[cfg(test)]
pub(crate) mod tests;
mod text;
mod waiting;

use std::{future::Future, process::ExitCode, sync::Arc, time::Duration};

use spice_client::Retries;
use spice_core::error::Refusal;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::{
    batch::Batches,
    convert::Words,
    options::{OnError, Shape},
    paths::check_paths,
    plan::{Plan, Wishes},
    session::Session,
    source::Source,
    target::Target,
};
pub(crate) use self::{
    convert::Kind, exact::shown, options::Options, plan::Reserved, row::read_cell,
};
use crate::{output, session::Session as Connection, signals::end_on_signal};

/// About a minute: as long as a server takes to be started again.
const RETRIES: Retries = Retries {
    attempts: 18,
    first: Duration::from_millis(100),
    longest: Duration::from_secs(5),
};
/// How long a batch in flight may take to be answered after Ctrl-C.
const GRACE: Duration = Duration::from_secs(10);
/// Batches that are read ahead.
const AHEAD: usize = 1;
/// Exit codes: rows were rejected, Ctrl-C.
const REJECTED: u8 = 2;
const INTERRUPTED: u8 = 130;

/// Why no more rows are taken.
enum End {
    /// There are none.
    Whole,
    /// A row was rejected, and that ends it.
    AtReject,
    /// Ctrl-C.
    Interrupted,
}

/// What takes the rows of a file, batch by batch.
trait Importer {
    type Batch: Send + 'static;

    /// Sends a batch, and counts what became of its rows.
    async fn take(&mut self, batch: Self::Batch) -> anyhow::Result<()>;

    /// Sends the rows again that wait for others, now that all are in.
    async fn send_waiting(&mut self) -> anyhow::Result<()>;

    /// Whether this start has rejected rows.
    fn has_rejects(&self) -> bool;

    /// Brings what was noted so far to the disk.
    fn store(&mut self) -> anyhow::Result<()>;

    /// All rows are taken: waits until they show, and tells what was done.
    async fn finish(&mut self) -> anyhow::Result<ExitCode>;

    /// A row was rejected, and that was to end the import.
    fn end_at_reject(&self) -> anyhow::Result<ExitCode>;

    /// Says where it stopped, and how to go on.
    fn tell_stop(&self);

    fn describe_stop(&self) -> String;
}

pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let ending = end_on_signal()?;
    let connection = Connection::new(&options.at)?;
    let options = Arc::new(options);
    if options.format() == Shape::Ndjson {
        let outcome = lines::run(&connection, &options, &ending).await;
        return connection.advise(outcome).await;
    }
    let found = Target::find(&connection, &options).await;
    let target = connection.advise(found).await?;
    check_paths(&options)?;
    let client = connection.client.with_retries(RETRIES);
    let wishes = Arc::new(Wishes {
        map: options.map.clone(),
        skip: options.skip_column.clone(),
        key: options.key.clone(),
        nulls: options.null.clone(),
        words: Words {
            truths: options.truths.clone(),
            falses: options.falses.clone(),
        },
        source: options.source.clone(),
    });
    let (wanted, class) = (Arc::clone(&wishes), Arc::clone(&target.class));
    let knows = move |name: &str| wanted.knows(&class, name);
    let opened = open(&options, &ending, move |it| Source::open(it, &knows)).await?;
    let Some(mut source) = opened else {
        return Ok(ExitCode::from(INTERRUPTED));
    };
    let plan = Plan::read(&target.schema, &target.class, &source.head, &wishes)
        .map_err(|error| point_to_head(error, source.layout.likely_head))?;
    plan.check_head(&source.head, &source.first_rows, source.layout.likely_head)
        .and_then(|()| plan.check_first(&source.first_rows))
        .map_err(|refusal| point_to_head(refusal.into(), source.layout.likely_head))?;
    let plan = Arc::new(plan);
    let mut session = Session::begin(&client, &options, &target, &plan, &mut source)?;
    let ends_at_reject = options.on_error == OnError::Abort;
    let batches = Batches::new(source.reader, plan, options.batch.into(), ends_at_reject)
        .beginning_at(session.place());
    import(&mut session, batches, ends_at_reject, &ending).await
}

/// Opens the input, which may take long to begin; none: Ctrl-C came first.
async fn open<T: Send + 'static>(
    options: &Arc<Options>,
    ending: &CancellationToken,
    open: impl FnOnce(&Options) -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<Option<T>> {
    let options = Arc::clone(options);
    let opening = tokio::task::spawn_blocking(move || open(&options));
    let Some(opened) = until(ending, Duration::ZERO, opening).await else {
        output::note("stopped before anything was imported");
        return Ok(None);
    };
    opened?.map(Some)
}

/// Takes all batches, and tells what was done.
async fn import<I: Importer>(
    importer: &mut I,
    batches: impl Iterator<Item = anyhow::Result<I::Batch>> + Send + 'static,
    ends_at_reject: bool,
    ending: &CancellationToken,
) -> anyhow::Result<ExitCode> {
    let end = take_all(importer, read_ahead(batches), ends_at_reject, ending).await;
    // Whatever ended it, what is done is written down.
    importer.store()?;
    match end {
        Ok(End::Whole) => {
            if let Some(finished) = until(ending, Duration::ZERO, importer.finish()).await {
                return finished;
            }
        }
        Ok(End::AtReject) => return importer.end_at_reject(),
        Ok(End::Interrupted) => {}
        Err(error) => return Err(error.context(importer.describe_stop())),
    }
    importer.tell_stop();
    Ok(ExitCode::from(INTERRUPTED))
}

/// Says where the head may be, when the columns are not understood.
fn point_to_head(error: anyhow::Error, likely: Option<u64>) -> anyhow::Error {
    let Some(line) = likely else {
        return error;
    };
    match error.downcast::<Refusal>() {
        Ok(mut refusal) => {
            refusal.message = format!(
                "{}; line {line} looks like the names of the columns: --head-line {line}",
                refusal.message
            );
            refusal.into()
        }
        Err(other) => other,
    }
}

/// Reads batches beside the work of sending them.
fn read_ahead<B: Send + 'static>(
    batches: impl Iterator<Item = anyhow::Result<B>> + Send + 'static,
) -> mpsc::Receiver<anyhow::Result<B>> {
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

async fn take_all<I: Importer>(
    importer: &mut I,
    mut batches: mpsc::Receiver<anyhow::Result<I::Batch>>,
    ends_at_reject: bool,
    ending: &CancellationToken,
) -> anyhow::Result<End> {
    while let Some(next) = until(ending, Duration::ZERO, batches.recv()).await {
        let Some(batch) = next.transpose()? else {
            let sent = until(ending, GRACE, importer.send_waiting()).await;
            return sent.map_or(Ok(End::Interrupted), |sent| sent.map(|()| End::Whole));
        };
        match until(ending, GRACE, importer.take(batch)).await {
            None => break,
            Some(taken) => taken?,
        }
        if ends_at_reject && importer.has_rejects() {
            return Ok(End::AtReject);
        }
    }
    Ok(End::Interrupted)
}

/// What a future brings; none when it is not there so long after the end was asked for.
async fn until<F: Future>(
    ending: &CancellationToken,
    grace: Duration,
    future: F,
) -> Option<F::Output> {
    let given_up = async {
        ending.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        biased;
        () = given_up => None,
        output = future => Some(output),
    }
}
