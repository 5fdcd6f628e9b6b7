//! The command line, from its help.

use std::fmt::Write as _;

use anyhow::{Context, ensure};
use serde_json::Value;
use spice_e2e::embedded::run;

use crate::{cell, head};

/// Every command with its help.
pub(crate) async fn commands() -> anyhow::Result<String> {
    let mut page = head(
        "Command line",
        "The output of `spice --help` for each command.",
    );
    let mut open: Vec<Vec<String>> = vec![Vec::new()];
    while let Some(path) = open.pop() {
        let help = help(&path).await?;
        let name = ["spice".to_owned()].into_iter().chain(path.clone());
        let name: Vec<String> = name.collect();
        writeln!(
            page,
            "## {}\n\n```text\n{}\n```\n",
            name.join(" "),
            help.trim_end()
        )?;
        let below: Vec<_> = subcommands(&help)
            .map(|name| path.iter().cloned().chain([name.to_owned()]).collect())
            .collect();
        open.extend(below.into_iter().rev());
    }
    Ok(page)
}

async fn help(path: &[String]) -> anyhow::Result<String> {
    let output = run(path.iter().map(String::as_str).chain(["--help"])).await?;
    ensure!(output.status.success(), "spice {path:?} --help fails");
    Ok(String::from_utf8(output.stdout)?)
}

/// The names under `Commands:`.
fn subcommands(help: &str) -> impl Iterator<Item = &str> {
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
}

/// Every setting with its sources.
pub(crate) async fn settings() -> anyhow::Result<String> {
    let mut page = head(
        "Settings",
        "A flag takes precedence over the environment, the environment over the config file \
         (`spice config` shows its path), and the file over the default.",
    );
    let output = run(["config", "-o", "json"]).await?;
    ensure!(output.status.success(), "spice config fails");
    let config: Value = serde_json::from_slice(&output.stdout)?;
    let settings = config["settings"].as_array().context("settings")?;
    writeln!(
        page,
        "| setting and flag | environment | default | meaning |\n|---|---|---|---|"
    )?;
    for setting in settings {
        let text = |name: &str| cell(setting[name].as_str().unwrap_or_default());
        let default = match text("source").as_str() {
            "default" => format!("`{}`", text("value")),
            _ => String::new(),
        };
        let (name, variable, help) = (text("name"), text("environment"), text("help"));
        writeln!(page, "| `--{name}` | `{variable}` | {default} | {help} |")?;
    }
    Ok(page)
}
