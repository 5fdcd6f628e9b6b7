//! `docs/reference` is generated from the code: the binary's help and settings, the services'
//! `OpenAPI` documents, the error codes, the envelopes,
//! the custom resources. `SPICE_WRITE_REFERENCE=1` writes the pages;
//! without it they must match.

#[path = "reference/cli.rs"]
mod cli;
#[path = "reference/envelope.rs"]
mod envelope;
#[path = "reference/http.rs"]
mod http;
#[path = "reference/resources.rs"]
mod resources;

use std::fmt::Write as _;

use anyhow::{Context, ensure};
use spice_core::error::ErrorCode;
use spice_e2e::embedded::{Embedded, Options, setting};
use spice_telemetry::table;

#[tokio::test]
async fn the_reference_matches_the_code() -> anyhow::Result<()> {
    let server = Embedded::start(Options::default()).await?;
    let pages = [
        ("http.md", http::page(&server).await?),
        ("cli.md", cli::commands().await?),
        ("settings.md", cli::settings().await?),
        ("errors.md", errors()?),
        ("envelope.md", envelope::page()?),
        ("metrics.md", metrics()?),
        ("resources.md", resources::page()?),
    ];
    let folder = spice_e2e::workspace().join("docs/reference");
    let writes = setting("SPICE_WRITE_REFERENCE").is_some();
    let mut old = Vec::new();
    for (name, page) in pages {
        let path = folder.join(name);
        if writes {
            std::fs::write(&path, page).context(name)?;
        } else if std::fs::read_to_string(&path).unwrap_or_default() != page {
            old.push(name);
        }
    }
    ensure!(
        old.is_empty(),
        "{} no longer match the code; write them again: \
         SPICE_WRITE_REFERENCE=1 cargo test -p spice-e2e --test reference",
        old.join(", ")
    );
    Ok(())
}

/// The head of a page.
fn head(title: &str, introduction: &str) -> String {
    format!("# {title}\n\n{introduction} This page is generated from the code.\n\n")
}

/// A cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn metrics() -> anyhow::Result<String> {
    let mut page = head(
        "Metrics",
        "What `GET /metrics` of every listener reports, in the text format of Prometheus. \
         [Operations](../operations.md#metrics-and-alerts) says how to scrape it and which alerts to set.",
    );
    writeln!(page, "| metric | kind | labels | says |\n|---|---|---|---|")?;
    for row in table::ALL {
        let labels: Vec<String> = row
            .labels
            .iter()
            .map(|label| format!("`{label}`"))
            .collect();
        let (name, kind, labels) = (row.name, row.kind, labels.join(", "));
        writeln!(
            page,
            "| `{name}` | {kind} | {labels} | {} |",
            cell(row.help)
        )?;
    }
    Ok(page)
}

fn errors() -> anyhow::Result<String> {
    let mut page = head(
        "Errors",
        "Every error has a stable code. HTTP answers have it at `detail.error`; the command line \
         exits with its exit code (0: done, 130: stopped by Ctrl-C).",
    );
    writeln!(
        page,
        "| code | HTTP | exit code | retry? | meaning |\n|---|---|---|---|---|"
    )?;
    for code in ErrorCode::ALL {
        let again = if code.is_transient() { "yes" } else { "no" };
        let (http, exit) = (code.http_status(), code.exit_code());
        let meaning = cell(code.meaning());
        writeln!(page, "| `{code}` | {http} | {exit} | {again} | {meaning} |")?;
    }
    Ok(page)
}
