//! The graph worker: every domain event of a class or an instance becomes one version.

use std::sync::Arc;

use async_trait::async_trait;
use spice_core::{
    handler,
    id::{LogPosition, StreamId},
    port::{
        StoreResult,
        graph::Graph,
        sink::{Applied, SinkPosition, Sinks},
    },
};

use crate::{
    engine::{Handler, Items},
    event::{Event, Subject},
    shape::version,
};

/// Applies events to the graph.
pub struct GraphWorker {
    graph: Arc<dyn Graph>,
}

impl GraphWorker {
    /// The worker of a graph.
    pub fn new(graph: Arc<dyn Graph>) -> Self {
        Self { graph }
    }
}

#[async_trait]
impl Handler for GraphWorker {
    fn sinks(&self) -> &dyn Sinks {
        &*self.graph
    }

    fn name_of(&self, event: &Event<'_>) -> Option<&'static str> {
        Some(match event.subject()? {
            Subject::Class => handler::ONTOLOGY,
            Subject::Instance => handler::INSTANCES,
            Subject::Branch | Subject::Other => handler::BRANCHES,
        })
    }

    async fn apply(
        &self,
        stream: &StreamId,
        sink: &str,
        from: LogPosition,
        through: SinkPosition,
        events: &[&Event<'_>],
    ) -> StoreResult<Applied> {
        let mut items = Items::with_capacity(events.len());
        for (index, event) in events.iter().enumerate() {
            items.add(index, version(event))?;
        }
        let graph = &self.graph;
        let applied = graph
            .apply(stream, sink, from, through, items.as_slice())
            .await?;
        items.settle(applied);
        Ok(items.finish())
    }
}
