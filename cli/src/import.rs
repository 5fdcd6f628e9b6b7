//! `spice import`: a CSV file as instances of a class, or NDJSON as an export wrote it. Rows go to the api in the order of the
//! file, one command at a time while the next is being read, so that what becomes of a row depends
//! on the file alone and an import that is repeated, or goes on after any end, does the same.

mod batch;
mod columns;
mod convert;
mod decoder;
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
use tokio::{sync::mpsc, task::block_in_place};
use tokio_util::sync::CancellationToken;

use self::{
    batch::{Batch, Batches},
    convert::Words,
    options::{OnError, Shape},
    plan::{Plan, Wishes},
    session::Session,
    source::Source,
    target::Target,
};
pub(crate) use self::{
    convert::Kind, exact::shown, options::Options, plan::Reserved, row::read_cell,
};
use crate::{dev::end_on_signal, session::Session as Connection};

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

pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let ending = end_on_signal()?;
    let connection = Connection::new(&options.at)?;
    if options.format() == Shape::Ndjson {
        let outcome = lines::run(&connection, &options, &ending).await;
        return connection.advise(outcome).await;
    }
    let found = Target::find(&connection, &options).await;
    let target = connection.advise(found).await?;
    let client = connection.client.with_retries(RETRIES);
    let wishes = Wishes {
        map: options.map.clone(),
        skip: options.skip_column.clone(),
        key: options.key.clone(),
        nulls: options.null.clone(),
        words: Words {
            truths: options.truths.clone(),
            falses: options.falses.clone(),
        },
        source: options.source.clone(),
    };
    let knows = |name: &str| wishes.knows(&target.class, name);
    let mut source = block_in_place(|| Source::open(&options, &knows))?;
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
    let end = take_all(&mut session, read_ahead(batches), ends_at_reject, &ending).await;
    // Whatever ended it, what is done is written down.
    session.store()?;
    match end {
        Ok(End::Whole) => match until(&ending, Duration::ZERO, session.finish()).await {
            Some(finished) => finished,
            None => Ok(interrupted(&session)),
        },
        Ok(End::AtReject) => session.end_at_reject(),
        Ok(End::Interrupted) => Ok(interrupted(&session)),
        Err(error) => Err(error.context(session.describe_stop())),
    }
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

fn interrupted(session: &Session) -> ExitCode {
    session.tell_stop();
    ExitCode::from(INTERRUPTED)
}

/// Reads batches beside the work of sending them.
fn read_ahead<R: std::io::Read + Send + 'static>(
    batches: Batches<R>,
) -> mpsc::Receiver<anyhow::Result<Batch>> {
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

async fn take_all(
    session: &mut Session<'_>,
    mut batches: mpsc::Receiver<anyhow::Result<Batch>>,
    ends_at_reject: bool,
    ending: &CancellationToken,
) -> anyhow::Result<End> {
    while let Some(next) = until(ending, Duration::ZERO, batches.recv()).await {
        let Some(batch) = next.transpose()? else {
            let sent = until(ending, GRACE, session.send_waiting()).await;
            return sent.map_or(Ok(End::Interrupted), |sent| sent.map(|()| End::Whole));
        };
        match until(ending, GRACE, session.take(batch)).await {
            None => break,
            Some(taken) => taken?,
        }
        if ends_at_reject && session.has_rejects() {
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
