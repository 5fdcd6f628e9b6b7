//! Leader election over a `Lease` object: one process at a time reconciles, the others keep their
//! caches warm.
//!
//! The holder counts from the moment before it sent its last successful renewal, and stops before
//! the lease can end for others. Clocks of hosts are not compared: another process waits until it
//! has seen the same record for the whole duration.

use std::time::Duration;

use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Client,
    api::{Api, ObjectMeta, PostParams},
};
use tokio::time::{Instant, sleep, timeout};

/// How long a record is valid for others.
const DURATION: Duration = Duration::from_secs(15);
/// The identities of operators begin with this: so others recognize their leases.
pub const HOLDER: &str = "spice-operator-";

/// How long the holder goes on without a renewal.
const DEADLINE: Duration = Duration::from_secs(10);
/// The wait between two attempts.
const RETRY: Duration = Duration::from_secs(2);

/// Where the lease is, and who asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseConfig {
    /// The namespace of the object.
    pub namespace: String,
    /// The name of the object.
    pub name: String,
    /// This process, different from all others.
    pub identity: String,
}

/// A process that wants to lead.
pub(crate) struct Candidate {
    leases: Api<Lease>,
    config: LeaseConfig,
    /// The record of another holder, and when it was first seen.
    seen: Option<(Record, Instant)>,
}

/// What changes with each renewal.
type Record = (Option<String>, Option<MicroTime>, Option<i32>);

impl Candidate {
    pub(crate) fn new(client: Client, config: LeaseConfig) -> Self {
        Self {
            leases: Api::namespaced(client, &config.namespace),
            config,
            seen: None,
        }
    }

    /// Waits until this process leads. Returns when the lease was last taken.
    pub(crate) async fn acquire(&mut self) -> Instant {
        loop {
            let started = Instant::now();
            match timeout(DEADLINE, self.take()).await {
                Ok(Ok(true)) => return started,
                Ok(Ok(false)) => {}
                Ok(Err(error)) => tracing::warn!(%error, "cannot take the lease"),
                Err(_) => tracing::warn!("the API server does not answer about the lease"),
            }
            sleep(RETRY).await;
        }
    }

    /// Renews the lease until it is lost.
    pub(crate) async fn hold(&mut self, taken: Instant) {
        let mut renewed = taken;
        loop {
            let rest = DEADLINE.saturating_sub(renewed.elapsed());
            if rest.is_zero() {
                return;
            }
            sleep(RETRY.min(rest)).await;
            let started = Instant::now();
            let rest = DEADLINE.saturating_sub(renewed.elapsed());
            match timeout(rest, self.take()).await {
                Ok(Ok(true)) => renewed = started,
                Ok(Ok(false)) => return,
                Ok(Err(error)) => tracing::warn!(%error, "cannot renew the lease"),
                Err(_) => {}
            }
        }
    }

    /// Gives the lease up, so that another process need not wait.
    pub(crate) async fn release(&self) {
        let release = async {
            let Some(mut lease) = self.leases.get_opt(&self.config.name).await? else {
                return Ok(());
            };
            let spec = lease.spec.get_or_insert_default();
            if spec.holder_identity.as_deref() == Some(&self.config.identity) {
                spec.holder_identity = None;
                self.replace(&lease).await?;
            }
            Ok::<_, kube::Error>(())
        };
        if let Ok(Err(error)) = timeout(RETRY, release).await {
            tracing::debug!(%error, "cannot release the lease");
        }
    }

    /// Takes or renews the lease. False if another process has it.
    async fn take(&mut self) -> Result<bool, kube::Error> {
        let Some(mut lease) = self.leases.get_opt(&self.config.name).await? else {
            return conflict_is_false(self.create().await);
        };
        let spec = lease.spec.get_or_insert_default();
        let holder = spec.holder_identity.clone().unwrap_or_default();
        let is_ours = holder == self.config.identity;
        if !is_ours && !holder.is_empty() && !self.is_over(spec) {
            return Ok(false);
        }
        if !is_ours {
            spec.lease_transitions = Some(spec.lease_transitions.unwrap_or_default() + 1);
            spec.acquire_time = Some(now());
            spec.holder_identity = Some(self.config.identity.clone());
        }
        spec.lease_duration_seconds = i32::try_from(DURATION.as_secs()).ok();
        spec.renew_time = Some(now());
        conflict_is_false(self.replace(&lease).await)
    }

    /// Whether the record of another holder has been the same for the whole duration.
    fn is_over(&mut self, spec: &LeaseSpec) -> bool {
        let record = (
            spec.holder_identity.clone(),
            spec.renew_time.clone(),
            spec.lease_transitions,
        );
        match &self.seen {
            Some((seen, since)) if *seen == record => since.elapsed() >= DURATION,
            _ => {
                self.seen = Some((record, Instant::now()));
                false
            }
        }
    }

    async fn create(&self) -> Result<(), kube::Error> {
        let lease = Lease {
            metadata: ObjectMeta {
                name: Some(self.config.name.clone()),
                ..ObjectMeta::default()
            },
            spec: Some(LeaseSpec {
                holder_identity: Some(self.config.identity.clone()),
                lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
                acquire_time: Some(now()),
                renew_time: Some(now()),
                lease_transitions: Some(0),
                ..LeaseSpec::default()
            }),
        };
        self.leases.create(&PostParams::default(), &lease).await?;
        Ok(())
    }

    /// Replaces the object if it is as it was read.
    async fn replace(&self, lease: &Lease) -> Result<(), kube::Error> {
        let parameters = PostParams::default();
        self.leases
            .replace(&self.config.name, &parameters, lease)
            .await?;
        Ok(())
    }
}

fn conflict_is_false(written: Result<(), kube::Error>) -> Result<bool, kube::Error> {
    match written {
        Ok(()) => Ok(true),
        Err(kube::Error::Api(status)) if status.is_conflict() || status.is_already_exists() => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

fn now() -> MicroTime {
    MicroTime(jiff::Timestamp::now())
}

#[cfg(test)]
mod tests;
