//! `kubectl spice drain`: takes the finalizers off, so that no object and no namespace waits for an
//! operator that is gone.

use std::{process::ExitCode, time::Duration};

use anyhow::Context;
use clap::Args;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams};
use serde_json::json;
use spice_crds::FINALIZER;
use spice_operator::HOLDER;

use super::cluster::{Cluster, Place};
use crate::{
    failure::{Hint, usage},
    output,
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl -n spice scale deployment spice-operator --replicas 0
  kubectl spice drain -A --dry-run
  kubectl spice drain -A

Objects with deletionPolicy: Delete have a finalizer. After this, deleting them leaves their data in the
api. An operator that is started again puts the finalizers back.")]
pub(crate) struct Options {
    /// All namespaces.
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    all_namespaces: bool,
    /// The operator installation: only the resources whose spec.instance is this name; default:
    /// those without one.
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,
    /// Only show what would be done.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    place: Place,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let cluster = options.place.connect().await?;
    if !options.dry_run {
        refuse_running(&cluster).await?;
    }
    let mut drained = 0_usize;
    for kind in cluster.kinds().await? {
        for object in cluster.list(&kind, options.all_namespaces).await? {
            if instance_of(&object) != options.instance.as_deref() {
                continue;
            }
            let Some(others) = other_finalizers(&object) else {
                continue;
            };
            let name = object.metadata.name.clone().unwrap_or_default();
            let namespace = object.metadata.namespace.clone().unwrap_or_default();
            if !options.dry_run {
                // With the version that was read, so that no other change of the list is undone.
                let version = &object.metadata.resource_version;
                let patch = json!({"metadata": {"finalizers": others, "resourceVersion": version}});
                let objects: Api<DynamicObject> =
                    Api::namespaced_with(cluster.client.clone(), &namespace, &kind);
                objects
                    .patch(&name, &PatchParams::default(), &Patch::Merge(patch))
                    .await
                    .with_context(|| {
                        format!("cannot change {}/{name}", kind.kind.to_lowercase())
                    })?;
            }
            drained += 1;
            let dry_run = if options.dry_run { " (dry run)" } else { "" };
            output::line(format!(
                "{}/{name} in {namespace} released{dry_run}",
                kind.kind.to_lowercase()
            ))?;
        }
    }
    if drained == 0 {
        output::note("no object has a finalizer of the operator");
    }
    Ok(ExitCode::SUCCESS)
}

/// `spec.instance`: the operator installation that reconciles the object.
fn instance_of(object: &DynamicObject) -> Option<&str> {
    object.data["spec"]["instance"].as_str()
}

/// The finalizers of others; none if the object has none of the operator.
fn other_finalizers(object: &DynamicObject) -> Option<Vec<String>> {
    let all = object.metadata.finalizers.as_ref()?;
    let others = all.iter().filter(|it| *it != FINALIZER).cloned();
    all.iter()
        .any(|it| it == FINALIZER)
        .then(|| others.collect())
}

/// Refuses while an operator holds its lease: it would put the finalizers back.
async fn refuse_running(cluster: &Cluster) -> anyhow::Result<()> {
    let leases: Api<Lease> = Api::all(cluster.client.clone());
    let leases = match leases.list(&ListParams::default()).await {
        Ok(leases) => leases,
        Err(kube::Error::Api(status)) if status.is_forbidden() => {
            output::note("cannot read the leases of the cluster: make sure that no operator runs");
            return Ok(());
        }
        Err(error) => return Err(error).context("cannot read the leases of the cluster"),
    };
    let running = leases.items.iter().find(|lease| is_held(lease));
    let Some(lease) = running else {
        return Ok(());
    };
    let of = |text: &Option<String>| text.clone().unwrap_or_default();
    let (namespace, name) = (of(&lease.metadata.namespace), of(&lease.metadata.name));
    let stop = format!("stop it: kubectl -n {namespace} scale deployment {name} --replicas 0");
    let refused =
        format!("an operator runs (lease {namespace}/{name}); it would put the finalizers back");
    Err(usage(refused).context(Hint(stop)))
}

/// Whether an operator has renewed the lease within its duration.
fn is_held(lease: &Lease) -> bool {
    let Some(spec) = &lease.spec else {
        return false;
    };
    let holder = spec.holder_identity.as_deref().unwrap_or_default();
    let seconds = u64::try_from(spec.lease_duration_seconds.unwrap_or_default());
    let duration = Duration::from_secs(seconds.unwrap_or_default());
    let renewed = spec.renew_time.as_ref().map(|it| it.0);
    let age = renewed.map(|at| jiff::Timestamp::now().duration_since(at));
    // A clock that is behind shows an age below zero: the lease is held.
    let age = age.map(|age| Duration::try_from(age).unwrap_or_default());
    holder.starts_with(HOLDER) && age.is_some_and(|age| age < duration)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn only_the_finalizer_of_the_operator_goes() {
        let of = |finalizers: Value| {
            let object = json!({"apiVersion": "v1", "kind": "X", "metadata": {"name": "a",
                "finalizers": finalizers}});
            other_finalizers(&serde_json::from_value(object).unwrap())
        };
        assert_eq!(
            of(json!(["foregroundDeletion", FINALIZER])),
            Some(vec!["foregroundDeletion".to_owned()])
        );
        assert_eq!(of(json!(["foregroundDeletion"])), None);
        assert_eq!(of(Value::Null), None);
    }

    #[test]
    fn objects_of_another_installation_are_left_alone() {
        let of = |spec: Value| -> DynamicObject {
            let object = json!({"apiVersion": "v1", "kind": "X", "metadata": {}, "spec": spec});
            serde_json::from_value(object).unwrap()
        };
        assert_eq!(instance_of(&of(json!({"instance": "b"}))), Some("b"));
        assert_eq!(instance_of(&of(json!({}))), None);
    }

    #[test]
    fn a_lease_is_held_until_its_duration_is_over() {
        let held = |holder: &str, age: i64| {
            let renewed = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(age);
            let lease = json!({"metadata": {"name": "a"}, "spec": {"holderIdentity": holder,
                "leaseDurationSeconds": 15, "renewTime": format!("{renewed:.6}")}});
            is_held(&serde_json::from_value(lease).unwrap())
        };
        assert!(held("spice-operator-1", 3));
        assert!(held("spice-operator-1", -3));
        assert!(!held("spice-operator-1", 60));
        assert!(!held("kube-scheduler-1", 3));
        assert!(!held("", 3));
    }
}
