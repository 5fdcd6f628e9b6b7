//! A collector that keeps what it receives: OTLP over HTTP, protobuf.

use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::any_value::Value,
    trace::v1::{ResourceSpans, Span},
};
use prost::Message;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// How a collector answers.
#[derive(Clone, Copy)]
pub(crate) enum Mode {
    Accept,
    Refuse,
    NeverAnswer,
}

/// A collector on a free port.
pub(crate) struct Collector {
    url: String,
    received: Received,
    requests: watch::Receiver<Requests>,
}

/// The requests that came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Requests {
    pub(crate) count: usize,
    /// `authorization` of the newest.
    pub(crate) authorization: Option<String>,
}

type Received = Arc<Mutex<Vec<ResourceSpans>>>;

impl Collector {
    pub(crate) async fn start(mode: Mode) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let received = Received::default();
        let (sender, requests) = watch::channel(Requests::default());
        let kept = Arc::clone(&received);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let (kept, sender) = (Arc::clone(&kept), sender.clone());
                tokio::spawn(serve(connection, mode, kept, sender));
            }
        });
        Self {
            url,
            received,
            requests,
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The requests so far; changes with each.
    pub(crate) fn requests(&self) -> watch::Receiver<Requests> {
        self.requests.clone()
    }

    /// Every span that came.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let received = self.received.lock().unwrap();
        let scopes = received.iter().flat_map(|resource| &resource.scope_spans);
        scopes.flat_map(|scope| scope.spans.clone()).collect()
    }

    /// The values of an attribute of the senders, without repeats in a row.
    pub(crate) fn resources(&self, key: &str) -> Vec<String> {
        let received = self.received.lock().unwrap();
        let attributes = received.iter().filter_map(|it| it.resource.as_ref());
        let attributes = attributes.flat_map(|resource| &resource.attributes);
        let pairs = attributes.filter(|pair| pair.key == key);
        let mut values: Vec<String> = pairs
            .filter_map(|pair| match &pair.value.as_ref()?.value {
                Some(Value::StringValue(value)) => Some(value.clone()),
                _ => None,
            })
            .collect();
        values.dedup();
        values
    }
}

/// Answers the requests of one connection.
async fn serve(
    connection: TcpStream,
    mode: Mode,
    received: Received,
    requests: watch::Sender<Requests>,
) {
    let mut connection = BufReader::new(connection);
    loop {
        let mut request = String::new();
        if connection.read_line(&mut request).await.unwrap_or(0) == 0 {
            return;
        }
        assert_eq!(request, "POST /v1/traces HTTP/1.1\r\n");
        let (mut length, mut authorization) = (0, None);
        loop {
            let mut header = String::new();
            connection.read_line(&mut header).await.unwrap();
            let Some((name, value)) = header.trim_end().split_once(": ") else {
                break;
            };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().unwrap(),
                "authorization" => authorization = Some(value.to_owned()),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        connection.read_exact(&mut body).await.unwrap();
        requests.send_modify(|requests| {
            requests.count += 1;
            requests.authorization = authorization;
        });
        let status = match mode {
            Mode::Accept => "200 OK",
            Mode::Refuse => "400 Bad Request",
            Mode::NeverAnswer => std::future::pending().await,
        };
        let sent = ExportTraceServiceRequest::decode(&*body).unwrap();
        received.lock().unwrap().extend(sent.resource_spans);
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n"
        );
        connection.write_all(answer.as_bytes()).await.unwrap();
    }
}
