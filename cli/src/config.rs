//! `spice config`: shows all settings, their values and their sources.

use std::process::ExitCode;

use clap::{ArgMatches, Args, Command, parser::ValueSource};
use serde::Serialize;
use serde_json::json;
use spice_node::address::hide_secrets;

use crate::{
    output::{self, Format},
    settings::{
        Access, ConfigFile, Knobs, Listen, OperatorSettings, Place, StorePlaces, Tls, Traces, file,
    },
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  spice config
  spice config --server http://spice.example:8002 -o json

A flag takes precedence over its environment variable, and that over the config file:
$XDG_CONFIG_HOME/spice/config.toml, or the file that --config or SPICE_CONFIG names. In the file, a
setting has the name of its flag. The tables client, dev, listen, operator, stores, traces and worker
only group settings:
  server = \"http://127.0.0.1:8002\"
  database = \"flights\"
  output = \"json\"
  [dev]
  data-dir = \"/var/lib/spice\"")]
pub(crate) struct Options {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    stores: StorePlaces,
    #[command(flatten)]
    listen: Listen,
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    tls: Tls,
    #[command(flatten)]
    knobs: Knobs,
    #[command(flatten)]
    traces: Traces,
    #[command(flatten)]
    operator: OperatorSettings,
}

/// One setting.
#[derive(Serialize)]
struct Setting {
    name: String,
    value: Option<String>,
    source: &'static str,
    environment: String,
    help: String,
}

/// Shows the settings. `matches` and `command` belong to the whole command line.
pub(crate) fn run(
    options: &Options,
    matches: &ArgMatches,
    file: &ConfigFile,
    command: Command,
) -> anyhow::Result<ExitCode> {
    let own = matches.subcommand_matches("config").unwrap_or(matches);
    let settings = settings(own, file, command);
    let path = file.path.as_ref().map(|path| path.display().to_string());
    let format = options.place.of.output.output;
    if format != Format::Table {
        let answer = json!({"file": path, "file_exists": file.is_there, "settings": settings});
        output::document(format, &answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    let columns = "SETTING=name, VALUE=value, FROM=source, ENVIRONMENT=environment";
    output::fields(&settings, columns)?;
    let state = if file.is_there {
        ""
    } else {
        " (does not exist)"
    };
    output::note(format!("config file: {}{state}", path.unwrap_or_default()));
    Ok(ExitCode::SUCCESS)
}

fn settings(matches: &ArgMatches, config: &ConfigFile, mut command: Command) -> Vec<Setting> {
    command.build();
    let Some(own) = command.find_subcommand("config") else {
        return Vec::new();
    };
    own.get_arguments()
        .filter_map(|argument| {
            let name = file::setting(argument)?;
            let id = argument.get_id().as_str();
            let raw = matches.try_get_raw(id).ok().flatten();
            let value = raw.map(|values| {
                let texts: Vec<_> = values
                    .map(|value| hide_secrets(&value.to_string_lossy()))
                    .collect();
                texts.join(",")
            });
            let source = match matches.value_source(id) {
                Some(ValueSource::CommandLine) => "flag",
                Some(ValueSource::EnvVariable) => "environment",
                _ if config.has(name) => "file",
                Some(_) => "default",
                None => "not set",
            };
            let help = argument.get_help().map(ToString::to_string);
            Some(Setting {
                name: name.to_owned(),
                value,
                source,
                environment: argument.get_env()?.to_string_lossy().into_owned(),
                help: help.unwrap_or_default(),
            })
        })
        .collect()
}
