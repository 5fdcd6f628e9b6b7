//! How far an import is, on standard error: a bar for a person, now and then a line otherwise.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

use super::journal::Counts;
use crate::output;

/// Between two lines where there is no terminal.
const PAUSE: Duration = Duration::from_secs(10);
const BAR: &str = "{bar:30} {percent:>3}%  {msg}  {eta} left";
const SPINNER: &str = "{spinner} {msg}";

/// Tells how far an import is.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    started: Instant,
    told: Instant,
    /// Rows that an earlier start of the import has read.
    before: u64,
}

impl Progress {
    pub(super) fn begin(bytes: Option<u64>, offset: u64, before: u64) -> anyhow::Result<Self> {
        let bar = if output::stderr_is_terminal() {
            let (bar, style) = match bytes {
                Some(bytes) => (ProgressBar::new(bytes).with_position(offset), BAR),
                None => (ProgressBar::new_spinner(), SPINNER),
            };
            bar.set_style(ProgressStyle::with_template(style)?);
            // The time left is told by what this start of the import does.
            bar.reset_eta();
            Some(bar)
        } else {
            None
        };
        let now = Instant::now();
        Ok(Self {
            bar,
            started: now,
            told: now,
            before,
        })
    }

    pub(super) fn update(&mut self, counts: &Counts, offset: u64) {
        match &self.bar {
            Some(bar) => {
                bar.set_message(self.describe(counts));
                bar.set_position(offset);
            }
            None if self.told.elapsed() >= PAUSE => {
                self.told = Instant::now();
                output::note(self.describe(counts));
            }
            None => {}
        }
    }

    /// Writes a line without disturbing the bar.
    pub(super) fn tell(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| output::note(text)),
            None => output::note(text),
        }
    }

    /// Says that all rows are taken, and that it is waited until they show.
    pub(super) fn wait(&self) {
        if let Some(bar) = &self.bar {
            bar.set_message("every row is taken; waiting until all of them show");
        }
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn describe(&self, counts: &Counts) -> String {
        format!(
            "{} rows, {:.0}/s, {} rejected",
            counts.rows,
            rate(
                counts.rows - self.before,
                self.started.elapsed().as_secs_f64()
            ),
            counts.rejected
        )
    }
}

/// Rows a second.
#[allow(clippy::cast_precision_loss)]
pub(super) fn rate(rows: u64, seconds: f64) -> f64 {
    rows as f64 / seconds.max(1e-3)
}
