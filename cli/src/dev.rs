//! `spice dev`: runs all roles in one process.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::Args;
use spice_node::{
    access::Callers,
    address::Addresses,
    api::{ListenError, Surface},
    node::{Node, StartError},
};
use spice_operator::ApiClient;
use tokio_util::sync::CancellationToken;

use crate::{
    apply::keep::{apply_continuously, check_paths},
    failure::Hint,
    output,
    settings::{Access, CredentialFiles, Knobs, Listen, StorePlaces, Traces},
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
    let (listen, knobs) = (&options.listen, &options.knobs);
    let node = start(&addresses, callers, listen, knobs, &ending).await?;
    announce(&node)?;
    let keeper = if options.apply.is_empty() {
        None
    } else {
        let credentials = options.credentials.of_client();
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
    callers: Callers,
    listen: &Listen,
    knobs: &Knobs,
    ending: &CancellationToken,
) -> anyhow::Result<Node> {
    let settings = (knobs.api(listen, callers), knobs.work()?);
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
        StartError::Principals(_) | StartError::Open(_) => error.into(),
    })
}

/// Prints the addresses of a node, then `ready`.
pub(crate) fn announce(node: &Node) -> anyhow::Result<()> {
    for (service, address) in node.addresses() {
        output::line(format!("{service:8} http://{address}"))?;
    }
    output::line("ready")?;
    Ok(())
}

pub(crate) fn gateway_url(node: &Node) -> String {
    let mut addresses = node.addresses().iter();
    let gateway = addresses.find(|(service, _)| *service == Surface::Gateway);
    gateway.map_or_else(String::new, |(_, address)| format!("http://{address}"))
}
