//! `kubectl spice approve`: lets exactly one refused change through.

use std::process::ExitCode;

use clap::Args;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use spice_crds::annotation::APPROVE;

use super::{
    cluster::{Named, Place},
    resource::{State, show_findings},
};
use crate::{
    failure::{Hint, usage},
    output,
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl spice approve ontology/shop                  shows what would be lost
  kubectl spice approve ontology/shop 3f9a61c2…        lets this change through, and no other one

In Git, set the annotation spiceharvester.dev/approve to the hash instead.")]
pub(crate) struct Options {
    /// The resource.
    #[arg(value_name = "KIND/NAME")]
    named: Named,
    /// The hash of the plan, as `kubectl spice status` shows it. Without it, nothing is approved.
    hash: Option<String>,
    #[command(flatten)]
    place: Place,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let cluster = options.place.connect().await?;
    let (kind, object) = cluster.find(&options.named).await?;
    let state = State::of(&kind, &object);
    let title = state.title();
    let Some(approval) = &state.approval else {
        let seen = format!("{}: {}", state.reason, state.message);
        return Err(
            usage(format!("{title} has no change that waits for an approval")).context(Hint(seen)),
        );
    };
    let Some(hash) = &options.hash else {
        if let Some(plan) = &state.plan {
            show_findings(plan)?;
        }
        output::line(format!(
            "nothing was changed; approve this with: kubectl spice approve {title} {} -n {}",
            approval, state.namespace
        ))?;
        return Ok(ExitCode::FAILURE);
    };
    if hash != approval {
        let other = format!("{title} waits for the approval of another change, {approval}");
        let look = format!("look at it with: kubectl spice approve {title}");
        return Err(usage(other).context(Hint(look)));
    }
    // The hash names the change and the data that it loses: an older one lets nothing through.
    let patch = json!({"metadata": {"annotations": {APPROVE: hash}}});
    let objects = cluster.objects(&kind, false);
    let manager = PatchParams::apply("kubectl-spice");
    let manager = PatchParams {
        force: false,
        ..manager
    };
    objects
        .patch(&state.name, &manager, &Patch::Merge(patch))
        .await?;
    output::line(format!("{title} approved"))?;
    Ok(ExitCode::SUCCESS)
}
