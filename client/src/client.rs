//! A server, and requests to it.

use std::{
    fmt,
    net::IpAddr,
    sync::{Arc, Once},
    time::Duration,
};

use reqwest::{Method, Url, redirect};

use crate::{
    Error, Request, Retries,
    calls::{Call, encode, is_dots},
};

/// The number of kept idle connections, and how long they are kept.
const IDLE: usize = 8;
const IDLE_FOR: Duration = Duration::from_mins(1);
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// A client of one gateway. Clones share its connections.
#[derive(Clone)]
pub struct Client {
    pub(crate) http: reqwest::Client,
    pub(crate) server: Arc<Url>,
    pub(crate) retries: Retries,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("server", &self.server.as_str())
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
        let mut builder = http_builder()
            .user_agent(concat!("spice/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_WITHIN)
            .pool_max_idle_per_host(IDLE)
            .pool_idle_timeout(IDLE_FOR)
            .tcp_nodelay(true)
            // A redirect would turn a command into a GET.
            .redirect(redirect::Policy::none());
        if is_this_machine(host) {
            builder = builder.no_proxy();
        }
        if server.scheme() == "http" {
            // Authorities are read from disk only when needed.
            builder = builder.tls_certs_only([]);
        }
        let http = builder.build().map_err(|error| invalid(causes(&error)))?;
        Ok(Self {
            http,
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

    /// The URL of the server.
    pub fn server(&self) -> &str {
        self.server.as_str().trim_end_matches('/')
    }

    /// A request to a path in its encoded form, for example
    /// `/api/v1/databases/demo/branches/what%2Fif?force=true`; for calls without a method here.
    pub fn request(&self, method: Method, path: &str) -> Result<Request<'_>, Error> {
        let joined = format!("{}/{}", self.server(), path.trim_start_matches('/'));
        let url = Url::parse(&joined).map_err(|error| Error::InvalidUrl {
            url: joined.clone(),
            reason: error.to_string(),
        })?;
        Ok(Request::new(self, method, url))
    }

    /// A request whose path has these parts, encoded where necessary.
    pub fn request_parts<'a>(
        &self,
        method: Method,
        parts: impl IntoIterator<Item = &'a str>,
    ) -> Request<'_> {
        let parts: Vec<String> = parts.into_iter().map(encode).collect();
        self.request_encoded(method, &parts)
    }

    pub(crate) fn call(&self, call: &Call, values: &[&str]) -> Request<'_> {
        let (parts, id) = call.parts(values);
        self.request_encoded(call.method.clone(), &parts)
            .maybe_query("instance_id", id)
    }

    fn request_encoded(&self, method: Method, parts: &[String]) -> Request<'_> {
        let mut url = Url::clone(&self.server);
        url.set_query(None);
        url.set_fragment(None);
        let path = format!("{}/{}", url.path().trim_end_matches('/'), parts.join("/"));
        url.set_path(&path);
        let request = Request::new(self, method, url);
        match parts.iter().find(|part| is_dots(part)) {
            None => request,
            Some(part) => request.refuse(format!("{part:?} cannot be a part of a URL path")),
        }
    }
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

/// An error and its sources in one line.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    //! Tests of URLs.
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    use super::*;

    fn url(base: &str, parts: &[&str]) -> String {
        let client = Client::new(base).unwrap();
        let request = client.request_parts(Method::GET, parts.iter().copied());
        request.url().to_owned()
    }

    #[test]
    fn names_are_encoded_and_bases_kept() {
        assert_eq!(
            url(
                "http://127.0.0.1:8002/",
                &["api", "feature/what if", "a?b#c"]
            ),
            "http://127.0.0.1:8002/api/feature%2Fwhat%20if/a%3Fb%23c"
        );
        assert_eq!(
            url("https://host/spice?x=1#y", &["api", "v1"]),
            "https://host/spice/api/v1"
        );
    }

    proptest! {
        #[test]
        fn a_part_of_a_path_decodes_back(part in "[a-z.%/+:?# ]{1,6}|\\PC{1,8}") {
            prop_assume!(!is_dots(&part));
            let written = url("http://h/base", &["api", &part, "end"]);
            let parts: Vec<&str> = written.split('/').skip(3).collect();
            prop_assert_eq!((parts.len(), parts[0], parts[3]), (4, "base", "end"), "{}", written);
            let read = percent_decode_str(parts[2]).decode_utf8().unwrap();
            prop_assert_eq!(read, part);
        }
    }

    #[tokio::test]
    async fn a_name_that_no_path_can_contain_is_refused() {
        let client = Client::new("http://127.0.0.1:1").unwrap();
        for name in [".", ".."] {
            let request = client.request_parts(Method::DELETE, ["api", "v1", name]);
            let error = request.answer().await.unwrap_err();
            assert!(matches!(error, Error::InvalidRequest { .. }), "{error}");
            let by_query = client.call(&crate::calls::GET_INSTANCE, &["d", "C", name]);
            let expected = format!("/class/C/instance/-?instance_id={name}");
            assert!(by_query.url().ends_with(&expected), "{}", by_query.url());
        }
    }

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
}
