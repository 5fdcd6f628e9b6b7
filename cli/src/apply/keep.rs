//! `spice dev --apply`: applies declarations, and applies them again when their files change.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use notify::{RecursiveMode, Watcher};
use spice_operator::{
    ApiClient, Applied, ApplyReport, Source, apply_documents,
    declared::{self, SHOWN},
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// An editor writes a file in several steps. A change is complete after this time without another
/// change.
const SETTLE: Duration = Duration::from_millis(200);
/// The wait after a pass that could not apply everything.
const AGAIN: Duration = Duration::from_secs(5);

/// Refuses a missing path before anything is started.
pub(crate) fn check_paths(paths: &[PathBuf]) -> anyhow::Result<()> {
    for path in paths {
        anyhow::ensure!(
            path.exists(),
            "--apply {}: there is no such file or folder",
            path.display()
        );
    }
    Ok(())
}

/// Applies the files, and applies them again when they change, until `ending` is cancelled.
pub(crate) async fn apply_continuously(
    client: ApiClient,
    paths: Vec<PathBuf>,
    ending: CancellationToken,
) {
    let (sender, mut changes) = mpsc::channel(1);
    let watcher = match watch(&paths, sender) {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            tracing::warn!(%error, "cannot watch the files for changes; they are applied only once");
            None
        }
    };
    let mut was_whole = false;
    let mut reported = Reported::default();
    while !ending.is_cancelled() {
        let whole = apply_once(&client, &paths, &mut reported).await;
        if whole && !was_whole {
            tracing::info!("all declarations are applied");
        }
        was_whole = whole;
        tokio::select! {
            () = ending.cancelled() => break,
            Some(()) = changes.recv() => {
                while tokio::time::timeout(SETTLE, changes.recv()).await.is_ok_and(|c| c.is_some()) {}
            }
            () = tokio::time::sleep(AGAIN), if !whole => {}
        }
    }
    drop(watcher);
}

fn watch(paths: &[PathBuf], changes: mpsc::Sender<()>) -> notify::Result<impl Watcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| !event.kind.is_access()) {
            // If the queue is full, a signal is already waiting in it.
            let _ = changes.try_send(());
        }
    })?;
    for path in paths {
        if path.is_dir() {
            watcher.watch(path, RecursiveMode::Recursive)?;
        } else {
            // Watch the folder of the file, without its subfolders, because editors replace files.
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            watcher.watch(
                folder.unwrap_or_else(|| Path::new(".")),
                RecursiveMode::NonRecursive,
            )?;
        }
    }
    Ok(watcher)
}

/// The messages of earlier passes, so that a broken file is reported only once.
#[derive(Default)]
struct Reported {
    before: BTreeSet<String>,
    now: BTreeSet<String>,
}

impl Reported {
    /// Starts a pass.
    fn begin(&mut self) {
        self.before = std::mem::take(&mut self.now);
    }

    /// Whether the previous pass did not report this message.
    fn is_new(&mut self, said: String) -> bool {
        let is_new = !self.before.contains(&said);
        self.now.insert(said);
        is_new
    }
}

/// Runs one pass. Returns whether everything is applied.
async fn apply_once(client: &ApiClient, paths: &[PathBuf], reported: &mut Reported) -> bool {
    reported.begin();
    let sources: Vec<Source> = paths.iter().cloned().map(Source::Path).collect();
    let documents = match declared::read_checked(&sources, &super::classes::check) {
        Ok(reading) => {
            for skipped in &reading.skipped {
                if reported.is_new(skipped.clone()) {
                    tracing::info!("{skipped}");
                }
            }
            reading.declared
        }
        Err(error) => {
            let mut is_new = false;
            for flaw in error.flaws.iter().take(SHOWN) {
                if reported.is_new(flaw.to_string()) {
                    is_new = true;
                    tracing::error!(place = %flaw.place, problem = %flaw.problem, "invalid declarations");
                }
            }
            let problems = error.flaws.len();
            if reported.is_new(format!("{problems} problems")) || is_new {
                tracing::error!(
                    problems,
                    "nothing was applied; earlier declarations stay in force"
                );
            }
            return false;
        }
    };
    let report = apply_documents(client, documents).await;
    log(&report, reported);
    report.is_complete()
}

fn log(report: &ApplyReport, reported: &mut Reported) {
    for entry in &report.entries {
        let resource = format!("{}/{}", entry.kind, entry.name);
        match &entry.applied {
            Applied::Changed(verb) => tracing::info!(%resource, verb = verb.as_str(), "applied"),
            Applied::Waiting(reason) if reported.is_new(format!("{resource} {reason}")) => {
                tracing::info!(%resource, %reason, "waits");
            }
            Applied::Failed {
                reason, message, ..
            } if reported.is_new(format!("{resource} {} {message}", entry.source)) => {
                tracing::warn!(%resource, source = %entry.source, %reason, %message, "not applied");
            }
            // Nothing happened, or it was reported before.
            Applied::Unchanged
            | Applied::Suspended
            | Applied::Waiting(_)
            | Applied::Failed { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Reported;

    #[test]
    fn a_lasting_problem_is_reported_once() {
        let mut reported = Reported::default();
        let mut pass = |said: &[&str]| -> Vec<bool> {
            reported.begin();
            said.iter()
                .map(|it| reported.is_new((*it).to_owned()))
                .collect()
        };
        assert_eq!(pass(&["a", "b"]), [true, true]);
        assert_eq!(pass(&["a", "c"]), [false, true]);
        assert_eq!(pass(&["a"]), [false]);
        assert_eq!(pass(&[]), [false; 0]);
        assert_eq!(pass(&["a"]), [true], "it was mended in between");
    }
}
