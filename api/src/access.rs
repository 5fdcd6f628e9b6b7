//! The access to the api: the valid tokens and their principals, and a pause for addresses that send
//! wrong tokens. It knows nothing of HTTP, and does not know where the tokens come from.

mod metrics;
mod slowdown;

use std::{
    net::IpAddr,
    sync::{Arc, PoisonError, RwLock},
};

use spice_core::access::{Caller, Principal, TokenDigest};
use spice_telemetry::Scrape;
use tokio_util::sync::CancellationToken;

use self::{metrics::Metrics, slowdown::Slowdown};

/// A token of a principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// The digest of the token.
    pub digest: TokenDigest,
    /// Whose token it is.
    pub principal: Arc<Principal>,
}

/// Why a request is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// It has no token.
    #[error("the request has no token")]
    Missing,
    /// Its credentials are not one token.
    #[error("the credentials are not a bearer token")]
    Malformed,
    /// Nobody has this token.
    #[error("the token is not valid")]
    Unknown,
    /// Too many wrong tokens came from the same address.
    #[error("too many wrong tokens came from this address")]
    Slowed,
}

impl Denial {
    /// A stable word for metrics and clients.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Unknown => "unknown",
            Self::Slowed => "slowed",
        }
    }
}

/// A caller that was let in.
#[derive(Debug, Clone)]
pub struct Admission {
    /// The caller.
    pub caller: Caller,
    /// Cancelled when the token is no longer in force as it was.
    pub withdrawn: CancellationToken,
}

impl Admission {
    /// A caller whose admission is never withdrawn.
    pub(crate) fn of(caller: Caller) -> Self {
        Self {
            caller,
            withdrawn: CancellationToken::new(),
        }
    }
}

/// A credential that is in force, until it is withdrawn.
struct Entry {
    credential: Credential,
    withdrawn: CancellationToken,
}

/// The tokens that are valid now.
pub struct Access {
    /// The tokens in force; none if anybody may do everything.
    entries: Option<RwLock<Arc<[Entry]>>>,
    slowdown: Slowdown,
    metrics: Metrics,
}

impl Access {
    /// Anybody may do everything.
    pub fn anonymous() -> Self {
        Self::new(None)
    }

    /// Only principals may call, with these tokens.
    pub fn of(credentials: Vec<Credential>) -> Self {
        let access = Self::new(Some(RwLock::new(Arc::new([]))));
        access.replace(credentials);
        access
    }

    fn new(entries: Option<RwLock<Arc<[Entry]>>>) -> Self {
        Self {
            entries,
            slowdown: Slowdown::default(),
            metrics: Metrics::default(),
        }
    }

    /// Puts these tokens in force instead of the former ones. One that is not among them, or whose
    /// principal changed, is withdrawn at once, from open streams too.
    pub fn replace(&self, credentials: Vec<Credential>) {
        let Some(entries) = &self.entries else {
            return;
        };
        let mut current = entries.write().unwrap_or_else(PoisonError::into_inner);
        let former = Arc::clone(&current);
        let keep = |credential: Credential| {
            let same = former.iter().find(|entry| entry.credential == credential);
            let withdrawn = same.map_or_else(CancellationToken::new, |it| it.withdrawn.clone());
            Entry {
                credential,
                withdrawn,
            }
        };
        *current = credentials.into_iter().map(keep).collect();
        let kept = Arc::clone(&current);
        drop(current);
        for entry in &*former {
            if !kept.iter().any(|it| it.credential == entry.credential) {
                entry.withdrawn.cancel();
            }
        }
    }

    /// The caller of a call that needs no token.
    pub(crate) fn caller_without_token(&self) -> Caller {
        match self.entries {
            None => Caller::Anonymous,
            Some(_) => Caller::Nobody,
        }
    }

    /// Lets a request with this token in, or not. A wrong token is answered more slowly the more of
    /// them came from the same address.
    pub async fn admit(
        &self,
        presented: Result<&str, Denial>,
        peer: IpAddr,
    ) -> Result<Admission, Denial> {
        let Some(entries) = &self.entries else {
            return Ok(Admission::of(self.caller_without_token()));
        };
        let current = Arc::clone(&entries.read().unwrap_or_else(PoisonError::into_inner));
        let admitted = match presented {
            Err(denial) => Err(denial),
            // Not even compared: else the answer would tell at full speed whether a guess is right.
            Ok(_) if self.slowdown.is_full(peer) => Err(Denial::Slowed),
            Ok(token) => find(&current, TokenDigest::of(token)).ok_or(Denial::Unknown),
        };
        if let Err(denial) = admitted {
            self.metrics.denied(denial.as_str());
            tracing::debug!(%peer, reason = denial.as_str(), "a request was not let in");
        }
        if admitted.as_ref().err() == Some(&Denial::Unknown) {
            self.slowdown.pause(peer).await;
        }
        admitted
    }

    /// Counts a request of a principal for something that it may not do.
    pub(crate) fn note_forbidden(&self) {
        self.metrics.denied("forbidden");
    }

    /// What this process reports about access.
    pub(crate) fn report(&self, scrape: &mut Scrape) {
        let entries = self.entries.as_ref();
        let tokens = entries.map_or(0, |entries| {
            let entries = entries.read().unwrap_or_else(PoisonError::into_inner);
            entries.len()
        });
        self.metrics.report(tokens, scrape);
    }
}

/// The entry of a digest. Every one is compared, and each in constant time.
fn find(entries: &[Entry], digest: TokenDigest) -> Option<Admission> {
    let mut found = None;
    for entry in entries {
        if entry.credential.digest == digest {
            found = Some(entry);
        }
    }
    found.map(|entry| Admission {
        caller: Caller::Principal(Arc::clone(&entry.credential.principal)),
        withdrawn: entry.withdrawn.clone(),
    })
}

#[cfg(test)]
mod tests;
