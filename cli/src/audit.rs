//! `spice audit`: shows that no log was changed, cut or exchanged, and accepts a shortened log if a
//! person asks for it. Works on the stores.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use spice_core::{
    chain::{ChainHead, KeptHead},
    error::Refusal,
    id::StreamId,
    port::Store,
};
use spice_node::{
    audit::{Checked, Loss, accept, check, check_all, loss},
    logs::find_logs,
    stores::{Access, open_log, open_witnesses},
};

use crate::{
    output::{self, Format},
    settings::{Output, StorePlaces},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Show the end of each log and the chain there, to keep elsewhere.
    Head(Which),
    /// Check that no log was changed, cut or exchanged; exit code 1 if one was.
    Verify(Verify),
    /// Accept that a log has lost its end, and rebuild the stores from what is left.
    AcceptTruncation(Accept),
}

#[derive(Debug, Args)]
pub(crate) struct Which {
    #[command(flatten)]
    stores: StorePlaces,
    /// One database (`demo`) or one log (`demo.g2`); by default all.
    #[arg(short, long)]
    database: Option<String>,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    which: Which,
    /// A head that `spice audit head` printed earlier; the log must still contain it. Repeatable.
    #[arg(long, value_name = "POSITION:CHAIN", requires = "database")]
    head: Vec<KeptHead>,
}

#[derive(Debug, Args)]
pub(crate) struct Accept {
    #[command(flatten)]
    stores: StorePlaces,
    /// The database (`demo`) or the log (`demo.g2`).
    #[arg(short, long)]
    database: String,
    /// Accept the loss; without this, only show what is lost.
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn run(command: Audit) -> anyhow::Result<ExitCode> {
    match command {
        Audit::Head(which) => run_head(which).await,
        Audit::Verify(options) => verify(options).await,
        Audit::AcceptTruncation(options) => accept_truncation(options).await,
    }
}

async fn run_head(which: Which) -> anyhow::Result<ExitCode> {
    let log = open_log(which.stores.addresses()?.log()).await?;
    let mut answers = Vec::new();
    for stream in find_logs(&*log, &[], which.database.as_deref()).await? {
        answers.push(describe(&stream, &check(&*log, &stream, &[], &[]).await?));
    }
    let columns = "LOG=log, POSITION=position, CHAIN=chain";
    output::show(which.output.output, &answers, columns)?;
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

async fn verify(options: Verify) -> anyhow::Result<ExitCode> {
    let Verify { which, head } = options;
    let addresses = which.stores.addresses()?;
    let witnesses = open_witnesses(&addresses).await?;
    let log = open_log(addresses.log()).await?;
    let checked = check_all(&*log, witnesses, which.database.as_deref(), &head).await?;
    let answers: Vec<Value> = checked.into_iter().map(describe_checked).collect();
    let clean = answers.iter().all(|answer| answer["clean"] == true);
    match which.output.output {
        Format::Table => answers.iter().map(render).try_for_each(output::line)?,
        format => output::document(format, &answers)?,
    }
    Ok(ExitCode::from(u8::from(!clean)))
}

fn describe_checked(checked: Checked) -> Value {
    match checked {
        Checked::Store(store, error) => {
            json!({"store": store.as_str(), "clean": false, "message": error.to_string()})
        }
        Checked::Log(stream, Ok(head), seen) => {
            let mut answer = describe(&stream, &head);
            answer["clean"] = true.into();
            for (store, anchor) in seen {
                answer[format!("{store}_position")] = json!(anchor.position);
            }
            answer
        }
        Checked::Log(stream, Err(error), _) => {
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
    }
}

/// The answer for people.
fn render(answer: &Value) -> String {
    let text = |key: &str| answer[key].as_str().unwrap_or_default();
    let log = text("log");
    if let Some(store) = answer["store"].as_str() {
        return format!("{store}: cannot be read or compared: {}", text("message"));
    }
    if answer["clean"] == false {
        return format!("{log}: not the expected log: {}", text("message"));
    }
    let position = &answer["position"];
    let unchained = match answer["chained_from"].as_u64() {
        Some(0) => String::new(),
        Some(first) => format!(", unchained up to position {first}, covered by the chain there"),
        None => format!(", unchained up to position {position}"),
    };
    format!(
        "{log}: {position} envelopes{unchained}, one chain, {position}:{}; {}",
        text("chain"),
        describe_seen(answer)
    )
}

/// Up to where the stores have seen a log that they agree with.
fn describe_seen(answer: &Value) -> String {
    let places: Vec<String> = [Store::Registry, Store::Graph, Store::Documents]
        .iter()
        .filter_map(|store| Some((store, answer[format!("{store}_position")].as_u64()?)))
        .enumerate()
        .map(|(index, (store, position))| match index {
            0 => format!("as the {store} saw it up to {position}"),
            _ => format!("the {store} up to {position}"),
        })
        .collect();
    if places.is_empty() {
        return "there is no registry, graph or documents to compare it with".to_owned();
    }
    places.join(", ")
}

async fn accept_truncation(options: Accept) -> anyhow::Result<ExitCode> {
    let stores = options.stores.open(Access::OwnExisting).await?;
    let followers = stores.followers();
    let name = Some(options.database.as_str());
    let mut is_lossy = false;
    for stream in find_logs(&*stores.log, &stores.anchors(), name).await? {
        let Some(loss) = loss(&*stores.log, followers, &stream).await? else {
            output::line(format!("{stream}: nothing is lost, nothing to accept"))?;
            continue;
        };
        is_lossy = true;
        output::line(explain(&stream, &loss))?;
        if options.yes {
            accept(followers, &stream).await?;
            stores.adopt_log().await?;
            output::line(format!(
                "{stream}: accepted; the next start rebuilds registry, graph and documents from \
                 the remaining {} envelopes",
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
        _ => "the part that registry, graph or documents have seen is not in this log".to_owned(),
    };
    format!("{stream}: {}; {what}", loss.fault.as_str())
}
