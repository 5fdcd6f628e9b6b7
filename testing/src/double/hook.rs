//! The behaviour of a test around the calls of a port.

use std::{
    any::Any,
    future::{Future, ready},
    sync::Arc,
};

use spice_core::{
    error::StoreError,
    id::{LogPosition, StreamId},
    port::{
        Store, StoreResult,
        graph::Entity,
        log::{Append, Batch, Log},
    },
};

/// A port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Port {
    Log,
    Bus,
    Model,
    Work,
    Graph,
    Documents,
}

impl From<Port> for Store {
    fn from(port: Port) -> Self {
        match port {
            Port::Log => Self::Log,
            Port::Bus => Self::Bus,
            Port::Model | Port::Work => Self::Registry,
            Port::Graph => Self::Graph,
            Port::Documents => Self::Documents,
        }
    }
}

/// One call of a port.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The port; the anchors belong to the write model for both parts of a registry.
    pub port: Port,
    /// The method.
    pub method: &'static str,
    /// The log of the call, if any.
    pub stream: Option<&'a StreamId>,
    /// The position of the call, if any.
    pub position: Option<LogPosition>,
    /// The maximum number of requested or passed things; 1 for a single one.
    pub count: usize,
}

impl<'a> Call<'a> {
    pub(super) fn new(port: Port, method: &'static str) -> Self {
        Self {
            port,
            method,
            stream: None,
            position: None,
            count: 1,
        }
    }

    pub(super) fn of(self, stream: &'a StreamId) -> Self {
        let stream = Some(stream);
        Self { stream, ..self }
    }

    pub(super) fn at(self, position: LogPosition) -> Self {
        let position = Some(position);
        Self { position, ..self }
    }

    pub(super) fn count(self, count: usize) -> Self {
        Self { count, ..self }
    }
}

/// The behaviour around the calls of a double. Every method has a default that changes nothing.
///
/// A function from a [`Call`] to a result is also a hook: it runs before each call, and its error
/// replaces the store's answer.
pub trait Hook: Send + Sync {
    /// Runs before a call. An error is the answer, and the store is not called.
    fn before(&self, _: Call<'_>) -> impl Future<Output = StoreResult<()>> + Send {
        ready(Ok(()))
    }

    /// Runs after a call, with the answer; an error replaces it.
    fn after(
        &self,
        _: Call<'_>,
        _: &(dyn Any + Send + Sync),
    ) -> impl Future<Output = StoreResult<()>> + Send {
        ready(Ok(()))
    }

    /// Makes a call, or does something else instead.
    fn around<T: Any + Send + Sync>(
        &self,
        call: Call<'_>,
        effect: impl Future<Output = StoreResult<T>> + Send,
    ) -> impl Future<Output = StoreResult<T>> + Send {
        async move {
            self.before(call).await?;
            let answer = effect.await?;
            self.after(call, &answer).await?;
            Ok(answer)
        }
    }

    /// Answers [`Log::known_end`], which may be behind the log's end.
    fn known_end<L: Log + ?Sized>(
        &self,
        log: &L,
        stream: &StreamId,
    ) -> impl Future<Output = StoreResult<LogPosition>> + Send {
        async move { log.known_end(stream).await }
    }

    /// Appends to the log, or does something else and reports it.
    fn append<L: Log + ?Sized>(
        &self,
        log: &L,
        stream: &StreamId,
        batch: Batch,
    ) -> impl Future<Output = StoreResult<Append>> + Send {
        async move { log.append(stream, batch).await }
    }

    /// The reason why a sink permanently refuses one entity; the rest of its batch is applied.
    fn refuse(&self, _: &Entity) -> Option<StoreError> {
        None
    }
}

impl<F: Fn(Call<'_>) -> StoreResult<()> + Send + Sync> Hook for F {
    fn before(&self, call: Call<'_>) -> impl Future<Output = StoreResult<()>> + Send {
        ready(self(call))
    }
}

impl<H: Hook> Hook for Arc<H> {
    fn before(&self, call: Call<'_>) -> impl Future<Output = StoreResult<()>> + Send {
        (**self).before(call)
    }

    fn after(
        &self,
        call: Call<'_>,
        answer: &(dyn Any + Send + Sync),
    ) -> impl Future<Output = StoreResult<()>> + Send {
        (**self).after(call, answer)
    }

    fn around<T: Any + Send + Sync>(
        &self,
        call: Call<'_>,
        effect: impl Future<Output = StoreResult<T>> + Send,
    ) -> impl Future<Output = StoreResult<T>> + Send {
        (**self).around(call, effect)
    }

    fn known_end<L: Log + ?Sized>(
        &self,
        log: &L,
        stream: &StreamId,
    ) -> impl Future<Output = StoreResult<LogPosition>> + Send {
        (**self).known_end(log, stream)
    }

    fn append<L: Log + ?Sized>(
        &self,
        log: &L,
        stream: &StreamId,
        batch: Batch,
    ) -> impl Future<Output = StoreResult<Append>> + Send {
        (**self).append(log, stream, batch)
    }

    fn refuse(&self, entity: &Entity) -> Option<StoreError> {
        (**self).refuse(entity)
    }
}
