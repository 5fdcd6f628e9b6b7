//! The cluster: its connection, its namespace, and its objects.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use kube::{
    api::{Api, ApiResource, DynamicObject, ListParams},
    config::{KubeConfigOptions, Kubeconfig},
    core::GroupVersion,
};
use spice_crds::{GROUP, VERSION};

use crate::failure::{Hint, suggest, usage};

/// The cluster.
#[derive(Debug, Clone, Args)]
pub(crate) struct ClusterConfig {
    /// The kubeconfig file; by default the usual locations.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig file; by default its current one.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

impl ClusterConfig {
    /// The configuration of a client.
    pub(crate) async fn read(&self) -> anyhow::Result<kube::Config> {
        let options = KubeConfigOptions {
            context: self.context.clone(),
            ..KubeConfigOptions::default()
        };
        Ok(match (&self.kubeconfig, &self.context) {
            (Some(path), _) => {
                let file = Kubeconfig::read_from(path)
                    .with_context(|| format!("cannot read {}", path.display()))?;
                kube::Config::from_custom_kubeconfig(file, &options).await?
            }
            (None, Some(context)) => kube::Config::from_kubeconfig(&options)
                .await
                .with_context(|| format!("cannot use the context {context}"))?,
            (None, None) => kube::Config::infer()
                .await
                .context("no Kubernetes cluster is configured")?,
        })
    }
}

/// The cluster and the namespace.
#[derive(Debug, Clone, Args)]
pub(crate) struct Place {
    #[command(flatten)]
    cluster: ClusterConfig,
    /// The namespace; by default that of the context.
    #[arg(short, long, value_name = "NAME")]
    namespace: Option<String>,
}

impl Place {
    /// Connects. The first call reports a cluster that does not answer.
    pub(crate) async fn connect(&self) -> anyhow::Result<Cluster> {
        let config = self.cluster.read().await?;
        let namespace = self.namespace.clone();
        Ok(Cluster {
            namespace: namespace.unwrap_or_else(|| config.default_namespace.clone()),
            client: kube::Client::try_from(config)?,
        })
    }
}

/// A connection, and the namespace of the command.
pub(crate) struct Cluster {
    pub(crate) client: kube::Client,
    pub(crate) namespace: String,
}

/// An object as the command line names it, `KIND/NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    kind: String,
    name: String,
}

impl std::str::FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('/') {
            Some((kind, name)) if !kind.is_empty() && !name.is_empty() => Ok(Self {
                kind: kind.to_owned(),
                name: name.to_owned(),
            }),
            _ => Err("is not KIND/NAME, for example ontology/shop".to_owned()),
        }
    }
}

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

/// The short names of the kinds, as their definitions have them.
const SHORT: [(&str, &str); 4] = [
    ("sdb", "Database"),
    ("onto", "Ontology"),
    ("sbr", "Branch"),
    ("rj", "ReplayJob"),
];

impl Cluster {
    /// The kinds that the cluster serves, in the order in which one needs the other.
    pub(crate) async fn kinds(&self) -> anyhow::Result<Vec<ApiResource>> {
        let version = GroupVersion::gv(GROUP, VERSION);
        let group = match kube::discovery::pinned_group(&self.client, &version).await {
            Ok(group) => group,
            Err(kube::Error::Api(status)) if status.code == 404 => {
                let install = "install them: helm install spice-crds charts/spice-harvester-crds";
                let missing = anyhow::anyhow!("the cluster does not have the kinds of {GROUP}");
                return Err(missing.context(Hint(install.to_owned())));
            }
            Err(error) => return Err(error).context("cannot read the kinds of the cluster"),
        };
        let resources = group.recommended_resources().into_iter();
        let mut kinds: Vec<ApiResource> = resources.map(|(resource, _)| resource).collect();
        kinds.sort_by_key(|it| SHORT.iter().position(|(_, kind)| *kind == it.kind));
        Ok(kinds)
    }

    /// The kind that a word of the command line names: the kind, its plural or its short name.
    pub(crate) async fn kind(&self, word: &str) -> anyhow::Result<ApiResource> {
        let kinds = self.kinds().await?;
        let short = SHORT.iter().find(|(short, _)| *short == word);
        let is = |name: &str| name.eq_ignore_ascii_case(word);
        let found = kinds.iter().find(|it| {
            is(&it.kind) || is(&it.plural) || short.is_some_and(|(_, kind)| *kind == it.kind)
        });
        found.cloned().ok_or_else(|| {
            let names: Vec<String> = kinds.iter().map(|it| it.kind.to_lowercase()).collect();
            let meant = suggest(word, &names);
            let list = || format!("the kinds are {}", names.join(", "));
            usage(format!("unknown kind {word:?}")).context(Hint(meant.unwrap_or_else(list)))
        })
    }

    /// The objects of a kind in the namespace, or in all.
    pub(crate) fn objects(&self, kind: &ApiResource, all: bool) -> Api<DynamicObject> {
        if all {
            Api::all_with(self.client.clone(), kind)
        } else {
            Api::namespaced_with(self.client.clone(), &self.namespace, kind)
        }
    }

    /// All objects of a kind in the namespace, or in all.
    pub(crate) async fn list(
        &self,
        kind: &ApiResource,
        all: bool,
    ) -> anyhow::Result<Vec<DynamicObject>> {
        let objects = self.objects(kind, all);
        let mut found = Vec::new();
        let mut page = ListParams::default().limit(500);
        loop {
            let list = objects.list(&page).await;
            let list = list.with_context(|| format!("cannot list the {}", kind.plural))?;
            found.extend(list.items);
            match list.metadata.continue_ {
                Some(token) if !token.is_empty() => page = page.continue_token(&token),
                _ => return Ok(found),
            }
        }
    }

    /// The object with a name, and its kind.
    pub(crate) async fn find(&self, named: &Named) -> anyhow::Result<(ApiResource, DynamicObject)> {
        let kind = self.kind(&named.kind).await?;
        let found = self.objects(&kind, false).get_opt(&named.name).await;
        let found = found.with_context(|| format!("cannot read {named}"))?;
        let object = found.ok_or_else(|| {
            usage(format!(
                "there is no {named} in namespace {}",
                self.namespace
            ))
        })?;
        Ok((kind, object))
    }
}
