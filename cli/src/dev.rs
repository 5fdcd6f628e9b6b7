//! `spice dev`: runs all roles in one process.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::Args;
use spice_node::{
    access::Callers,
    address::Addresses,
    api::{ListenError, Surface},
    node::{Node, StartError},
    tls::TlsSettings,
};
use spice_operator::ApiClient;
use tokio_util::sync::CancellationToken;

use crate::{
    apply::keep::{apply_continuously, check_paths},
    failure::Hint,
    output,
    settings::{Access, CredentialFiles, Knobs, Listen, StorePlaces, Tls, Traces},
    signals::end_on_signal,
};

/// The longest wait for a clean shutdown; after it the process exits anyway.
const PATIENCE: Duration = Duration::from_millis(4_500);

#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    stores: StorePlaces,
    #[command(flatten)]
    listen: Listen,
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    tls: Tls,
    /// YAML files or folders to apply, and to apply again when they change.
    #[arg(long, value_name = "PATH")]
    apply: Vec<PathBuf>,
    #[command(flatten)]
    credentials: CredentialFiles,
    #[command(flatten)]
    knobs: Knobs,
    #[command(flatten)]
    pub(crate) traces: Traces,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    check_paths(&options.apply)?;
    let ending = end_on_signal()?;
    let addresses = options.stores.addresses()?;
    let callers = options.access.callers()?;
    let tls = options.tls.of_listeners()?;
    let is_secure = tls.is_some();
    let (listen, knobs) = (&options.listen, &options.knobs);
    let node = start(&addresses, (callers, tls), listen, knobs, &ending).await?;
    announce(&node)?;
    let keeper = if options.apply.is_empty() {
        None
    } else {
        let credentials = options.credentials.of_client();
        if is_secure && credentials.ca_file.is_none() {
            tracing::info!("--apply trusts the system's authorities; --ca-file names others");
        }
        let client = ApiClient::with_credentials(&gateway_url(&node), credentials)?;
        let applying = apply_continuously(client, options.apply, ending.clone());
        Some(tokio::spawn(applying))
    };
    ending.cancelled().await;
    output::line("ending")?;
    if tokio::time::timeout(PATIENCE, node.end()).await.is_err() {
        tracing::warn!("a part did not stop in time; no accepted command is lost");
    }
    if let Some(keeper) = keeper {
        keeper.abort();
    }
    Ok(ExitCode::SUCCESS)
}

/// Starts every role.
pub(crate) async fn start(
    addresses: &Addresses,
    (callers, tls): (Callers, Option<TlsSettings>),
    listen: &Listen,
    knobs: &Knobs,
    ending: &CancellationToken,
) -> anyhow::Result<Node> {
    let settings = (knobs.api(listen, callers, tls), knobs.work()?);
    let started = Node::start(addresses, &listen.services(), settings, ending).await;
    started.map_err(|error| match error {
        StartError::Listen(ListenError { service, .. }) => {
            let hint = format!("choose another address with --{service}-listen");
            anyhow::Error::from(error).context(Hint(hint))
        }
        StartError::Exposed(_) => {
            let hint = "declare the callers with --tokens (see `spice token new`), or let anybody \
                        do everything with --allow-anonymous";
            anyhow::Error::from(error).context(Hint(hint.to_owned()))
        }
        StartError::Principals(_) | StartError::Tls(_) | StartError::Open(_) => error.into(),
    })
}

/// Prints the addresses of a node, then `ready`.
pub(crate) fn announce(node: &Node) -> anyhow::Result<()> {
    for (service, url) in node.urls() {
        output::line(format!("{service:8} {url}"))?;
    }
    output::line("ready")?;
    Ok(())
}

pub(crate) fn gateway_url(node: &Node) -> String {
    node.own_url(Surface::Gateway).unwrap_or_default()
}
