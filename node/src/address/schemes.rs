//! The schemes of URLs: each names an adapter of one store.

use spice_core::port::Store;

/// The cargo feature that adds the adapters of the cluster profile.
const CLUSTER: &str = "cluster";

/// A scheme that names an adapter of a store.
#[derive(Debug)]
pub(super) struct Scheme {
    store: Store,
    pub(super) name: &'static str,
    example: &'static str,
    /// The cargo feature that adds the adapter; none if every build has it.
    pub(super) feature: Option<&'static str>,
}

const fn embedded(store: Store, name: &'static str, example: &'static str) -> Scheme {
    Scheme {
        store,
        name,
        example,
        feature: None,
    }
}

const fn cluster(store: Store, name: &'static str, example: &'static str) -> Scheme {
    Scheme {
        store,
        name,
        example,
        feature: Some(CLUSTER),
    }
}

const POSTGRES: &str = "postgres://user@host:5432/spice";

/// Every scheme that there is. For each store, the one that every build has is first.
const SCHEMES: &[Scheme] = &[
    embedded(Store::Log, "dir", "dir:///var/lib/spice/log"),
    cluster(Store::Log, "s3", "s3://bucket"),
    embedded(Store::Bus, "local", "local:"),
    cluster(Store::Bus, "log", "log:"),
    cluster(Store::Bus, "kafka", "kafka://host:9092"),
    embedded(
        Store::Registry,
        "sqlite",
        "sqlite:///var/lib/spice/registry.sqlite",
    ),
    cluster(Store::Registry, "postgres", POSTGRES),
    embedded(
        Store::Graph,
        "sqlite",
        "sqlite:///var/lib/spice/graph.sqlite",
    ),
    cluster(Store::Graph, "postgres", POSTGRES),
    embedded(
        Store::Documents,
        "sqlite",
        "sqlite:///var/lib/spice/documents.sqlite",
    ),
    cluster(
        Store::Documents,
        "elasticsearch",
        "elasticsearch://host:9200",
    ),
    cluster(Store::Documents, "opensearch", "opensearch://host:9200"),
    embedded(Store::Hints, "local", "local:"),
    cluster(Store::Hints, "postgres", POSTGRES),
    cluster(Store::Hints, "redis", "redis://host:6379"),
];

/// Returns a scheme of a store by its name.
pub(super) fn find_scheme(store: Store, name: &str) -> Option<&'static Scheme> {
    schemes(store).find(|scheme| scheme.name == name)
}

/// Lists the schemes of a store for an error message.
pub(super) fn list_schemes(store: Store) -> String {
    let list = |feature: Option<&str>| {
        let chosen = schemes(store).filter(|scheme| scheme.feature == feature);
        let texts = chosen.map(|scheme| format!("{} ({})", scheme.name, scheme.example));
        texts.collect::<Vec<_>>().join(", ")
    };
    format!(
        "this build supports {}; the cargo feature `{CLUSTER}` adds {}",
        list(None),
        list(Some(CLUSTER))
    )
}

fn schemes(store: Store) -> impl Iterator<Item = &'static Scheme> {
    SCHEMES.iter().filter(move |scheme| scheme.store == store)
}
