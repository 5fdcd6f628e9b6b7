//! Metrics and health checks over HTTP: `GET /metrics`, `/livez`, `/readyz`, each on a connection of
//! its own.

use std::{sync::Arc, time::Duration};

use spice_telemetry::{CONTENT_TYPE, render};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::timeout,
};

use crate::{metrics::Metrics, publish::Published};

/// The longest time for one request and its answer.
const LIMIT: Duration = Duration::from_secs(5);
/// The longest head of a request, in bytes.
const HEAD: usize = 8 * 1024;
/// How long a watch may receive nothing. The API server sends a bookmark about once a minute and
/// ends a watch after 5 minutes, so such a watch is dead.
const QUIET: Duration = Duration::from_mins(10);
/// The type of the answers of health checks.
const PLAIN: &str = "text/plain; charset=utf-8";

/// What is served.
#[derive(Clone)]
pub(crate) struct Served {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) published: Arc<Published>,
    /// How long a watch may not show a written status.
    pub(crate) longest_silence: Duration,
    /// Whether all kinds are served and their first lists are complete.
    pub(crate) ready: watch::Receiver<bool>,
}

/// An answer.
struct Answer {
    status: &'static str,
    content_type: &'static str,
    body: String,
}

/// Serves until it is dropped.
pub(crate) async fn serve(listener: TcpListener, served: Served) {
    loop {
        match listener.accept().await {
            Ok((connection, _)) => {
                let served = served.clone();
                tokio::spawn(async move {
                    // Nobody waits for the outcome: the client sees a closed connection.
                    let _ = timeout(LIMIT, answer(connection, &served)).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn answer(mut connection: TcpStream, served: &Served) -> std::io::Result<()> {
    let head = read_head(&mut connection).await?;
    let Answer {
        status,
        content_type,
        body,
    } = respond(&head, served).await;
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    connection.write_all(head.as_bytes()).await?;
    connection.write_all(body.as_bytes()).await?;
    connection.shutdown().await
}

/// The head of a request, as far as it is needed.
async fn read_head(connection: &mut TcpStream) -> std::io::Result<String> {
    let mut head = Vec::new();
    let mut part = [0; 1024];
    while head.len() < HEAD && !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match connection.read(&mut part).await? {
            0 => break,
            read => head.extend_from_slice(&part[..read]),
        }
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

async fn respond(head: &str, served: &Served) -> Answer {
    let plain = |status, body: &str| Answer {
        status,
        content_type: PLAIN,
        body: body.to_owned(),
    };
    let mut line = head.lines().next().unwrap_or_default().split(' ');
    let (method, target) = (line.next(), line.next().unwrap_or_default());
    if method != Some("GET") {
        return plain("405 Method Not Allowed", "only GET\n");
    }
    match target.split('?').next().unwrap_or_default() {
        "/metrics" => match render(&[&*served.metrics]).await {
            Ok(body) => Answer {
                status: "200 OK",
                content_type: CONTENT_TYPE,
                body,
            },
            Err(error) => plain("500 Internal Server Error", &format!("{error}\n")),
        },
        "/livez" if served.published.silence() > served.longest_silence => plain(
            "503 Service Unavailable",
            "a watch does not show what was written: it is broken\n",
        ),
        "/livez" => match served.metrics.quietest() {
            Some((kind, age)) if age > QUIET => {
                let age = age.as_secs();
                let message = format!("the watch of {kind} has received nothing for {age} s\n");
                plain("503 Service Unavailable", &message)
            }
            _ => plain("200 OK", "ok\n"),
        },
        "/readyz" if *served.ready.borrow() => plain("200 OK", "ok\n"),
        "/readyz" => plain(
            "503 Service Unavailable",
            "waiting for the custom resources\n",
        ),
        _ => plain(
            "404 Not Found",
            "there are only /metrics, /livez and /readyz\n",
        ),
    }
}

#[cfg(test)]
mod tests;
