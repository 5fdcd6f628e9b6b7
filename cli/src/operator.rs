//! `spice operator`: runs the Kubernetes operator as a process.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context;
use clap::Args;
use kube::config::{KubeConfigOptions, Kubeconfig};
use spice_operator::{LeaseConfig, OperatorConfig};

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
        namespace: options.settings.namespace,
        instance: options.settings.instance,
        resync: Duration::from_secs(options.settings.resync_seconds),
        lease: options
            .settings
            .lease
            .as_deref()
            .map(read_lease)
            .transpose()?,
        ..OperatorConfig::new(options.server.server)
    };
    spice_operator::run(client, config, end_on_signal()?).await?;
    Ok(ExitCode::SUCCESS)
}

fn read_lease(text: &str) -> anyhow::Result<LeaseConfig> {
    let parts = text.split_once('/');
    let (namespace, name) = parts
        .filter(|(namespace, name)| !namespace.is_empty() && !name.is_empty())
        .with_context(|| format!("--lease {text:?} is not NAMESPACE/NAME"))?;
    Ok(LeaseConfig {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        identity: format!("spice-operator-{}", uuid::Uuid::new_v4()),
    })
}
