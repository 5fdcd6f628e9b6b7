//! `spice verify`: compares graph and documents with the fold of the log, also while another
//! process works on them.

use std::{process::ExitCode, time::Duration};

use clap::Args;
use serde_json::{Value, json};
use spice_core::{
    id::{LogPosition, StreamId},
    port::{graph::Entity, log::Log, sink::SinkRole},
};
use spice_workers::{
    replay::wait_caught_up,
    verify::{Difference, Known, Projection, Report, repair, verify},
};

use crate::{
    output::{self, Format},
    platform::{Access, Layout, Stores},
    replay::{check_log, follow, open_any, start_workers, streams},
    settings::{DataDir, Output},
};

/// How long a projection that is behind may take to catch up before it is told to be behind.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    data: DataDir,
    /// One database; all when left out.
    #[arg(long)]
    database: Option<String>,
    /// Rewrite what differs, from the log.
    #[arg(long)]
    repair: bool,
    #[command(flatten)]
    output: Output,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let layout = Layout::new(&options.data);
    let (stores, alone) = if options.repair {
        open_any(&layout).await?
    } else {
        (Stores::open(&layout, Access::Looking).await?, false)
    };
    let streams = streams(&stores, options.database.as_deref()).await?;
    // Nobody else brings the projections up: a repair does.
    let workers = alone.then(|| start_workers(&stores)).transpose()?;
    let mut clean = true;
    let mut answers = Vec::new();
    for stream in streams {
        let answer = match check_log(&stores, &stream).await {
            Ok(()) => check(&stores, &stream, &options, workers.is_some()).await?,
            Err(error) => json!({
                "log": stream.to_string(),
                "refused": error.to_string(),
                "clean": false,
            }),
        };
        clean &= answer["clean"] == true;
        if options.output.output == Format::Table {
            print(&answer)?;
        }
        answers.push(answer);
    }
    if let Some(workers) = workers {
        workers.shutdown().await;
    }
    if options.output.output != Format::Table {
        output::document(options.output.output, &Value::Array(answers))?;
    }
    Ok(if clean {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Checks one log, and mends what differs when that is asked for.
async fn check(
    stores: &Stores,
    stream: &StreamId,
    options: &Options,
    brings_up: bool,
) -> anyhow::Result<Value> {
    let sources = stores.sources();
    let end = stores.log.end(stream).await?;
    if brings_up {
        follow(stores, &Projection::ALL, stream, SinkRole::Live).await?;
    } else {
        for projection in Projection::ALL {
            let sinks = sources.sinks(projection);
            let live = (stream, None);
            let caught_up = wait_caught_up(sinks, sources.registry, live, end);
            if sinks.sink(stream).await?.position < end
                && let Ok(waited) = tokio::time::timeout(PATIENCE, caught_up).await
            {
                waited?;
            }
        }
    }
    let mut report = Box::pin(verify(sources, stream)).await?;
    let mut repaired = None;
    if options.repair && !report.differences.is_empty() {
        repaired = Some(Box::pin(repair(sources, &report)).await?);
        report = Box::pin(verify(sources, stream)).await?;
    }
    let repaired = repaired.map(|done| (done.entities, done.written));
    Ok(describe(&report, repaired, end))
}

fn describe(report: &Report, repaired: Option<(u64, u64)>, end: LogPosition) -> Value {
    let behind: Vec<Value> = report
        .positions
        .iter()
        .filter(|(_, position)| **position < end)
        .map(|(projection, position)| json!({"projection": projection.as_str(), "position": position}))
        .collect();
    let clean = report.is_clean() && behind.is_empty();
    let count = |projection| {
        report
            .entities
            .get(&projection)
            .copied()
            .unwrap_or_default()
    };
    let [graph, documents] = Projection::ALL;
    json!({
        "log": report.stream.to_string(),
        "graph": {"entities": count(graph), "position": report.positions.get(&graph)},
        "documents": {"entities": count(documents), "position": report.positions.get(&documents)},
        "differences": report.differences.iter().map(difference).collect::<Vec<_>>(),
        "known": report.known.iter().map(|event| json!({
            "handler": event.handler,
            "position": event.position,
            "aggregate_id": event.aggregate_id,
            "reason": known(&event.known),
        })).collect::<Vec<_>>(),
        "repaired": repaired.map(|(entities, written)| json!({
            "entities": entities, "written": written,
        })),
        "end": end,
        "behind": behind,
        "clean": clean,
    })
}

fn difference(difference: &Difference) -> Value {
    let entity = match &difference.entity {
        Entity::Class(class) => format!("class {class}"),
        Entity::Instance(instance) => instance.to_string(),
    };
    json!({
        "projection": difference.projection.as_str(),
        "branch_generation": difference.branch,
        "entity": entity,
        "kind": difference.kind.as_str(),
        "expected_sequence": difference.expected,
        "found_sequence": difference.found,
        "known": difference.known.as_ref().map(known),
    })
}

fn known(known: &Known) -> &'static str {
    match known {
        Known::Parked => "parked",
        Known::Discarded => "discarded",
    }
}

fn print(answer: &Value) -> anyhow::Result<()> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    };
    if let Some(refused) = answer["refused"].as_str() {
        output::line(format!("{}: not compared: {refused}", text(&answer["log"])))?;
        return Ok(());
    }
    output::line(format!(
        "{}: {} graph entities, {} documents compared with the fold of the log",
        text(&answer["log"]),
        answer["graph"]["entities"],
        answer["documents"]["entities"]
    ))?;
    let rows: Vec<Vec<String>> = answer["differences"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|row| {
            [
                "projection",
                "branch_generation",
                "entity",
                "kind",
                "expected_sequence",
                "found_sequence",
                "known",
            ]
            .iter()
            .map(|key| text(&row[*key]))
            .collect()
        })
        .collect();
    if !rows.is_empty() {
        let head = [
            "PROJECTION",
            "BRANCH",
            "ENTITY",
            "KIND",
            "EXPECTED",
            "FOUND",
            "KNOWN",
        ];
        output::table(&head, &rows)?;
    }
    for event in answer["known"].as_array().into_iter().flatten() {
        output::line(format!(
            "known: {} of {} at position {} is {}",
            text(&event["aggregate_id"]),
            text(&event["handler"]),
            event["position"],
            text(&event["reason"])
        ))?;
    }
    for projection in answer["behind"].as_array().into_iter().flatten() {
        output::line(format!(
            "behind: {} is at position {} of {}; `spice dev` or `spice replay` brings it up",
            text(&projection["projection"]),
            projection["position"],
            answer["end"]
        ))?;
    }
    if !answer["repaired"].is_null() {
        output::line(format!(
            "repaired: {} entities rewritten",
            answer["repaired"]["entities"]
        ))?;
    }
    let verdict = if answer["clean"] == true {
        "clean: the projections are what the log says"
    } else {
        "NOT clean; `spice verify --repair` makes it what the log says"
    };
    output::line(verdict)?;
    Ok(())
}
