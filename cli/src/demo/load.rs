//! Loads the demo's CSV files, as `spice import` does.

use std::path::Path;

use anyhow::bail;
use spice_client::Client;
use spice_import::{Cells, Format, Input, Mapping, OnError, Options, Outcome};
use tokio_util::sync::CancellationToken;

use crate::failure::of_import;

/// Rows per command.
const ROWS: usize = 1_000;

/// A file of the demo.
struct File {
    class: &'static str,
    name: &'static str,
    text: &'static str,
    /// Columns whose names differ from their properties.
    map: &'static [&'static str],
}

/// In the order of their references.
const FILES: [File; 4] = [
    File {
        class: "Country",
        name: "countries.csv",
        text: include_str!("../../../manifests/demo/data/countries.csv"),
        map: &[],
    },
    File {
        class: "State",
        name: "states.csv",
        text: include_str!("../../../manifests/demo/data/states.csv"),
        map: &["country=in_country"],
    },
    File {
        class: "Airport",
        name: "airports.csv",
        text: include_str!("../../../manifests/demo/data/airports.csv"),
        map: &["state=in_state", "country=located_in"],
    },
    File {
        class: "Route",
        name: "routes.csv",
        text: include_str!("../../../manifests/demo/data/routes.csv"),
        map: &["origin=departs_from", "destination=arrives_at"],
    },
];

/// Loads every file and returns the number of instances of each class. Rejected rows would go to
/// `folder`; there must be none.
pub(super) async fn load(
    client: &Client,
    database: &str,
    folder: &Path,
) -> anyhow::Result<Vec<(&'static str, u64)>> {
    let mut loaded = Vec::new();
    for file in &FILES {
        let input = Input::Stream {
            name: file.name.to_owned(),
            bytes: Box::new(file.text.as_bytes()),
        };
        let options = options(file, database, folder);
        let ending = CancellationToken::new();
        let outcome = spice_import::run(client, options, input, &mut (), &ending).await;
        match outcome.map_err(|failure| of_import(failure.error))? {
            Outcome::Complete(summary) => loaded.push((file.class, summary.counts.rows)),
            _ => bail!(
                "{} was not loaded completely; please report this",
                file.name
            ),
        }
    }
    Ok(loaded)
}

fn options(file: &File, database: &str, folder: &Path) -> Options {
    Options {
        database: database.to_owned(),
        branch: "main".to_owned(),
        class: Some(file.class.to_owned()),
        format: Format::Csv,
        cells: Cells::default(),
        encoding: None,
        mapping: Mapping {
            map: file.map.iter().map(|&it| it.to_owned()).collect(),
            ..Mapping::default()
        },
        on_error: OnError::Abort,
        rejects: folder.join(file.name).with_extension("rejects.csv"),
        state: None,
        batch: ROWS,
        dry_run: false,
    }
}
