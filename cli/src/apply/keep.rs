//! `spice dev --apply`: applies declarations, and again whenever their files change.

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

/// An editor writes a file in several steps; this long without a change is a whole change.
const SETTLE: Duration = Duration::from_millis(200);
/// After a pass that did not get everything applied.
const AGAIN: Duration = Duration::from_secs(5);

/// Refuses a path that is not there before anything is started.
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

/// Applies the files, and again whenever they change, until `ending`.
pub(crate) async fn keep(server: String, paths: Vec<PathBuf>, ending: CancellationToken) {
    let (sender, mut changes) = mpsc::channel(1);
    let watcher = match watch(&paths, sender) {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            tracing::warn!(%error, "the files are applied once; changes are not seen");
            None
        }
    };
    let mut was_whole = false;
    let mut told = Told::default();
    while !ending.is_cancelled() {
        let whole = apply_once(&server, &paths, &mut told).await;
        if whole && !was_whole {
            tracing::info!("everything declared is in force");
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
            // A full queue says already what this would say.
            let _ = changes.try_send(());
        }
    })?;
    for path in paths {
        if path.is_dir() {
            watcher.watch(path, RecursiveMode::Recursive)?;
        } else {
            // The folder of the file, and not what lies below: editors replace files.
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

/// What passes have said, so that a file that stays broken is told of once.
#[derive(Default)]
struct Told {
    before: BTreeSet<String>,
    now: BTreeSet<String>,
}

impl Told {
    /// Begins a pass.
    fn begin(&mut self) {
        self.before = std::mem::take(&mut self.now);
    }

    /// Whether the pass before did not say this.
    fn is_new(&mut self, said: String) -> bool {
        let is_new = !self.before.contains(&said);
        self.now.insert(said);
        is_new
    }
}

/// One pass; whether everything is as declared now.
async fn apply_once(server: &str, paths: &[PathBuf], told: &mut Told) -> bool {
    told.begin();
    let sources: Vec<Source> = paths.iter().cloned().map(Source::Path).collect();
    let documents = match declared::read_checked(&sources, &super::classes::check) {
        Ok(reading) => {
            for skipped in &reading.skipped {
                if told.is_new(skipped.clone()) {
                    tracing::info!("{skipped}");
                }
            }
            reading.declared
        }
        Err(error) => {
            let mut is_new = false;
            for flaw in error.flaws.iter().take(SHOWN) {
                if told.is_new(flaw.to_string()) {
                    is_new = true;
                    tracing::error!(place = %flaw.place, problem = %flaw.problem, "not declared rightly");
                }
            }
            let problems = error.flaws.len();
            if told.is_new(format!("{problems} problems")) || is_new {
                tracing::error!(
                    problems,
                    "nothing is applied; what was applied before stays"
                );
            }
            return false;
        }
    };
    let client = match ApiClient::new(server) {
        Ok(client) => client,
        Err(error) => {
            tracing::error!(%error, "no client");
            return false;
        }
    };
    let report = apply_documents(&client, documents).await;
    log(&report, told);
    report.is_complete()
}

fn log(report: &ApplyReport, told: &mut Told) {
    for entry in &report.entries {
        let resource = format!("{}/{}", entry.kind, entry.name);
        match &entry.applied {
            Applied::Unchanged | Applied::Suspended => {}
            Applied::Changed(verb) => tracing::info!(%resource, verb = verb.as_str(), "applied"),
            Applied::Waiting(reason) => {
                if told.is_new(format!("{resource} {reason}")) {
                    tracing::info!(%resource, %reason, "waits");
                }
            }
            Applied::Failed { reason, message } => {
                if told.is_new(format!("{resource} {} {message}", entry.source)) {
                    tracing::warn!(%resource, source = %entry.source, %reason, %message, "not applied");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Told;

    #[test]
    fn what_stays_wrong_is_said_once() {
        let mut told = Told::default();
        let mut pass = |said: &[&str]| -> Vec<bool> {
            told.begin();
            said.iter()
                .map(|it| told.is_new((*it).to_owned()))
                .collect()
        };
        assert_eq!(pass(&["a", "b"]), [true, true]);
        assert_eq!(pass(&["a", "c"]), [false, true]);
        assert_eq!(pass(&["a"]), [false]);
        assert_eq!(pass(&[]), [false; 0]);
        assert_eq!(pass(&["a"]), [true], "it was mended in between");
    }
}
