//! The addresses of the stores: where each one is, checked before anything is opened.

mod error;
mod schemes;
mod secret;
mod url;

#[cfg(test)]
mod tests;

use std::{
    fmt,
    path::{Path, PathBuf},
};

use spice_core::port::Store;

use self::url::StoreUrl;
pub use self::{
    error::{AddressError, Rule},
    secret::hide_secrets,
};

/// Where the log is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogAddress {
    /// A directory of segments (`dir:`).
    Directory(PathBuf),
}

impl LogAddress {
    /// The log beneath a data directory, unless a URL names it.
    pub fn resolve(data_dir: &Path, url: Option<&str>) -> Result<Self, AddressError> {
        match url {
            Some(text) => Ok(Self::Directory(
                StoreUrl::parse(Store::Log, text)?.directory()?,
            )),
            None => Ok(Self::Directory(data_dir.join("log"))),
        }
    }
}

impl fmt::Display for LogAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Directory(path) = self;
        path.display().fmt(f)
    }
}

/// Where the bus is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BusAddress {
    /// In this process (`local:`).
    Local,
}

/// Where the registry, the graph or the documents are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TablesAddress {
    /// A file of its own (`sqlite:`).
    Sqlite(PathBuf),
}

/// Where the hints are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HintsAddress {
    /// In this process (`local:`).
    Local,
}

/// The addresses of all stores of one process. No two of them share a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    log: LogAddress,
    bus: BusAddress,
    registry: TablesAddress,
    graph: TablesAddress,
    documents: TablesAddress,
    hints: HintsAddress,
}

impl Addresses {
    /// The stores beneath a data directory, except those that a URL names.
    pub fn resolve<'a>(
        data_dir: &Path,
        urls: impl IntoIterator<Item = (Store, &'a str)>,
    ) -> Result<Self, AddressError> {
        let mut addresses = Self::in_directory(data_dir);
        for (store, text) in urls {
            let url = StoreUrl::parse(store, text)?;
            match store {
                Store::Log => addresses.log = LogAddress::resolve(data_dir, Some(text))?,
                Store::Bus => {
                    url.expect_scheme_only()?;
                    addresses.bus = BusAddress::Local;
                }
                Store::Registry => addresses.registry = TablesAddress::Sqlite(url.file()?),
                Store::Graph => addresses.graph = TablesAddress::Sqlite(url.file()?),
                Store::Documents => addresses.documents = TablesAddress::Sqlite(url.file()?),
                Store::Hints => {
                    url.expect_scheme_only()?;
                    addresses.hints = HintsAddress::Local;
                }
            }
        }
        addresses.check_apart()?;
        Ok(addresses)
    }

    /// Where the log is.
    pub fn log(&self) -> &LogAddress {
        &self.log
    }

    pub(crate) fn bus(&self) -> BusAddress {
        self.bus
    }

    pub(crate) fn registry(&self) -> &TablesAddress {
        &self.registry
    }

    pub(crate) fn graph(&self) -> &TablesAddress {
        &self.graph
    }

    pub(crate) fn documents(&self) -> &TablesAddress {
        &self.documents
    }

    pub(crate) fn hints(&self) -> HintsAddress {
        self.hints
    }

    fn in_directory(data_dir: &Path) -> Self {
        let tables = |name: &str| TablesAddress::Sqlite(data_dir.join(name));
        Self {
            log: LogAddress::Directory(data_dir.join("log")),
            bus: BusAddress::Local,
            registry: tables("registry.sqlite"),
            graph: tables("graph.sqlite"),
            documents: tables("documents.sqlite"),
            hints: HintsAddress::Local,
        }
    }

    /// A store refuses the file of another, so no two may share one.
    fn check_apart(&self) -> Result<(), AddressError> {
        let LogAddress::Directory(log) = &self.log;
        let log = real_path(log);
        let tables = [
            (Store::Registry, &self.registry),
            (Store::Graph, &self.graph),
            (Store::Documents, &self.documents),
        ];
        let mut seen: Vec<(Store, PathBuf)> = Vec::new();
        for (store, TablesAddress::Sqlite(path)) in tables {
            let path = real_path(path);
            if path.starts_with(&log) {
                return Err(AddressError::InsideLog { store, path, log });
            }
            if let Some((first, _)) = seen.iter().find(|(_, other)| *other == path) {
                return Err(AddressError::SharedFile {
                    first: *first,
                    second: store,
                    path,
                });
            }
            seen.push((store, path));
        }
        Ok(())
    }
}

/// The path without symbolic links, as far as it exists.
fn real_path(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for ancestor in absolute.ancestors() {
        if let (Ok(real), Ok(rest)) = (ancestor.canonicalize(), absolute.strip_prefix(ancestor)) {
            return real.join(rest);
        }
    }
    absolute
}
