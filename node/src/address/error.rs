//! Why an address is refused. No message contains a secret.

use std::path::PathBuf;

use spice_core::port::Store;

/// An address that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// One URL breaks a rule.
    #[error("{store} = \"{url}\": {rule}")]
    Url {
        /// The store whose URL it is.
        store: Store,
        /// The URL, without its secrets.
        url: String,
        /// The rule that it breaks.
        rule: Rule,
    },
    /// Two stores name the same file.
    #[error("{first} and {second} both name {}; each store needs a file of its own", .path.display())]
    SharedFile {
        /// One of the stores.
        first: Store,
        /// The other.
        second: Store,
        /// The file.
        path: PathBuf,
    },
    /// A store's file is in the directory of the log, where every file belongs to the log.
    #[error(
        "{store} names {}, which is inside the log directory {}; choose a file outside it",
        .path.display(),
        .log.display()
    )]
    InsideLog {
        /// The store.
        store: Store,
        /// Its file.
        path: PathBuf,
        /// The directory of the log.
        log: PathBuf,
    },
}

impl AddressError {
    /// The store whose address is refused.
    pub fn store(&self) -> Store {
        match self {
            Self::Url { store, .. } | Self::InsideLog { store, .. } => *store,
            Self::SharedFile { second, .. } => *second,
        }
    }
}

/// A rule for the URL of a store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rule {
    /// It is a URL at all.
    #[error("not a URL ({reason}); {supported}")]
    Syntax {
        /// What the parser found.
        reason: url::ParseError,
        /// The schemes that there are.
        supported: String,
    },
    /// It has no characters that a parser removes in silence.
    #[error("a URL must not contain control characters, nor start or end with a space")]
    Characters,
    /// Its scheme names an adapter of the store.
    #[error("unknown scheme `{scheme}`; {supported}")]
    UnknownScheme {
        /// The scheme.
        scheme: String,
        /// The schemes that there are.
        supported: String,
    },
    /// This build has the adapter.
    #[error(
        "`{scheme}` needs the cargo feature `{feature}`, which this build does not have; {supported}"
    )]
    MissingFeature {
        /// The scheme.
        scheme: &'static str,
        /// The feature that adds it.
        feature: &'static str,
        /// The schemes that there are.
        supported: String,
    },
    /// Its path is absolute, and names no host.
    #[error("the path must be absolute, with three slashes: {scheme}:///path")]
    AbsolutePath {
        /// The scheme.
        scheme: &'static str,
    },
    /// It names a directory other than the root.
    #[error("the path of a directory is missing: {scheme}:///path")]
    Directory {
        /// The scheme.
        scheme: &'static str,
    },
    /// It names a file.
    #[error("the path must name a file: {scheme}:///path/name.sqlite")]
    File {
        /// The scheme.
        scheme: &'static str,
    },
    /// It has only parameters that the adapter knows.
    #[error(
        "unknown parameter `{parameter}`: `{scheme}` has no parameters (write %3F for a question mark \
         in a path)"
    )]
    Parameter {
        /// The scheme.
        scheme: &'static str,
        /// The name of the parameter.
        parameter: String,
    },
    /// Each percent sign in its path starts an escape.
    #[error("two hexadecimal digits must follow each `%` (write %25 for a percent sign in a path)")]
    Escape,
    /// It has no fragment.
    #[error("a URL of a store has no fragment (write %23 for a number sign in a path)")]
    Fragment,
    /// Nothing follows the scheme.
    #[error("nothing may follow the colon: {scheme}:")]
    SchemeOnly {
        /// The scheme.
        scheme: &'static str,
    },
}
