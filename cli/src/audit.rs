//! `spice audit`: shows that no log was changed, cut or exchanged, and takes a shortened log as it
//! is when a person says so. Works on the data directory.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use spice_core::{
    chain::{ChainHead, KeptHead},
    error::{ErrorCode, Refusal, StoreError},
    id::StreamId,
    port::{
        log::Log,
        registry::{Anchors, WriteModel},
    },
};
use spice_store_directory::DirectoryLog;
use spice_workers::audit::{Followers, Loss, accept, check, loss};

use crate::{
    output::{self, Format},
    platform::{Access, Layout, Stores, open_registry},
    settings::{DataDir, Output},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Show how far each log reaches and its chain there, to keep elsewhere.
    Head(Which),
    /// Check that no log was changed, cut or exchanged; exit code 1 when one was.
    Verify(Verify),
    /// Accept that a log has lost its end, and rebuild from what is left.
    AcceptTruncation(Accept),
}

#[derive(Debug, Args)]
pub(crate) struct Which {
    #[command(flatten)]
    data: DataDir,
    /// One database (`demo`) or one log (`demo.g2`); all when left out.
    #[arg(short, long)]
    database: Option<String>,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    which: Which,
    /// A head that `spice audit head` printed before: the log must still hold it. Repeatable.
    #[arg(long, value_name = "POSITION:CHAIN", requires = "database")]
    head: Vec<KeptHead>,
}

#[derive(Debug, Args)]
pub(crate) struct Accept {
    #[command(flatten)]
    data: DataDir,
    /// The database (`demo`) or the log (`demo.g2`).
    #[arg(short, long)]
    database: String,
    /// Do it; without this, only what is lost is shown.
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn run(command: Audit) -> anyhow::Result<ExitCode> {
    match command {
        Audit::Head(which) => head(which).await,
        Audit::Verify(options) => verify(options).await,
        Audit::AcceptTruncation(options) => accept_truncation(options).await,
    }
}

/// The logs that a name means, of those that there are and those that were seen.
async fn choose(
    log: &dyn Log,
    registry: Option<&dyn Anchors>,
    name: Option<&str>,
) -> anyhow::Result<Vec<StreamId>> {
    let mut streams = log.streams().await?;
    if let Some(registry) = registry {
        streams.extend(registry.anchored().await?);
    }
    streams.sort();
    streams.dedup();
    let Some(name) = name else {
        return Ok(streams);
    };
    let there: Vec<String> = streams.iter().map(ToString::to_string).collect();
    streams.retain(|stream| stream.database.as_str() == name || stream.to_string() == name);
    if streams.is_empty() {
        let there = there.join(", ");
        let message = format!("there is no log {name:?} here; there are: {there}");
        return Err(Refusal::new(ErrorCode::NotFound, message).into());
    }
    Ok(streams)
}

async fn head(which: Which) -> anyhow::Result<ExitCode> {
    let log = open(&which.data)?;
    let mut rows = Vec::new();
    let mut answers = Vec::new();
    for stream in choose(&log, None, which.database.as_deref()).await? {
        let head = check(&log, &stream, None, &[]).await?;
        let chain = output::maybe(head.next());
        rows.push(vec![stream.to_string(), head.position().to_string(), chain]);
        answers.push(describe(&stream, &head));
    }
    match which.output.output {
        Format::Table => output::table(&["LOG", "POSITION", "CHAIN"], &rows)?,
        format => output::document(format, &Value::Array(answers))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn describe(stream: &StreamId, head: &ChainHead) -> Value {
    json!({
        "log": stream.to_string(),
        "position": head.position(),
        "chain": head.next(),
        "chained_from": head.chained_from(),
    })
}

fn open(data: &DataDir) -> anyhow::Result<DirectoryLog> {
    let path = Layout::new(data).log();
    anyhow::ensure!(path.is_dir(), "there is no log at {}", path.display());
    Ok(DirectoryLog::open_read_only(path)?)
}

async fn verify(options: Verify) -> anyhow::Result<ExitCode> {
    let Verify { which, head } = options;
    // The registry first: the log may grow in between, and is then longer, not shorter.
    let registry = open_registry(&Layout::new(&which.data)).await?;
    let log = open(&which.data)?;
    let anchors = registry.as_deref().map(|registry| registry as &dyn Anchors);
    let streams = choose(&log, anchors, which.database.as_deref()).await?;
    let newest = streams.last().cloned();
    let mut clean = true;
    let mut answers = Vec::new();
    for stream in streams {
        let anchor = match anchors {
            Some(anchors) => anchors.anchor(&stream).await?,
            None => None,
        };
        let kept = if newest.as_ref() == Some(&stream) {
            head.as_slice()
        } else {
            &[]
        };
        let checked = check(&log, &stream, anchor.as_ref(), kept).await;
        clean &= checked.is_ok();
        let seen = anchor.map(|anchor| anchor.position);
        let answer = match checked {
            Ok(head) => {
                let mut answer = describe(&stream, &head);
                answer["clean"] = true.into();
                answer["registry_position"] = json!(seen);
                answer
            }
            Err(error) => refused(&stream, error),
        };
        if which.output.output == Format::Table {
            output::line(tell(&answer))?;
        }
        answers.push(answer);
    }
    if which.output.output != Format::Table {
        output::document(which.output.output, &Value::Array(answers))?;
    }
    Ok(if clean {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn refused(stream: &StreamId, error: StoreError) -> Value {
    let refusal = Refusal::from(error);
    let field = |key: &str| refusal.detail.get(key).cloned().unwrap_or_default();
    json!({
        "log": stream.to_string(),
        "clean": false,
        "reason": field("reason"),
        "position": field("position"),
        "message": refusal.message,
    })
}

/// The answer for people.
fn tell(answer: &Value) -> String {
    let text = |key: &str| answer[key].as_str().unwrap_or_default();
    let log = text("log");
    if answer["clean"] == false {
        return format!("{log}: not the expected log: {}", text("message"));
    }
    let position = &answer["position"];
    let unchained = match answer["chained_from"].as_u64() {
        Some(0) => String::new(),
        Some(first) => format!(", unchained up to position {first}, covered by the chain there"),
        None => format!(", unchained up to position {position}"),
    };
    let registry = if answer["registry_position"].is_null() {
        "; no registry to compare it with".to_owned()
    } else {
        format!(
            "; as the registry saw it up to {}",
            answer["registry_position"]
        )
    };
    format!(
        "{log}: {position} envelopes{unchained}, one chain, {position}:{}{registry}",
        text("chain")
    )
}

async fn accept_truncation(options: Accept) -> anyhow::Result<ExitCode> {
    let layout = Layout::new(&options.data);
    let root = layout.root();
    anyhow::ensure!(
        root.is_dir(),
        "there is no data directory {}",
        root.display()
    );
    let stores = Stores::open(&layout, Access::Alone).await?;
    let followers = Followers {
        model: &*stores.registry,
        work: &*stores.registry,
        graph: &*stores.graph,
        documents: &*stores.documents,
    };
    let registry: &dyn WriteModel = &*stores.registry;
    let name = Some(options.database.as_str());
    let mut is_lossy = false;
    for stream in choose(&stores.log, Some(registry as &dyn Anchors), name).await? {
        let Some(loss) = loss(&stores.log, followers, &stream).await? else {
            output::line(format!("{stream}: nothing is lost, nothing to accept"))?;
            continue;
        };
        is_lossy = true;
        output::line(explain(&stream, &loss))?;
        if options.yes {
            accept(followers, &stream).await?;
            output::line(format!(
                "{stream}: accepted; registry, graph and documents are built anew from the {} \
                 envelopes that are left, at the next start",
                loss.end
            ))?;
        }
    }
    if is_lossy && !options.yes {
        output::line("nothing was changed; repeat the command with --yes to accept this")?;
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn explain(stream: &StreamId, loss: &Loss) -> String {
    let what = match loss.seen.0.checked_sub(1) {
        Some(last) if loss.from.0 <= last => format!(
            "positions {} to {last} are lost: {} envelopes that were accepted and are not in \
             this log",
            loss.from,
            loss.seen.0 - loss.from.0
        ),
        _ => "what the registry has seen of it is not in this log".to_owned(),
    };
    format!("{stream}: {}; {what}", loss.fault.as_str())
}
