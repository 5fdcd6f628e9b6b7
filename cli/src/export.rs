//! `spice export`: exports instances as NDJSON or CSV, page by page in constant memory, or the
//! ontology as JSON. An export to a file can be resumed. An import of an export gives the same
//! instances with the same ids.

mod sink;
mod table;
#[cfg(test)]
mod tests;
mod walk;

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::Context;
use clap::Args;
use serde_json::{json, value::RawValue};
use spice_client::{InstancePage, Read, Select};
use spice_core::ontology::{Class, Schema};
use spice_import::replace;
use tokio_util::sync::CancellationToken;

use self::{sink::Sink, table::Table, walk::Walk};
use crate::{
    classes,
    failure::usage,
    filter::{HELP, conditions},
    import::Shape,
    output,
    session::Session,
    settings::Place,
    signals::{INTERRUPTED, end_on_signal},
};

/// Instances per call.
const PAGE: usize = 1_000;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  spice export -d flights > flights.ndjson
  spice export -d flights -c Airport --format csv --to airports.csv
  spice export -d flights --to flights.ndjson --resume
  spice export -d flights --ontology > ontology.json

In NDJSON each line is an instance as the api shows it, with its values in `data`. `spice import` reads
both formats back, with the same ids. In CSV the column `_id` has the id if no primary key determines
it. The column `_exact` has, as a JSON object, the values that their own cells cannot represent, such as
an empty text. Both columns exist only if an instance needs them.")]
pub(crate) struct Options {
    /// Only this class.
    #[arg(short, long, value_name = "CLASS")]
    class: Option<String>,
    /// The format of the export.
    #[arg(long, default_value = "ndjson")]
    format: Shape,
    /// Export the classes instead of their instances.
    #[arg(long, conflicts_with_all = ["class", "format", "filter", "resume"])]
    ontology: bool,
    /// A condition, as in `spice get instances`; for one class only. Details: `--help`.
    #[arg(long, value_name = "CONDITION", requires = "class", long_help = HELP)]
    filter: Vec<String>,
    /// The output file; by default standard output.
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Resume an interrupted export to this file.
    #[arg(long, requires = "to")]
    resume: bool,
    /// Read the state at this log position or RFC 3339 time.
    #[arg(long, value_name = "MOMENT")]
    as_of: Option<String>,
    #[command(flatten)]
    place: Place,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let ending = end_on_signal()?;
    let place = &options.place;
    Session::run(place, async |session| {
        export(session, &options, &ending).await
    })
    .await
}

async fn export(
    session: &Session,
    options: &Options,
    ending: &CancellationToken,
) -> anyhow::Result<ExitCode> {
    let read = session.read(options.as_of.as_deref());
    if options.ontology {
        return ontology(session, options, &read).await;
    }
    let (class, schema) = find_classes(session, options, &read).await?;
    let classes = class
        .as_ref()
        .map_or_else(|| schema.in_reference_order(), |it| vec![it]);
    let ids = classes.iter().map(|class| class.id.to_string()).collect();
    let mut sink = open(session, options, Walk::new(ids))?;
    let select = Select {
        filter: conditions(&options.filter, &schema, class.as_deref())?,
        limit: Some(PAGE),
        ..Select::default()
    };
    let is_whole = copy(session, &read, &select, &mut sink, ending).await?;
    let rows = sink.state.rows;
    if !is_whole {
        let again = options
            .to
            .as_ref()
            .map_or("", |_| "; --resume continues from here");
        output::note(format!("stopped after {rows} instances{again}"));
        return Ok(ExitCode::from(INTERRUPTED));
    }
    match class.filter(|_| options.format == Shape::Csv) {
        Some(class) => write_table(&schema, &class, sink)?,
        None => sink.finish()?,
    }
    output::note(format!("{rows} instances"));
    Ok(ExitCode::SUCCESS)
}

/// The class to export, if only one, and all classes of the branch.
async fn find_classes(
    session: &Session,
    options: &Options,
    read: &Read,
) -> anyhow::Result<(Option<Arc<Class>>, Schema)> {
    if options.class.is_none() && options.format == Shape::Csv {
        return Err(usage("CSV needs one class; name it with --class"));
    }
    let Some(name) = &options.class else {
        return Ok((None, classes::fetch(session, read).await?));
    };
    let (class, schema) = classes::find(session, name, read).await?;
    Ok((Some(class), schema))
}

fn open(session: &Session, options: &Options, walk: Walk) -> anyhow::Result<Sink> {
    let what = json!({
        "server": session.client.server(), "database": session.database()?,
        "branch": session.branch, "as_of": options.as_of, "class": options.class,
        "filter": options.filter, "format": format!("{:?}", options.format),
    });
    let is_table = options.format == Shape::Csv;
    Sink::open(options.to.as_deref(), is_table, options.resume, &what, walk)
}

/// The classes as they were written.
async fn ontology(session: &Session, options: &Options, read: &Read) -> anyhow::Result<ExitCode> {
    let database = session.database()?;
    let classes = session.client.class_definitions(database, read).await?;
    let classes: Vec<&str> = classes.iter().map(|class| class.get()).collect();
    let text = format!("{{\"classes\": [\n{}\n]}}", classes.join(",\n"));
    match &options.to {
        Some(path) => replace(path, |out| writeln!(out, "{text}"))
            .with_context(|| format!("cannot write {}", path.display()))?,
        None => output::line(text)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Copies every instance, page by page. Returns false if interrupted.
async fn copy(
    session: &Session,
    read: &Read,
    select: &Select,
    sink: &mut Sink,
    ending: &CancellationToken,
) -> anyhow::Result<bool> {
    let database = session.database()?;
    while let Some((class, select)) = sink.state.walk.next(select) {
        let client = &session.client;
        let page = client.instance_page::<Box<RawValue>>(database, class, &select, read);
        let page = tokio::select! {
            page = page => page?,
            () = ending.cancelled() => return Ok(false),
        };
        take(sink, &select, &page)?;
    }
    Ok(true)
}

/// Writes a page. Only then writes the note that the page is written and what comes next.
fn take(sink: &mut Sink, asked: &Select, page: &InstancePage<Box<RawValue>>) -> anyhow::Result<()> {
    for instance in &page.instances {
        sink.write(instance.get())?;
    }
    sink.state.rows += page.instances.len() as u64;
    sink.state.walk.pass(asked, page);
    sink.keep()
}

/// Writes the copied instances as CSV. Its columns are known only after all instances are copied.
fn write_table(schema: &Schema, class: &Class, mut sink: Sink) -> anyhow::Result<()> {
    let table = Table::survey(schema, class, sink.lines()?)?;
    let lines = sink.lines()?;
    sink.replace(|out| table.write(lines, out))?;
    let exact = table.count_exact_rows();
    if exact > 0 {
        output::note(format!(
            "{exact} instances have values that their cells cannot represent; the column _exact has them as JSON"
        ));
    }
    Ok(())
}
