//! The two services under test: those in the environment, a new process, or several nodes in turn.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use reqwest::{Client, Method, RequestBuilder, header::HeaderMap};
use serde_json::{Value, json};
use spice_e2e::{
    embedded::{Embedded, Options, setting},
    nodes::Nodes,
};
use spice_store_local::LocalHints;
use uuid::Uuid;

/// The services, and a database for this test.
pub(crate) struct Service {
    gateways: Vec<String>,
    oms: Vec<String>,
    /// The number of requests so far; each goes to the next node.
    sent: AtomicUsize,
    /// The name that `demo` stands for in paths and bodies.
    pub(crate) database: String,
    client: Client,
    _process: Option<Process>,
}

/// The processes for this test.
enum Process {
    One { _process: Box<Embedded> },
    Nodes { _nodes: Nodes },
}

/// The answer of a service.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn code(&self) -> &str {
        self.body["detail"]["error"].as_str().unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|it| it.to_str().ok()).unwrap_or_default()
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }
}

impl Service {
    /// The services in the environment, or new ones of one process.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        if let Some(named) = Self::from_environment()? {
            return Ok(named);
        }
        let process = Embedded::start(Options::default()).await?;
        let gateways = vec![process.gateway()?.base().to_owned()];
        let oms = vec![process.oms()?.base().to_owned()];
        let process = Box::new(process);
        Self::of(gateways, oms, Some(Process::One { _process: process }))
    }

    /// [`Service::start`] with new services of several nodes over the same stores. What one node
    /// answered is visible immediately on the next one.
    pub(crate) async fn start_nodes(count: usize) -> anyhow::Result<Self> {
        if let Some(named) = Self::from_environment()? {
            return Ok(named);
        }
        let nodes = Nodes::start(count, Duration::ZERO, Arc::new(LocalHints::new())).await?;
        let (gateways, oms) = (nodes.gateways.clone(), nodes.oms.clone());
        Self::of(gateways, oms, Some(Process::Nodes { _nodes: nodes }))
    }

    /// One URL of each service, or several separated by commas.
    fn from_environment() -> anyhow::Result<Option<Self>> {
        let Some(gateway) = setting("SPICE_CONTRACT_GATEWAY") else {
            return Ok(None);
        };
        let oms = setting("SPICE_CONTRACT_OMS").context("SPICE_CONTRACT_OMS is needed too")?;
        let urls = |text: &str| {
            let urls = text.split(',');
            urls.map(|url| url.trim().trim_end_matches('/').to_owned())
                .collect()
        };
        Self::of(urls(&gateway), urls(&oms), None).map(Some)
    }

    fn of(
        gateways: Vec<String>,
        oms: Vec<String>,
        process: Option<Process>,
    ) -> anyhow::Result<Self> {
        let client = spice_client::http_builder().no_proxy().build()?;
        let database = format!("demo{}", &Uuid::new_v4().simple().to_string()[..12]);
        Ok(Self {
            gateways,
            oms,
            sent: AtomicUsize::new(0),
            database,
            client,
            _process: process,
        })
    }

    /// `path` is below `/api/v1` of the gateway; `oms:/…` of oms; `//x` is `/x`. `demo` stands for
    /// this test's database.
    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let (nodes, path) = match path.strip_prefix("oms:") {
            Some(path) => (&self.oms, path),
            None => (&self.gateways, path),
        };
        let base = &nodes[self.sent.fetch_add(1, Ordering::Relaxed) % nodes.len()];
        let path = match path.strip_prefix('/') {
            Some(root) if root.starts_with('/') => root.to_owned(),
            _ => format!("/api/v1{path}"),
        };
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let url = format!("{base}{}", self.replace_database(&path));
        self.client.request(method, url)
    }

    /// A text in which `demo` is this test's database.
    pub(crate) fn replace_database(&self, text: &str) -> String {
        text.replace("/demo", &format!("/{}", self.database))
            .replace("\"demo", &format!("\"{}", self.database))
            .replace("=demo", &format!("={}", self.database))
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer {
            status,
            headers,
            text,
            body,
        }
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        let body = self.replace_database(&body.to_string());
        let request = self.request("POST", path);
        let request = request.header("content-type", "application/json");
        self.send(request.body(body)).await
    }

    /// A write that waits until it is visible.
    pub(crate) async fn write(&self, method: &str, path: &str, body: Value) -> Answer {
        let request = self
            .request(method, path)
            .header("prefer", "wait=60")
            .header("content-type", "application/json");
        let answer = self
            .send(request.body(self.replace_database(&body.to_string())))
            .await;
        assert!(
            matches!(answer.status, 200 | 201),
            "{method} {path}: {} {}",
            answer.status,
            answer.text
        );
        answer
    }

    /// The database with customers, orders that refer to them, and products.
    pub(crate) async fn with_demo(self) -> Self {
        let database = json!({"name": "demo", "description": "a demo"});
        self.write("POST", "/databases", database).await;
        for class in [customer(), product(), order()] {
            self.write("POST", "/databases/demo/ontology", class).await;
        }
        self
    }
}

fn customer() -> Value {
    json!({
        "id": "Customer",
        "label": {"en": "Customer", "ko": "고객"},
        "properties": [
            {"name": "customer_id", "type": "string", "primaryKey": true, "required": true},
            {"name": "name", "type": "string", "label": "Full name"},
            {"name": "city", "type": "xsd:string"},
        ],
        "relationships": [
            {"predicate": "knows", "target": "Customer", "cardinality": "n:m"},
        ],
    })
}

fn product() -> Value {
    json!({
        "id": "Product",
        "label": "Product",
        "properties": [
            {"name": "product_id", "type": "string", "primary_key": true, "required": true},
            {"name": "name", "type": "string", "required": true},
            {"name": "price", "type": "decimal", "constraints": {"min": 0}},
            {"name": "sku", "type": "string", "constraints": {"unique": true}},
        ],
    })
}

fn order() -> Value {
    json!({
        "id": "Order",
        "label": "Order",
        "properties": [
            {"name": "order_id", "type": "string", "primaryKey": true, "required": true},
            {"name": "total", "type": "integer"},
        ],
        "relationships": [
            {"predicate": "placed_by", "target": "Customer", "cardinality": "n:1"},
            {"predicate": "holds", "target": "Product", "cardinality": "n:m"},
        ],
    })
}
