//! Brings the task's state up to the log's end: reads it from the registry where there is none, and
//! takes in what other processes appended.

use spice_core::{
    chain::ChainHead,
    decide::WriteState,
    envelope::Envelope,
    error::StoreError,
    id::{LogPosition, StreamId},
};

use super::{
    published::Published,
    reflect::{self, Reflector},
    scribe::{Task, listen},
};

impl Task {
    /// The chain of this log where nothing is in it.
    pub(super) fn genesis(&self) -> ChainHead {
        ChainHead::at(&self.stream, LogPosition::ZERO).with_guards(self.ports.settings.guards)
    }

    /// Reads the state anew where there is none, and what another writer appended, and tells how
    /// things stand.
    pub(super) async fn settle(&mut self) -> Result<(), StoreError> {
        let check = self.freshness.begin();
        loop {
            if self.state.is_none() {
                self.read_in_earlier_generations().await?;
                let (state, head) = self.reflector.load().await?;
                self.head = head;
                self.state = Some(state);
                self.published = Published::default();
            }
            self.read_tail().await?;
            if !self.is_over() {
                break;
            }
            // The newest may be an earlier one than this: a next log was opened and nothing came to
            // stand in it.
            let newest = self.newest_stream().await?;
            if newest == self.stream {
                break;
            }
            self.move_to(newest).await;
        }
        self.load_schemas().await?;
        self.publish(&check);
        Ok(())
    }

    /// Makes sure that there is a state to decide on. It may be behind the log: a won append proves
    /// that it was not, and [`Task::read_tail`] shows it before anything is refused.
    pub(super) async fn prepare_state(&mut self) -> Result<(), StoreError> {
        if self.state.is_none() || self.is_behind || self.is_over() {
            return self.settle().await;
        }
        Ok(())
    }

    /// Whether this log holds no live database: it is sealed, or there is nothing in it.
    fn is_over(&self) -> bool {
        let database = self.state.as_ref().and_then(WriteState::database);
        database.is_none_or(|database| !database.live)
    }

    /// Brings the registry up to the sealed logs of this name, so that a retried command of theirs
    /// gets its first answer. A sealed log that is damaged or refused does not stop the live one.
    async fn read_in_earlier_generations(&self) -> Result<(), StoreError> {
        for stream in self.ports.generations(&self.stream.database).await? {
            if stream.generation >= self.stream.generation {
                continue;
            }
            match reflect::catch_up(&self.ports, &stream).await {
                Ok(_) => self.ports.refused.remove(&stream),
                Err(error) if error.is_damage() => {
                    tracing::warn!(%stream, %error, "cannot read a sealed log; using the live one");
                    self.ports.refused.put(&stream, error);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn newest_stream(&self) -> Result<StreamId, StoreError> {
        let mut generations = self.ports.generations(&self.stream.database).await?;
        Ok(generations.pop().unwrap_or_else(|| self.stream.clone()))
    }

    /// Goes on with another generation of the database.
    pub(super) async fn move_to(&mut self, stream: StreamId) {
        self.reflector.finish().await;
        self.rest().await;
        self.marked_at = None;
        self.reflector = Reflector::new(self.ports.clone(), stream.clone());
        self.appends = listen(&self.ports, &stream);
        self.stream = stream;
        self.state = None;
    }

    /// Takes in what another process appended beyond the state's end; whether there was anything.
    pub(super) async fn read_tail(&mut self) -> Result<bool, StoreError> {
        let Some(state) = &self.state else {
            return Ok(false);
        };
        let mut next = state.end();
        let end = self.ports.end(&self.stream).await?;
        self.ports.check_end(&self.stream, end, next)?;
        self.is_behind = false;
        if end <= next {
            return Ok(false);
        }
        loop {
            let records = self.ports.log.read(&self.stream, next, 1_000).await?;
            if records.is_empty() {
                return Ok(true);
            }
            let mut envelopes = Vec::with_capacity(records.len());
            let mut head = self.head.clone();
            for record in &records {
                head.take(record.position, &record.line)?;
                envelopes.push(record.envelope()?);
                next = record.position.next();
            }
            self.take_in(&envelopes, head)?;
        }
    }

    /// Folds envelopes that are in the log into the state; the registry follows.
    fn take_in(&mut self, envelopes: &[Envelope], head: ChainHead) -> Result<(), StoreError> {
        let Some(state) = &mut self.state else {
            return Ok(());
        };
        let from = state.end();
        let mut entries = Vec::new();
        for envelope in envelopes {
            match state.apply(envelope) {
                Ok(made) => entries.extend(made),
                Err(error) => {
                    self.state = None;
                    return Err(error.into());
                }
            }
        }
        self.head = head;
        if let Some(to) = self.head.anchor() {
            self.reflector.follow(from, to, entries, envelopes);
        }
        Ok(())
    }

    /// The classes of every live branch, for those that have none yet.
    pub(super) async fn load_schemas(&mut self) -> Result<(), StoreError> {
        let Some(state) = &self.state else {
            return Ok(());
        };
        let mut schemas = Vec::new();
        for branch in state.live_branches() {
            if state.known_schema(branch.generation).is_none() {
                let schema = self.source().schema(state, branch).await?;
                schemas.push((branch.generation, schema));
            }
        }
        if let Some(state) = &mut self.state {
            for (branch, schema) in schemas {
                state.put_schema(branch, schema);
            }
        }
        Ok(())
    }
}
