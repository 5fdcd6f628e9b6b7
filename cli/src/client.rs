//! The api over HTTP, as far as the command line needs it.

use anyhow::Context;
use serde_json::Value;

use crate::failure::ApiFailure;

/// A connection to a gateway.
pub(crate) struct Client {
    base: String,
    http: reqwest::Client,
}

impl Client {
    pub(crate) fn new(server: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .build()
            .context("no HTTP client")?;
        Ok(Self {
            base: format!("{}/api/v1", server.trim_end_matches('/')),
            http,
        })
    }

    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.send(self.http.get(format!("{}{path}", self.base)))
            .await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.send(self.http.post(format!("{}{path}", self.base)).json(body))
            .await
    }

    /// Posts a command and waits until its effect shows.
    pub(crate) async fn command(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.http.post(format!("{}{path}", self.base)).json(body);
        self.send(request.header("Prefer", "wait=30")).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
        let answer = request.send().await.with_context(|| {
            format!(
                "{} cannot be reached; is `spice dev` running there?",
                self.base
            )
        })?;
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap_or(Value::Null);
        if status < 400 {
            return Ok(body);
        }
        let message = body["message"]
            .as_str()
            .unwrap_or("the api refused")
            .to_owned();
        Err(ApiFailure { status, message }.into())
    }
}
