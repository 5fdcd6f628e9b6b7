//! A process that only runs workers: it reports metrics and health, and accepts no commands.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    time::Duration,
};

use spice_core::id::{LogPosition, StreamId};
use spice_node::{
    access::Callers,
    address::Addresses,
    api::{ApiSettings, Surface},
    node::Node,
    stores::{Access, Stores},
    work::WorkSettings,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const LIMIT: Duration = Duration::from_secs(30);

/// Starts a node on a data directory, with one service; returns the address of the service.
async fn start(
    data_dir: &Path,
    service: Surface,
    ending: &CancellationToken,
) -> (Node, SocketAddr) {
    let addresses = Addresses::resolve(data_dir, []).unwrap();
    let api = ApiSettings {
        callers: Callers::Local,
        tls: None,
        keep_alive: LIMIT,
        event_sourcing: true,
        keep_first_on_mismatch: false,
    };
    let work = WorkSettings {
        lease_timeout: LIMIT,
        heartbeat: LIMIT / 3,
        attempts: 1,
    };
    let node = Node::start(&addresses, &[(service, ANY)], (api, work), ending)
        .await
        .unwrap();
    let [(started, address)] = node.addresses() else {
        panic!("one service listens");
    };
    assert_eq!(*started, service);
    let address = *address;
    (node, address)
}

/// Sends a request; returns the answer with its head.
async fn send(address: SocketAddr, method: &str, path: &str, body: &str) -> String {
    let mut connection = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn end(node: Node, ending: &CancellationToken) {
    ending.cancel();
    timeout(LIMIT, node.end()).await.unwrap();
}

#[tokio::test]
async fn a_process_of_workers_answers_metrics_and_health_only() {
    let folder = tempfile::tempdir().unwrap();
    let ending = CancellationToken::new();
    let (api, gateway) = start(folder.path(), Surface::Gateway, &ending).await;
    let created = send(gateway, "POST", "/api/v1/databases", r#"{"name":"shop"}"#).await;
    assert!(created.starts_with("HTTP/1.1 202 "), "{created}");
    end(api, &ending).await;
    std::fs::remove_file(folder.path().join("registry.sqlite")).unwrap();

    let ending = CancellationToken::new();
    let (workers, metrics) = start(folder.path(), Surface::Metrics, &ending).await;
    for (path, says) in [
        ("/livez", r#""status":"alive""#),
        ("/readyz", r#""status":"ready""#),
        ("/health", r#""service":"metrics""#),
    ] {
        let answer = send(metrics, "GET", path, "").await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer}");
        assert!(answer.contains(says), "{path}: {answer}");
    }
    let refused = send(metrics, "POST", "/api/v1/databases", r#"{"name":"other"}"#).await;
    assert!(refused.starts_with("HTTP/1.1 404 "), "{refused}");
    let reported = timeout(LIMIT, async {
        loop {
            let text = send(metrics, "GET", "/metrics", "").await;
            let of_workers = ["graph_worker", "projection_worker"].into_iter();
            let mut held =
                of_workers.map(|it| format!("spice_leases_held{{worker=\"{it}\"}} 64.0"));
            if held.all(|line| text.contains(&line)) {
                return text;
            }
            sleep(Duration::from_millis(20)).await;
        }
    });
    let text = reported.await.expect("the workers of this process report");
    assert!(text.contains("spice_build_info"), "{text}");
    end(workers, &ending).await;
    let addresses = Addresses::resolve(folder.path(), []).unwrap();
    let stores = Stores::open(&addresses, Access::Own).await.unwrap();
    let shop = StreamId::first("shop".parse().unwrap());
    let reflected = stores.model.reflected_position(&shop).await.unwrap();
    assert_eq!(
        reflected,
        LogPosition(0),
        "only an api fills the write model"
    );
}
