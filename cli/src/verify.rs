//! `spice verify`: compares graph and documents with the fold of the log, also while another
//! process works on them.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};
use spice_core::id::{LogPosition, StreamId};
use spice_node::{
    stores::{Access, Stores},
    verify::{self, Projection, Repaired, Report, wait_for_projections},
    work::Upkeep,
};

use crate::{
    output::{self, Format, cell},
    replay::{follow_live, work_settings},
    settings::{Output, StorePlaces},
};

#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    stores: StorePlaces,
    /// Only this database; by default all.
    #[arg(long)]
    database: Option<String>,
    /// Rewrite from the log what differs.
    #[arg(long)]
    repair: bool,
    #[command(flatten)]
    output: Output,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let access = if options.repair {
        Access::OwnOrShare
    } else {
        Access::Look
    };
    let stores = options.stores.open(access).await?;
    let streams = stores.newest_logs(options.database.as_deref()).await?;
    // A repair runs the workers itself if no other process does.
    let upkeep = Upkeep::start(&stores, work_settings()?);
    let mut clean = true;
    let mut answers = Vec::new();
    for stream in streams {
        let answer = match stores.check_log(&stream).await {
            Ok(()) => check(&stores, &stream, options.repair).await?,
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
    upkeep.end().await;
    if options.output.output != Format::Table {
        output::document(options.output.output, &Value::Array(answers))?;
    }
    Ok(ExitCode::from(u8::from(!clean)))
}

/// Checks one log, and repairs the differences if requested.
async fn check(stores: &Stores, stream: &StreamId, repair: bool) -> anyhow::Result<Value> {
    let end = stores.log.end(stream).await?;
    if stores.is_owner() {
        follow_live(stores, stream).await?;
    } else {
        wait_for_projections(stores, stream, end).await?;
    }
    let (report, repaired) = verify::check(stores, stream, repair).await?;
    Ok(describe(&report, repaired, end))
}

fn describe(report: &Report, repaired: Option<Repaired>, end: LogPosition) -> Value {
    let behind: Vec<Value> = report
        .positions
        .iter()
        .filter(|(_, position)| **position < end)
        .map(|(projection, position)| json!({"projection": projection, "position": position}))
        .collect();
    let clean = report.is_clean() && behind.is_empty();
    let [graph, documents] = Projection::ALL.map(|it| {
        let entities = report.entities.get(&it).copied().unwrap_or_default();
        json!({"entities": entities, "position": report.positions.get(&it)})
    });
    json!({
        "log": report.stream.to_string(),
        "graph": graph,
        "documents": documents,
        "differences": report.differences,
        "known": report.known,
        "repaired": repaired,
        "end": end,
        "behind": behind,
        "clean": clean,
    })
}

fn print(answer: &Value) -> anyhow::Result<()> {
    let log = cell(&answer["log"]);
    if let Some(refused) = answer["refused"].as_str() {
        return Ok(output::line(format!("{log}: not compared: {refused}"))?);
    }
    output::line(format!(
        "{log}: {} graph entities, {} documents compared with the fold of the log",
        answer["graph"]["entities"], answer["documents"]["entities"]
    ))?;
    let mut differences = answer["differences"].clone();
    let rows = differences.as_array_mut().into_iter().flatten();
    for row in rows.filter_map(Value::as_object_mut) {
        for (key, value) in row {
            if value.is_null() {
                *value = "-".into();
            } else if key == "branch_generation" && *value == 0 {
                *value = "main".into();
            }
        }
    }
    if differences[0].is_object() {
        let columns = "PROJECTION=projection, BRANCH=branch_generation, ENTITY=entity, KIND=kind, \
                       EXPECTED=expected_sequence, FOUND=found_sequence, KNOWN=known";
        output::fields(&differences, columns)?;
    }
    for event in answer["known"].as_array().into_iter().flatten() {
        output::line(format!(
            "known: {} of {} at position {} is {}",
            cell(&event["aggregate_id"]),
            cell(&event["handler"]),
            event["position"],
            cell(&event["reason"])
        ))?;
    }
    for projection in answer["behind"].as_array().into_iter().flatten() {
        output::line(format!(
            "behind: {} is at position {} of {}; `spice dev` or `spice replay` brings it up to date",
            cell(&projection["projection"]),
            projection["position"],
            answer["end"]
        ))?;
    }
    if let Some(repaired) = answer["repaired"].get("entities") {
        output::line(format!("repaired: {repaired} entities rewritten"))?;
    }
    let verdict = if answer["clean"] == true {
        "clean: the projections match the log"
    } else {
        "NOT clean; `spice verify --repair` repairs the differences"
    };
    Ok(output::line(verdict)?)
}
