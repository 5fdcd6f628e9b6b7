//! Outcomes of events, recorded like the graph worker records them.

use std::time::Duration;

use spice_core::{
    bucket::Bucket,
    envelope::Envelope,
    handler::{self, Projection},
    id::{LogPosition, StreamId},
    port::registry::{DeadLetter, Outcome, Processed, WorkKey, WorkRecord},
};

use super::Server;

/// The records of the live graph of `demo`.
async fn key(server: &Server) -> WorkKey {
    let stream = StreamId::first("demo".parse().unwrap());
    WorkKey {
        worker: Projection::Graph.worker().to_owned(),
        sink: server.ports.graph.sink(&stream).await.unwrap().generation,
        stream,
    }
}

/// Records an outcome of the instance worker; a parked one gets a letter. No worker must be
/// running.
pub(crate) async fn record(server: &Server, position: u64, outcome: Outcome) {
    record_as(server, handler::INSTANCES, position, outcome).await;
}

/// Records an outcome of a handler.
pub(crate) async fn record_as(
    server: &Server,
    handler: &'static str,
    position: u64,
    outcome: Outcome,
) {
    let registry = &server.ports.registry;
    let key = key(server).await;
    let now = server.ports.clock.now();
    let (buckets, ttl) = ([Bucket::of(&key.stream)], Duration::from_hours(1));
    let leases = registry.acquire(&key.worker, &buckets, "me", ttl).await;
    let lease = leases.unwrap().remove(0);
    let worked = registry.recorded_position(&key).await.unwrap();
    let position = LogPosition(position);
    let records = server.ports.log.read(&key.stream, position, 1).await;
    let envelope = Envelope::from_line(&records.unwrap()[0].line).unwrap();
    let letter = DeadLetter {
        handler: handler.to_owned(),
        stream: key.stream.clone(),
        sink: key.sink.clone(),
        position,
        event_id: envelope.event_id,
        aggregate_id: envelope.aggregate.to_string(),
        error: "the sink said no".to_owned(),
        class: "permanent".to_owned(),
        attempts: 3,
        first_at: now,
        last_at: now,
    };
    let processed = Processed {
        handler,
        position,
        outcome,
    };
    let record = WorkRecord {
        key: key.clone(),
        lease: lease.clone(),
        from: worked,
        through: worked,
        live: true,
        processed: vec![processed],
        parked: match outcome {
            Outcome::Parked => vec![letter],
            _ => Vec::new(),
        },
        at: now,
    };
    registry.record(record).await.unwrap();
    registry.release(&key.worker, &lease).await.unwrap();
}

/// Removes a letter of the instance worker.
pub(crate) async fn clear(server: &Server, position: u64) {
    let (key, at) = (key(server).await, [LogPosition(position)]);
    let registry = &server.ports.registry;
    let cleared = registry.clear_dead_letters(&key, handler::INSTANCES, &at);
    cleared.await.unwrap();
}
