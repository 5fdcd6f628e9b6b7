//! Reads of the past, compared with the same reads of the current state.

use std::time::Duration;

use spice_benches::report::{line, millis, percentile};
use spice_core::{
    guard::Guards,
    id::{BranchGeneration, LogPosition, Sequence},
    lineage::{Lineage, View},
    port::{
        graph::{Entity, Graph, State, Version},
        sink::Sinks,
    },
};
use spice_store_sqlite::{Location, Mode, SqliteGraph};
use tokio::time::Instant;

use super::data::{BATCH, Options, PAGE, data, event, moment, product, stream};

fn version(number: u64, position: u64, sequence: u64) -> anyhow::Result<Version> {
    Ok(Version {
        branch: BranchGeneration::MAIN,
        state: State {
            entity: Entity::Instance(product(number)?),
            position: LogPosition(position),
            sequence: Sequence(sequence),
            event_id: event(position),
            occurred_at: moment(position),
            created_at: moment(number),
            data: Some(data(position)),
        },
        references: Vec::new(),
    })
}

/// Every instance, then one more version of each except the first, which gets as many versions as
/// all the others.
pub(crate) async fn run(location: &Location, options: &Options) -> anyhow::Result<()> {
    let graph = SqliteGraph::open(location, Mode::Threads, Guards::default())?;
    let (stream, count) = (stream()?, options.instances);
    let sink = graph.sink(&stream).await?;
    let mut position = 0;
    for round in 1..=3_u64 {
        for first in (0..count).step_by(usize::try_from(BATCH)?) {
            let mut batch = Vec::new();
            for number in first..first + BATCH {
                batch.push(match round {
                    3 => version(0, position, number + 3)?,
                    _ => version(number, position, round)?,
                });
                position += 1;
            }
            let (from, through) = (LogPosition(position - BATCH), LogPosition(position));
            graph
                .apply(&stream, &sink.generation, from, through.into(), &batch)
                .await?;
        }
    }
    let (now, back) = (LogPosition::MAX, LogPosition(position - count - count / 2));
    let (half, few) = (LogPosition(count / 2), LogPosition(100));
    let now = get_at(&graph, now, 1..count, "get, now", None).await?;
    let far = format!("{} versions back", position - 1 - back.0);
    let get_far = format!("get, {far}");
    get_at(&graph, back, 1..count, &get_far, Some(now)).await?;
    let first = format!("get, of one with {} versions, the first", count + 2);
    get_at(&graph, LogPosition(1), 0..1, &first, Some(now)).await?;
    get_at(
        &graph,
        LogPosition(position - count / 2),
        0..1,
        "get, of the same, in the middle",
        Some(now),
    )
    .await?;
    let now = scan_at(&graph, LogPosition::MAX, "page of a class, now", None).await?;
    scan_at(&graph, back, &format!("page, {far}"), Some(now)).await?;
    for then in [half, few] {
        let what = format!("page, when {} of the instances were there", then.0 + 1);
        scan_at(&graph, then, &what, Some(now)).await?;
    }
    Ok(())
}

fn view_at(position: LogPosition) -> anyhow::Result<View> {
    Ok(View {
        stream: stream()?,
        lineage: Lineage::main().at(position),
    })
}

async fn get_at(
    graph: &SqliteGraph,
    position: LogPosition,
    numbers: std::ops::Range<u64>,
    what: &str,
    limit: Option<Duration>,
) -> anyhow::Result<Duration> {
    let view = view_at(position)?;
    let mut taken = Vec::new();
    let width = numbers.end - numbers.start;
    for sample in 0..2_000_u64 {
        let number = numbers.start + sample * 7_919 % width;
        let entity = Entity::Instance(product(number)?);
        let asked = Instant::now();
        let found = graph.get(&view, &[entity]).await?;
        taken.push(asked.elapsed());
        anyhow::ensure!(
            found.iter().all(Option::is_some),
            "{what}: {number} is missing"
        );
    }
    report(what, &mut taken, limit)
}

async fn scan_at(
    graph: &SqliteGraph,
    position: LogPosition,
    what: &str,
    limit: Option<Duration>,
) -> anyhow::Result<Duration> {
    let (view, class) = (view_at(position)?, "Product".parse()?);
    let mut taken = Vec::new();
    for sample in 0..500 {
        let after = format!("product-{:06}", sample * 200);
        let asked = Instant::now();
        graph.scan(&view, &class, &[], Some(&after), PAGE).await?;
        taken.push(asked.elapsed());
    }
    report(what, &mut taken, limit)
}

fn report(what: &str, taken: &mut [Duration], limit: Option<Duration>) -> anyhow::Result<Duration> {
    let (half, most) = (percentile(taken, 0.5), percentile(taken, 0.99));
    let ratio = limit.map_or_else(String::new, |limit| {
        let ratio = half.as_secs_f64() / limit.as_secs_f64();
        format!(", {ratio:.2} x the read of now (aim: 2 x)")
    });
    line(format!(
        "{what}: p50 {:.3} ms, p99 {}{ratio}",
        half.as_secs_f64() * 1e3,
        millis(most)
    ))?;
    Ok(half)
}
