//! The real binary as a separate process, with clients of its listeners.

mod client;

use std::ops::{Deref, DerefMut};

use spice_testing::process::Process;
pub use spice_testing::process::{Options, run, setting, spice};

pub use self::client::{Answer, Client};

/// `spice dev` on a data directory. The process is killed when this is dropped.
pub struct Embedded(Process);

impl Embedded {
    /// Starts the process and waits until it is ready.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        Ok(Self(Process::start(options).await?))
    }

    /// A client of the gateway.
    pub fn gateway(&self) -> anyhow::Result<Client> {
        Client::new(&self.url("gateway")?)
    }

    /// A client of oms.
    pub fn oms(&self) -> anyhow::Result<Client> {
        Client::new(&self.url("oms")?)
    }
}

impl Deref for Embedded {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.0
    }
}

impl DerefMut for Embedded {
    fn deref_mut(&mut self) -> &mut Process {
        &mut self.0
    }
}
