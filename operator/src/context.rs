//! The state that all controllers share.

use std::{sync::Arc, time::Duration};

use kube::Client;
use spice_crds::Database;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    backoff::Backoff, client::ApiClient, events::Events, idle::Idle, measured::Measured,
    metrics::Metrics, publish::Published, watch::Listed,
};

/// The state that all controllers share.
pub(crate) struct Context {
    pub(crate) client: Client,
    pub(crate) api: Measured<ApiClient>,
    pub(crate) resync: Duration,
    /// How long a deletion may take before it counts as blocked.
    pub(crate) deletion_deadline: Duration,
    /// The id of the cluster, which is part of the owner of things in the api.
    pub(crate) cluster: String,
    pub(crate) databases: Listed<Database>,
    /// The name of this installation: other ones reconcile other objects.
    pub(crate) instance: Option<String>,
    /// Whether this process leads: only then a pass runs.
    pub(crate) leads: watch::Receiver<bool>,
    pub(crate) stop: CancellationToken,
    pub(crate) backoff: Arc<Backoff>,
    pub(crate) idle: Arc<Idle>,
    pub(crate) published: Arc<Published>,
    pub(crate) events: Events,
    pub(crate) metrics: Arc<Metrics>,
}
