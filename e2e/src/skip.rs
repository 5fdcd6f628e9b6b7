//! Tests that a machine cannot run: skipped by name, except in CI.

use anyhow::bail;

use crate::embedded::setting;

/// Reports on standard error that the test `name` is skipped, bypassing the capture of its output.
/// With `CI=true` nothing may be skipped: an error.
pub(crate) fn skip<T>(name: &str, reason: &str) -> anyhow::Result<Option<T>> {
    if setting("CI").is_some_and(|ci| ci == "true") {
        bail!("{name}: {reason}");
    }
    report(name, reason);
    Ok(None)
}

/// Reports like [`skip`] what this machine's kernel or privileges rule out, in CI too.
pub(crate) fn report(name: &str, reason: &str) {
    use std::io::Write;
    // A line that cannot be written is not a failure.
    let _ = std::io::stderr().write_all(format!("skipped: {name} ({reason})\n").as_bytes());
}
