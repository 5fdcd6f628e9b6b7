//! `kubectl spice merge`: merges the branch of a Branch resource. An action is not a state, so no
//! field of a resource asks for it.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use kube::api::Api;
use spice_crds::Branch;

use super::cluster::Place;
use crate::{
    failure::usage,
    merge,
    merged::Conflicts,
    settings::{OfDatabase, Output, Server},
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl spice merge what-if --dry-run
  kubectl spice merge what-if --strategy theirs -n team

It calls the api at --server, for example through `kubectl port-forward service/spice 8002`. As in git,
`ours` is the target (--into) and `theirs` is the branch. The exit code is 4 if there are conflicts.")]
pub(crate) struct Options {
    /// The name of the Branch resource.
    #[arg(value_name = "NAME")]
    name: String,
    /// The branch to merge into, by its name in the api; by default its parent.
    #[arg(long, value_name = "BRANCH")]
    into: Option<String>,
    #[command(flatten)]
    conflicts: Conflicts,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let cluster = options.place.connect().await?;
    let branches: Api<Branch> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let name = options
        .name
        .strip_prefix("branch/")
        .unwrap_or(&options.name);
    let found = branches.get_opt(name).await;
    let found = found.with_context(|| format!("cannot read branch/{name}"))?;
    let branch = found.ok_or_else(|| {
        usage(format!(
            "there is no branch/{name} in namespace {}",
            cluster.namespace
        ))
    })?;
    let status = branch.status.as_ref();
    let database = status.and_then(|it| it.database.clone()).ok_or_else(|| {
        usage(format!(
            "branch/{name} is not in the api yet; see kubectl spice status branch/{name}"
        ))
    })?;
    let parent = || branch.spec.parent().to_owned();
    let into = options.into.unwrap_or_else(parent);
    let of = OfDatabase {
        server: options.server,
        database: Some(database),
        output: options.output,
    };
    merge::run(merge::Options::new(
        branch.branch_name(),
        into,
        options.conflicts,
        of,
    ))
    .await
}
