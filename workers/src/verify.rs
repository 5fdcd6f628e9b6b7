//! Checks the sinks against the fold of the log, and repairs the differences. It compares digests
//! per bucket first, and items only where those differ. A running system can be checked: a sink may
//! show the log's state at the start of the check or any later one.

mod compare;
mod digest;
mod fold;
mod past;
mod points;
mod reader;
mod repair;
mod report;

use spice_core::{
    id::StreamId,
    port::{StoreResult, sink::Sink},
};

pub use repair::{Repaired, repair};
pub use report::{Difference, Known, KnownEvent, Report, Sources};
pub use spice_core::handler::Projection;

use self::{compare::Check, digest::Buckets, fold::fold, reader::SinkReader};

/// Checks the live sinks of a log.
pub async fn verify(sources: Sources<'_>, stream: &StreamId) -> StoreResult<Report> {
    let mut report = Report::new(stream);
    for projection in Projection::ALL {
        let sink = sources.sinks(projection).sink(stream).await?;
        verify_into(&mut report, sources, projection, &sink).await?;
    }
    Ok(report)
}

/// Checks one sink of a log.
pub async fn verify_sink(
    sources: Sources<'_>,
    stream: &StreamId,
    projection: Projection,
    sink: &Sink,
) -> StoreResult<Report> {
    let mut report = Report::new(stream);
    verify_into(&mut report, sources, projection, sink).await?;
    Ok(report)
}

async fn verify_into(
    report: &mut Report,
    sources: Sources<'_>,
    projection: Projection,
    sink: &Sink,
) -> StoreResult<()> {
    let stream = &report.stream.clone();
    let parked = sources.registry.dead_letters(Some(stream)).await?;
    let parked = parked.into_iter().filter(|letter| {
        letter.sink == sink.generation && Projection::of(&letter.handler) == Some(projection)
    });
    report.known.extend(parked.map(|letter| KnownEvent {
        handler: letter.handler,
        position: letter.position,
        aggregate_id: letter.aggregate_id,
        known: Known::Parked,
    }));
    let reader = SinkReader::new(sources, projection, stream, sink);
    let position = sink.position;
    let expected = fold(sources.log, stream, projection, position).await?;
    report.positions.insert(projection, position);
    report.entities.insert(projection, expected.len());
    report.known.extend(expected.discarded.iter().cloned());
    let mut found = Buckets::default();
    for branch in &expected.branches {
        reader.each(*branch, |item| found.add(&item)).await?;
    }
    let dirty = expected.buckets().find_differing(&found);
    if dirty.is_empty() {
        return Ok(());
    }
    let check = Check {
        sources,
        reader,
        stream,
        projection,
        position,
    };
    let differences = check.compare(&expected, &dirty, &report.known).await?;
    report.differences.extend(differences);
    Ok(())
}
