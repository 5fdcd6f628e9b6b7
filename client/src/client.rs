//! A server, and requests to it.

use std::{
    fmt,
    net::IpAddr,
    sync::{Arc, Once},
    time::Duration,
};

use reqwest::{Certificate, Url, redirect};

use crate::{
    credentials::{Credentials, Keyring},
    error::{Error, causes},
    retry::Retries,
};

/// The number of kept idle connections, and how long they are kept.
const IDLE: usize = 8;
const IDLE_FOR: Duration = Duration::from_mins(1);
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// A client of one gateway. Clones share its connections.
#[derive(Clone)]
pub struct Client {
    pub(crate) keyring: Keyring,
    pub(crate) server: Arc<Url>,
    /// The server's name for people, without the password of the URL.
    name: Arc<str>,
    pub(crate) retries: Retries,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("server", &self.name)
            .field("credentials", &self.keyring)
            .field("retries", &self.retries)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client of the gateway at a URL, for example `http://127.0.0.1:8002`; a path in it is kept.
    ///
    /// Uses the proxies of the environment (`HTTPS_PROXY`, `NO_PROXY` …), except for this machine.
    /// Certificates are checked with the system's authorities, or with those in `SSL_CERT_FILE`.
    pub fn new(url: &str) -> Result<Self, Error> {
        Self::with_credentials(url, Credentials::default())
    }

    /// [`Client::new`] with a token, or with authorities of its own. The token is sent with every
    /// request.
    pub fn with_credentials(url: &str, credentials: Credentials) -> Result<Self, Error> {
        let invalid = |reason: String| Error::InvalidUrl {
            url: url.to_owned(),
            reason,
        };
        let server = Url::parse(url).map_err(|error| invalid(error.to_string()))?;
        if !matches!(server.scheme(), "http" | "https") {
            return Err(invalid("it must start with http:// or https://".into()));
        }
        let Some(host) = server.host_str() else {
            return Err(invalid("it has no host".into()));
        };
        let (is_local, is_plain) = (is_this_machine(host), server.scheme() == "http");
        let of = url.to_owned();
        let build = move |authorities| {
            build(is_local, is_plain, authorities).map_err(|error| Error::InvalidUrl {
                url: of.clone(),
                reason: causes(&error),
            })
        };
        Ok(Self {
            keyring: Keyring::open(credentials, build)?,
            name: name_of(&server).into(),
            server: Arc::new(server),
            retries: Retries::default(),
        })
    }

    /// Sets the retries.
    #[must_use]
    pub fn with_retries(mut self, retries: Retries) -> Self {
        self.retries = retries;
        self
    }

    /// The URL of the server, for people: `***` stands for a password.
    pub fn server(&self) -> &str {
        &self.name
    }

    /// The URL of the server.
    pub(crate) fn base(&self) -> &str {
        self.server.as_str().trim_end_matches('/')
    }
}

/// The URL with `***` for its password.
fn name_of(server: &Url) -> String {
    let mut named = server.clone();
    if named.password().is_some() {
        // Possible in every URL that has one.
        let _ = named.set_password(Some("***"));
    }
    named.as_str().trim_end_matches('/').to_owned()
}

fn build(
    is_local: bool,
    is_plain: bool,
    authorities: Vec<Certificate>,
) -> Result<reqwest::Client, reqwest::Error> {
    let mut builder = http_builder()
        .user_agent(concat!("spice/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_WITHIN)
        .pool_max_idle_per_host(IDLE)
        .pool_idle_timeout(IDLE_FOR)
        .tcp_nodelay(true)
        // A redirect would turn a command into a GET, and carry the token elsewhere.
        .redirect(redirect::Policy::none());
    if is_local {
        builder = builder.no_proxy();
    }
    if is_plain || !authorities.is_empty() {
        // The system's are read from disk only when needed.
        builder = builder.tls_certs_only(authorities);
    }
    builder.build()
}

/// The builder of a plain HTTP client, for code that needs one in addition to [`Client`]. Uses the
/// program's TLS provider, which is ring unless it has chosen another.
pub fn http_builder() -> reqwest::ClientBuilder {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // The error says that one is already chosen, which is fine.
        drop(rustls::crypto::ring::default_provider().install_default());
    });
    reqwest::Client::builder()
}

fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_server_urls_are_refused_with_a_reason() {
        for wrong in [
            "nonsense",
            "mailto:a@b",
            "ftp://host/",
            "127.0.0.1:8002",
            "",
        ] {
            let error = Client::new(wrong).unwrap_err();
            assert!(
                matches!(error, Error::InvalidUrl { .. }),
                "{wrong}: {error}"
            );
        }
        assert!(is_this_machine("[::1]") && is_this_machine("127.9.9.9"));
        assert!(!is_this_machine("10.0.0.1") && !is_this_machine("localhost.example"));
    }

    #[test]
    fn a_password_is_not_in_the_name_of_the_server() {
        let client = Client::new("http://me:secret@127.0.0.1:1/api/").unwrap();
        assert_eq!(client.server(), "http://me:***@127.0.0.1:1/api");
        assert_eq!(client.base(), "http://me:secret@127.0.0.1:1/api");
        assert!(!format!("{client:?}").contains("secret"));
        assert_eq!(Client::new("http://a:1/").unwrap().server(), "http://a:1");
    }
}
