//! `kubectl spice plan`: what applying files to the cluster would do. The API server checks each
//! object (a dry run), then the operator's own steps run with an api that changes nothing.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::Args;
use kube::api::{Api, PostParams};
use spice_crds::Database;
use spice_operator::{
    ApiClient, Applied, ApplyReport, Declared, Declarer, apply::Entry, apply_documents_of,
    cluster_id, declared::AnyResource, kind::Kind,
};

use super::{
    cluster::{Cluster, Place},
    resource::show_findings,
};
use crate::{
    apply::{self, rehearsal::Rehearsal},
    output::{self, Format},
    settings::{Output, Server},
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl spice plan -f manifests/demo
  kubectl spice plan -f ontology.yaml -n team -o json

It calls the api at --server, for example through `kubectl port-forward service/spice 8002`, and needs
the same rights in the cluster as `kubectl apply`, and `get` of the namespace kube-system. The exit code
is 2 if something would be refused, 6 if something would wait.")]
pub(crate) struct Options {
    /// A YAML or JSON file, a folder of YAML files, or `-` for standard input.
    #[arg(short, long = "file", value_name = "FILE|DIR|-", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let documents = apply::read(&options.files)?;
    let cluster = options.place.connect().await?;
    let id = cluster_id(&cluster.client).await;
    let id =
        id.context("cannot read the namespace kube-system, whose uid is the id of the cluster")?;
    let mut report = ApplyReport::default();
    let mut accepted = Vec::new();
    for declared in documents {
        match rehearse(&cluster, declared.clone()).await {
            Ok(stored) => accepted.push(stored),
            Err(refused) => report.entries.push(refuse(&declared, &refused)?),
        }
    }
    let declarer = Declarer {
        cluster: Some(id),
        databases: databases(&cluster, &accepted).await?,
    };
    let api = ApiClient::with_credentials(&options.server.server, options.server.credentials())?;
    let api = Rehearsal::new(api, options.server.client()?);
    let planned = apply_documents_of(&api, accepted, &declarer).await;
    report.entries.extend(planned.entries);
    apply::show(&report, options.output.output, true)?;
    if options.output.output == Format::Table {
        show_plans(&report)?;
    }
    Ok(apply::exit_code(&report))
}

/// The changes that must be approved.
fn show_plans(report: &ApplyReport) -> anyhow::Result<()> {
    for entry in &report.entries {
        let Applied::Failed {
            plan: Some(plan), ..
        } = &entry.applied
        else {
            continue;
        };
        let title = format!("{}/{}", entry.kind.to_lowercase(), entry.name);
        output::heading(&format!("{title} needs an approval"))?;
        show_findings(plan)?;
        output::line(format!(
            "approve in the file: spiceharvester.dev/approve: {}",
            plan.hash
        ))?;
    }
    Ok(())
}

/// The Database objects of the cluster, as they would be after the declarations.
async fn databases(cluster: &Cluster, accepted: &[Declared]) -> anyhow::Result<Vec<Database>> {
    let mut databases: Vec<Database> = accepted.iter().filter_map(declared_database).collect();
    for declared in accepted {
        let (namespace, reference) = match &declared.resource {
            AnyResource::Database(_) => continue,
            AnyResource::Ontology(it) => (it.database_namespace(), it.database_ref()),
            AnyResource::Branch(it) => (it.database_namespace(), it.database_ref()),
        };
        let Some(name) = reference.map(|reference| &reference.name) else {
            continue;
        };
        let is =
            |known: &Database| known.object_name() == name && known.object_namespace() == namespace;
        if databases.iter().any(is) {
            continue;
        }
        let objects: Api<Database> = Api::namespaced(cluster.client.clone(), namespace);
        let found = objects.get_opt(name).await;
        databases.extend(found.with_context(|| format!("cannot read database/{name}"))?);
    }
    Ok(databases)
}

fn declared_database(declared: &Declared) -> Option<Database> {
    match &declared.resource {
        AnyResource::Database(database) => Some((**database).clone()),
        AnyResource::Ontology(_) | AnyResource::Branch(_) => None,
    }
}

/// The object as the API server would store it.
async fn rehearse(cluster: &Cluster, mut declared: Declared) -> Result<Declared, kube::Error> {
    match &mut declared.resource {
        AnyResource::Database(it) => **it = store(cluster, &**it).await?,
        AnyResource::Ontology(it) => **it = store(cluster, &**it).await?,
        AnyResource::Branch(it) => **it = store(cluster, &**it).await?,
    }
    Ok(declared)
}

async fn store<K: Kind>(cluster: &Cluster, declared: &K) -> Result<K, kube::Error> {
    let mut object = declared.clone();
    let meta = object.meta_mut();
    let namespace = meta
        .namespace
        .get_or_insert_with(|| cluster.namespace.clone())
        .clone();
    let name = meta.name.clone().unwrap_or_default();
    let objects: Api<K> = Api::namespaced(cluster.client.clone(), &namespace);
    let dry_run = PostParams {
        dry_run: true,
        field_manager: Some("kubectl-spice".to_owned()),
    };
    let Some(found) = objects.get_opt(&name).await? else {
        return objects.create(&dry_run, &object).await;
    };
    // Others' annotations stay, as with `kubectl apply`.
    let mut kept = found.meta().clone();
    let own = meta.annotations.take().unwrap_or_default();
    kept.annotations.get_or_insert_default().extend(own);
    kept.labels
        .get_or_insert_default()
        .extend(meta.labels.take().unwrap_or_default());
    *meta = kept;
    objects.replace(&name, &dry_run, &object).await
}

/// The entry for an object that the API server would not store.
fn refuse(declared: &Declared, refused: &kube::Error) -> anyhow::Result<Entry> {
    let kube::Error::Api(status) = refused else {
        anyhow::bail!("cannot call the cluster: {refused}");
    };
    let (kind, _, name) = declared.resource.identity();
    Ok(Entry {
        kind,
        name,
        source: declared.source.clone(),
        applied: Applied::Failed {
            reason: status.reason.clone(),
            message: status.message.clone(),
            plan: None,
        },
    })
}
