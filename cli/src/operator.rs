//! `spice operator`: runs the Kubernetes operator as a process.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context;
use clap::Args;
use kube::config::{KubeConfigOptions, Kubeconfig};
use spice_operator::OperatorConfig;

use crate::{
    settings::{OperatorSettings, Server},
    signals::end_on_signal,
};

#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    settings: OperatorSettings,
    /// The kubeconfig file; by default the usual locations.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let config = match &options.kubeconfig {
        Some(path) => {
            let file = Kubeconfig::read_from(path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?
        }
        None => kube::Config::infer()
            .await
            .context("no Kubernetes cluster is configured")?,
    };
    let client = kube::Client::try_from(config)?;
    let config = OperatorConfig {
        credentials: options.server.credentials(),
        api_url: options.server.server,
        namespace: options.settings.namespace,
        resync: Duration::from_secs(options.settings.resync_seconds),
    };
    spice_operator::run(client, config, end_on_signal()?).await?;
    Ok(ExitCode::SUCCESS)
}
