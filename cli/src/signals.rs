//! Handles Ctrl-C and SIGTERM.

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The exit code that a shell expects after Ctrl-C.
pub(crate) const INTERRUPTED: u8 = 130;

/// A token that Ctrl-C or SIGTERM cancels. A second signal exits the process immediately.
pub(crate) fn end_on_signal() -> anyhow::Result<CancellationToken> {
    let mut interrupt =
        signal(SignalKind::interrupt()).context("cannot install a SIGINT handler")?;
    let mut terminate =
        signal(SignalKind::terminate()).context("cannot install a SIGTERM handler")?;
    let ending = CancellationToken::new();
    let token = ending.clone();
    tokio::spawn(async move {
        for _ in 0..2 {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if token.is_cancelled() {
                std::process::exit(INTERRUPTED.into());
            }
            token.cancel();
        }
    });
    Ok(ending)
}
