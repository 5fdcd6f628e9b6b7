//! Fifth step: writes the status and the finalizer of an object to Kubernetes.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use kube::{
    Client,
    api::{Api, Patch, PatchParams},
};
use serde_json::json;
use spice_crds::{API_VERSION, FINALIZER, ResourceStatus};

use crate::kind::Kind;

const FIELD_MANAGER: &str = "spice-operator/status";

/// The last written statuses, until the watch shows them.
#[derive(Debug, Default)]
pub(crate) struct Published {
    statuses: Mutex<HashMap<String, (u64, ResourceStatus)>>,
}

impl Published {
    /// The last written status of an object, if the watch shows an older one.
    pub(crate) fn newer_than(&self, uid: &str, version: Option<&str>) -> Option<ResourceStatus> {
        let version: u64 = version?.parse().ok()?;
        let mut statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        let (written, status) = statuses.get(uid)?;
        if *written > version {
            return Some(status.clone());
        }
        statuses.remove(uid);
        None
    }

    /// Forgets an object that is gone.
    pub(crate) fn forget(&self, uid: &str) {
        let mut statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        statuses.remove(uid);
    }

    fn remember(&self, uid: &str, version: Option<&str>, status: ResourceStatus) {
        let Some(version) = version.and_then(|version| version.parse().ok()) else {
            return;
        };
        let mut statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        statuses.insert(uid.to_owned(), (version, status));
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
    let body = json!({
        "apiVersion": API_VERSION,
        "kind": K::KIND,
        "metadata": {"name": meta.name, "namespace": meta.namespace, "uid": meta.uid},
        "status": status,
    });
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    let written = objects::<K>(client, resource)
        .patch_status(resource.object_name(), &parameters, &Patch::Apply(&body))
        .await?;
    let uid = meta.uid.as_deref().unwrap_or_default();
    let version = written.meta().resource_version.as_deref();
    published.remember(uid, version, status);
    Ok(true)
}

/// Adds or removes the finalizer. Fails with a conflict if the object has changed.
pub(crate) async fn set_finalizer<K: Kind>(
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
            resource.object_name(),
            &PatchParams::default(),
            &Patch::Merge(&patch),
        )
        .await?;
    Ok(())
}

fn objects<K: Kind>(client: &Client, resource: &K) -> Api<K> {
    Api::namespaced(client.clone(), resource.object_namespace())
}
