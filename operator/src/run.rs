//! Starts the controllers once their kinds are served, and stops them.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures::{Stream, TryStreamExt, channel::mpsc::UnboundedReceiver};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Client, Resource,
    api::{Api, ListParams},
    core::PartialObjectMeta,
    runtime::{
        reflector::ObjectRef,
        watcher::{self, Event},
    },
};
use spice_client::Credentials;
use spice_crds::{Branch, Database, Ontology, ReplayJob};
use tokio::{net::TcpListener, sync::watch};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    backoff::Backoff,
    beat::Beats,
    claims::Claims,
    client::{ApiClient, ApiError},
    context::Context,
    controller::{controller, drive, waiting},
    events::Events,
    idle::Idle,
    kind::{Kind, Object},
    lease::{Candidate, LeaseConfig},
    measured::Measured,
    metrics::Metrics,
    publish::Published,
    replay::drive_replays,
    serve::{Served, serve},
    watch::{Guarded, Listed, watch as watch_kind, watch_dependency},
};

/// How long a deletion may take before it counts as blocked.
const DELETION_DEADLINE: Duration = Duration::from_secs(15);
/// How long a watch may not show a written status, in addition to two resyncs. The client ends a
/// connection without a byte after 295 seconds by itself.
const LONGEST_SILENCE: Duration = Duration::from_mins(5);
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
    /// The name of this installation: only objects whose `spec.instance` is the same are reconciled.
    pub instance: Option<String>,
    /// The id of the cluster, which is part of the owner of things in the api; none: the uid of the
    /// namespace `kube-system`.
    pub cluster: Option<String>,
    /// The interval for reconciling settled objects again (plus or minus a fifth).
    pub resync: Duration,
    /// How long a deletion may take before it counts as blocked.
    pub deletion_deadline: Duration,
    /// The lease of the process that reconciles; none: this process is alone.
    pub lease: Option<LeaseConfig>,
    /// Where metrics and health checks are served; none: nowhere.
    pub metrics_listen: Option<SocketAddr>,
    /// The version of the program.
    pub version: String,
}

impl OperatorConfig {
    /// The defaults: all namespaces; drift is found within a minute.
    pub fn new(api_url: impl Into<String>) -> Self {
        Self {
            api_url: api_url.into(),
            credentials: Credentials::default(),
            namespace: None,
            instance: None,
            cluster: None,
            resync: Duration::from_secs(30),
            deletion_deadline: DELETION_DEADLINE,
            lease: None,
            metrics_listen: None,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// Why the operator does not run.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// The api's URL is invalid.
    #[error("cannot set up the operator")]
    Config(#[from] ApiError),
    /// The cluster has no known id.
    #[error(
        "cannot read the namespace kube-system, whose uid is the id of the cluster; allow it, or set --cluster-id"
    )]
    Cluster(#[source] kube::Error),
    /// The address of the metrics cannot be used.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Another process may lead by now.
    #[error("lost the lease {0}; another process may reconcile now")]
    LeadershipLost(String),
}

/// Runs until `stop` is cancelled. Passes in progress are finished. A process that loses its lease
/// ends at once, in the middle of its passes.
pub async fn run(
    client: Client,
    config: OperatorConfig,
    stop: CancellationToken,
) -> Result<(), OperatorError> {
    let api = ApiClient::with_credentials(&config.api_url, config.credentials.clone())?;
    let beats = Arc::new(Beats::default());
    let metrics = Arc::new(Metrics::new(config.version.clone(), beats.clone()));
    let (is_ready, ready) = watch::channel(false);
    let memory = Memory::default();
    let served = Served {
        metrics: metrics.clone(),
        published: memory.published.clone(),
        longest_silence: LONGEST_SILENCE + 2 * config.resync,
        ready,
    };
    let _serving = listen(config.metrics_listen, served).await?;
    let served = async {
        wait_until_served::<Database>(&client, &config).await;
        wait_until_served::<Ontology>(&client, &config).await;
        wait_until_served::<Branch>(&client, &config).await;
    };
    if stop.run_until_cancelled(served).await.is_none() {
        return Ok(());
    }
    let cluster = match &config.cluster {
        Some(cluster) => cluster.clone(),
        None => cluster_id(&client).await.map_err(OperatorError::Cluster)?,
    };
    tracing::info!(api = config.api_url, cluster, "the operator is running");
    let (leading, leads) = watch::channel(config.lease.is_none());
    metrics.leads(config.lease.is_none());
    let work = Box::pin(run_controllers(
        client.clone(),
        api,
        &config,
        cluster,
        Process {
            metrics: metrics.clone(),
            beats,
            memory,
            leads,
            is_ready,
            stop,
        },
    ));
    match &config.lease {
        None => work.await,
        Some(lease) => {
            let mut candidate = Candidate::new(client, lease.clone());
            tokio::select! {
                () = work => {}
                () = lead(&mut candidate, leading, &metrics) => {
                    let lease = format!("{}/{}", lease.namespace, lease.name);
                    return Err(OperatorError::LeadershipLost(lease));
                }
            }
            candidate.release().await;
        }
    }
    Ok(())
}

/// Serves metrics and health checks until the returned task is dropped.
async fn listen(
    address: Option<SocketAddr>,
    served: Served,
) -> Result<Option<AbortOnDropHandle<()>>, OperatorError> {
    let Some(address) = address else {
        return Ok(None);
    };
    let refused = |source| OperatorError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    tracing::info!(%address, "metrics and health checks are served");
    let task = tokio::spawn(serve(listener, served));
    Ok(Some(AbortOnDropHandle::new(task)))
}

/// Takes the lease, and returns when it is lost.
async fn lead(candidate: &mut Candidate, leading: watch::Sender<bool>, metrics: &Metrics) {
    let taken = candidate.acquire().await;
    tracing::info!("this process reconciles");
    metrics.leads(true);
    leading.send_replace(true);
    candidate.hold(taken).await;
}

/// What a controller of a kind needs: the watch, the index, and what both tell.
struct Parts<K: Kind, S> {
    listed: Listed<K>,
    changes: S,
    claims: Arc<Claims<K>>,
    heirs: UnboundedReceiver<ObjectRef<Guarded<K>>>,
}

/// What is remembered about objects until they are gone.
#[derive(Clone, Default)]
struct Memory {
    backoff: Arc<Backoff>,
    idle: Arc<Idle>,
    published: Arc<Published>,
}

/// The state of the process.
struct Process {
    metrics: Arc<Metrics>,
    beats: Arc<Beats>,
    memory: Memory,
    /// Whether this process reconciles.
    leads: watch::Receiver<bool>,
    is_ready: watch::Sender<bool>,
    stop: CancellationToken,
}

fn parts<K: Kind>(
    api: Api<Guarded<K>>,
    config: &OperatorConfig,
    memory: &Memory,
    metrics: &Arc<Metrics>,
) -> Parts<K, impl Stream<Item = Result<Guarded<K>, watcher::Error>> + Send + use<K> + 'static> {
    let (claims, heirs) = Claims::new(config.instance.clone());
    let claims = Arc::new(claims);
    let (index, published) = (claims.clone(), memory.published.clone());
    let follow = move |event: &Event<Guarded<K>>| {
        index.follow(event);
        if let Event::Apply(object) | Event::InitApply(object) = event {
            let meta = object.meta();
            let uid = meta.uid.as_deref().unwrap_or_default();
            published.see(uid, meta.resource_version.as_deref());
        }
    };
    let (memory, counted) = (memory.clone(), metrics.clone());
    let forget = move |uid: &str| {
        memory.backoff.forget(uid);
        memory.idle.forget(uid);
        memory.published.forget(uid);
        counted.forget::<K>(uid);
    };
    let (listed, changes) = watch_kind(api, follow, forget);
    metrics.count(listed.store());
    let queue = metrics.clone();
    let changes = changes.inspect_ok(move |object| {
        queue.enqueue::<K>(object.meta().uid.as_deref().unwrap_or_default());
    });
    Parts {
        listed,
        changes,
        claims,
        heirs,
    }
}

async fn run_controllers(
    client: Client,
    api: ApiClient,
    config: &OperatorConfig,
    cluster: String,
    process: Process,
) {
    let Process {
        metrics,
        beats,
        memory,
        leads,
        is_ready,
        stop,
    } = process;
    let stop = &stop;
    let watched = |kind| beats.observe(client.clone(), kind);
    let databases = parts(
        guarded::<Database>(&watched(Database::KIND), config),
        config,
        &memory,
        &metrics,
    );
    let ontologies = parts(
        guarded::<Ontology>(&watched(Ontology::KIND), config),
        config,
        &memory,
        &metrics,
    );
    let branches = parts(
        guarded::<Branch>(&watched(Branch::KIND), config),
        config,
        &memory,
        &metrics,
    );
    let context = Arc::new(Context {
        client: client.clone(),
        api: Measured {
            api,
            metrics: metrics.clone(),
        },
        resync: config.resync,
        deletion_deadline: config.deletion_deadline,
        cluster,
        databases: databases.listed.clone(),
        instance: config.instance.clone(),
        leads,
        stop: stop.clone(),
        backoff: memory.backoff,
        idle: memory.idle,
        published: memory.published,
        events: Events::new(client.clone()),
        metrics,
    });
    let (ontology_store, branch_store) = (ontologies.listed.store(), branches.listed.store());
    let ontologies_of_database = ontology_store.clone();
    let ontologies_of_branch = ontology_store.clone();
    let branches_of_database = branch_store.clone();
    let all_databases = || watch_dependency(guarded::<Database>(&watched(Database::KIND), config));
    let all_branches = watch_dependency(guarded::<Branch>(&watched(Branch::KIND), config));
    let of_databases = controller(
        databases.changes,
        databases.listed.store(),
        databases.heirs,
        stop,
    );
    let of_branches = controller(branches.changes, branch_store, branches.heirs, stop)
        .watches_stream(all_databases(), move |database| {
            waiting::on_database(&branches_of_database, &database)
        });
    let of_ontologies = controller(ontologies.changes, ontology_store, ontologies.heirs, stop)
        .watches_stream(all_databases(), move |database| {
            waiting::on_database(&ontologies_of_database, &database)
        })
        .watches_stream(all_branches, move |branch| {
            waiting::on_branch(&ontologies_of_branch, &branch)
        });
    let listed = (
        databases.listed.clone(),
        ontologies.listed.clone(),
        branches.listed.clone(),
    );
    let ready = async {
        let (databases, ontologies, branches) = &listed;
        let complete = (
            databases.complete().await.is_some(),
            ontologies.complete().await.is_some(),
            branches.complete().await.is_some(),
        );
        is_ready.send_replace(complete == (true, true, true));
    };
    let of_replays = async {
        // A cluster with older definitions has no ReplayJobs; the other kinds do not wait for them.
        let served = wait_until_served::<ReplayJob>(&client, config);
        if stop.run_until_cancelled(served).await.is_some() {
            let jobs = guarded::<ReplayJob>(&client, config);
            drive_replays(jobs, all_databases(), context.clone(), stop).await;
        }
    };
    futures::join!(
        ready,
        drive(of_databases, databases.claims, context.clone()),
        drive(of_branches, branches.claims, context.clone()),
        drive(of_ontologies, ontologies.claims, context.clone()),
        of_replays,
    );
}

/// The id of the cluster: the uid of a namespace that every cluster has.
pub async fn cluster_id(client: &Client) -> Result<String, kube::Error> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let namespace = namespaces.get_metadata("kube-system").await?;
    Ok(namespace.metadata.uid.unwrap_or_default())
}

fn guarded<K: Object>(client: &Client, config: &OperatorConfig) -> Api<Guarded<K>> {
    match &config.namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}

/// Waits for the definition of the kind, and for an API server that answers.
async fn wait_until_served<K: Object>(client: &Client, config: &OperatorConfig) {
    let objects: Api<PartialObjectMeta<K>> = match &config.namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    };
    let mut is_reported = false;
    while let Err(error) = objects.list_metadata(&ListParams::default().limit(1)).await {
        if !is_reported {
            tracing::warn!(kind = %K::kind(&()), %error, "waiting until the kind is served");
            is_reported = true;
        }
        tokio::time::sleep(ABSENT_KIND).await;
    }
}
