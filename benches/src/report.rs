//! Prints results.

use std::{io::Write, time::Duration};

/// Prints one line.
pub fn line(text: impl AsRef<str>) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{}", text.as_ref())?;
    Ok(())
}

/// The value below which the given share of the durations is.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]
pub fn percentile(durations: &mut [Duration], share: f64) -> Duration {
    durations.sort_unstable();
    let index = (durations.len() as f64 * share) as usize;
    durations
        .get(index.min(durations.len().saturating_sub(1)))
        .copied()
        .unwrap_or_default()
}

/// A duration in milliseconds, for people.
pub fn millis(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1e3)
}

/// Items per second.
#[allow(clippy::cast_precision_loss)]
pub fn rate(items: u64, elapsed: Duration) -> f64 {
    items as f64 / elapsed.as_secs_f64().max(1e-9)
}
