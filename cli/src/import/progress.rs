//! Shows the progress of an import on standard error: a bar on a terminal, otherwise a line now and
//! then.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use spice_import::{Counts, Event, Observer, rate};
use tokio::time::Instant;

use crate::output;

/// The time between two lines if there is no terminal.
const PAUSE: Duration = Duration::from_secs(10);
const BAR: &str = "{bar:30} {percent:>3}%  {msg}  {eta} left";
const SPINNER: &str = "{spinner} {msg}";

/// Shows the progress of an import.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    started: Instant,
    noted: Instant,
    /// Rows that an earlier run of the import has read.
    before: u64,
}

impl Observer for Progress {
    fn observe(&mut self, event: Event<'_>) {
        match event {
            Event::Started {
                bytes,
                offset,
                rows,
            } => self.start(bytes, offset, rows),
            Event::Resumed { line, rows } => {
                self.note(format!("resuming at line {line} after {rows} rows"));
            }
            Event::StartedOver { changed } => self.note(describe_change(changed)),
            Event::WaitSkipped => {
                self.note("every row was sent; not waiting until all of them can be read");
            }
            Event::Advanced { counts, offset } => self.update(counts, offset),
            Event::Silent => {
                self.note("no answer yet; retrying the open requests for about a minute");
            }
            Event::Waiting => {
                if let Some(bar) = &self.bar {
                    bar.set_message("all rows are accepted; waiting for the projections");
                }
            }
        }
    }
}

impl Progress {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            bar: None,
            started: now,
            noted: now,
            before: 0,
        }
    }

    /// Removes the bar.
    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn start(&mut self, bytes: Option<u64>, offset: u64, before: u64) {
        *self = Self {
            before,
            ..Self::new()
        };
        if !output::stderr_is_terminal() {
            return;
        }
        let (bar, template) = match bytes {
            Some(bytes) => (ProgressBar::new(bytes).with_position(offset), BAR),
            None => (ProgressBar::new_spinner(), SPINNER),
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        // The remaining time is computed from this run of the import only.
        bar.reset_eta();
        self.bar = Some(bar);
    }

    fn update(&mut self, counts: &Counts, offset: u64) {
        match &self.bar {
            Some(bar) => {
                bar.set_message(self.describe(counts));
                bar.set_position(offset);
            }
            None if self.noted.elapsed() >= PAUSE => {
                self.noted = Instant::now();
                output::note(self.describe(counts));
            }
            None => {}
        }
    }

    /// Writes a line above the bar.
    fn note(&self, text: impl AsRef<str>) {
        match &self.bar {
            Some(bar) => bar.suspend(|| output::note(text)),
            None => output::note(text),
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

/// Why an import starts over.
fn describe_change(changed: &[&str]) -> String {
    format!(
        "changed since the last run: {}; starting over: existing rows count as unchanged",
        changed.join(", ")
    )
}
