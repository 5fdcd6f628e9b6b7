//! Which requests are repeated, against a server that answers by a script.
#![allow(clippy::unwrap_used)]

use std::{pin::pin, time::Duration};

use futures::poll;
use spice_client::{Class, Client, Error, OnError, Read, Retries, Write};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time,
};

const UNAVAILABLE: &str = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 0\r\nx-request-id: r1\r\ncontent-type: application/json\r\n";
const AWAY: &str = r#"{"status":"error","message":"the log is away","detail":{"error":"unavailable","store":"log"}}"#;
const DAMAGED: &str =
    r#"{"status":"error","message":"damaged","detail":{"error":"unavailable","damaged":"log"}}"#;
const ACCEPTED: &str = r#"{"status":"accepted","data":{"command_id":"c","status":"processing"}}"#;

fn answer(head: &str, body: &str) -> String {
    format!(
        "{head}connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn accepted() -> String {
    answer(
        "HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\n",
        ACCEPTED,
    )
}

/// Serves the answers in order, closing the connection for an empty one; returns the requests.
async fn serve(answers: Vec<String>) -> (Client, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let mut requests = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            requests.push(read_request(&mut stream).await);
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        requests
    });
    let client = Client::new(&url).unwrap().with_retries(Retries {
        attempts: 3,
        first: Duration::from_millis(1),
        longest: Duration::from_millis(5),
    });
    (client, serving)
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    while !is_whole(&request) {
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).await.unwrap();
        request.extend_from_slice(&buffer[..read]);
    }
    String::from_utf8(request).unwrap()
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.parse::<usize>().unwrap())
    });
    body.len() >= length.unwrap_or(0)
}

fn key(request: &str) -> Option<&str> {
    request
        .lines()
        .find_map(|line| line.strip_prefix("idempotency-key: "))
}

#[tokio::test]
async fn a_write_is_repeated_under_its_own_key_until_it_is_accepted() {
    let (client, serving) = serve(vec![
        answer(UNAVAILABLE, AWAY),
        // The connection broke: it is unknown whether the request had an effect, but the key makes
        // a repeat harmless.
        String::new(),
        accepted(),
    ])
    .await;
    let done = client
        .create_database("demo", "", &Write::default())
        .await
        .unwrap();
    assert_eq!(done.command_id, "c");
    let requests = serving.await.unwrap();
    let keys: Vec<&str> = requests.iter().filter_map(|it| key(it)).collect();
    assert_eq!(keys.len(), 3);
    assert!(keys[0] == keys[1] && keys[1] == keys[2], "{keys:?}");
    assert!(requests[0].starts_with("POST /api/v1/databases HTTP/1.1\r\n"));
}

#[tokio::test]
async fn unsafe_requests_are_sent_once() {
    let (client, serving) = serve(vec![answer(UNAVAILABLE, AWAY)]).await;
    // Without a key, a repeat might be a second command.
    let request = client
        .request(reqwest::Method::POST, "/api/v1/dead-letters/d/h/1/retry")
        .unwrap();
    let error = request.send().await.unwrap_err();
    assert_eq!(error.class(), Class::Transient);
    assert_eq!(serving.await.unwrap().len(), 1);
}

#[tokio::test]
async fn retries_end_with_the_servers_answer() {
    let away = answer(UNAVAILABLE, AWAY);
    let (client, serving) = serve(vec![away.clone(), away.clone(), away]).await;
    let error = client.databases().await.unwrap_err();
    let refusal = error.refusal().unwrap();
    assert_eq!(
        (refusal.status, refusal.code.as_str()),
        (503, "unavailable")
    );
    assert_eq!(refusal.detail["store"], "log");
    assert_eq!(refusal.retry_after, Some(Duration::ZERO));
    assert_eq!(refusal.request_id.as_deref(), Some("r1"));
    assert_eq!(error.to_string(), "the log is away");
    assert_eq!(serving.await.unwrap().len(), 3, "three attempts, no more");
}

#[tokio::test]
async fn damage_is_permanent_and_not_retried() {
    let (client, serving) = serve(vec![answer(UNAVAILABLE, DAMAGED)]).await;
    let error = client.database("demo", &Read::default()).await.unwrap_err();
    assert_eq!(error.status(), Some(503));
    assert_eq!(serving.await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_unreachable_server_is_reported() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = Client::new(&url).unwrap().with_retries(Retries::NONE);
    let error = client.databases().await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        format!("cannot reach {url}; is it running?")
    );
    assert_eq!(error.class(), Class::Transient);
}

#[tokio::test]
async fn a_bulk_lists_its_rows_even_if_none_was_accepted() {
    let body = r#"{"status":"error","message":"2 of 2 rows are refused","detail":{"error":"validation_failed","errors":[
        {"row":1,"error":"validation_failed","message":"name is missing","errors":[{"field":"name","rule":"required"}]},
        {"row":2,"error":"already_exists","message":"it is there","actual_seq":1}]}}"#;
    let head = "HTTP/1.1 422 Unprocessable Entity\r\ncontent-type: application/json\r\n";
    let refused = answer(head, body);
    let (client, serving) = serve(vec![refused.clone(), refused]).await;
    let rows = r#"[{"a":12.30},{"a":2}]"#;
    let skipped = client
        .bulk_create("d", "C", "feature/x", rows, OnError::Skip, Some("k-1"))
        .await
        .unwrap();
    assert_eq!((skipped.created, skipped.command_id), (0, None));
    assert_eq!(skipped.errors[1].row, 2);
    assert_eq!(skipped.errors[1].error, "already_exists");
    assert_eq!(skipped.errors[0].detail["errors"][0]["field"], "name");
    let error = client
        .bulk_create("d", "C", "main", rows, OnError::Abort, None)
        .await
        .unwrap_err();
    assert_eq!(error.class(), Class::Refused);
    assert_eq!(
        error.to_string(),
        "2 of 2 rows are refused: name is missing; it is there"
    );
    let requests = serving.await.unwrap();
    assert!(
        requests[0].starts_with(
            "POST /api/v1/databases/d/instances/C/bulk-create?on_error=skip&branch=feature%2Fx "
        ),
        "{}",
        requests[0]
    );
    assert!(
        requests[0].ends_with(r#"{"instances":[{"a":12.30},{"a":2}]}"#),
        "numbers stay as they were written"
    );
    assert_eq!(key(&requests[0]), Some("k-1"));
}

/// A stream that has started, without the end of its body.
fn stream_of(events: &str) -> String {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";
    format!("{head}{:x}\r\n{events}\r\n", events.len())
}

const END: &str = "0\r\n\r\n";

#[tokio::test]
async fn a_broken_stream_of_events_resumes_after_the_last_event() {
    let broken = stream_of("id: 7\ndata: 1\n\n");
    let ended = stream_of("data: 2\n\n") + END;
    let (client, serving) = serve(vec![broken, ended]).await;
    let mut events = client.database_events("demo", None, None);
    let mut seen = Vec::new();
    while let Some(event) = events.next().await.unwrap() {
        seen.push(event.read::<u64>().unwrap());
    }
    assert_eq!(seen, [1, 2]);
    let requests = serving.await.unwrap();
    assert!(!requests[0].contains("last-event-id"));
    assert!(
        requests[1].contains("last-event-id: 7\r\n"),
        "{}",
        requests[1]
    );
}

/// Waits on the test's own clock, which stands still while it waits for a socket.
async fn pass(seconds: u64, waiting: &mut (impl Future<Output: Sized> + Unpin)) {
    time::pause();
    assert!(poll!(&mut *waiting).is_pending());
    time::advance(Duration::from_secs(seconds)).await;
    time::resume();
}

#[tokio::test]
async fn a_silent_stream_is_closed_and_resumed_after_its_last_id() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let client = Client::new(&url).unwrap();
    let mut events = client.database_events("demo", None, None);
    let accept = async || {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = read_request(&mut stream).await;
        (stream, request)
    };
    let (first, (silent, _)) = tokio::join!(events.next(), async {
        let (mut stream, request) = accept().await;
        let opened = stream_of("data: 1\n\nid: 7\n\n");
        stream.write_all(opened.as_bytes()).await.unwrap();
        (stream, request)
    });
    assert_eq!(first.unwrap().unwrap().data, "1");

    let mut next = pin!(events.next());
    pass(40, &mut next).await;
    assert!(poll!(&mut next).is_pending(), "it may be quiet for a while");
    pass(10, &mut next).await;
    let accepted = tokio::select! {
        accepted = accept() => accepted,
        event = &mut next => panic!("{event:?}"),
    };
    assert!(
        accepted.1.contains("last-event-id: 7\r\n"),
        "{}",
        accepted.1
    );
    // An answer that never starts is not awaited forever.
    pass(50, &mut next).await;
    let (event, _) = tokio::join!(next, async {
        let (mut stream, request) = accept().await;
        let ended = stream_of("data: 2\n\n") + END;
        stream.write_all(ended.as_bytes()).await.unwrap();
        (stream, request)
    });
    assert_eq!(event.unwrap().unwrap().data, "2");
    drop(silent);
}
