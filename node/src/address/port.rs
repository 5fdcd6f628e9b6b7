//! The ports that a URL names an adapter for, and the schemes of each.

use std::fmt;

/// The cargo feature that adds the adapters of the cluster profile.
const CLUSTER: &str = "cluster";

/// A port that a URL names an adapter for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Port {
    /// The log.
    Log,
    /// The bus.
    Bus,
    /// The registry.
    Registry,
    /// The graph.
    Graph,
    /// The documents.
    Documents,
    /// The hints.
    Hints,
}

/// A scheme that names an adapter of a port.
#[derive(Debug)]
pub(super) struct Scheme {
    port: Port,
    pub(super) name: &'static str,
    example: &'static str,
    /// The cargo feature that adds the adapter; none if every build has it.
    pub(super) feature: Option<&'static str>,
}

const fn embedded(port: Port, name: &'static str, example: &'static str) -> Scheme {
    Scheme {
        port,
        name,
        example,
        feature: None,
    }
}

const fn cluster(port: Port, name: &'static str, example: &'static str) -> Scheme {
    Scheme {
        port,
        name,
        example,
        feature: Some(CLUSTER),
    }
}

const POSTGRES: &str = "postgres://user@host:5432/spice";

/// Every scheme that there is. Of each port, the one that every build has stands first.
const SCHEMES: &[Scheme] = &[
    embedded(Port::Log, "dir", "dir:///var/lib/spice/log"),
    cluster(Port::Log, "s3", "s3://bucket"),
    embedded(Port::Bus, "local", "local:"),
    cluster(Port::Bus, "log", "log:"),
    cluster(Port::Bus, "kafka", "kafka://host:9092"),
    embedded(
        Port::Registry,
        "sqlite",
        "sqlite:///var/lib/spice/registry.sqlite",
    ),
    cluster(Port::Registry, "postgres", POSTGRES),
    embedded(
        Port::Graph,
        "sqlite",
        "sqlite:///var/lib/spice/graph.sqlite",
    ),
    cluster(Port::Graph, "postgres", POSTGRES),
    embedded(
        Port::Documents,
        "sqlite",
        "sqlite:///var/lib/spice/documents.sqlite",
    ),
    cluster(
        Port::Documents,
        "elasticsearch",
        "elasticsearch://host:9200",
    ),
    cluster(Port::Documents, "opensearch", "opensearch://host:9200"),
    embedded(Port::Hints, "local", "local:"),
    cluster(Port::Hints, "postgres", POSTGRES),
    cluster(Port::Hints, "redis", "redis://host:6379"),
];

impl Port {
    /// Every port.
    pub const ALL: [Self; 6] = [
        Self::Log,
        Self::Bus,
        Self::Registry,
        Self::Graph,
        Self::Documents,
        Self::Hints,
    ];

    /// The name of the port's setting.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Bus => "bus",
            Self::Registry => "registry",
            Self::Graph => "graph",
            Self::Documents => "documents",
            Self::Hints => "hints",
        }
    }

    pub(super) fn scheme(self, name: &str) -> Option<&'static Scheme> {
        self.schemes().find(|scheme| scheme.name == name)
    }

    fn schemes(self) -> impl Iterator<Item = &'static Scheme> {
        SCHEMES.iter().filter(move |scheme| scheme.port == self)
    }

    /// The schemes as an error message lists them.
    pub(super) fn supported(self) -> String {
        let list = |feature: Option<&str>| {
            let chosen = self.schemes().filter(|scheme| scheme.feature == feature);
            let texts = chosen.map(|scheme| format!("{} ({})", scheme.name, scheme.example));
            texts.collect::<Vec<_>>().join(", ")
        };
        format!(
            "this build supports {}; the cargo feature `{CLUSTER}` adds {}",
            list(None),
            list(Some(CLUSTER))
        )
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
