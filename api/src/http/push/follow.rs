//! Followed commands. One task a log looks for all of them, once whenever the log's work has
//! moved, however many listen; who listens waits for a value and costs nothing.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use spice_core::{
    decide::Receipt,
    error::StoreError,
    id::{CommandId, StreamId},
};
use tokio::{
    sync::{Notify, watch},
    time::sleep,
};

use crate::{http::Api, status::CommandStatus};

/// A hint of a change may get lost; after this long the stores are asked anyway.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The commands that someone listens to, by log.
#[derive(Default)]
pub(crate) struct Followed {
    streams: Mutex<HashMap<StreamId, OfStream>>,
}

/// Those of one log. Its task lives as long as there are any.
#[derive(Default)]
struct OfStream {
    commands: HashMap<CommandId, Command>,
    /// Tells the task of those that came and went.
    moved: Arc<Notify>,
}

struct Command {
    receipt: Arc<Receipt>,
    status: watch::Sender<CommandStatus>,
}

/// One who listens to a command.
pub(crate) struct Following {
    pub(super) receipt: Arc<Receipt>,
    status: Option<watch::Receiver<CommandStatus>>,
    moved: Arc<Notify>,
    told_first: bool,
}

impl Following {
    /// The present status at first, then each change; none after the final one.
    pub(crate) async fn next(&mut self) -> Option<CommandStatus> {
        let status = self.status.as_mut()?;
        if self.told_first {
            status.changed().await.ok()?;
        }
        self.told_first = true;
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
    /// How many commands are followed.
    fn count(&self) -> usize {
        let streams = self.lock();
        streams.values().map(|of| of.commands.len()).sum()
    }

    /// One more who listens to a command that is followed already.
    fn join(&self, receipt: &Receipt) -> Option<Following> {
        let streams = self.lock();
        let of = streams.get(&receipt.stream)?;
        let command = of.commands.get(&receipt.command_id)?;
        Some(command.following(&of.moved))
    }

    /// Follows a command from this status on; true when its log needs a task.
    fn begin(&self, receipt: Receipt, status: CommandStatus) -> (Following, bool) {
        let mut streams = self.lock();
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

    /// Lets those go that no one listens to; what is left, or none when the task is to end.
    fn remaining(&self, stream: &StreamId) -> Option<Vec<Arc<Receipt>>> {
        let mut streams = self.lock();
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

    /// Tells those who listen, if it is news. A status only moves forward.
    fn tell(&self, receipt: &Receipt, status: CommandStatus) {
        let mut streams = self.lock();
        let Some(of) = streams.get_mut(&receipt.stream) else {
            return;
        };
        let Some(command) = of.commands.get(&receipt.command_id) else {
            return;
        };
        let is_final = status.state.is_final();
        command.status.send_if_modified(|told| {
            let is_news = told.state.rank() <= status.state.rank() && *told != status;
            if is_news {
                *told = status;
            }
            is_news
        });
        if is_final {
            of.commands.remove(&receipt.command_id);
        }
    }

    fn moved(&self, stream: &StreamId) -> Option<Arc<Notify>> {
        Some(self.lock().get(stream)?.moved.clone())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<StreamId, OfStream>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Command {
    fn following(&self, moved: &Arc<Notify>) -> Following {
        Following {
            receipt: self.receipt.clone(),
            status: Some(self.status.subscribe()),
            moved: moved.clone(),
            told_first: false,
        }
    }
}

impl Api {
    /// How many commands someone listens to now.
    pub fn followed_commands(&self) -> usize {
        self.followed.count()
    }

    /// Listens to a command that is in the log.
    pub(crate) async fn follow(
        self: &Arc<Self>,
        receipt: Receipt,
    ) -> Result<Following, StoreError> {
        if let Some(following) = self.followed.join(&receipt) {
            return Ok(following);
        }
        let status = self.command_status(&receipt).await?;
        if status.state.is_final() {
            return Ok(finished(receipt, status));
        }
        let stream = receipt.stream.clone();
        let (following, needs_task) = self.followed.begin(receipt, status);
        if needs_task {
            tokio::spawn(Arc::clone(self).follow_stream(stream));
        }
        Ok(following)
    }

    /// The task of a log: looks whenever its work has moved, until no one listens.
    async fn follow_stream(self: Arc<Self>, stream: StreamId) {
        let Some(moved) = self.followed.moved(&stream) else {
            return;
        };
        let mut seen = 0;
        while let Some(receipts) = self.followed.remaining(&stream) {
            if let Err(error) = self.look(&stream, &receipts).await {
                tracing::warn!(%stream, %error, "statuses cannot be told; looked for again");
            }
            tokio::select! {
                change = self.engine.work.wait_change(&stream, seen) => seen = change,
                () = moved.notified() => {}
                () = sleep(LOOK_AGAIN) => {}
            }
        }
    }

    /// Tells each command's status. One that cannot be read is looked for again and keeps no other
    /// back.
    async fn look(&self, stream: &StreamId, receipts: &[Arc<Receipt>]) -> Result<(), StoreError> {
        let progress = self.progress(stream).await?;
        for receipt in receipts {
            match self.status_at(receipt, &progress).await {
                Ok(status) => self.followed.tell(receipt, status),
                Err(error) => {
                    let command_id = receipt.command_id;
                    tracing::warn!(%stream, %command_id, %error, "a status cannot be told; looked for again");
                }
            }
        }
        Ok(())
    }
}

/// What listens to a command of which nothing will change any more.
fn finished(receipt: Receipt, status: CommandStatus) -> Following {
    Following {
        receipt: Arc::new(receipt),
        status: Some(watch::Sender::new(status).subscribe()),
        moved: Arc::default(),
        told_first: false,
    }
}
