//! The services over TLS: requests, web sockets and streams of events; clients that do not speak it,
//! and clients that say nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod http_support;

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use http_support::{Server, events::Events, raw};
use reqwest::Version;
use serde_json::json;
use spice_api::http::{Settings, Surface, Timeouts, router, serve_with};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, ProtocolVersion, RootCertStore, ServerConfig, SupportedProtocolVersion,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName},
        version::{TLS12, TLS13},
    },
};
use tokio_tungstenite::{client_async, tungstenite::Message};
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(30);
/// Below the 3 s that open connections have at shutdown.
const AT_ONCE: Duration = Duration::from_secs(2);

/// A gateway with TLS.
struct Secure {
    server: Server,
    /// `127.0.0.1:port`.
    address: String,
    certificate: CertificateDer<'static>,
    ending: CancellationToken,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Secure {
    async fn start(timeouts: Timeouts) -> Self {
        let server = Server::start_with(Settings::default(), true).await;
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = made.cert.der().clone();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let provider = Arc::new(ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13, &TLS12])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], PrivateKeyDer::Pkcs8(key));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let ending = CancellationToken::new();
        let serving = tokio::spawn(serve_with(
            listener,
            router(Arc::clone(&server.api), Surface::Gateway),
            timeouts,
            Some(Arc::new(config.unwrap())),
            ending.clone(),
        ));
        Self {
            server,
            address,
            certificate,
            ending,
            serving,
        }
    }

    fn port(&self) -> &str {
        self.address.split_once(':').unwrap().1
    }

    fn client(&self) -> reqwest::Client {
        let trusted = reqwest::Certificate::from_der(&self.certificate).unwrap();
        let builder = spice_client::http_builder().tls_certs_only([trusted]);
        builder.timeout(PATIENCE).build().unwrap()
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).await.unwrap()
    }

    /// A connection after the handshake.
    async fn shake_hands(
        &self,
        versions: &[&'static SupportedProtocolVersion],
    ) -> TlsStream<TcpStream> {
        let mut trusted = RootCertStore::empty();
        trusted.add(self.certificate.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(trusted)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        connector.connect(name, self.connect().await).await.unwrap()
    }

    /// Stops, and waits for the end.
    async fn stop(self) -> Duration {
        let started = Instant::now();
        self.ending.cancel();
        timeout(PATIENCE, self.serving)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        started.elapsed()
    }
}

/// Reads until the server closes the connection, in whatever way.
async fn read_to_end(mut stream: impl AsyncReadExt + Unpin) -> Vec<u8> {
    let mut bytes = Vec::new();
    let closed = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    let _ = closed.expect("the server closes the connection");
    bytes
}

#[tokio::test]
async fn requests_events_and_web_sockets_go_over_tls() {
    let secure = Secure::start(Timeouts::default()).await;
    let url = format!("https://localhost:{}", secure.port());
    let client = secure.client();
    let health = client.get(format!("{url}/health")).send().await.unwrap();
    assert_eq!(
        (health.status().as_u16(), health.version()),
        (200, Version::HTTP_11)
    );
    let created = client
        .post(format!("{url}/api/v1/databases"))
        .json(&json!({"name": "shop"}))
        .send()
        .await
        .unwrap();
    assert_eq!(created.status().as_u16(), 202);
    let created: serde_json::Value = created.json().await.unwrap();
    let command = created["data"]["command_id"].as_str().unwrap();

    let events = format!("{url}/api/v1/databases/shop/events?from=0");
    let mut events = Events::of(client.get(events).send().await.unwrap());
    let created = events.next().await.expect("an event");
    assert_eq!(
        created.data["metadata"]["command_id"], command,
        "{}",
        created.data
    );

    let socket = secure.shake_hands(&[&TLS13]).await;
    let url = format!("ws://localhost/ws/commands/{command}");
    let (mut socket, _) = client_async(url, socket).await.unwrap();
    let status = timeout(PATIENCE, socket.next()).await.unwrap();
    let Message::Text(status) = status.unwrap().unwrap() else {
        panic!("a status comes first");
    };
    assert!(status.contains(command), "{status}");
}

#[tokio::test]
async fn tls_1_2_and_1_3_are_spoken_and_older_ones_are_not() {
    let secure = Secure::start(Timeouts::default()).await;
    for (version, protocol) in [
        (&TLS12, ProtocolVersion::TLSv1_2),
        (&TLS13, ProtocolVersion::TLSv1_3),
    ] {
        let stream = secure.shake_hands(&[version]).await;
        assert_eq!(stream.get_ref().1.protocol_version(), Some(protocol));
    }
    for minor in [1, 2] {
        let mut stream = secure.connect().await;
        stream.write_all(&old_hello(minor)).await.unwrap();
        let answer = read_to_end(stream).await;
        // An alert (21), fatal (2), that the version of the protocol is refused (70).
        assert_eq!((answer[0], &answer[5..]), (21, &[2, 70][..]), "{answer:?}");
    }
}

/// The first message of a client of TLS 1.0 (`minor` 1) or 1.1 (2).
fn old_hello(minor: u8) -> Vec<u8> {
    let mut hello = vec![3, minor];
    hello.extend([7; 32]);
    // No session; one suite (ECDHE, AES 128, SHA); no compression; one extension, that of signature
    // algorithms (ECDSA, P-256).
    hello.extend([0, 0, 2, 0xc0, 0x13, 1, 0]);
    hello.extend([0, 8, 0, 13, 0, 4, 0, 2, 4, 3]);
    let length = |length: usize| u8::try_from(length).unwrap();
    let mut record = vec![22, 3, 1, 0, length(hello.len() + 4)];
    record.extend([1, 0, 0, length(hello.len())]);
    record.extend(hello);
    record
}

#[tokio::test]
async fn a_request_in_clear_text_is_told_to_use_tls() {
    let secure = Secure::start(Timeouts::default()).await;
    for request in [
        "GET /health HTTP/1.1\r\nhost: x\r\nauthorization: Bearer secret\r\n\r\n",
        "POST /api/v1/databases HTTP/1.1\r\nhost: x\r\ncontent-length: 15\r\n\r\n{\"name\": \"shop\"}",
        "GET /ws/commands/x HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
    ] {
        let mut stream = secure.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = String::from_utf8(read_to_end(stream).await).unwrap();
        assert_eq!(raw::status(&answer), 400, "{answer}");
        assert!(
            answer.contains("invalid_request") && answer.contains("https://"),
            "{answer}"
        );
        assert!(!answer.contains("secret"), "{answer}");
    }
    let shop = secure.server.get("/databases/shop").await;
    assert_eq!(shop.status, 404, "nothing was done: {}", shop.text);
    // Anything else is closed, with an answer or without.
    for nonsense in [
        &b"SSH-2.0-x\r\n\r\n"[..],
        &[22, 3, 1, 0, 1, 0],
        &[0x80; 64],
        &[0],
    ] {
        let mut stream = secure.connect().await;
        stream.write_all(nonsense).await.unwrap();
        stream.shutdown().await.unwrap();
        read_to_end(stream).await;
    }
}

/// A client that says nothing, one in the middle of its handshake, and one after it.
async fn silent_clients(secure: &Secure) -> (TcpStream, TcpStream, TlsStream<TcpStream>) {
    let silent = secure.connect().await;
    let mut halfway = secure.connect().await;
    halfway.write_all(&[22, 3, 1, 2, 0, 1]).await.unwrap();
    let shaken = secure.shake_hands(&[&TLS13]).await;
    (silent, halfway, shaken)
}

#[tokio::test]
async fn a_client_that_says_nothing_is_dropped() {
    let timeouts = Timeouts {
        head: Duration::from_secs(1),
        idle: Duration::from_hours(1),
    };
    let secure = Secure::start(timeouts).await;
    let (silent, halfway, shaken) = silent_clients(&secure).await;
    assert_eq!(read_to_end(silent).await, b"");
    read_to_end(halfway).await;
    assert_eq!(read_to_end(shaken).await, b"");
}

#[tokio::test]
async fn a_client_that_says_nothing_does_not_hold_up_the_end() {
    let secure = Secure::start(Timeouts::default()).await;
    let clients = silent_clients(&secure).await;
    // The service has accepted all of them when it answers a later one.
    let health = format!("https://localhost:{}/health", secure.port());
    secure.client().get(health).send().await.unwrap();
    let took = secure.stop().await;
    assert!(took < AT_ONCE, "{took:?}");
    drop(clients);
}
