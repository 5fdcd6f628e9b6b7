//! `spice dev`: everything in one process.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context;
use clap::Args;
use spice_api::http;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::{
    apply::keep::{check_paths, keep},
    output,
    platform::{Layout, Platform},
    settings::{DataDir, Knobs, Listen},
    signals::end_on_signal,
};

/// How long a clean end may take before the process ends anyway.
const PATIENCE: Duration = Duration::from_millis(4_500);

#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    data: DataDir,
    #[command(flatten)]
    listen: Listen,
    /// YAML files or folders to keep applied, as `kubectl apply` would take them.
    #[arg(long, value_name = "PATH")]
    apply: Vec<PathBuf>,
    #[command(flatten)]
    knobs: Knobs,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    check_paths(&options.apply)?;
    let ending = end_on_signal()?;
    let layout = Layout::new(&options.data);
    let node = Node::start(&layout, &options.knobs, &options.listen, &ending).await?;
    node.announce()?;
    let keeper = (!options.apply.is_empty())
        .then(|| tokio::spawn(keep(node.gateway_url(), options.apply, ending.clone())));
    let mut looked_for = signal(SignalKind::user_defined1()).context("no SIGUSR1 handler")?;
    loop {
        tokio::select! {
            () = ending.cancelled() => break,
            _ = looked_for.recv() => node.platform.look_again(),
        }
    }
    output::line("ending")?;
    if tokio::time::timeout(PATIENCE, node.end()).await.is_err() {
        tracing::warn!("something did not end in time; nothing accepted is lost");
    }
    if let Some(keeper) = keeper {
        keeper.abort();
    }
    Ok(ExitCode::SUCCESS)
}

/// A running platform with its listeners.
pub(crate) struct Node {
    platform: Platform,
    servers: JoinSet<Result<(), std::io::Error>>,
    addresses: [(&'static str, SocketAddr); 3],
}

impl Node {
    pub(crate) async fn start(
        layout: &Layout,
        knobs: &Knobs,
        listen: &Listen,
        ending: &CancellationToken,
    ) -> anyhow::Result<Self> {
        let gateway = bind("gateway", "--gateway-listen", listen.gateway_listen).await?;
        let oms = bind("oms", "--oms-listen", listen.oms_listen).await?;
        let funnel = bind("funnel", "--funnel-listen", listen.funnel_listen).await?;
        let addresses = [
            ("gateway", gateway.local_addr()?),
            ("oms", oms.local_addr()?),
            ("funnel", funnel.local_addr()?),
        ];
        let platform = Platform::start(layout, knobs).await?;
        let mut servers = JoinSet::new();
        let api = &platform.api;
        let timeouts = http::Timeouts {
            idle: Duration::from_secs(listen.keep_alive_seconds),
            ..http::Timeouts::default()
        };
        servers.spawn(http::serve_with(
            gateway,
            http::gateway_router(api.clone()),
            timeouts,
            ending.clone(),
        ));
        servers.spawn(http::serve_with(
            oms,
            http::oms_router(api.clone()),
            timeouts,
            ending.clone(),
        ));
        servers.spawn(http::serve_with(
            funnel,
            http::funnel_router(api.clone()),
            timeouts,
            ending.clone(),
        ));
        Ok(Self {
            platform,
            servers,
            addresses,
        })
    }

    pub(crate) fn gateway_url(&self) -> String {
        format!("http://{}", self.addresses[0].1)
    }

    /// Says where it is to be found, then that it is ready.
    pub(crate) fn announce(&self) -> anyhow::Result<()> {
        for (name, address) in self.addresses {
            output::line(format!("{name:8} http://{address}"))?;
        }
        output::line("ready")?;
        Ok(())
    }

    pub(crate) async fn end(mut self) {
        while let Some(ended) = self.servers.join_next().await {
            match ended {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "a listener ended badly"),
                Err(error) => tracing::error!(%error, "a listener failed"),
            }
        }
        self.platform.shutdown().await;
    }
}

async fn bind(name: &str, flag: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("{name} cannot listen on {address}; choose another with {flag}"))
}
