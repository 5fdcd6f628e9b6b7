//! Fifth step: writes the status and the finalizer of an object to Kubernetes.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use kube::{
    Client,
    api::{Api, Patch, PatchParams},
};
use serde::Serialize;
use serde_json::{Value, json};
use spice_crds::{API_VERSION, FINALIZER, ResourceStatus};
use tokio::time::Instant;

use crate::kind::{Kind, Object};

const FIELD_MANAGER: &str = "spice-operator/status";

/// The last written statuses, until the watch shows them.
#[derive(Debug, Default)]
pub(crate) struct Published {
    statuses: Mutex<Statuses>,
}

#[derive(Debug, Default)]
struct Statuses {
    written: HashMap<String, Written>,
    /// Objects that are gone: a pass may still end after its object.
    gone: HashSet<String>,
}

/// The maximum number of remembered objects that are gone.
const GONE: usize = 10_000;

#[derive(Debug)]
struct Written {
    version: u64,
    at: Instant,
    status: ResourceStatus,
}

impl Published {
    /// The last written status of an object, if the watch shows an older one.
    pub(crate) fn newer_than(&self, uid: &str, version: Option<&str>) -> Option<ResourceStatus> {
        self.see(uid, version);
        let statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        statuses
            .written
            .get(uid)
            .map(|written| written.status.clone())
    }

    /// The watch shows this version of an object.
    pub(crate) fn see(&self, uid: &str, version: Option<&str>) {
        let Some(version) = version.and_then(|version| version.parse::<u64>().ok()) else {
            return;
        };
        let mut statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        let found = statuses.written.get(uid);
        if found.is_some_and(|written| written.version <= version) {
            statuses.written.remove(uid);
        }
    }

    /// For how long the watches have not shown a status that was written. A watch that is silent for
    /// minutes then is broken, however quiet the cluster is.
    pub(crate) fn silence(&self) -> Duration {
        let statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        let ages = statuses
            .written
            .values()
            .map(|written| written.at.elapsed());
        ages.max().unwrap_or_default()
    }

    /// Forgets an object that is gone.
    pub(crate) fn forget(&self, uid: &str) {
        let mut statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        statuses.written.remove(uid);
        if statuses.gone.len() >= GONE {
            statuses.gone.clear();
        }
        statuses.gone.insert(uid.to_owned());
    }

    pub(crate) fn remember(&self, uid: &str, version: Option<&str>, status: ResourceStatus) {
        let Some(version) = version.and_then(|version| version.parse().ok()) else {
            return;
        };
        let mut statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        if statuses.gone.contains(uid) {
            return;
        }
        let at = Instant::now();
        let written = Written {
            version,
            at,
            status,
        };
        statuses.written.insert(uid.to_owned(), written);
    }
}

/// Writes the status if it changed. Returns whether it was written.
pub(crate) async fn publish<K: Kind>(
    client: &Client,
    published: &Published,
    resource: &K,
    status: ResourceStatus,
) -> Result<bool, kube::Error> {
    if resource.status() == Some(&status) {
        return Ok(false);
    }
    let meta = resource.meta();
    let identity = json!({"name": meta.name, "namespace": meta.namespace, "uid": meta.uid});
    let written = write_status(client, resource, &identity, &status).await?;
    let uid = meta.uid.as_deref().unwrap_or_default();
    let version = written.meta().resource_version.as_deref();
    published.remember(uid, version, status);
    Ok(true)
}

/// Writes a status, if the object is the one that `identity` describes.
pub(crate) async fn write_status<K: Object>(
    client: &Client,
    resource: &K,
    identity: &Value,
    status: &impl Serialize,
) -> Result<K, kube::Error> {
    let body = json!({
        "apiVersion": API_VERSION,
        "kind": K::kind(&()),
        "metadata": identity,
        "status": status,
    });
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    objects::<K>(client, resource)
        .patch_status(name(resource), &parameters, &Patch::Apply(&body))
        .await
}

/// Adds or removes the finalizer. Fails with a conflict if the object has changed.
pub(crate) async fn set_finalizer<K: Object>(
    client: &Client,
    resource: &K,
    present: bool,
) -> Result<(), kube::Error> {
    let meta = resource.meta();
    let others = meta
        .finalizers
        .iter()
        .flatten()
        .filter(|finalizer| *finalizer != FINALIZER);
    let mut finalizers: Vec<&str> = others.map(String::as_str).collect();
    if present {
        finalizers.push(FINALIZER);
    }
    let patch = json!({"metadata": {
        "finalizers": finalizers,
        "resourceVersion": meta.resource_version,
        "uid": meta.uid,
    }});
    objects::<K>(client, resource)
        .patch_metadata(
            name(resource),
            &PatchParams::default(),
            &Patch::Merge(&patch),
        )
        .await?;
    Ok(())
}

/// The objects of the same kind and namespace.
pub(crate) fn objects<K: Object>(client: &Client, resource: &K) -> Api<K> {
    let namespace = resource.meta().namespace.as_deref();
    Api::namespaced(client.clone(), namespace.unwrap_or_default())
}

fn name<K: Object>(resource: &K) -> &str {
    resource.meta().name.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_written_status_counts_until_the_watch_shows_it() {
        let published = Published::default();
        let status = ResourceStatus::default();
        published.remember("a", Some("7"), status.clone());
        tokio::time::advance(Duration::from_secs(9)).await;
        published.remember("b", Some("8"), status.clone());
        assert_eq!(published.silence(), Duration::from_secs(9));
        assert_eq!(published.newer_than("a", Some("6")), Some(status));
        published.see("a", Some("7"));
        assert_eq!(published.newer_than("a", Some("6")), None);
        assert_eq!(published.silence(), Duration::ZERO);
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(published.silence(), Duration::from_secs(5));
        published.forget("b");
        published.remember("b", Some("9"), ResourceStatus::default());
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(published.silence(), Duration::ZERO, "it is gone");
    }
}
