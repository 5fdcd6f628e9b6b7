//! The services on free ports, over the real embedded components in memory.
#![allow(dead_code, clippy::unwrap_used)]

pub(crate) mod documented;
pub(crate) mod events;
pub(crate) mod hooks;
pub(crate) mod keys;
pub(crate) mod outcomes;
pub(crate) mod raw;
pub(crate) mod things;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use reqwest::{Client, Method, RequestBuilder, header::HeaderMap};
use serde_json::{Value, json};
use spice_api::{
    Engine,
    http::{Api, Settings, Surface, router, serve},
    writer::{Writer, WriterSettings},
};
use spice_core::{
    guard::Guards,
    port::{
        bus::Bus,
        clock::Clock,
        documents::Documents,
        graph::Graph,
        hints::Hints,
        log::Log,
        registry::{WorkerRegistry, WriteModel},
    },
};
use spice_store_local::{LocalBus, LocalHints};
use spice_store_sqlite::{Location, Mode, SqliteDocuments, SqliteGraph, SqliteRegistry};
use spice_testing::{MemoryLog, clock::TickingClock, double::Double};
use spice_workers::supervisor::{Ports, Workers, WorkersConfig};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use self::hooks::{Looks, Watch};

/// The running services.
pub(crate) struct Server {
    pub(crate) gateway: String,
    pub(crate) oms: String,
    pub(crate) funnel: String,
    pub(crate) ports: Ports,
    pub(crate) api: Arc<Api>,
    pub(crate) workers: Option<Workers>,
    pub(crate) ending: CancellationToken,
    pub(crate) tasks: Vec<JoinHandle<std::io::Result<()>>>,
    engine: Engine,
    /// The services of the nodes that take turns; when there are none, one node answers all.
    nodes: Vec<[String; 3]>,
    /// How many requests were sent.
    sent: AtomicUsize,
    client: Client,
    /// The token of every request.
    pub(crate) token: Option<String>,
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
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_with(Settings::default(), true).await
    }

    /// Several nodes over the same stores, each with a writer and caches of its own. Each request
    /// goes to the next one; what one node answered, the others show at once.
    pub(crate) async fn start_nodes(count: usize) -> Self {
        let mut server = Self::start().await;
        for _ in 0..count {
            let clock = Arc::clone(&server.ports.clock);
            server.start_node(clock).await;
        }
        server
    }

    /// A further node, with this clock. Requests go to further nodes only.
    pub(crate) async fn start_node(&mut self, clock: Arc<dyn Clock>) {
        let settings = WriterSettings {
            behind: Duration::ZERO,
            ..WriterSettings::default()
        };
        let engine = self.engine.clone();
        let writer = Writer::new(
            Vec::new(),
            Arc::clone(&engine.log),
            Arc::clone(&engine.model),
            Arc::clone(engine.writer.hints()),
            Arc::clone(&clock),
            settings,
        );
        let engine = Engine {
            writer,
            clock,
            ..engine
        };
        let api = Api::new(engine, Settings::default(), Vec::new());
        let urls = listen(&api, &self.ending, &mut self.tasks).await;
        self.nodes.push(urls);
    }

    /// Starts the services without workers: no accepted command is projected.
    pub(crate) async fn start_with(settings: Settings, with_workers: bool) -> Self {
        Self::start_over(settings, with_workers, |graph| graph).await
    }

    /// Starts the services over a modified graph.
    pub(crate) async fn start_over(
        settings: Settings,
        with_workers: bool,
        disturb: impl FnOnce(Arc<dyn Graph>) -> Arc<dyn Graph>,
    ) -> Self {
        Self::start_on(Arc::new(MemoryLog::new()), settings, with_workers, disturb).await
    }

    /// Starts the services on a log of their own.
    pub(crate) async fn start_on(
        log: Arc<dyn Log>,
        settings: Settings,
        with_workers: bool,
        disturb: impl FnOnce(Arc<dyn Graph>) -> Arc<dyn Graph>,
    ) -> Self {
        let (model, work) = (|model| model, |work| work);
        Self::start_between(log, model, work, settings, with_workers, disturb).await
    }

    /// Starts the services without workers, over a workers' registry that counts reads.
    pub(crate) async fn start_looked_at(looks: &Arc<Looks>) -> Self {
        let work = |registry| -> Arc<dyn WorkerRegistry> {
            Arc::new(Double::new(registry, Arc::clone(looks)))
        };
        let (log, settings) = (Arc::new(MemoryLog::new()), Settings::default());
        Self::start_between(log, |model| model, work, settings, false, |graph| graph).await
    }

    /// Starts the services without workers, over a counted log and registry.
    pub(crate) async fn start_watched(watch: &Arc<Watch>) -> Self {
        let log = Double::new(Arc::new(MemoryLog::new()), Arc::clone(watch));
        let watched =
            |model| -> Arc<dyn WriteModel> { Arc::new(Double::new(model, Arc::clone(watch))) };
        let settings = Settings::default();
        let (log, work) = (Arc::new(log), |work| work);
        Self::start_between(log, watched, work, settings, false, |graph| graph).await
    }

    async fn start_between(
        log: Arc<dyn Log>,
        watched: impl FnOnce(Arc<dyn WriteModel>) -> Arc<dyn WriteModel>,
        looked_at: impl FnOnce(Arc<dyn WorkerRegistry>) -> Arc<dyn WorkerRegistry>,
        settings: Settings,
        with_workers: bool,
        disturb: impl FnOnce(Arc<dyn Graph>) -> Arc<dyn Graph>,
    ) -> Self {
        let bus: Arc<dyn Bus> = Arc::new(LocalBus::new());
        let hints: Arc<dyn Hints> = Arc::new(LocalHints::new());
        let clock: Arc<dyn Clock> = Arc::new(TickingClock::default());
        let (memory, mode, guards) = (Location::Memory, Mode::Threads, Guards::default());
        let registry = SqliteRegistry::open(&memory, mode, guards).unwrap();
        let registry = Arc::new(registry.with_clock(Arc::clone(&clock)));
        let graph: Arc<dyn Graph> = Arc::new(SqliteGraph::open(&memory, mode, guards).unwrap());
        let documents: Arc<dyn Documents> =
            Arc::new(SqliteDocuments::open(&memory, mode, guards).unwrap());
        let model = watched(Arc::<SqliteRegistry>::clone(&registry));
        let work: Arc<dyn WorkerRegistry> = registry;
        let writer = Writer::new(
            Vec::new(),
            Arc::clone(&log),
            Arc::clone(&model),
            Arc::clone(&hints),
            Arc::clone(&clock),
            WriterSettings::default(),
        );
        let ports = Ports {
            log: Arc::clone(&log),
            bus,
            registry: Arc::clone(&work),
            model: Arc::clone(&model),
            hints,
            graph: Arc::clone(&graph),
            documents: Arc::clone(&documents),
            clock: Arc::clone(&clock),
        };
        let engine = Engine {
            writer,
            graph: disturb(graph),
            documents,
            model,
            work: looked_at(work),
            log,
            clock,
        };
        let api = Api::new(engine.clone(), settings, Vec::new());
        let ending = CancellationToken::new();
        let mut tasks = Vec::new();
        let [gateway, oms, funnel] = listen(&api, &ending, &mut tasks).await;
        let mut server = Self {
            gateway,
            oms,
            funnel,
            ports,
            api,
            workers: None,
            ending,
            tasks,
            engine,
            nodes: Vec::new(),
            sent: AtomicUsize::new(0),
            token: None,
            client: spice_client::http_builder()
                .timeout(Duration::from_secs(30))
                .build()
                .unwrap(),
        };
        if with_workers {
            server.start_workers();
        }
        server
    }

    pub(crate) fn start_workers(&mut self) {
        self.workers = Some(Workers::start(self.ports.clone(), WorkersConfig::default()));
    }

    pub(crate) fn request(&self, method: &str, url: &str) -> RequestBuilder {
        let turn = self.sent.fetch_add(1, Ordering::Relaxed);
        let node = self.nodes.get(turn % self.nodes.len().max(1));
        let [gateway, oms, funnel] = match node {
            Some(urls) => urls.each_ref(),
            None => [&self.gateway, &self.oms, &self.funnel],
        };
        let (service, path) = match url.split_once(':') {
            Some(("oms", path)) => (oms, path),
            Some(("funnel", path)) => (funnel, path),
            _ => (gateway, url),
        };
        let method: Method = method.parse().unwrap();
        let path = if path.starts_with("//") {
            path[1..].to_owned()
        } else {
            format!("/api/v1{path}")
        };
        let request = self.client.request(method, format!("{service}{path}"));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
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

    /// `path` is below `/api/v1` of the gateway; `oms:/…` of oms, `funnel:/…` of funnel; `//x` is `/x`.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(self.request("DELETE", path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(self.request("POST", path).json(&body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(self.request("PUT", path).json(&body)).await
    }

    /// Sends a write and waits until it is projected.
    pub(crate) async fn write(&self, method: &str, path: &str, body: Value) -> Answer {
        let request = self
            .request(method, path)
            .header("prefer", "wait=20")
            .json(&body);
        let answer = self.send(request).await;
        assert!(
            (200..300).contains(&answer.status),
            "{method} {path}: {}",
            answer.text
        );
        assert_ne!(
            answer.status, 202,
            "{method} {path} did not complete: {}",
            answer.text
        );
        answer
    }

    /// A database `demo` with customers, orders that refer to them, and products.
    pub(crate) async fn with_demo(self) -> Self {
        self.write(
            "POST",
            "/databases",
            json!({"name": "demo", "description": "a demo"}),
        )
        .await;
        for class in [customer(), product(), order()] {
            self.write("POST", "/databases/demo/ontology", class).await;
        }
        self
    }
}

/// Serves a node's gateway and oms; their URLs.
async fn listen(
    api: &Arc<Api>,
    ending: &CancellationToken,
    tasks: &mut Vec<JoinHandle<std::io::Result<()>>>,
) -> [String; 3] {
    let mut urls = [const { String::new() }; 3];
    let services = [Surface::Gateway, Surface::Oms, Surface::Funnel];
    let routers = services.map(|service| router(Arc::clone(api), service));
    for (url, router) in urls.iter_mut().zip(routers) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        *url = format!("http://{}", listener.local_addr().unwrap());
        tasks.push(tokio::spawn(serve(listener, router, ending.clone())));
    }
    urls
}

pub(crate) fn customer() -> Value {
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

pub(crate) fn product() -> Value {
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

pub(crate) fn order() -> Value {
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
