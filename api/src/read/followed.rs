//! The followed commands, with their latest status.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use spice_core::{
    decide::Receipt,
    id::{CommandId, StreamId},
};
use tokio::sync::{Notify, watch};

use super::status::CommandStatus;
use crate::lock::lock;

/// The followed commands, by log.
#[derive(Default)]
pub(super) struct Followed {
    streams: Mutex<HashMap<StreamId, OfStream>>,
}

/// The followed commands of one log. Its task runs as long as there are any.
#[derive(Default)]
struct OfStream {
    commands: HashMap<CommandId, Command>,
    /// Wakes the task when listeners come and go.
    moved: Arc<Notify>,
}

struct Command {
    receipt: Arc<Receipt>,
    status: watch::Sender<CommandStatus>,
}

/// A listener to a command.
pub(crate) struct Following {
    pub(crate) receipt: Arc<Receipt>,
    status: Option<watch::Receiver<CommandStatus>>,
    moved: Arc<Notify>,
}

impl Following {
    /// The current status at first, then each change; none after the final one.
    pub(crate) async fn next(&mut self) -> Option<CommandStatus> {
        let status = self.status.as_mut()?;
        status.changed().await.ok()?;
        Some(status.borrow_and_update().clone())
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.status = None;
        self.moved.notify_one();
    }
}

impl Followed {
    /// The number of followed commands.
    pub(super) fn count(&self) -> usize {
        let streams = lock(&self.streams);
        streams.values().map(|of| of.commands.len()).sum()
    }

    /// Another listener to an already followed command.
    pub(super) fn join(&self, receipt: &Receipt) -> Option<Following> {
        let streams = lock(&self.streams);
        let of = streams.get(&receipt.stream)?;
        let command = of.commands.get(&receipt.command_id)?;
        Some(command.following(&of.moved))
    }

    /// Follows a command from this status on; true if its log needs a task.
    pub(super) fn begin(&self, receipt: Receipt, status: CommandStatus) -> (Following, bool) {
        let mut streams = lock(&self.streams);
        let is_new = !streams.contains_key(&receipt.stream);
        let of = streams.entry(receipt.stream.clone()).or_default();
        let command = of.commands.entry(receipt.command_id);
        let command = command.or_insert_with(|| Command {
            receipt: Arc::new(receipt),
            status: watch::Sender::new(status),
        });
        let following = command.following(&of.moved);
        of.moved.notify_one();
        (following, is_new)
    }

    /// Drops commands without listeners. Returns the others, or none if the task should end.
    pub(super) fn remaining(&self, stream: &StreamId) -> Option<Vec<Arc<Receipt>>> {
        let mut streams = lock(&self.streams);
        let of = streams.get_mut(stream)?;
        of.commands
            .retain(|_, command| command.status.receiver_count() > 0);
        if of.commands.is_empty() {
            streams.remove(stream);
            return None;
        }
        let receipts = of.commands.values();
        Some(receipts.map(|command| command.receipt.clone()).collect())
    }

    /// Passes a new status to the listeners. A status only moves forward.
    pub(super) fn tell(&self, receipt: &Receipt, status: CommandStatus) {
        let mut streams = lock(&self.streams);
        let Some(of) = streams.get_mut(&receipt.stream) else {
            return;
        };
        let Some(command) = of.commands.get(&receipt.command_id) else {
            return;
        };
        let is_final = status.state.is_final();
        command.status.send_if_modified(|known| {
            let is_news = known.state <= status.state && *known != status;
            if is_news {
                *known = status;
            }
            is_news
        });
        if is_final {
            of.commands.remove(&receipt.command_id);
        }
    }

    pub(super) fn moved(&self, stream: &StreamId) -> Option<Arc<Notify>> {
        Some(lock(&self.streams).get(stream)?.moved.clone())
    }
}

impl Command {
    fn following(&self, moved: &Arc<Notify>) -> Following {
        listen(self.receipt.clone(), &self.status, moved.clone())
    }
}

/// A listener to a command that has its final status.
pub(super) fn finished(receipt: Receipt, status: CommandStatus) -> Following {
    listen(
        Arc::new(receipt),
        &watch::Sender::new(status),
        Arc::default(),
    )
}

fn listen(
    receipt: Arc<Receipt>,
    status: &watch::Sender<CommandStatus>,
    moved: Arc<Notify>,
) -> Following {
    let mut status = status.subscribe();
    // The current status is the first change.
    status.mark_changed();
    Following {
        receipt,
        status: Some(status),
        moved,
    }
}
