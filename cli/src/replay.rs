//! `spice replay`: rebuilds projections beside the live ones and swaps them in, here when nothing
//! else runs on the data directory, else in the process that does.

use std::{process::ExitCode, time::Duration};

use anyhow::Context;
use clap::{Args, Parser, ValueEnum};
use rustix::process::{Pid, Signal, kill_process};
use spice_core::{
    error::StoreError,
    id::StreamId,
    port::{StoreResult, log::Log, sink::SinkRole},
};
use spice_workers::{
    audit,
    replay::{Replayed, abandon, drop_old, replay, wait_caught_up},
    supervisor::Workers,
    verify::{Projection, Sources},
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
    /// Rebuild nothing; drop what earlier replays have replaced and kept.
    #[arg(long, conflicts_with = "abandon")]
    drop_old: bool,
    /// Rebuild nothing; drop what a replay that was stopped has left behind.
    #[arg(long)]
    abandon: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    Graph,
    Documents,
}

impl From<Target> for Projection {
    fn from(target: Target) -> Self {
        match target {
            Target::Graph => Self::Graph,
            Target::Documents => Self::Documents,
        }
    }
}

pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let layout = Layout::new(&options.data);
    let (stores, alone) = open_any(&layout).await?;
    let targets: Vec<Projection> = options.targets.iter().map(|it| (*it).into()).collect();
    let mut done = true;
    let mut streams = Vec::new();
    for stream in self::streams(&stores, options.database.as_deref()).await? {
        match check_log(&stores, &stream).await {
            Ok(()) => streams.push(stream),
            Err(error) => {
                done = false;
                output::line(format!("{stream}: not rebuilt: {error}"))?;
            }
        }
    }
    if options.drop_old || options.abandon {
        for stream in &streams {
            clean_up(&stores, &targets, stream, options.drop_old).await?;
        }
    } else {
        done &= rebuild(&stores, &targets, &streams, (&layout, alone)).await?;
    }
    Ok(if done {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn clean_up(
    stores: &Stores,
    targets: &[Projection],
    stream: &StreamId,
    old: bool,
) -> anyhow::Result<()> {
    for target in targets {
        let (dropped, what) = if old {
            (drop_old(stores.sources(), *target, stream).await?, "old")
        } else {
            (
                abandon(stores.sources(), *target, stream).await?,
                "unfinished",
            )
        };
        let name = target.as_str();
        output::line(format!("{stream}: dropped {dropped} {what} {name} sink(s)"))?;
    }
    Ok(())
}

/// Rebuilds projections of logs, all at the same time; whether all of them are live now.
async fn rebuild(
    stores: &Stores,
    targets: &[Projection],
    streams: &[StreamId],
    (layout, alone): (&Layout, bool),
) -> anyhow::Result<bool> {
    for stream in streams {
        for target in targets {
            let sinks = stores.sources().sinks(*target);
            sinks.create_shadow(stream).await?;
        }
    }
    let workers = alone.then(|| start_workers(stores)).transpose()?;
    if !alone {
        output::line("another process has this directory open; it rebuilds, this one watches")?;
        tell_holder(layout);
    }
    let mut done = true;
    for stream in streams {
        follow(stores, targets, stream, SinkRole::Shadow).await?;
        for target in targets {
            done &= swap(stores, *target, stream).await?;
        }
    }
    match workers {
        Some(workers) => workers.shutdown().await,
        None => tell_holder(layout),
    }
    Ok(done)
}

/// Compares a shadow with the log and makes it live; whether it is.
async fn swap(stores: &Stores, target: Projection, stream: &StreamId) -> anyhow::Result<bool> {
    let name = target.as_str();
    let replayed = Box::pin(replay(stores.sources(), target, stream)).await?;
    let (line, swapped) = match replayed {
        Replayed::Swapped => (
            format!(
                "{stream}: {name} is what the log says and is live; `spice replay --drop-old` drops the old one"
            ),
            true,
        ),
        Replayed::Differs(report) => (
            format!(
                "{stream}: {name} not replaced: {} entities differ from the log",
                report.surprises().count()
            ),
            false,
        ),
        Replayed::Refuses(positions) => (
            format!(
                "{stream}: {name} not replaced: it refuses {} event(s) that the live one has, the first at position {}",
                positions.len(),
                positions[0]
            ),
            false,
        ),
    };
    output::line(line)?;
    Ok(swapped)
}

/// Fails when a log is not one chain, or not the one that registry, graph and documents have seen:
/// nothing is rebuilt or compared for such a log.
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

/// Makes the process that has the directory open look at its sinks now, and not only when it is
/// time to.
fn tell_holder(layout: &Layout) {
    let holder = layout.holder().and_then(Pid::from_raw);
    let told = holder.map(|pid| kill_process(pid, Signal::USR1));
    if !matches!(told, Some(Ok(()))) {
        tracing::info!("that process could not be signalled; it looks by itself soon");
    }
}

fn is_locked(error: &anyhow::Error) -> bool {
    let store = error.downcast_ref::<StoreError>();
    store.is_some_and(|store| store.to_string().contains("another process"))
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

/// Shows how sinks of a role catch up with the log, and waits until they have.
pub(crate) async fn follow(
    stores: &Stores,
    targets: &[Projection],
    stream: &StreamId,
    role: SinkRole,
) -> anyhow::Result<()> {
    let end = stores.log.end(stream).await?;
    let bar = indicatif::ProgressBar::new(end.0 * targets.len() as u64);
    let template = "{prefix} [{bar:30}] {pos}/{len} events, {per_sec}, {eta}";
    if let Ok(style) = indicatif::ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_prefix(stream.to_string());
    let started = Instant::now();
    let caught_up = async {
        for target in targets {
            let sinks = stores.sources().sinks(*target);
            let all = sinks.sinks(stream).await?;
            let Some(sink) = all.into_iter().find(|sink| sink.role == role) else {
                continue;
            };
            let registry = &*stores.registry;
            let place = (stream, Some(sink.generation.as_str()));
            wait_caught_up(sinks, registry, place, end).await?;
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
            Err(_) => bar.set_position(progress(stores.sources(), targets, stream, role).await?),
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

async fn progress(
    sources: Sources<'_>,
    targets: &[Projection],
    stream: &StreamId,
    role: SinkRole,
) -> Result<u64, StoreError> {
    let mut total = 0;
    for target in targets {
        let sinks = sources.sinks(*target).sinks(stream).await?;
        let found = sinks.iter().find(|sink| sink.role == role);
        total += found.map_or(0, |sink| sink.position.0);
    }
    Ok(total)
}
