//! `spice operator`: runs the Kubernetes operator as a process.

use std::{process::ExitCode, time::Duration};

use anyhow::Context;
use clap::Args;
use spice_operator::{HOLDER, LeaseConfig, OperatorConfig};

use crate::{
    kubectl::cluster::ClusterConfig,
    settings::{MetricsListen, OperatorSettings, Server},
    signals::end_on_signal,
};

#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    settings: OperatorSettings,
    #[command(flatten)]
    metrics: MetricsListen,
    #[command(flatten)]
    cluster: ClusterConfig,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let config = options.cluster.read().await?;
    let client = kube::Client::try_from(config)?;
    let config = OperatorConfig {
        credentials: options.server.credentials(),
        namespace: options.settings.namespace,
        instance: options.settings.instance,
        metrics_listen: options.metrics.metrics_listen,
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
        identity: format!("{HOLDER}{}", uuid::Uuid::new_v4()),
    })
}
