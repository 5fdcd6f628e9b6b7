//! An HTTP client with the most frequent calls of tests.

use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

/// The interval for polling a status.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// An answer: its status and its body, null if it is not JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Value,
}

impl Answer {
    /// The body of an answer that must be a success.
    pub fn ok(self) -> anyhow::Result<Value> {
        if !(200..300).contains(&self.status) {
            bail!("answered {}: {}", self.status, self.body);
        }
        Ok(self.body)
    }

    /// The error code of a refusal, empty if there is none.
    pub fn error(&self) -> &str {
        self.body["detail"]["error"].as_str().unwrap_or_default()
    }
}

/// A client of one listener.
#[derive(Debug, Clone)]
pub struct Client {
    base: String,
    http: reqwest::Client,
}

impl Client {
    /// A client of the listener at a URL.
    pub fn new(base: &str) -> anyhow::Result<Self> {
        let http = spice_client::http_builder()
            .no_proxy()
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_mins(2))
            .build()?;
        Ok(Self {
            base: base.trim_end_matches('/').to_owned(),
            http,
        })
    }

    /// The typed client of the same gateway.
    pub fn typed_client(&self) -> anyhow::Result<spice_client::Client> {
        Ok(spice_client::Client::new(&self.base)?)
    }

    /// The URL of the listener.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Sends a request; an error only if there is no complete answer.
    pub async fn send<B: Serialize + ?Sized>(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&B>,
    ) -> reqwest::Result<Answer> {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Answer { status, body })
    }

    /// `GET`, which must succeed.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let answer = self.send::<Value>(Method::GET, path, &[], None).await?;
        answer.ok().with_context(|| format!("GET {path}"))
    }

    /// `POST`, with any result.
    pub async fn post<B: Serialize + ?Sized>(
        &self,
        path: &str,
        body: &B,
    ) -> reqwest::Result<Answer> {
        self.send(Method::POST, path, &[], Some(body)).await
    }

    /// `POST`, which must succeed.
    pub async fn post_ok<B: Serialize + ?Sized>(
        &self,
        path: &str,
        body: &B,
    ) -> anyhow::Result<Value> {
        let answer = self.post(path, body).await?;
        answer.ok().with_context(|| format!("POST {path}"))
    }

    /// Creates a database.
    pub async fn create_database(&self, name: &str) -> anyhow::Result<Value> {
        self.post_ok("/api/v1/databases", &json!({"name": name}))
            .await
    }

    /// Creates a class on `main`.
    pub async fn create_class(&self, database: &str, class: &Value) -> anyhow::Result<Value> {
        self.post_ok(&format!("/api/v1/databases/{database}/ontology"), class)
            .await
    }

    /// Creates a branch of the current `main`.
    pub async fn create_branch(&self, database: &str, branch: &str) -> anyhow::Result<Value> {
        let path = format!("/api/v1/databases/{database}/branches");
        self.post_ok(&path, &json!({"name": branch})).await
    }

    /// Creates many instances on `main`.
    pub async fn bulk_create<B: Serialize>(
        &self,
        database: &str,
        class: &str,
        instances: &[B],
    ) -> anyhow::Result<Value> {
        let path = format!("/api/v1/databases/{database}/instances/{class}/bulk-create");
        self.post_ok(&path, &json!({"instances": instances})).await
    }

    /// Runs a graph query.
    pub async fn graph_query(
        &self,
        database: &str,
        branch: &str,
        query: &Value,
    ) -> anyhow::Result<Value> {
        let path = format!("/api/v1/graph-query/{database}?branch={}", escape(branch));
        self.post_ok(&path, query).await
    }

    /// Waits until graph and documents have a position.
    pub async fn wait_position(
        &self,
        database: &str,
        position: u64,
        limit: Duration,
    ) -> anyhow::Result<Value> {
        let seconds = limit.as_secs().clamp(1, 60);
        let path = format!("/api/v1/databases/{database}?at_least={position}&timeout={seconds}");
        let deadline = Instant::now() + limit;
        loop {
            let answer = self.send::<Value>(Method::GET, &path, &[], None).await?;
            if answer.status != 504 || Instant::now() >= deadline {
                return answer.ok().with_context(|| format!("GET {path}"));
            }
        }
    }

    /// Waits until a command is complete; returns its status answer.
    pub async fn wait_command(&self, id: &str, limit: Duration) -> anyhow::Result<Value> {
        let path = format!("/api/v1/commands/{id}/status");
        let deadline = Instant::now() + limit;
        loop {
            let status = self.get(&path).await?;
            if status["status"] == "COMPLETED" {
                return Ok(status);
            }
            if Instant::now() >= deadline || status["status"] == "FAILED" {
                bail!("the command is not complete: {status}");
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    /// All instance documents of a class, page by page.
    pub async fn instances(
        &self,
        database: &str,
        class: &str,
        branch: &str,
    ) -> anyhow::Result<Vec<Value>> {
        let list = format!(
            "/api/v1/databases/{database}/class/{class}/instances?branch={}&limit=1000",
            escape(branch)
        );
        let mut page = self.get(&list).await?;
        let mut all = Vec::new();
        loop {
            let Value::Array(instances) = page["instances"].take() else {
                bail!("no instances in {page}");
            };
            all.extend(instances);
            let Some(cursor) = page["cursor"].as_str() else {
                return Ok(all);
            };
            page = self.get(&format!("{list}&cursor={cursor}")).await?;
        }
    }
}

/// A branch name in a query.
fn escape(text: &str) -> String {
    text.replace('/', "%2F")
}
