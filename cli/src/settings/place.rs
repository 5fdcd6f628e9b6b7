//! The place of a client command: server, database, branch, output format.

use std::path::PathBuf;

use clap::Args;
use spice_client::{Client, Credentials};

use crate::output::Format;

/// The server.
#[derive(Debug, Clone, Args)]
pub(crate) struct Server {
    /// The gateway's URL.
    #[arg(
        long,
        visible_alias = "api",
        env = "SPICE_SERVER",
        hide_env_values = true,
        default_value = "http://127.0.0.1:8002",
        value_name = "URL"
    )]
    pub(crate) server: String,
    #[command(flatten)]
    credentials: CredentialFiles,
}

impl Server {
    /// A client of the server.
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        let credentials = self.credentials();
        Ok(Client::with_credentials(&self.server, credentials)?)
    }

    /// The files of a client.
    pub(crate) fn credentials(&self) -> Credentials {
        self.credentials.of_client()
    }
}

/// The credentials of a client: its token, and the authorities that it trusts.
#[allow(clippy::struct_field_names)] // the flags' names
#[derive(Debug, Clone, Args)]
pub(crate) struct CredentialFiles {
    /// A file with the token that is sent with every request; read again when it changes.
    #[arg(long, env = "SPICE_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// A file with the certificates (PEM) of the authorities that are trusted instead of the
    /// system's; read again when it changes.
    #[arg(long, env = "SPICE_CA_FILE", value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

impl CredentialFiles {
    pub(crate) fn of_client(&self) -> Credentials {
        Credentials {
            token_file: self.token_file.clone(),
            ca_file: self.ca_file.clone(),
        }
    }
}

/// The output format.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Output {
    /// The output format.
    #[arg(short, long, env = "SPICE_OUTPUT", default_value = "table")]
    pub(crate) output: Format,
}

/// The place of a command that has another way to name its branch, or needs none.
#[derive(Debug, Clone, Args)]
pub(crate) struct OfDatabase {
    #[command(flatten)]
    pub(crate) server: Server,
    /// The database.
    #[arg(short, long, env = "SPICE_DATABASE", value_name = "NAME")]
    pub(crate) database: Option<String>,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Server, database, branch and output format.
#[derive(Debug, Clone, Args)]
pub(crate) struct Place {
    #[command(flatten)]
    pub(crate) of: OfDatabase,
    /// The branch.
    #[arg(
        short,
        long,
        env = "SPICE_BRANCH",
        default_value = "main",
        value_name = "NAME"
    )]
    pub(crate) branch: String,
}

impl OfDatabase {
    /// The same place on a branch.
    pub(crate) fn on_branch(&self, branch: &str) -> Place {
        let (of, branch) = (self.clone(), branch.to_owned());
        Place { of, branch }
    }
}
