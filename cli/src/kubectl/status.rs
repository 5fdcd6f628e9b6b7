//! `kubectl spice status`: the resources, and why some are not ready.

use std::process::ExitCode;

use clap::Args;

use super::{
    cluster::{Named, Place},
    resource::{State, show_findings},
};
use crate::{
    output::{self, Format},
    settings::Output,
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl spice status
  kubectl spice status -A
  kubectl spice status ontology/shop -n team -o json")]
pub(crate) struct Options {
    /// Only these resources; by default all of the namespace.
    #[arg(value_name = "KIND/NAME")]
    names: Vec<Named>,
    /// All namespaces.
    #[arg(short = 'A', long, conflicts_with_all = ["namespace", "names"])]
    all_namespaces: bool,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    output: Output,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let cluster = options.place.connect().await?;
    let mut states = Vec::new();
    if options.names.is_empty() {
        for kind in cluster.kinds().await? {
            let objects = cluster.list(&kind, options.all_namespaces).await?;
            states.extend(objects.iter().map(|object| State::of(&kind, object)));
        }
    }
    for named in &options.names {
        let (kind, object) = cluster.find(named).await?;
        states.push(State::of(&kind, &object));
    }
    if options.output.output != Format::Table {
        output::document(options.output.output, &states)?;
        return Ok(ExitCode::SUCCESS);
    }
    if states.is_empty() {
        output::note(if options.all_namespaces {
            "no resources found".to_owned()
        } else {
            format!("no resources found in namespace {}", cluster.namespace)
        });
        return Ok(ExitCode::SUCCESS);
    }
    show(&states, options.all_namespaces)?;
    Ok(ExitCode::SUCCESS)
}

fn show(states: &[State], all_namespaces: bool) -> anyhow::Result<()> {
    let row = |state: &State| {
        let ready = [&state.ready, &state.reason, &state.message];
        let namespace = all_namespaces.then_some(state.namespace.clone());
        let cells = namespace.into_iter().chain([state.title()]);
        cells.chain(ready.into_iter().cloned()).collect()
    };
    let rows: Vec<Vec<String>> = states.iter().map(row).collect();
    let head = ["NAMESPACE", "RESOURCE", "READY", "REASON", "MESSAGE"];
    output::table(&head[usize::from(!all_namespaces)..], &rows)?;
    for state in states {
        let Some(approval) = &state.approval else {
            continue;
        };
        let (title, namespace) = (state.title(), &state.namespace);
        output::heading(&format!("{title} in {namespace} waits for an approval"))?;
        if let Some(plan) = &state.plan {
            show_findings(plan)?;
        }
        output::line(format!(
            "approve: kubectl spice approve {title} {approval} -n {namespace}"
        ))?;
    }
    Ok(())
}
