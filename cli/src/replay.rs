//! `spice replay`: empties projections and lets them fill from the log, here when nothing else
//! runs on the data directory, else in the process that does.

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use clap::{Args, Parser, ValueEnum};
use rustix::process::{Pid, Signal, kill_process};
use spice_core::{
    error::StoreError,
    guard::Guards,
    id::{LogPosition, StreamId},
    port::{StoreResult, log::Log},
};
use spice_workers::{
    audit,
    engine::Handler,
    graph_worker::GraphWorker,
    projection_worker::ProjectionWorker,
    rebuild::{rebuild, wait_caught_up},
    supervisor::Workers,
};
use tokio::time::Instant;

use crate::{
    output,
    platform::{Access, Layout, Stores, workers_config},
    settings::{DataDir, Knobs},
};

const PROGRESS_EVERY: Duration = Duration::from_millis(100);

#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    data: DataDir,
    /// One database; all when left out.
    #[arg(long)]
    database: Option<String>,
    /// What to rebuild.
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["graph", "documents"])]
    targets: Vec<Target>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    Graph,
    Documents,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let layout = Layout::new(&options.data);
    let (stores, alone) = open_any(&layout).await?;
    let mut streams = streams(&stores, options.database.as_deref()).await?;
    let handlers = handlers(&stores, &options.targets);
    let mut refused = 0;
    for stream in std::mem::take(&mut streams) {
        match check_log(&stores, &stream).await {
            Ok(()) => streams.push(stream),
            Err(error) => {
                refused += 1;
                output::line(format!("{stream}: not rebuilt: {error}"))?;
            }
        }
    }
    for stream in &streams {
        for handler in &handlers {
            rebuild(&**handler, stream).await?;
        }
    }
    let workers = alone.then(|| start_workers(&stores)).transpose()?;
    if !alone {
        output::line("another process has this directory open; it rebuilds, this one watches")?;
        tell_holder(&layout);
    }
    for stream in &streams {
        follow(&stores, &handlers, stream).await?;
    }
    if let Some(workers) = workers {
        workers.shutdown().await;
    }
    Ok(match refused {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// Fails when a log is not one chain, or not the one that registry, graph and documents have seen:
/// nothing is emptied or compared for such a log.
pub(crate) async fn check_log(stores: &Stores, stream: &StreamId) -> StoreResult<()> {
    let mut anchors = Vec::new();
    for store in stores.anchors() {
        anchors.extend(store.anchor(stream).await?);
    }
    audit::check(&stores.log, stream, &anchors, &[]).await?;
    Ok(())
}

/// The stores, and whether no other process has the directory open.
pub(crate) async fn open_any(layout: &Layout) -> anyhow::Result<(Stores, bool)> {
    anyhow::ensure!(
        layout.log().is_dir(),
        "there is no log at {}",
        layout.log().display()
    );
    match Stores::open(layout, Access::Alone).await {
        Ok(stores) => Ok((stores, true)),
        Err(error) if is_locked(&error) => Ok((Stores::open(layout, Access::Beside).await?, false)),
        Err(error) => Err(error),
    }
}

/// The live logs of a data directory: one database's, or every database's newest. A log that is
/// gone is among them while any store has seen it.
pub(crate) async fn streams(
    stores: &Stores,
    database: Option<&str>,
) -> anyhow::Result<Vec<StreamId>> {
    let mut newest: Vec<StreamId> = Vec::new();
    for stream in audit::streams(&stores.log, &stores.anchors()).await? {
        if database.is_some_and(|name| name != stream.database.as_str()) {
            continue;
        }
        newest.retain(|other| other.database != stream.database);
        newest.push(stream);
    }
    if let Some(name) = database {
        anyhow::ensure!(
            !newest.is_empty(),
            "there is no database {name:?} in this directory"
        );
    }
    Ok(newest)
}

/// Makes the process that has the directory open look at its sinks now, not at its next heartbeat.
fn tell_holder(layout: &Layout) {
    let holder = layout.holder().and_then(Pid::from_raw);
    let told = holder.map(|pid| kill_process(pid, Signal::USR1));
    if !matches!(told, Some(Ok(()))) {
        tracing::info!("that process could not be told; it looks at its next heartbeat");
    }
}

fn is_locked(error: &anyhow::Error) -> bool {
    let store = error.downcast_ref::<StoreError>();
    store.is_some_and(|store| store.to_string().contains("another process"))
}

pub(crate) fn handlers(stores: &Stores, targets: &[Target]) -> Vec<Arc<dyn Handler>> {
    let mut handlers: Vec<Arc<dyn Handler>> = Vec::new();
    if targets.contains(&Target::Graph) {
        handlers.push(Arc::new(GraphWorker::new(stores.graph.clone())));
    }
    if targets.contains(&Target::Documents) {
        let documents = stores.documents.clone();
        handlers.push(Arc::new(ProjectionWorker::new(
            documents,
            Arc::new(stores.log.clone()),
            Guards::default(),
        )));
    }
    handlers
}

/// The settings of the workers, from the environment or their defaults.
#[derive(Parser)]
struct Environment {
    #[command(flatten)]
    knobs: Knobs,
}

pub(crate) fn start_workers(stores: &Stores) -> anyhow::Result<Workers> {
    let environment = Environment::try_parse_from(["spice"]).context("settings")?;
    Ok(Workers::start(
        stores.ports(),
        workers_config(&environment.knobs)?,
    ))
}

pub(crate) async fn follow(
    stores: &Stores,
    handlers: &[Arc<dyn Handler>],
    stream: &StreamId,
) -> anyhow::Result<()> {
    let end = stores.log.end(stream).await?;
    let bar = indicatif::ProgressBar::new(end.0 * handlers.len() as u64);
    let template = "{prefix} [{bar:30}] {pos}/{len} events, {per_sec}, {eta}";
    if let Ok(style) = indicatif::ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_prefix(stream.to_string());
    let started = Instant::now();
    let registry = &*stores.registry;
    let caught_up = async {
        for handler in handlers {
            wait_caught_up(&**handler, registry, stream, end).await?;
        }
        Ok::<(), StoreError>(())
    };
    let mut caught_up = std::pin::pin!(caught_up);
    loop {
        match tokio::time::timeout(PROGRESS_EVERY, &mut caught_up).await {
            Ok(done) => {
                done?;
                break;
            }
            Err(_) => bar.set_position(progress(handlers, stream).await?),
        }
    }
    bar.finish_and_clear();
    let seconds = started.elapsed().as_secs_f64();
    #[allow(clippy::cast_precision_loss)]
    let rate = end.0 as f64 / seconds.max(1e-6);
    output::line(format!(
        "{stream}: {end} events in {seconds:.2} s ({rate:.0}/s)"
    ))?;
    Ok(())
}

async fn progress(handlers: &[Arc<dyn Handler>], stream: &StreamId) -> Result<u64, StoreError> {
    let mut total = 0;
    for handler in handlers {
        let position: LogPosition = handler.sink(stream).await?.position;
        total += position.0;
    }
    Ok(total)
}
