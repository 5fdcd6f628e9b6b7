//! `spice demo`: runs the main steps on real data, over HTTP like any client.

mod load;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{bail, ensure};
use clap::{Args, builder::FalseyValueParser};
use serde_json::{Map, Value};
use spice_client::{Change, Client, GraphAnswer, Read, Write};
use spice_node::{access::Callers, address::Addresses};
use spice_operator::{ApiClient, Applied, Source, apply_documents, read};
use tokio::time::Instant;

use crate::{
    dev::{announce, gateway_url, start},
    output,
    settings::{Knobs, Listen, Traces},
    signals::end_on_signal,
};

const DATABASE: &str = include_str!("../../manifests/demo/database.yaml");
const ONTOLOGY: &str = include_str!("../../manifests/demo/ontology.yaml");
const BRANCH: &str = include_str!("../../manifests/demo/what-if/branch.yaml");
const QUERY: &str = include_str!("../../manifests/demo/data/query.json");

/// The what-if branch.
const WHAT_IF: &str = "what-if/denver-closed";

/// The longest wait for the effect of a command.
const PATIENCE: Duration = Duration::from_secs(30);
/// The airport that is closed on the branch.
const CLOSED: &str = "DEN";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The data directory; by default a temporary folder.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    #[command(flatten)]
    listen: Listen,
    /// Let anybody do everything, also from other machines.
    #[arg(long, env = "SPICE_ALLOW_ANONYMOUS", value_parser = FalseyValueParser::new())]
    allow_anonymous: bool,
    #[command(flatten)]
    knobs: Knobs,
    #[command(flatten)]
    pub(crate) traces: Traces,
    /// Stop after the last step instead of serving until Ctrl-C.
    #[arg(long)]
    once: bool,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let ending = end_on_signal()?;
    let own_folder = tempfile::Builder::new().prefix("spice-demo-").tempdir()?;
    let data_dir = options
        .data_dir
        .as_deref()
        .unwrap_or_else(|| own_folder.path());
    let addresses = Addresses::resolve(data_dir, [])?;
    let callers = if options.allow_anonymous {
        Callers::Anybody
    } else {
        Callers::Local
    };
    let (listen, knobs) = (&options.listen, &options.knobs);
    let node = start(&addresses, (callers, None), listen, knobs, &ending).await?;
    let url = gateway_url(&node);
    let story = tokio::select! {
        done = run_steps(&url, own_folder.path()) => done,
        () = ending.cancelled() => Ok(()),
    };
    if story.is_ok() && !options.once && !ending.is_cancelled() {
        output::line("")?;
        announce(&node)?;
        output::line("serving until Ctrl-C; try:")?;
        output::line(format!("  curl {url}/api/v1/databases/flights"))?;
        output::line(format!(
            "  curl '{url}/api/v1/databases/flights/class/Airport/instances?search=denver'"
        ))?;
        ending.cancelled().await;
    }
    ending.cancel();
    node.end().await;
    story.map(|()| ExitCode::SUCCESS)
}

async fn run_steps(url: &str, folder: &Path) -> anyhow::Result<()> {
    let client = Client::new(url)?;
    let started = Instant::now();
    let files = [("database.yaml", DATABASE), ("ontology.yaml", ONTOLOGY)];
    let declared = declare(url, &files).await?;
    let what = format!("declared {declared} resources: a database and its classes");
    step(started, &what)?;

    let started = Instant::now();
    let loaded = load::load(&client, "flights", folder).await?;
    let counts = loaded
        .iter()
        .map(|(class, count)| format!("{count} {class}"));
    let counts = counts.collect::<Vec<_>>().join(", ");
    step(started, &format!("loaded and projected {counts}"))?;

    let started = Instant::now();
    declare(url, &[("what-if/branch.yaml", BRANCH)]).await?;
    close_airport(&client).await?;
    let what = format!("branch {WHAT_IF}: nothing copied, {CLOSED} closed there");
    step(started, &what)?;

    let query: Value = serde_json::from_str(QUERY)?;
    let started = Instant::now();
    let ask = async |branch| {
        client
            .graph_query("flights", &query, &Read::on(branch))
            .await
    };
    let on_main = ask("main").await?;
    let elapsed = started.elapsed();
    let on_branch = ask(WHAT_IF).await?;
    output::line(format!(
        "two hops, routes that arrive at an open airport of Colorado ({:.1} ms):",
        elapsed.as_secs_f64() * 1e3
    ))?;
    let rows = [("main", &on_main), (WHAT_IF, &on_branch)].map(|(name, answer)| {
        let count = |class| of_type(answer, class).to_string();
        vec![name.to_owned(), count("Airport"), count("Route")]
    });
    output::table(&["BRANCH", "AIRPORTS", "ROUTES"], &rows)?;
    ensure!(
        of_type(&on_main, "Route") > of_type(&on_branch, "Route"),
        "the branch gives the same answer as main; please report this"
    );
    Ok(())
}

/// Applies YAML texts. Returns the number of resources in them.
async fn declare(url: &str, texts: &[(&str, &str)]) -> anyhow::Result<usize> {
    let client = ApiClient::new(url)?;
    let sources = texts.iter().map(|(name, text)| Source::Text {
        name: (*name).to_owned(),
        bytes: text.as_bytes().to_vec(),
    });
    let documents = read(&sources.collect::<Vec<_>>())?.declared;
    let count = documents.len();
    let report = apply_documents(&client, documents).await;
    for entry in &report.entries {
        match &entry.applied {
            Applied::Unchanged | Applied::Changed(_) => {}
            other => {
                let (kind, name, source) = (&entry.kind, &entry.name, &entry.source);
                bail!("{kind} {name} ({source}): {other:?}")
            }
        }
    }
    Ok(count)
}

async fn close_airport(client: &Client) -> anyhow::Result<()> {
    let read = Read::on(WHAT_IF);
    let airport = client.instance("flights", "Airport", CLOSED, &read).await?;
    let change = Change::UpdateInstance {
        class: "Airport".to_owned(),
        id: CLOSED.to_owned(),
        data: Map::from_iter([("status".to_owned(), Value::from("closed"))]),
        expected_seq: airport.event_sequence,
    };
    let write = Write::on(WHAT_IF).wait(PATIENCE);
    client.transaction("flights", &[change], &write).await?;
    Ok(())
}

fn of_type(answer: &GraphAnswer, class: &str) -> usize {
    let nodes = answer.nodes.iter();
    nodes.filter(|node| node.class == class).count()
}

fn step(started: Instant, what: &str) -> anyhow::Result<()> {
    let took: Duration = started.elapsed();
    output::line(format!("{:6.2} s  {what}", took.as_secs_f64()))?;
    Ok(())
}
