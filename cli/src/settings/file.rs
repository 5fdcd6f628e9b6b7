//! The config file: it can contain every setting, and has a lower priority than the command line
//! and the environment.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::{Arg, Command};
use toml::{Table, Value};

use crate::failure::{suggest, usage};

/// The content of a config file, by the long name of the flag.
#[derive(Debug, Default)]
pub(crate) struct ConfigFile {
    /// The path of the file, whether it exists or not.
    pub(crate) path: Option<PathBuf>,
    /// Whether the file exists.
    pub(crate) is_there: bool,
    values: BTreeMap<String, Vec<String>>,
}

impl ConfigFile {
    /// The file that the command line or `SPICE_CONFIG` names, or else the default one, which may
    /// be missing.
    pub(crate) fn find(arguments: &[OsString]) -> anyhow::Result<Self> {
        let named = find_config_flag(arguments).or_else(|| variable("SPICE_CONFIG"));
        if let Some(path) = named {
            return Self::read(Path::new(&path));
        }
        let folder = variable("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .or_else(|| variable("HOME").map(|home| Path::new(&home).join(".config")));
        let Some(path) = folder.map(|folder| folder.join("spice/config.toml")) else {
            return Ok(Self::default());
        };
        if path.exists() {
            return Self::read(&path);
        }
        Ok(Self {
            path: Some(path),
            ..Self::default()
        })
    }

    fn read(path: &Path) -> anyhow::Result<Self> {
        let name = path.display();
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the config file {name}"))?;
        let mut values = BTreeMap::new();
        let table = text
            .parse()
            .map_err(|error: toml::de::Error| error.to_string());
        table
            .and_then(|table| gather(table, &mut values))
            .map_err(|error| usage(format!("config file {name}: {error}")))?;
        Ok(Self {
            path: Some(path.to_owned()),
            is_there: true,
            values,
        })
    }

    /// Whether the file gives this setting. A flag or the environment takes precedence.
    pub(crate) fn has(&self, long: &str) -> bool {
        self.values.contains_key(long)
    }

    /// Sets the values of the file as defaults of the settings.
    pub(crate) fn apply(&self, command: Command) -> anyhow::Result<Command> {
        let mut known = BTreeSet::new();
        settings(&command, &mut known);
        if let Some(key) = self.values.keys().find(|key| !known.contains(*key)) {
            let list = || "run `spice config` to list the settings".to_owned();
            let meant = suggest(key, &known).unwrap_or_else(list);
            let place = self
                .path
                .as_deref()
                .unwrap_or_else(|| Path::new(""))
                .display();
            return Err(usage(format!("{place}: unknown setting {key:?}; {meant}")));
        }
        Ok(self.defaults(command))
    }

    fn defaults(&self, command: Command) -> Command {
        command
            .mut_args(|argument| match self.default_of(&argument) {
                Some(values) => {
                    let is_secret = argument.is_hide_env_values_set();
                    argument
                        .default_values(values)
                        .hide_default_value(is_secret)
                }
                None => argument,
            })
            .mut_subcommands(|subcommand| self.defaults(subcommand))
    }

    /// clap keeps defaults for the lifetime of the program, so these are leaked.
    fn default_of(&self, argument: &Arg) -> Option<Vec<&'static str>> {
        let values = self.values.get(setting(argument)?)?.iter();
        Some(values.map(|value| &*value.clone().leak()).collect())
    }
}

/// The long name of an argument that is a setting: every argument with an environment variable.
pub(crate) fn setting(argument: &Arg) -> Option<&str> {
    argument.get_env()?;
    argument.get_long()
}

fn settings(command: &Command, known: &mut BTreeSet<String>) {
    for name in command.get_arguments().filter_map(setting) {
        known.insert(name.to_owned());
    }
    for subcommand in command.get_subcommands() {
        settings(subcommand, known);
    }
}

/// The tables of a config file.
const TABLES: [&str; 7] = [
    "client", "dev", "listen", "operator", "stores", "traces", "worker",
];

/// Collects the settings. Tables only group them; a key is the name of the flag, with `-` or `_`.
fn gather(table: Table, values: &mut BTreeMap<String, Vec<String>>) -> Result<(), String> {
    for (key, value) in table {
        if let Value::Table(group) = value {
            if !TABLES.contains(&key.as_str()) {
                let known = TABLES.join(", ");
                return Err(format!("unknown table [{key}]; the tables are {known}"));
            }
            gather(group, values)?;
            continue;
        }
        let items = match value {
            Value::Array(items) => items.iter().map(text).collect(),
            single => text(&single).map(|text| vec![text]),
        };
        let items = items.ok_or_else(|| {
            format!(
                "{key}: unsupported value type; write a text, a number, a boolean or a list of them"
            )
        })?;
        let name = key.replace('_', "-");
        if values.insert(name, items).is_some() {
            return Err(format!("duplicate setting {key}"));
        }
    }
    Ok(())
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(_) | Value::Boolean(_) => Some(value.to_string()),
        Value::Float(number) => Some(number.to_string()),
        _ => None,
    }
}

fn find_config_flag(arguments: &[OsString]) -> Option<OsString> {
    let mut arguments = arguments.iter().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.to_str().unwrap_or_default() {
            "--" => return None,
            "--config" => return arguments.next().cloned(),
            text => {
                if let Some(path) = text.strip_prefix("--config=") {
                    return Some(path.into());
                }
            }
        }
    }
    None
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    //! Tests for the config file.
    use super::*;

    fn read(text: &str) -> Result<BTreeMap<String, Vec<String>>, String> {
        let mut values = BTreeMap::new();
        gather(text.parse().unwrap(), &mut values)?;
        Ok(values)
    }

    #[test]
    fn tables_only_group_and_keys_are_flag_names() {
        let values =
            read("server = 'http://h'\n[worker]\nmax_retries = 7\nno-color = true").unwrap();
        assert_eq!(values["server"], ["http://h"]);
        assert_eq!(values["max-retries"], ["7"]);
        assert_eq!(values["no-color"], ["true"]);
        assert!(
            read("a_b = 1\n[c]\na-b = 2").is_err(),
            "one place a setting"
        );
        assert!(read("a = 2020-01-01").is_err());
        let unknown = read("[stroes]\nlog = 'x'").unwrap_err();
        assert!(
            unknown.contains("[stroes]") && unknown.contains("stores"),
            "{unknown}"
        );
    }

    #[test]
    fn the_config_flag_works_at_any_position() {
        let found = |line: &str| {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            find_config_flag(&words).map(|path| path.into_string().unwrap())
        };
        assert_eq!(
            found("spice get --config a.toml db").as_deref(),
            Some("a.toml")
        );
        assert_eq!(found("spice --config=b get").as_deref(), Some("b"));
        assert_eq!(found("spice get -- --config a"), None);
        assert_eq!(found("spice get"), None);
    }
}
