//! A command's statuses in order, for a listener.

use spice_core::{decide::Receipt, id::LogPosition};
use tokio_util::sync::CancellationToken;

use crate::{
    http::commands,
    read::{followed::Following, status::CommandStatus},
};

/// A command's statuses, until the final one or the shutdown.
pub(super) struct Telling {
    following: Following,
    ending: CancellationToken,
    is_over: bool,
}

/// A status to send.
pub(super) struct Told {
    /// The status as `CommandResult`.
    pub(super) text: String,
    /// The event id after it.
    pub(super) place: LogPosition,
}

impl Telling {
    pub(super) fn new(following: Following, ending: CancellationToken) -> Self {
        Self {
            following,
            ending,
            is_over: false,
        }
    }

    /// The next status to send; none after the final one, and at shutdown.
    pub(super) async fn next(&mut self) -> Option<Told> {
        if self.is_over {
            return None;
        }
        let status = tokio::select! {
            () = self.ending.cancelled() => None,
            status = self.following.next() => status,
        };
        let told = status.and_then(|status| {
            self.is_over = status.state.is_final();
            tell(&self.following.receipt, &status)
        });
        self.is_over |= told.is_none();
        told
    }

    /// Whether the service stopped before the command was final.
    pub(super) fn is_cut(&self) -> bool {
        self.ending.is_cancelled()
    }
}

fn tell(receipt: &Receipt, status: &CommandStatus) -> Option<Told> {
    let text = commands::text(receipt, status)
        .inspect_err(|error| tracing::error!(%error, "a status could not be written"))
        .ok()?;
    Some(Told {
        text,
        place: place(receipt, status.state.is_final()),
    })
}

/// After its last event, once nothing will change; before that, at the command.
pub(super) fn place(receipt: &Receipt, is_final: bool) -> LogPosition {
    if is_final {
        receipt.last.next()
    } else {
        receipt.position
    }
}
