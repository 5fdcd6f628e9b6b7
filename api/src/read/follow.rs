//! Listening to commands. One task a log looks for all that are followed, once whenever the log's
//! work has moved, however many listen; a listener waits for a value and costs nothing.

use std::{sync::Arc, time::Duration};

use spice_core::{
    decide::Receipt,
    error::StoreError,
    id::StreamId,
    port::hints::{LOOK_AGAIN, Topic},
};
use tokio::time::{sleep, timeout};

use super::{
    followed::{Following, finished},
    reads::Reads,
    status::State,
    waits::{Ended, For},
};

impl Reads {
    /// How many commands someone listens to now.
    pub(crate) fn followed_commands(&self) -> usize {
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

    /// Waits until nothing of a command will change any more, or until the time has run out; the
    /// state then.
    pub(crate) async fn wait_final(
        self: &Arc<Self>,
        receipt: &Receipt,
        limit: Duration,
    ) -> Result<State, StoreError> {
        let wait = self.waits.begin(For::Command);
        let mut state = State::Pending;
        let followed = async {
            let mut following = self.follow(receipt.clone()).await?;
            let to_the_end = async {
                while let Some(status) = following.next().await {
                    state = status.state;
                }
            };
            // When the time runs out, the status that came last is the answer.
            let _ = timeout(limit, to_the_end).await;
            Ok(())
        };
        let followed = followed.await;
        wait.end(match &followed {
            Ok(()) if state.is_final() => Ended::Done,
            Ok(()) => Ended::Timeout,
            Err(_) => Ended::Failed,
        });
        followed.map(|()| state)
    }

    /// The task of a log: looks whenever its work has moved, until no one listens.
    async fn follow_stream(self: Arc<Self>, stream: StreamId) {
        let Some(moved) = self.followed.moved(&stream) else {
            return;
        };
        let topic = Topic::Progress(stream.clone());
        let mut progress = self.engine.writer.listen(topic);
        while let Some(receipts) = self.followed.remaining(&stream) {
            if let Err(error) = self.look(&stream, &receipts).await {
                tracing::warn!(%stream, %error, "cannot read statuses; retrying");
            }
            tokio::select! {
                () = progress.wait() => {}
                () = moved.notified() => {}
                () = sleep(LOOK_AGAIN) => {}
            }
        }
    }

    /// Passes on each command's status. One that cannot be read is looked for again and does not
    /// block others.
    async fn look(&self, stream: &StreamId, receipts: &[Arc<Receipt>]) -> Result<(), StoreError> {
        let progress = self.progress(stream).await?;
        for receipt in receipts {
            match self.status_at(receipt, &progress).await {
                Ok(status) => self.followed.tell(receipt, status),
                Err(error) => {
                    let command_id = receipt.command_id;
                    tracing::warn!(%stream, %command_id, %error, "cannot read a status; retrying");
                }
            }
        }
        Ok(())
    }
}
