//! Starts the controllers once their kinds are served, and stops them.

use std::{sync::Arc, time::Duration};

use kube::{
    Client,
    api::{Api, ListParams},
    core::PartialObjectMeta,
};
use spice_client::Credentials;
use spice_crds::{Branch, Database, Ontology};
use tokio_util::sync::CancellationToken;

use crate::{
    backoff::Backoff,
    client::{ApiClient, ApiError},
    controller::{Context, Guarded, Published, controller, drive, waiting, watch, watch_all},
    kind::Kind,
};

/// The interval for checking whether a kind is served.
const ABSENT_KIND: Duration = Duration::from_secs(1);

/// The settings of the operator.
#[derive(Debug, Clone)]
pub struct OperatorConfig {
    /// The gateway of the api, for example `http://127.0.0.1:8002`.
    pub api_url: String,
    /// The files of the client of the api.
    pub credentials: Credentials,
    /// Only this namespace; none: all.
    pub namespace: Option<String>,
    /// The interval for reconciling settled objects again (plus or minus a fifth).
    pub resync: Duration,
}

impl OperatorConfig {
    /// The defaults: all namespaces; drift is found within a minute.
    pub fn new(api_url: impl Into<String>) -> Self {
        Self {
            api_url: api_url.into(),
            credentials: Credentials::default(),
            namespace: None,
            resync: Duration::from_secs(30),
        }
    }
}

/// Why the operator does not run.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// The api's URL is invalid.
    #[error("cannot set up the operator")]
    Config(#[from] ApiError),
}

/// Runs until `stop` is cancelled. Passes in progress are finished.
pub async fn run(
    client: Client,
    config: OperatorConfig,
    stop: CancellationToken,
) -> Result<(), OperatorError> {
    let api = ApiClient::with_credentials(&config.api_url, config.credentials.clone())?;
    let served = async {
        wait_until_served::<Database>(&client, &config).await;
        wait_until_served::<Ontology>(&client, &config).await;
        wait_until_served::<Branch>(&client, &config).await;
    };
    if stop.run_until_cancelled(served).await.is_none() {
        return Ok(());
    }
    tracing::info!(api = config.api_url, "the operator is running");
    Box::pin(run_controllers(client, api, &config, &stop)).await;
    Ok(())
}

async fn run_controllers(
    client: Client,
    api: ApiClient,
    config: &OperatorConfig,
    stop: &CancellationToken,
) {
    let (databases, database_changes) = watch(guarded::<Database>(&client, config));
    let (ontologies, ontology_changes) = watch(guarded::<Ontology>(&client, config));
    let (branches, branch_changes) = watch(guarded::<Branch>(&client, config));
    let context = Arc::new(Context {
        client: client.clone(),
        api,
        resync: config.resync,
        databases: databases.clone(),
        backoff: Backoff::default(),
        published: Published::default(),
    });
    let (ontologies, branches) = (ontologies.store(), branches.store());
    let ontologies_of_database = ontologies.clone();
    let ontologies_of_branch = ontologies.clone();
    let branches_of_database = branches.clone();
    let all_databases = || watch_all(guarded::<Database>(&client, config));
    let all_branches = watch_all(guarded::<Branch>(&client, config));
    let of_databases = controller(database_changes, databases.store(), stop);
    let of_branches = controller(branch_changes, branches, stop)
        .watches_stream(all_databases(), move |database| {
            waiting::on_database(&branches_of_database, &database)
        });
    let of_ontologies = controller(ontology_changes, ontologies, stop)
        .watches_stream(all_databases(), move |database| {
            waiting::on_database(&ontologies_of_database, &database)
        })
        .watches_stream(all_branches, move |branch| {
            waiting::on_branch(&ontologies_of_branch, &branch)
        });
    futures::join!(
        drive(of_databases, context.clone()),
        drive(of_branches, context.clone()),
        drive(of_ontologies, context),
    );
}

fn guarded<K: Kind>(client: &Client, config: &OperatorConfig) -> Api<Guarded<K>> {
    match &config.namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}

/// Waits for the definition of the kind, and for an API server that answers.
async fn wait_until_served<K: Kind>(client: &Client, config: &OperatorConfig) {
    let objects: Api<PartialObjectMeta<K>> = match &config.namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    };
    let mut is_reported = false;
    while let Err(error) = objects.list_metadata(&ListParams::default().limit(1)).await {
        if !is_reported {
            tracing::warn!(kind = K::KIND, %error, "waiting until the kind is served");
            is_reported = true;
        }
        tokio::time::sleep(ABSENT_KIND).await;
    }
}
