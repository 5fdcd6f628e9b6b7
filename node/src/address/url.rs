//! The URL of one store, whose scheme names an adapter that this build has.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt, path::PathBuf};

use percent_encoding::percent_decode_str;
use spice_core::port::Store;
use url::Url;

use super::{
    error::{AddressError, Rule},
    schemes::{find_scheme, list_schemes},
    secret::hide_secrets,
};

/// A URL of a scheme that every build has.
pub(super) struct StoreUrl<'a> {
    store: Store,
    /// As it was given: a parser may drop the colon before a password.
    text: &'a str,
    scheme: &'static str,
    url: Url,
}

impl<'a> StoreUrl<'a> {
    pub(super) fn parse(store: Store, text: &'a str) -> Result<Self, AddressError> {
        let (scheme, url) = parse(store, text).map_err(|rule| refuse(store, text, rule))?;
        Ok(Self {
            store,
            text,
            scheme,
            url,
        })
    }

    /// The directory that it names.
    pub(super) fn directory(&self) -> Result<PathBuf, AddressError> {
        let scheme = self.scheme;
        let path = self.path()?;
        if path.parent().is_none() {
            return Err(self.refuse(Rule::Directory { scheme }));
        }
        Ok(path)
    }

    /// The file that it names.
    pub(super) fn file(&self) -> Result<PathBuf, AddressError> {
        let scheme = self.scheme;
        let path = self.path()?;
        if path.as_os_str().as_bytes().ends_with(b"/") {
            return Err(self.refuse(Rule::File { scheme }));
        }
        Ok(path)
    }

    /// Refuses it unless it is nothing but a scheme.
    pub(super) fn expect_scheme_only(&self) -> Result<(), AddressError> {
        let scheme = self.scheme;
        if self.url.as_str().strip_prefix(scheme) != Some(":") {
            return Err(self.refuse(Rule::SchemeOnly { scheme }));
        }
        Ok(())
    }

    /// Its absolute path. That there is no user and no host is checked first: what follows may be part
    /// of a password that is not encoded.
    fn path(&self) -> Result<PathBuf, AddressError> {
        let scheme = self.scheme;
        let is_path = self.url.authority().is_empty() && self.url.path().starts_with('/');
        if !is_path {
            return Err(self.refuse(Rule::AbsolutePath { scheme }));
        }
        if self.url.fragment().is_some() {
            return Err(self.refuse(Rule::Fragment));
        }
        if self.url.query().is_some() {
            let first = self.url.query_pairs().next();
            let parameter = first.map_or_else(String::new, |(name, _)| name.into_owned());
            return Err(self.refuse(Rule::Parameter { scheme, parameter }));
        }
        let mut escapes = self.url.path().split('%').skip(1);
        if !escapes.all(|rest| is_escape(rest.as_bytes())) {
            return Err(self.refuse(Rule::Escape));
        }
        let bytes: Vec<u8> = percent_decode_str(self.url.path()).collect();
        if bytes.iter().any(u8::is_ascii_control) {
            return Err(self.refuse(Rule::Characters));
        }
        Ok(PathBuf::from(OsStr::from_bytes(&bytes)))
    }

    fn refuse(&self, rule: Rule) -> AddressError {
        refuse(self.store, self.text, rule)
    }
}

/// Whether what follows a percent sign is the rest of an escape.
fn is_escape(rest: &[u8]) -> bool {
    matches!(rest, [high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
}

fn refuse(store: Store, text: &str, rule: Rule) -> AddressError {
    AddressError::Url {
        store,
        url: hide_secrets(text),
        rule,
    }
}

fn parse(store: Store, text: &str) -> Result<(&'static str, Url), Rule> {
    if text.contains(|letter: char| letter.is_ascii_control()) || text.trim() != text {
        return Err(Rule::Characters);
    }
    let url = Url::parse(text).map_err(|reason| Rule::Syntax {
        reason,
        supported: list_schemes(store),
    })?;
    let Some(scheme) = find_scheme(store, url.scheme()) else {
        return Err(Rule::UnknownScheme {
            scheme: url.scheme().to_owned(),
            supported: list_schemes(store),
        });
    };
    if let Some(feature) = scheme.feature {
        return Err(Rule::MissingFeature {
            scheme: scheme.name,
            feature,
            supported: list_schemes(store),
        });
    }
    Ok((scheme.name, url))
}
