//! `spice history`: shows who changed an instance, when, and the previous values.

use std::process::ExitCode;

use clap::Args;
use serde_json::value::RawValue;
use spice_client::Version;

use crate::{
    describe::split,
    output::{self, changed_rows},
    session::Session,
    settings::Place,
};

/// Versions per call.
const PAGE: usize = 500;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  spice history Airport/DEN -d flights
  spice history Airport/DEN -d flights -b what-if/denver-closed --limit 5
  spice history Airport/DEN -d flights --as-of 120 -o json")]
pub(crate) struct Options {
    /// The instance.
    #[arg(value_name = "CLASS/ID")]
    instance: String,
    /// The maximum number of versions, newest first.
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: usize,
    /// Read the state at this log position or RFC 3339 time.
    #[arg(long, value_name = "MOMENT")]
    as_of: Option<String>,
    #[command(flatten)]
    place: Place,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let place = &options.place;
    Session::run(place, async |session| history(session, &options).await).await
}

async fn history(session: &Session, options: &Options) -> anyhow::Result<()> {
    let (versions, more) = fetch_versions(session, options).await?;
    if !session.is_table() {
        let shown = &versions[..versions.len().min(options.limit)];
        return output::document(session.format, shown);
    }
    let mut rows = Vec::new();
    for (index, version) in versions.iter().take(options.limit).enumerate() {
        let before = versions.get(index + 1).and_then(|it| it.data.as_deref());
        rows.extend(rows_of(version, before)?);
    }
    let head = [
        "POSITION", "TIME", "BY", "WHAT", "PROPERTY", "BEFORE", "AFTER",
    ];
    output::table(&head, &rows)?;
    if more {
        output::note("there are older versions; use --limit for more");
    }
    Ok(())
}

/// The versions, and one more than requested, to show the changes of the last one.
async fn fetch_versions(
    session: &Session,
    options: &Options,
) -> anyhow::Result<(Vec<Version>, bool)> {
    let (class, id) = split(&options.instance)?;
    let database = session.database()?;
    let read = session.read(options.as_of.as_deref());
    let wanted = options.limit.saturating_add(1);
    let mut versions: Vec<Version> = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let limit = (wanted - versions.len()).clamp(1, PAGE);
        let page = session
            .client
            .history_page(database, class, id, &read, limit, cursor.as_deref())
            .await?;
        versions.extend(page.versions);
        cursor = page.cursor;
        if cursor.is_none() || versions.len() >= wanted {
            let more = versions.len() > options.limit;
            return Ok((versions, more));
        }
    }
}

/// One row per changed property; only the first row shows the columns of the version.
fn rows_of(version: &Version, before: Option<&RawValue>) -> anyhow::Result<Vec<Vec<String>>> {
    let what = match version.event_type.as_deref() {
        Some(name) => name.trim_start_matches("INSTANCE_").to_lowercase(),
        None if version.data.is_none() => "deleted".to_owned(),
        None => String::new(),
    };
    let own = [
        version.position.to_string(),
        version.occurred_at.clone(),
        version.actor.clone().unwrap_or_default(),
        what,
    ];
    let after = version.data.as_deref();
    let properties = after.map_or(&[][..], |_| &version.changed_properties);
    let mut rows = changed_rows(&own, properties, [before, after])?;
    for row in &mut rows[1..] {
        row[..own.len()].fill(String::new());
    }
    Ok(rows)
}
