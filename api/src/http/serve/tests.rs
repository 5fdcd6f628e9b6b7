//! Connections over a pipe and a clock that stands still until it is moved.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use axum::{
    Router,
    extract::Request,
    routing::{MethodRouter, get},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    task::JoinHandle,
    time::{Instant, advance},
};
use tokio_util::sync::CancellationToken;

use super::{HasFragment, Timeouts, connection, target::Line};

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const REQUEST: &str = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";

/// A client at one end, a connection to a service that answers at `/` at the other.
fn connect_to(methods: MethodRouter) -> (DuplexStream, JoinHandle<()>) {
    let (client, server) = duplex(4096);
    let router = Router::new().route("/", methods);
    let ending = CancellationToken::new();
    let serving = connection(server, PEER, router, Timeouts::default(), ending);
    (client, tokio::spawn(serving))
}

fn connect() -> (DuplexStream, JoinHandle<()>) {
    connect_to(get(async || "ok"))
}

/// Sends a request, and reads up to the end of the answer, `ok`.
async fn ask_for(client: &mut DuplexStream, request: &str) -> Vec<u8> {
    client.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"ok") {
        let mut bytes = [0; 512];
        let read = client.read(&mut bytes).await.unwrap();
        assert!(read > 0, "the connection is closed");
        answer.extend_from_slice(&bytes[..read]);
    }
    answer
}

async fn ask(client: &mut DuplexStream) {
    ask_for(client, REQUEST).await;
}

/// The time until the server closes the connection.
async fn closed_after(client: &mut DuplexStream) -> Duration {
    let start = Instant::now();
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"", "{}", String::from_utf8_lossy(&rest));
    start.elapsed()
}

/// Within a tick of the clock.
fn about(seconds: u64, actual: Duration) {
    let expected = Duration::from_secs(seconds);
    let difference = actual.abs_diff(expected);
    assert!(difference < Duration::from_millis(10), "{actual:?}");
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_stays_open_for_90_s_after_each_answer() {
    let (mut client, _serving) = connect();
    for _ in 0..3 {
        ask(&mut client).await;
        advance(Duration::from_secs(89)).await;
    }
    ask(&mut client).await;
    about(90, closed_after(&mut client).await);
}

#[tokio::test(start_paused = true)]
async fn a_slow_head_has_30_s_from_its_first_byte() {
    let (mut client, _serving) = connect();
    ask(&mut client).await;
    advance(Duration::from_secs(80)).await;
    let start = Instant::now();
    let mut bytes = REQUEST.bytes().cycle();
    while client.write_all(&[bytes.next().unwrap()]).await.is_ok() {
        advance(Duration::from_secs(2)).await;
    }
    let lasted = start.elapsed();
    assert!(lasted <= Duration::from_secs(36), "{lasted:?}");
    assert!(lasted >= Duration::from_secs(28), "{lasted:?}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_has_30_s() {
    let (mut client, _serving) = connect();
    about(30, closed_after(&mut client).await);
}

#[tokio::test(start_paused = true)]
async fn the_time_of_an_answer_does_not_count() {
    let (mut client, _serving) = connect_to(get(async || {
        tokio::time::sleep(Duration::from_mins(10)).await;
        "ok"
    }));
    ask(&mut client).await;
    ask(&mut client).await;
}

#[test]
fn a_fragment_is_found_in_the_target_and_nowhere_else() {
    for (bytes, is_refused) in [
        ("GET /x#y HTTP/1.1\r\n", true),
        ("\r\nM-SEARCH /x?search=C#&limit=5 HTTP/1.1\r\n", true),
        ("GET http://x/#y HTTP/1.1\r\n", true),
        ("GET /x HTTP/1.1\r\na: /b#c d\r\n\r\n", false),
        ("GET /%23 HTTP/1.1\r\n\r\nGET /x#y HTTP/1.1\r\n", false),
        ("{\"a\": \"#b \"}", false),
        ("GET /x#y", false),
    ] {
        let whole = Line::default().after(bytes.as_bytes());
        let pieces = bytes
            .as_bytes()
            .chunks(1)
            .fold(Line::default(), Line::after);
        assert_eq!(
            (whole == Line::Refused, pieces),
            (is_refused, whole),
            "{bytes}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn each_request_with_a_fragment_is_marked_and_no_other() {
    let handler = async |request: Request| {
        let is_marked = request.extensions().get::<HasFragment>().is_some();
        if is_marked { "#ok" } else { "-ok" }
    };
    let (mut client, _serving) = connect_to(get(handler).post(handler));
    let rest = "HTTP/1.1\r\nhost: x\r\n";
    for (request, mark) in [
        (format!("GET / {rest}\r\n"), "-ok"),
        (format!("GET /#y {rest}\r\n"), "#ok"),
        (
            format!("POST / {rest}content-length: 9\r\n\r\nGET /#y a"),
            "-ok",
        ),
        (format!("GET /?a=#y {rest}\r\n"), "#ok"),
        (format!("GET / {rest}\r\n"), "-ok"),
    ] {
        let answer = ask_for(&mut client, &request).await;
        assert!(answer.ends_with(mark.as_bytes()), "{request}");
    }
}
