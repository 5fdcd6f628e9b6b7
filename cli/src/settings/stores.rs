//! Where the stores are: a data directory, and a URL for each store that is elsewhere.

use std::path::PathBuf;

use clap::Args;
use spice_core::port::Store;
use spice_node::{
    address::{AddressError, Addresses, LogAddress},
    stores::{Access, Stores},
};

use crate::failure::{Hint, usage};

/// Where the log is.
// The URLs are parsed here and not by clap, whose messages would show the password of one that is wrong.
#[derive(Debug, Clone, Args)]
pub(crate) struct LogPlace {
    /// The data directory, for each store that has no URL of its own.
    #[arg(
        long,
        env = "SPICE_DATA_DIR",
        default_value = "./data",
        value_name = "DIR"
    )]
    data_dir: PathBuf,
    /// The log of the databases, as a URL: `dir:///path`.
    #[arg(long, env = "SPICE_LOG", value_name = "URL", hide_env_values = true)]
    log: Option<String>,
}

/// Where each store is.
#[derive(Debug, Clone, Args)]
pub(crate) struct StorePlaces {
    #[command(flatten)]
    log: LogPlace,
    /// The bus, as a URL: `local:`.
    #[arg(long, env = "SPICE_BUS", value_name = "URL", hide_env_values = true)]
    bus: Option<String>,
    /// The registry, as a URL: `sqlite:///path`.
    #[arg(
        long,
        env = "SPICE_REGISTRY",
        value_name = "URL",
        hide_env_values = true
    )]
    registry: Option<String>,
    /// The graph, as a URL: `sqlite:///path`.
    #[arg(long, env = "SPICE_GRAPH", value_name = "URL", hide_env_values = true)]
    graph: Option<String>,
    /// The documents, as a URL: `sqlite:///path`.
    #[arg(
        long,
        env = "SPICE_DOCUMENTS",
        value_name = "URL",
        hide_env_values = true
    )]
    documents: Option<String>,
    /// The hints between processes, as a URL: `local:`.
    #[arg(long, env = "SPICE_HINTS", value_name = "URL", hide_env_values = true)]
    hints: Option<String>,
}

impl LogPlace {
    pub(crate) fn address(&self) -> anyhow::Result<LogAddress> {
        LogAddress::resolve(&self.data_dir, self.log.as_deref()).map_err(|error| refuse(&error))
    }
}

impl StorePlaces {
    pub(crate) fn addresses(&self) -> anyhow::Result<Addresses> {
        let urls = [
            (Store::Log, &self.log.log),
            (Store::Bus, &self.bus),
            (Store::Registry, &self.registry),
            (Store::Graph, &self.graph),
            (Store::Documents, &self.documents),
            (Store::Hints, &self.hints),
        ];
        let named = urls
            .into_iter()
            .filter_map(|(store, url)| Some((store, url.as_deref()?)));
        Addresses::resolve(&self.log.data_dir, named).map_err(|error| refuse(&error))
    }

    /// Opens the stores.
    pub(crate) async fn open(&self, access: Access) -> anyhow::Result<Stores> {
        Ok(Stores::open(&self.addresses()?, access).await?)
    }
}

fn refuse(error: &AddressError) -> anyhow::Error {
    let name = error.store().as_str();
    let variable = name.to_uppercase();
    usage(error.to_string()).context(Hint(format!(
        "set it with --{name}, SPICE_{variable} or `{name}` under [stores] in the config file; \
         `spice config` shows where each value comes from"
    )))
}
