//! The principals of a process: the file that declares them, read again when it changes.

mod file;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use spice_api::{access::Access, http::Surface};
use tokio_util::sync::CancellationToken;

use self::file::Tokens;
pub use self::file::{DeclaredPrincipal, Fault, FileError};
pub use crate::steady::ReadError;
use crate::{files::FileStates, steady::SteadyFiles};

/// The callers that a process accepts.
#[derive(Debug, Clone)]
pub enum Callers {
    /// Anybody, and only from this machine.
    Local,
    /// Anybody who can reach a listener.
    Anybody,
    /// The principals of a file.
    Principals(PathBuf),
}

/// A listener that anybody can reach from elsewhere, in a process that lets anybody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{service} would let anybody who can reach {address} do everything")]
pub struct ExposedError {
    /// The service.
    pub service: Surface,
    /// The address.
    pub address: SocketAddr,
}

impl Callers {
    /// Refuses a listener that other machines can reach, unless the accepted callers are declared.
    pub(crate) fn check(&self, listen: &[(Surface, SocketAddr)]) -> Result<(), ExposedError> {
        match (self, find_exposed(listen)) {
            (Self::Local, Some((service, address))) => Err(ExposedError { service, address }),
            _ => Ok(()),
        }
    }

    /// Warns if tokens come to a listener beyond this machine, which does not use TLS. It may be behind
    /// a proxy that does, so this is no reason to refuse.
    pub(crate) fn warn_of_clear_text(&self, listen: &[(Surface, SocketAddr)]) {
        if let (Self::Principals(_), Some((service, address))) = (self, find_exposed(listen)) {
            tracing::warn!(
                %service, %address,
                "tokens come to this listener in clear text; use TLS, or let only a proxy with TLS \
                 reach it"
            );
        }
    }

    /// Reads the principals, and follows their file until `ending` is cancelled.
    pub(crate) async fn open(
        &self,
        states: &Arc<FileStates>,
        ending: &CancellationToken,
    ) -> Result<Arc<Access>, FileError> {
        let Self::Principals(path) = self else {
            return Ok(Arc::new(Access::anonymous()));
        };
        let opened = SteadyFiles::open::<Tokens>(vec![path.clone()]).await;
        let (files, tokens) = opened.map_err(|fault| FileError {
            path: path.clone(),
            fault,
        })?;
        let access = Arc::new(Access::of(tokens.0));
        let (replaced, states) = (Arc::clone(&access), Arc::clone(states));
        let ending = ending.clone();
        tokio::spawn(async move {
            let put = |tokens: Tokens| replaced.replace(tokens.0);
            let following = files.follow("principals", put, &states.tokens);
            ending.run_until_cancelled(following).await;
        });
        Ok(access)
    }
}

/// The first listener of data that others than this machine can reach.
fn find_exposed(listen: &[(Surface, SocketAddr)]) -> Option<(Surface, SocketAddr)> {
    let is_exposed = |&&(service, address): &&(Surface, SocketAddr)| {
        service.needs_principals() && !address.ip().to_canonical().is_loopback()
    };
    listen.iter().find(is_exposed).copied()
}

#[cfg(test)]
mod tests;
