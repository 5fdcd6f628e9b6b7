//! `kubectl spice`: what `kubectl` alone cannot do with the resources of SPICE Harvester. It is this
//! binary under the name `kubectl-spice`, or `spice kubectl`.

mod adopt;
mod approve;
pub(crate) mod cluster;
mod drain;
mod merge;
mod plan;
mod resource;
mod status;

use std::{ffi::OsString, path::Path, process::ExitCode};

use clap::Subcommand;

/// The name under which kubectl finds its plugin.
const PLUGIN: &str = "kubectl-spice";

#[derive(Debug, Subcommand)]
pub(crate) enum Kubectl {
    /// Show the resources, and for those that are not ready the reason.
    Status(status::Options),
    /// Show what applying files to the cluster would do, and change nothing.
    Plan(plan::Options),
    /// Let a refused change of a resource through, after its findings were read.
    Approve(approve::Options),
    /// Print declarations of a database that exists in the api.
    Adopt(adopt::Options),
    /// Merge the branch of a Branch resource.
    Merge(merge::Options),
    /// Take the finalizers off, before the operator is uninstalled.
    Drain(drain::Options),
}

pub(crate) async fn run(command: Kubectl) -> anyhow::Result<ExitCode> {
    match command {
        Kubectl::Status(options) => status::run(options).await,
        Kubectl::Plan(options) => plan::run(options).await,
        Kubectl::Approve(options) => approve::run(options).await,
        Kubectl::Adopt(options) => adopt::run(options).await,
        Kubectl::Merge(options) => merge::run(options).await,
        Kubectl::Drain(options) => drain::run(options).await,
    }
}

/// The command line of a process that was started as the plugin, as one of `spice kubectl`.
pub(crate) fn expand_plugin(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let program = arguments.first().and_then(|it| Path::new(it).file_stem());
    if program.is_some_and(|name| name == PLUGIN) {
        arguments.insert(1, "kubectl".into());
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::expand_plugin;

    #[test]
    fn the_name_of_the_plugin_is_a_command() {
        let expand = |line: &[&str]| -> Vec<String> {
            let line = line.iter().map(Into::into).collect();
            let expanded = expand_plugin(line).into_iter();
            expanded.map(|it| it.into_string().unwrap()).collect()
        };
        let plugin = expand(&["/usr/bin/kubectl-spice", "status", "-A"]);
        assert_eq!(
            plugin,
            ["/usr/bin/kubectl-spice", "kubectl", "status", "-A"]
        );
        assert_eq!(expand(&["kubectl-spice"]), ["kubectl-spice", "kubectl"]);
        assert_eq!(expand(&["spice", "status"]), ["spice", "status"]);
    }
}
