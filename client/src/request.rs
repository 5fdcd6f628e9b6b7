//! A request: its content, its retries, its answer.

use std::time::Duration;

use bytes::Bytes;
use reqwest::{
    Method, StatusCode, Url,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::{
    answer::Answer,
    calls::{Call, encode, is_dots},
    client::Client,
    credentials::Access,
    error::{Error, causes},
    options::{Read, Write},
    tls::TlsFault,
};

/// The maximum time for an answer, in addition to the requested wait of the server.
const PATIENCE: Duration = Duration::from_mins(1);

/// An open stream sends something every 15 s. After three times that without a byte, its connection
/// is broken.
const SILENCE: Duration = Duration::from_secs(45);

/// A request before it is sent.
#[derive(Debug)]
#[must_use = "a request does nothing until it is sent"]
pub struct Request<'c> {
    client: &'c Client,
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Option<Bytes>,
    waits: Duration,
    keyed: bool,
    mistake: Option<String>,
}

impl Client {
    /// A request to a path in its encoded form, for example
    /// `/api/v1/databases/demo/branches/what%2Fif?force=true`; for calls without a method here.
    pub fn request(&self, method: Method, path: &str) -> Result<Request<'_>, Error> {
        let joined = format!("{}/{}", self.base(), path.trim_start_matches('/'));
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

impl<'c> Request<'c> {
    fn new(client: &'c Client, method: Method, url: Url) -> Self {
        Self {
            client,
            method,
            url,
            headers: HeaderMap::new(),
            body: None,
            waits: Duration::ZERO,
            keyed: false,
            mistake: None,
        }
    }

    /// A request with an invalid argument, which is reported when it is sent.
    fn refuse(mut self, reason: String) -> Self {
        self.mistake = Some(reason);
        self
    }

    /// The destination.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Adds a parameter to the query.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.url.query_pairs_mut().append_pair(name, value);
        self
    }

    /// Adds a parameter to the query, if there is a value.
    pub fn maybe_query(self, name: &str, value: Option<impl AsRef<str>>) -> Self {
        match value {
            Some(value) => self.query(name, value.as_ref()),
            None => self,
        }
    }

    /// Sets a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            (Ok(name), Ok(value)) => {
                self.headers.insert(name, value);
            }
            _ => self.mistake = Some(format!("invalid header {name}: {value:?}")),
        }
        self
    }

    /// Sets the body to a value as JSON.
    pub fn json<T: Serialize + ?Sized>(mut self, body: &T) -> Self {
        match serde_json::to_vec(body) {
            Ok(bytes) => self.body(bytes),
            Err(error) => {
                self.mistake = Some(error.to_string());
                self
            }
        }
    }

    /// Sets the body to bytes that are already JSON.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.headers
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.body = Some(body.into());
        self
    }

    /// Sets the key of the command: sent again with the same key, it is the same command.
    pub fn idempotency_key(mut self, key: &str) -> Self {
        self.keyed = true;
        self.header("idempotency-key", key)
    }

    /// Asks the server to wait this long for the projections, in whole seconds.
    pub fn prefer_wait(mut self, wait: Duration) -> Self {
        self.waits = wait;
        self.header("prefer", &format!("wait={}", wait.as_secs()))
    }

    /// Sets the options of a read.
    pub fn read(mut self, read: &Read) -> Self {
        self.waits = self.waits.max(read.wait_time());
        self.maybe_query("branch", read.branch.as_deref())
            .maybe_query("as_of", read.as_of.as_deref())
            .maybe_query("at_least", read.at_least.as_deref())
            .maybe_query(
                "timeout",
                read.timeout.map(|wait| wait.as_secs().to_string()),
            )
    }

    /// Sets the options of a write: branch, key, wait. A key is generated if none is given, so that
    /// the write is safe to repeat.
    pub fn write(self, write: &Write) -> Self {
        let made = write.key.is_none().then(|| Uuid::new_v4().to_string());
        let key = write.key.as_deref().or(made.as_deref()).unwrap_or_default();
        let request = self
            .maybe_query("branch", write.branch.as_deref())
            .idempotency_key(key);
        match write.wait {
            Some(wait) => request.prefer_wait(wait),
            None => request,
        }
    }

    /// Sets a header, or removes it if there is no value.
    pub(crate) fn set_header(&mut self, name: &'static str, value: &str) {
        match HeaderValue::from_str(value) {
            Ok(value) if !value.is_empty() => self.headers.insert(name, value),
            _ => self.headers.remove(name),
        };
    }

    /// Declares that it changes nothing, whatever its method.
    pub(crate) fn allow_repeats(mut self) -> Self {
        self.keyed = true;
        self
    }

    /// Sends it once and returns the answer; an error only if there is no complete answer.
    pub async fn answer(&self) -> Result<Answer, Error> {
        let limit = PATIENCE + self.waits;
        let response = self.start(Some(limit)).await?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = response
            .bytes()
            .await
            .map_err(|error| self.transport_error(error))?;
        Ok(Answer {
            status,
            headers,
            body,
        })
    }

    /// Sends it, with retries while that is safe and the failure is temporary, until it succeeds.
    pub async fn send(&self) -> Result<Answer, Error> {
        let mut failed = 0;
        loop {
            match self.answer().await.and_then(Answer::require_success) {
                Ok(answer) => return Ok(answer),
                Err(error) => self.pause_after(&mut failed, error).await?,
            }
        }
    }

    /// Sends it like [`Request::send`] and parses the JSON of the answer.
    pub async fn fetch<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let answer = self.send().await?;
        self.read_body(&answer.body)
    }

    pub(crate) fn read_body<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, Error> {
        serde_json::from_slice(body).map_err(|error| self.unreadable_error(&error.to_string()))
    }

    pub(crate) fn unreadable_error(&self, reason: &str) -> Error {
        Error::Unreadable {
            server: self.client.server().to_owned(),
            call: format!("{} {}", self.method, self.url.path()),
            reason: reason.to_owned(),
        }
    }

    /// The next chunk of a stream, unless it takes too long.
    pub(crate) async fn next_chunk<T>(
        &self,
        coming: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let heard = tokio::time::timeout(SILENCE, coming).await;
        heard.unwrap_or_else(|_| {
            Err(Error::Silent {
                server: self.client.server().to_owned(),
                limit: SILENCE,
            })
        })
    }

    /// Sends it for an endless answer; retried until the answer starts.
    pub(crate) async fn open(&self) -> Result<reqwest::Response, Error> {
        let mut failed = 0;
        loop {
            match self.next_chunk(self.begin()).await {
                Ok(response) => return Ok(response),
                Err(error) => self.pause_after(&mut failed, error).await?,
            }
        }
    }

    async fn begin(&self) -> Result<reqwest::Response, Error> {
        let response = self.start(None).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = response
            .bytes()
            .await
            .map_err(|error| self.transport_error(error))?;
        let answer = Answer {
            status,
            headers,
            body,
        };
        match answer.require_success() {
            Err(error) => Err(error),
            Ok(_) => Err(self.unreadable_error("the stream ended before its start")),
        }
    }

    /// Waits if the request may be sent again; otherwise returns the error.
    async fn pause_after(&self, failed: &mut u32, error: Error) -> Result<(), Error> {
        *failed += 1;
        if !self.is_repeatable() || !error.is_transient() {
            return Err(error);
        }
        let asked_wait = error.refusal().and_then(|refusal| refusal.retry_after);
        match self
            .client
            .retries
            .pause(*failed, asked_wait, spice_backoff::random())
        {
            Some(pause) => tokio::time::sleep(pause).await,
            None => return Err(error),
        }
        Ok(())
    }

    fn is_repeatable(&self) -> bool {
        self.keyed || self.method == Method::GET
    }

    async fn start(&self, limit: Option<Duration>) -> Result<reqwest::Response, Error> {
        if let Some(reason) = &self.mistake {
            let reason = reason.clone();
            return Err(Error::InvalidRequest { reason });
        }
        let access = self.client.keyring.access();
        let response = self.transmit(&access, limit).await?;
        if response.status() == StatusCode::UNAUTHORIZED
            && let Some(access) = self.client.keyring.access_instead_of(&access)
        {
            // The token has just been replaced; a request that was not let in had no effect.
            return self.transmit(&access, limit).await;
        }
        Ok(response)
    }

    async fn transmit(
        &self,
        access: &Access,
        limit: Option<Duration>,
    ) -> Result<reqwest::Response, Error> {
        let mut headers = self.headers.clone();
        access.authorize(&mut headers);
        let mut request = access
            .http
            .request(self.method.clone(), self.url.clone())
            .headers(headers);
        if let Some(limit) = limit {
            request = request.timeout(limit);
        }
        if let Some(body) = &self.body {
            request = request.body(body.clone());
        }
        request
            .send()
            .await
            .map_err(|error| self.transport_error(error))
    }

    pub(crate) fn transport_error(&self, source: reqwest::Error) -> Error {
        let source = source.without_url();
        let server = self.client.server().to_owned();
        if source.is_connect() {
            match TlsFault::of(&source) {
                None => Error::Unreachable { server, source },
                Some(fault) => Error::Insecure {
                    server,
                    fault,
                    source,
                },
            }
        } else if source.is_timeout() {
            Error::Late { server, source }
        } else if source.is_builder() {
            let reason = causes(&source);
            Error::InvalidRequest { reason }
        } else {
            Error::Broken { server, source }
        }
    }
}

#[cfg(test)]
mod tests {
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
}
