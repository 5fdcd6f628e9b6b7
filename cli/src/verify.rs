//! `spice verify`: compares graph and documents with the fold of the log, also while another
//! process works on them.

use std::process::ExitCode;

use serde_json::{Value, json};
use spice_core::{
    id::StreamId,
    port::{graph::Entity, log::Log},
};
use spice_workers::verify::{Difference, Known, Report, Sources, repair, verify};

use crate::{
    output,
    platform::{Access, Layout, Stores},
    settings::{Format, Verify},
};

pub(crate) async fn run(options: Verify) -> anyhow::Result<ExitCode> {
    let stores = Stores::open(&Layout::new(&options.data), Access::Beside).await?;
    let streams = streams(&stores, options.database.as_deref()).await?;
    let sources = Sources {
        log: &stores.log,
        graph: &*stores.graph,
        documents: &*stores.documents,
        registry: &*stores.registry,
    };
    let mut clean = true;
    let mut answers = Vec::new();
    for stream in streams {
        let mut report = Box::pin(verify(sources, &stream)).await?;
        let mut repaired = None;
        if options.repair && !report.differences.is_empty() {
            repaired = Some(Box::pin(repair(sources, &report)).await?);
            report = Box::pin(verify(sources, &stream)).await?;
        }
        clean &= report.is_clean();
        let answer = describe(&report, repaired.map(|done| (done.entities, done.written)));
        if options.output.output == Format::Table {
            print(&answer)?;
        }
        answers.push(answer);
    }
    if options.output.output == Format::Json {
        output::json(&Value::Array(answers))?;
    }
    Ok(if clean {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The live logs of a data directory: one database's, or every database's newest.
pub(crate) async fn streams(
    stores: &Stores,
    database: Option<&str>,
) -> anyhow::Result<Vec<StreamId>> {
    let mut newest: Vec<StreamId> = Vec::new();
    for stream in stores.log.streams().await? {
        if database.is_some_and(|name| name != stream.database.as_str()) {
            continue;
        }
        newest.retain(|other| other.database != stream.database);
        newest.push(stream);
    }
    if let Some(name) = database {
        anyhow::ensure!(
            !newest.is_empty(),
            "there is no database {name:?} in this directory"
        );
    }
    Ok(newest)
}

fn describe(report: &Report, repaired: Option<(u64, u64)>) -> Value {
    let count = |projection| {
        report
            .entities
            .get(&projection)
            .copied()
            .unwrap_or_default()
    };
    let [graph, documents] = spice_workers::verify::Projection::ALL;
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
        "clean": report.is_clean(),
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
    if !answer["repaired"].is_null() {
        output::line(format!(
            "repaired: {} entities rewritten",
            answer["repaired"]["entities"]
        ))?;
    }
    let verdict = if answer["clean"] == true {
        "clean: the projections are what the log says"
    } else {
        "NOT clean; `spice verify --repair` rewrites what differs from the log"
    };
    output::line(verdict)?;
    Ok(())
}
