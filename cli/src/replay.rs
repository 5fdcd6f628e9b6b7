//! `spice replay`: requests that projections are rebuilt beside the live ones, and waits until they
//! are live. The workers here carry it out when nothing else runs on the data directory, else those
//! of the process that does.

use std::{process::ExitCode, time::Duration};

use anyhow::Context;
use clap::{Args, Command, FromArgMatches};
use spice_core::{
    id::StreamId,
    port::StoreResult,
    replay::{Approval, Replay, ReplayFault, ReplayId},
};
use spice_node::{
    replay::{self, cancel, catch_up, drop_old, wait_finished},
    stores::{Access, Stores},
    verify::Projection,
    work::{Upkeep, WorkSettings},
};
use tokio::time::Instant;

use crate::{
    output,
    settings::{Knobs, StorePlaces},
};

/// The names of [`Projection::ALL`].
const PROJECTIONS: [&str; 2] = [Projection::Graph.as_str(), Projection::Documents.as_str()];

/// How often, and how long after each other, stores are opened again.
const REOPENINGS: u32 = 10;
const BEFORE_REOPENING: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    stores: StorePlaces,
    /// Only this database; by default all.
    #[arg(long)]
    database: Option<String>,
    /// The stores to rebuild.
    #[arg(long, value_parser = PROJECTIONS, value_delimiter = ',', default_values = PROJECTIONS)]
    targets: Vec<String>,
    /// Rebuild nothing; drop what earlier replays have replaced and kept.
    #[arg(long, conflicts_with = "abandon")]
    drop_old: bool,
    /// Rebuild nothing; drop what a replay that was stopped has left behind.
    #[arg(long)]
    abandon: bool,
}

/// The logs that are left to rebuild, with the replays that were requested.
type Left = Vec<(StreamId, Vec<(Projection, Option<ReplayId>)>)>;

pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let mut stores = options.stores.open(Access::OwnOrShare).await?;
    let is_target = |it: &Projection| options.targets.iter().any(|name| name == it.as_str());
    let targets: Vec<Projection> = Projection::ALL.into_iter().filter(is_target).collect();
    let mut done = true;
    let mut streams = Vec::new();
    for stream in stores.newest_logs(options.database.as_deref()).await? {
        match stores.check_log(&stream).await {
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
        return Ok(ExitCode::from(u8::from(!done)));
    }
    let wanted: Vec<_> = targets.iter().map(|target| (*target, None)).collect();
    let streams = streams.into_iter();
    let mut left = streams.map(|stream| (stream, wanted.clone())).collect();
    while !rebuild(&stores, &mut left, &mut done).await? {
        output::line("that process has ended; this one goes on")?;
        drop(stores);
        stores = reopen(&options.stores).await?;
    }
    Ok(ExitCode::from(u8::from(!done)))
}

/// Opens the stores after the process that owned the log has ended. The other stores may be free a
/// moment later than the log.
async fn reopen(places: &StorePlaces) -> anyhow::Result<Stores> {
    for _ in 0..REOPENINGS {
        tokio::time::sleep(BEFORE_REOPENING).await;
        if let Ok(stores) = places.open(Access::OwnOrShare).await {
            return Ok(stores);
        }
    }
    places.open(Access::OwnOrShare).await
}

async fn clean_up(
    stores: &Stores,
    targets: &[Projection],
    stream: &StreamId,
    old: bool,
) -> anyhow::Result<()> {
    let (sources, hints) = (stores.sources(), &*stores.hints);
    for target in targets {
        let (dropped, what) = if old {
            (drop_old(sources, hints, *target, stream).await?, "old")
        } else {
            (cancel(stores, stream, *target).await?, "unfinished")
        };
        let name = target.as_str();
        output::line(format!("{stream}: dropped {dropped} {what} {name} sink(s)"))?;
    }
    Ok(())
}

/// Rebuilds projections of logs, all at the same time. `done` becomes false if one is not live then.
/// Returns whether nothing is left: another process that does the work may end before.
async fn rebuild(stores: &Stores, left: &mut Left, done: &mut bool) -> anyhow::Result<bool> {
    for (stream, targets) in left.iter_mut() {
        for (target, id) in targets.iter_mut().filter(|(_, id)| id.is_none()) {
            let known = replay::request(stores, stream, *target).await?;
            note_approval(stores, stream, known).await?;
            *id = Some(known);
        }
    }
    if !stores.is_owner() {
        output::line("another process owns the log and rebuilds; this one shows the progress")?;
        return tokio::select! {
            replaced = wait(stores, left, done) => replaced.map(|()| true),
            gone = stores.wait_unowned() => Ok(gone.map(|()| false)?),
        };
    }
    let upkeep = Upkeep::start(stores, work_settings()?);
    wait(stores, left, done).await?;
    upkeep.end().await;
    Ok(true)
}

/// Says that a replay which somebody else has requested waits for a person.
async fn note_approval(stores: &Stores, stream: &StreamId, id: ReplayId) -> anyhow::Result<()> {
    let replay = stores.work.replay(id).await?;
    let waits = replay.filter(|it| it.request.approval == Approval::Manual);
    if waits.is_some_and(|it| it.approved_at.is_none()) {
        let database = &stream.database;
        output::note(format!(
            "{stream}: the unfinished replay {id} goes on; it waits for an approval: \
             POST /api/v1/databases/{database}/replays/{id}/approve, or …/cancel"
        ));
    }
    Ok(())
}

/// Waits until the replays are finished, and says what has become of them.
async fn wait(stores: &Stores, left: &mut Left, done: &mut bool) -> anyhow::Result<()> {
    while let Some((stream, targets)) = left.first() {
        let ids: Vec<ReplayId> = targets.iter().filter_map(|(_, id)| *id).collect();
        let ended = follow(stores, stream, ids.len(), |progress| {
            wait_finished(stores, stream, &ids, progress)
        });
        for ((target, _), replay) in targets.iter().zip(ended.await?) {
            *done &= report(stream, *target, replay.as_ref())?;
        }
        left.remove(0);
    }
    Ok(())
}

/// Says what has become of a replay; returns whether its projection is live.
fn report(stream: &StreamId, target: Projection, replay: Option<&Replay>) -> anyhow::Result<bool> {
    let name = target.as_str();
    let is_live = replay.is_some_and(|it| it.targets.iter().all(|target| target.is_live));
    let failure = replay.and_then(|replay| replay.failure.as_ref());
    let what = match failure {
        _ if is_live => {
            "matches the log and is live now; `spice replay --drop-old` drops the old one"
                .to_owned()
        }
        Some(failure) if failure.code != ReplayFault::ShadowDropped => {
            format!("not replaced: {}", failure.message)
        }
        Some(_) | None => "not replaced: the shadow was abandoned by another process".to_owned(),
    };
    output::line(format!("{stream}: {name} {what}"))?;
    Ok(is_live)
}

/// The settings of the workers, from the environment or their defaults.
pub(crate) fn work_settings() -> anyhow::Result<WorkSettings> {
    let settings = Knobs::augment_args(Command::new("spice"));
    let matches = settings
        .try_get_matches_from(["spice"])
        .context("settings")?;
    Knobs::from_arg_matches(&matches)?.work()
}

/// Brings the live projections of a log up to date, and shows the progress.
pub(crate) async fn follow_live(stores: &Stores, stream: &StreamId) -> anyhow::Result<()> {
    let end = stores.log.end(stream).await?;
    let count = Projection::ALL.len();
    follow(stores, stream, count, |progress| {
        catch_up(stores, stream, end, progress)
    })
    .await
}

/// Shows how so many sinks catch up with a log while something is done.
async fn follow<T, F: Future<Output = StoreResult<T>>>(
    stores: &Stores,
    stream: &StreamId,
    sinks: usize,
    work: impl FnOnce(Box<dyn Fn(u64) + Send + Sync>) -> F,
) -> anyhow::Result<T> {
    let end = stores.log.end(stream).await?;
    let bar = indicatif::ProgressBar::new(end.0 * sinks as u64);
    let template = "{prefix} [{bar:30}] {pos}/{len} events, {per_sec}, {eta}";
    if let Ok(style) = indicatif::ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_prefix(stream.to_string());
    let started = Instant::now();
    let shown = bar.clone();
    let done = work(Box::new(move |position| shown.set_position(position))).await?;
    bar.finish_and_clear();
    let seconds = started.elapsed().as_secs_f64();
    #[allow(clippy::cast_precision_loss)]
    let rate = end.0 as f64 / seconds.max(1e-6);
    output::line(format!(
        "{stream}: {end} events in {seconds:.2} s ({rate:.0}/s)"
    ))?;
    Ok(done)
}
