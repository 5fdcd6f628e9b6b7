//! A command's statuses, one after the other, as a listener gets them.

use spice_core::{decide::Receipt, id::LogPosition};
use tokio_util::sync::CancellationToken;

use crate::{
    http::commands,
    read::{followed::Following, status::CommandStatus},
};

/// A command's statuses as they come, until the final one or the end of the service.
pub(super) struct Telling {
    following: Following,
    ending: CancellationToken,
    is_over: bool,
}

/// A status to tell.
pub(super) struct Told {
    /// It, as `CommandResult`.
    pub(super) text: String,
    /// Where a client is that has seen it.
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

    /// The next status to tell; none after the final one, and when the service ends.
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

    /// Whether the service ends before the command did.
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

/// Past its last event, once nothing will change any more; at the command, before.
pub(super) fn place(receipt: &Receipt, is_final: bool) -> LogPosition {
    if is_final {
        receipt.last.next()
    } else {
        receipt.position
    }
}
