//! The timeouts of connections.

use std::{sync::Arc, time::Duration};

use spice_api::http::{Settings, Surface, Timeouts, router, serve_with};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::http_support::{Server, raw::connect, raw::read_until};

/// A gateway with timeouts of its own; returns its URL.
async fn serve_for(server: &Server, timeouts: Timeouts) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let router = router(Arc::clone(&server.api), Surface::Gateway);
    tokio::spawn(serve_with(
        listener,
        router,
        timeouts,
        None,
        server.ending.clone(),
    ));
    address
}

#[tokio::test]
async fn an_idle_connection_and_a_slow_head_are_closed_each_by_its_own_timeout() {
    let server = Server::start_with(Settings::default(), false).await;
    let (short, long) = (Duration::from_millis(50), Duration::from_hours(1));
    let request = "GET /api/v1/databases HTTP/1.1\r\nhost: x\r\n\r\n";
    let answered = async |service: &str| {
        let mut stream = connect(service).await;
        stream.write_all(request.as_bytes()).await.unwrap();
        read_until(&mut stream, "\"databases\"").await;
        stream
    };
    let closed = async |mut stream: tokio::net::TcpStream| {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
    };
    let idle = serve_for(
        &server,
        Timeouts {
            head: long,
            idle: short,
        },
    )
    .await;
    closed(answered(&idle).await).await;
    let slow = serve_for(
        &server,
        Timeouts {
            head: short,
            idle: long,
        },
    )
    .await;
    let mut stream = answered(&slow).await;
    stream.write_all(&request.as_bytes()[..10]).await.unwrap();
    closed(stream).await;
}
