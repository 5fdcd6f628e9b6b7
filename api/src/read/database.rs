//! A database at the time of a read: its details, counts, and the progress of its sinks.

use std::sync::Arc;

use spice_core::{
    error::{ErrorCode, Refusal, StoreError},
    id::LogPosition,
    name::ClassName,
    ontology::Schema,
};

use super::reading::Reading;
use crate::writer::Snapshot;

/// The number of versions per graph read.
const PAGE: usize = 1_000;

/// The positions of a log's sinks.
pub(crate) struct SinkPositions {
    pub(crate) graph: LogPosition,
    pub(crate) documents: LogPosition,
}

impl Reading {
    /// The database and its branches, now or at the read's position.
    pub(crate) async fn database(&self) -> Result<Snapshot, Refusal> {
        let now = &self.snapshot;
        let Some(position) = self.as_of else {
            return Ok(Snapshot::clone(now));
        };
        let database = self.reads.database_at(now, position).await?;
        let database = database.ok_or_else(|| {
            let message = format!("the database did not exist at {position}");
            Refusal::new(ErrorCode::NotFound, message)
        })?;
        Ok(Snapshot {
            end: position.next(),
            database,
            branches: Arc::new(self.reads.branches_at(now, position).await?),
            ..Snapshot::clone(now)
        })
    }

    /// The number of instances of each class. At a past position they are counted from the
    /// versions.
    pub(crate) async fn counts(
        &self,
        schema: &Schema,
    ) -> Result<Vec<(ClassName, u64)>, StoreError> {
        if self.as_of.is_none() {
            return self.reads.engine.documents.counts(&self.view).await;
        }
        let mut counts = Vec::new();
        for class in schema.iter() {
            let (mut count, mut scan) = (0, self.scan(&class.id));
            while let Some(versions) = scan.next(PAGE).await? {
                count += versions.len() as u64;
            }
            if count > 0 {
                counts.push((class.id.clone(), count));
            }
        }
        Ok(counts)
    }

    /// The progress of the sinks.
    pub(crate) async fn sinks(&self) -> Result<SinkPositions, StoreError> {
        let (engine, stream) = (&self.reads.engine, &self.view.stream);
        let (graph, documents) =
            futures::try_join!(engine.graph.sink(stream), engine.documents.sink(stream))?;
        Ok(SinkPositions {
            graph: graph.position,
            documents: documents.position,
        })
    }
}
