//! `spice export`: instances as NDJSON or CSV, page by page in constant memory; the ontology as
//! JSON. What goes to a file can be gone on with where it stopped.

mod sink;

use std::{path::PathBuf, pin::pin, process::ExitCode};

use clap::{Args, ValueEnum};
use futures::TryStreamExt;
use serde::Deserialize;
use serde_json::{Map, Value, json, value::RawValue};
use spice_client::{Read, Select};
use tokio_util::sync::CancellationToken;

use self::sink::Sink;
use crate::{
    dev::end_on_signal,
    failure::{Usage, usage},
    get::conditions,
    output,
    session::Session,
    settings::Place,
};

/// Instances that one call brings.
const PAGE: usize = 1_000;
/// Ctrl-C.
const INTERRUPTED: u8 = 130;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  spice export -d flights > flights.ndjson
  spice export -d flights -c Airport --format csv --to airports.csv
  spice export -d flights --to flights.ndjson --resume
  spice export -d flights --ontology > ontology.json

A line of NDJSON is an instance as the api shows it: its values are in `data`.")]
pub(crate) struct Options {
    /// Only this class.
    #[arg(short, long, value_name = "CLASS")]
    class: Option<String>,
    /// How it is written.
    #[arg(long, default_value = "ndjson")]
    format: Shape,
    /// The classes, in place of their instances.
    #[arg(long, conflicts_with_all = ["class", "format", "filter", "resume"])]
    ontology: bool,
    /// A condition, as `spice get instances` takes it; of one class only.
    #[arg(long, value_name = "CONDITION", requires = "class")]
    filter: Vec<String>,
    /// The file; standard output when left out.
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Go on where an export to this file stopped.
    #[arg(long, requires = "to")]
    resume: bool,
    /// As it was: a position of the log, or an RFC 3339 time.
    #[arg(long, value_name = "MOMENT")]
    as_of: Option<String>,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shape {
    /// One instance a line.
    Ndjson,
    /// One property a column; of one class.
    Csv,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let ending = end_on_signal()?;
    let session = Session::new(&options.place)?;
    let outcome = export(&session, &options, &ending).await;
    session.advise(outcome).await
}

async fn export(
    session: &Session,
    options: &Options,
    ending: &CancellationToken,
) -> anyhow::Result<ExitCode> {
    let database = session.database()?;
    let read = session.read(options.as_of.as_deref());
    if options.format == Shape::Csv && options.class.is_none() {
        return Err(usage("CSV has one class: name it with --class"));
    }
    let classes = match &options.class {
        Some(class) => vec![session.client.class(database, class, &read).await?],
        None => session.client.classes(database, &read).await?,
    };
    let what = json!({
        "server": session.client.server(), "database": database, "branch": session.branch,
        "as_of": options.as_of, "class": options.class, "filter": options.filter,
        "format": format!("{:?}", options.format),
    });
    let mut sink = Sink::open(options.to.as_deref(), options.resume, &what)?;
    if options.ontology {
        sink.write(&serde_json::to_string_pretty(&json!({"classes": classes}))?)?;
        sink.finish()?;
        return Ok(ExitCode::SUCCESS);
    }
    for (index, class) in classes.iter().enumerate() {
        if index < sink.state.class {
            continue;
        }
        if !class_out(session, options, &read, class, &mut sink, ending).await? {
            sink.keep()?;
            let again = options
                .to
                .as_ref()
                .map_or("", |_| "; --resume goes on here");
            output::note(format!(
                "stopped after {} instances{again}",
                sink.state.rows
            ));
            return Ok(ExitCode::from(INTERRUPTED));
        }
        sink.state.class = index + 1;
        sink.state.cursor = None;
    }
    let rows = sink.state.rows;
    sink.finish()?;
    output::note(format!("{rows} instances"));
    Ok(ExitCode::SUCCESS)
}

/// What a line needs of an instance.
#[derive(Deserialize)]
struct Row {
    instance_id: String,
    data: output::Values,
}

/// Writes the instances of a class; false: interrupted.
async fn class_out(
    session: &Session,
    options: &Options,
    read: &Read,
    class: &Map<String, Value>,
    sink: &mut Sink,
    ending: &CancellationToken,
) -> anyhow::Result<bool> {
    let Some(id) = class.get("id").and_then(Value::as_str) else {
        return Err(Usage("a class without an id".to_owned()).into());
    };
    let columns = columns(class);
    if options.format == Shape::Csv && sink.is_empty() {
        sink.write(&csv_line(columns.iter().map(String::as_str))?)?;
    }
    let select = Select {
        filter: conditions(&options.filter, Some(class))?,
        limit: Some(PAGE),
        cursor: sink.state.cursor.clone(),
        ..Select::default()
    };
    let mut pages = pin!(session.client.instance_pages::<Box<RawValue>>(
        session.database()?,
        id,
        select,
        read
    ));
    loop {
        let page = tokio::select! {
            page = pages.try_next() => page?,
            () = ending.cancelled() => return Ok(false),
        };
        let Some(page) = page else {
            return Ok(true);
        };
        for instance in &page.instances {
            match options.format {
                Shape::Ndjson => sink.write(instance.get())?,
                Shape::Csv => sink.write(&csv_row(&columns, instance)?)?,
            }
        }
        sink.state.rows += page.instances.len() as u64;
        sink.state.cursor.clone_from(&page.cursor);
        sink.keep()?;
    }
}

/// The columns of a class: its id where no property is it, its properties, its relationships.
fn columns(class: &Map<String, Value>) -> Vec<String> {
    let entries = |key: &str| {
        let list = class.get(key).and_then(Value::as_array);
        list.into_iter().flatten().collect::<Vec<_>>()
    };
    let is_key = |property: &&Value| {
        property["primaryKey"] == Value::Bool(true) || property["primary_key"] == Value::Bool(true)
    };
    let (properties, relationships) = (entries("properties"), entries("relationships"));
    let has_key = properties.iter().any(is_key);
    let mut columns: Vec<String> = Vec::new();
    if !has_key {
        columns.push(ID.to_owned());
    }
    let names = properties.iter().map(|property| &property["name"]);
    let predicates = relationships.iter().map(|it| &it["predicate"]);
    columns.extend(
        names
            .chain(predicates)
            .filter_map(Value::as_str)
            .map(str::to_owned),
    );
    columns
}

/// The column of the id, where no property is it.
const ID: &str = "instance_id";

fn csv_row(columns: &[String], instance: &RawValue) -> anyhow::Result<String> {
    let row: Row = serde_json::from_str(instance.get())?;
    let cells = columns.iter().map(|column| match row.data.get(column) {
        None if column == ID => row.instance_id.clone(),
        None => String::new(),
        Some(value) => output::written(value),
    });
    csv_line(cells)
}

fn csv_line<T: AsRef<[u8]>>(cells: impl Iterator<Item = T>) -> anyhow::Result<String> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::Any(b'\n'))
        .from_writer(Vec::new());
    writer.write_record(cells)?;
    let mut line = writer.into_inner()?;
    line.pop();
    Ok(String::from_utf8(line)?)
}
