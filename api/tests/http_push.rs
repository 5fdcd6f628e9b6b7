//! Push: statuses of commands and events of a database, over server-sent events and web sockets, to
//! many listeners, to returning ones, and until the shutdown.

#![allow(clippy::unwrap_used)]

mod http_support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{SinkExt, StreamExt, future::join_all};
use http_support::{
    Server,
    events::{Event, Events},
    hooks::{Looks, count_looks},
};
use serde_json::{Value, json};
use spice_api::http::Settings;
use spice_core::{
    envelope::{Envelope, Kind},
    id::{AggregateId, LogPosition, StreamId},
    port::log::Batch,
};
use spice_testing::{MemoryLog, double::Double};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message},
};

const PATIENCE: Duration = Duration::from_secs(30);

fn stream() -> StreamId {
    StreamId::first("demo".parse().unwrap())
}

/// A database whose projections have not started; its command.
async fn pending(server: &Server) -> String {
    let made = server.post("/databases", json!({"name": "demo"})).await;
    let made = made.expect(202);
    made.body["data"]["command_id"].as_str().unwrap().to_owned()
}

fn statuses(events: &[Event]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event.data["status"].as_str().unwrap())
        .collect()
}

fn rank(status: &str) -> usize {
    let way = ["PENDING", "PROCESSING", "RETRYING", "COMPLETED"];
    way.iter().position(|known| *known == status).unwrap()
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(PATIENCE, wait).await.is_ok(), "{what}");
}

#[tokio::test]
async fn many_listeners_get_every_status_in_order_from_one_read() {
    let looks = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&looks);
    let mut server = Server::start_over(Settings::default(), false, |graph| {
        Arc::new(Double::new(graph, count_looks(counter)))
    })
    .await;
    let command = pending(&server).await;
    let path = format!("/commands/{command}/events");
    let mut listeners = join_all((0..200).map(|_| Events::open(&server, &path, None))).await;
    for listener in &mut listeners {
        let first = listener.next().await.unwrap();
        assert_eq!((first.name.as_str(), first.id.as_str()), ("status", "1"));
        assert_eq!(first.data["status"], "PENDING");
        assert_eq!(first.data["command_id"], command.as_str());
        assert_eq!(first.data["history"][0]["status"], "PENDING");
        assert_eq!(listener.retry.as_deref(), Some("2000"));
    }
    assert_eq!(server.api.followed_commands(), 1);
    // Each passing second is one read, in case the hints were lost.
    let before = looks.load(Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let idle = looks.load(Ordering::Relaxed) - before;
    assert!(idle < 20, "{idle} looks for 200 who wait");
    server.start_workers();
    let streams = join_all(listeners.into_iter().map(Events::rest)).await;
    for events in &streams {
        let streams = statuses(events);
        assert_eq!(streams.last(), Some(&"COMPLETED"), "{streams:?}");
        assert!(
            streams.is_sorted_by_key(|status| rank(status)),
            "{streams:?}"
        );
        let last = events.last().unwrap();
        assert_eq!(last.data["result"]["db_name"], "demo");
        let status = server.get(&format!("/commands/{command}/status")).await;
        assert_eq!(status.body["result"], last.data["result"]);
    }
    assert_eq!(server.api.followed_commands(), 0);
}

#[tokio::test]
async fn an_unreadable_status_delays_no_other() {
    let looks = Arc::new(Looks::default());
    let mut server = Server::start_looked_at(&looks).await;
    let mut commands = vec![pending(&server).await];
    for number in 0..7 {
        let class = json!({"label": format!("Class {number}")});
        let made = server.post("/databases/demo/ontology", class).await;
        let made = made.expect(202).body;
        commands.push(made["data"]["command_id"].as_str().unwrap().to_owned());
    }
    // The last event of the first one.
    looks.unreadable.store(2, Ordering::SeqCst);
    let paths: Vec<String> = commands
        .iter()
        .map(|command| format!("/commands/{command}/events"))
        .collect();
    let listeners = paths.iter().map(|path| Events::open(&server, path, None));
    let mut listeners = join_all(listeners).await;
    server.start_workers();
    let first = listeners.remove(0);
    for events in join_all(listeners.into_iter().map(Events::rest)).await {
        assert_eq!(statuses(&events).last(), Some(&"COMPLETED"));
    }
    assert_eq!(server.api.followed_commands(), 1);
    looks.unreadable.store(0, Ordering::SeqCst);
    let events = first.rest().await;
    assert_eq!(statuses(&events).last(), Some(&"COMPLETED"));
}

#[tokio::test]
async fn a_late_or_returning_listener_gets_the_final_status() {
    let server = Server::start().await;
    let made = server
        .write("POST", "/databases", json!({"name": "demo"}))
        .await;
    let command = made.body["data"]["command_id"].as_str().unwrap().to_owned();
    let path = format!("/commands/{command}/events");
    let events = Events::open(&server, &path, None).await.rest().await;
    assert_eq!(statuses(&events), ["COMPLETED"]);
    let before = Events::open(&server, &path, Some("1")).await.rest().await;
    assert_eq!(statuses(&before), ["COMPLETED"]);
    let again = server
        .request("GET", &path)
        .header("last-event-id", &events[0].id);
    server.send(again).await.expect(204);
    let oms = format!("oms:{path}");
    assert_eq!(Events::open(&server, &oms, None).await.rest().await, events);
    assert_eq!(server.api.followed_commands(), 0);

    let unknown = "11111111-2222-4333-8444-555555555555";
    for path in [
        "/commands/{id}/events",
        "/ws/commands/{id}",
        "//ws/commands/{id}",
    ] {
        let missing = server.get(&path.replace("{id}", unknown)).await.expect(404);
        assert_eq!(missing.code(), "not_found");
        let wrong = server.get(&path.replace("{id}", "seven")).await.expect(400);
        assert_eq!(wrong.code(), "invalid_request");
        assert_eq!(wrong.body["detail"]["field"], "command_id");
    }
    let plain = server.get(&format!("/ws/commands/{command}")).await;
    assert_eq!(plain.expect(400).code(), "invalid_request");
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(server: &Server, path: &str) -> Result<Socket, Error> {
    let url = format!("{}{path}", server.gateway.replacen("http", "ws", 1));
    Ok(connect_async(url).await?.0)
}

async fn hear(socket: &mut Socket) -> Message {
    timeout(PATIENCE, socket.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap()
}

#[tokio::test]
async fn a_socket_pushes_answers_pings_and_closes_properly() {
    let mut server = Server::start_with(Settings::default(), false).await;
    let command = pending(&server).await;
    let read =
        |message: Message| -> Value { serde_json::from_str(message.to_text().unwrap()).unwrap() };
    let mut sockets = Vec::new();
    for path in ["/ws/commands/", "/api/v1/ws/commands/"] {
        let mut socket = connect(&server, &format!("{path}{command}")).await.unwrap();
        let first = read(hear(&mut socket).await);
        assert_eq!(first["status"], "PENDING");
        assert_eq!(first["result"]["command_type"], "CREATE_DATABASE");
        let ping = Message::Ping("who is there".into());
        socket.send(ping).await.unwrap();
        let answer = Message::Pong("who is there".into());
        assert_eq!(hear(&mut socket).await, answer);
        socket.send(Message::text("is ignored")).await.unwrap();
        sockets.push(socket);
    }
    assert_eq!(server.api.followed_commands(), 1);
    server.start_workers();
    for mut socket in sockets {
        let mut last = Value::Null;
        let goodbye = loop {
            match hear(&mut socket).await {
                Message::Close(frame) => break frame.unwrap(),
                message => last = read(message),
            }
        };
        assert_eq!(last["status"], "COMPLETED");
        assert_eq!(u16::from(goodbye.code), 1000);
    }
    let refused = |error: Error| match error {
        Error::Http(response) => response.status().as_u16(),
        other => panic!("{other}"),
    };
    let unknown = "/ws/commands/11111111-2222-4333-8444-555555555555";
    assert_eq!(refused(connect(&server, unknown).await.unwrap_err()), 404);
    let wrong = connect(&server, "/ws/commands/seven").await.unwrap_err();
    assert_eq!(refused(wrong), 400);
}

#[tokio::test]
async fn a_leaving_listener_frees_everything_and_a_shutdown_ends_the_others() {
    let mut server = Server::start_with(Settings::default(), false).await;
    let command = pending(&server).await;
    let path = format!("/commands/{command}/events");
    let socket = format!("/ws/commands/{command}");
    let mut listener = Events::open(&server, &path, None).await;
    listener.next().await.unwrap();
    let mut other = connect(&server, &socket).await.unwrap();
    hear(&mut other).await;
    assert_eq!(server.api.followed_commands(), 1);
    drop((listener, other));
    let api = server.api.clone();
    until("freed", || api.followed_commands() == 0).await;

    let mut listener = Events::open(&server, &path, None).await;
    listener.next().await.unwrap();
    let mut feed = Events::open(&server, "/databases/demo/events?from=0", None).await;
    feed.next().await.unwrap();
    let mut other = connect(&server, &socket).await.unwrap();
    hear(&mut other).await;
    server.ending.cancel();
    assert_eq!(listener.next().await, None);
    assert_eq!(feed.next().await, None);
    let Message::Close(goodbye) = hear(&mut other).await else {
        panic!("a socket that is cut says so");
    };
    assert_eq!(u16::from(goodbye.unwrap().code), 1001);
    for task in server.tasks.drain(..) {
        timeout(PATIENCE, task).await.unwrap().unwrap().unwrap();
    }
    until("freed at the end", || api.followed_commands() == 0).await;
}

/// Returns the positions of the domain events in the log; with a branch, those of the branch and
/// the database.
async fn domain_events(server: &Server, branch: Option<&str>) -> Vec<String> {
    let log = &server.ports.log;
    let records = log
        .read(&stream(), LogPosition::ZERO, 10_000)
        .await
        .unwrap();
    let envelopes = records
        .iter()
        .map(|it| Envelope::from_line(&it.line).unwrap());
    let concerns = |aggregate: &AggregateId| match aggregate {
        AggregateId::Database(_) => true,
        AggregateId::Branch(_, own)
        | AggregateId::OntologyClass(_, own, _)
        | AggregateId::Instance(_, own, _, _) => branch.is_none_or(|wanted| own.as_str() == wanted),
    };
    envelopes
        .filter(|it| it.metadata.kind == Kind::Domain && concerns(&it.aggregate))
        .map(|it| it.position.to_string())
        .collect()
}

async fn write_some(server: &Server, branch: &str, first: usize) {
    for number in first..first + 30 {
        let rows: Vec<Value> = (0..3)
            .map(|row| json!({"product_id": format!("p{number}-{row}"), "name": "x"}))
            .collect();
        let path = format!("/databases/demo/instances/Product/bulk-create?branch={branch}");
        let made = server.post(&path, json!({"instances": rows})).await;
        made.expect(202);
    }
}

/// Reads on from the last event, a few at a time, like a client that keeps losing its connection.
async fn read_in_parts(server: &Server, path: &str, until: usize) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    while events.len() < until {
        let last = events.last().map(|event| event.id.clone());
        let mut feed = Events::open(server, path, last.as_deref()).await;
        for _ in 0..7 {
            if events.len() < until {
                events.push(feed.next().await.unwrap());
            }
        }
    }
    events
}

#[tokio::test]
async fn a_resumed_feed_sends_every_position_exactly_once_under_writes() {
    let server = Server::start().await.with_demo().await;
    server
        .write("POST", "/databases/demo/branches", json!({"name": "x"}))
        .await;
    let so_far = domain_events(&server, None).await.len();
    let on_branch = domain_events(&server, Some("x")).await.len();
    let ((), (), whole, part) = tokio::join!(
        write_some(&server, "main", 0),
        write_some(&server, "x", 100),
        read_in_parts(&server, "/databases/demo/events?from=0", so_far + 180),
        read_in_parts(
            &server,
            "/databases/demo/events?branch=x&from=0",
            on_branch + 90
        ),
    );
    let ids = |events: &[Event]| -> Vec<String> { events.iter().map(|it| it.id.clone()).collect() };
    assert_eq!(ids(&whole), domain_events(&server, None).await);
    assert_eq!(ids(&part), domain_events(&server, Some("x")).await);
    for event in &whole {
        assert_eq!(event.data["event_type"], event.name.as_str());
        assert_eq!(event.data["position"].to_string(), event.id);
    }

    let mut news = Events::open(&server, "/databases/demo/events", None).await;
    let made = server
        .write("POST", "/databases/demo/ontology", json!({"label": "Late"}))
        .await;
    let first = news.next().await.unwrap();
    assert_eq!(first.name, "ONTOLOGY_CLASS_CREATED");
    assert_eq!(first.data["position"], made.body["data"]["position"]);
    for (path, status) in [
        ("/databases/none/events", 404),
        ("/databases/demo/events?branch=none", 404),
        ("/databases/demo/events?branch=a//b", 400),
        ("/databases/demo/events?from=-1", 400),
        ("/databases/demo/events?from=0&kind=x", 400),
    ] {
        server.get(path).await.expect(status);
    }
}

#[tokio::test]
async fn a_feed_lost_before_its_first_event_misses_nothing() {
    let server = Server::start().await.with_demo().await;
    server
        .write("POST", "/databases/demo/branches", json!({"name": "x"}))
        .await;
    let declare = async |branch: &str, label: &str| -> u64 {
        let path = format!("/databases/demo/ontology?branch={branch}");
        let made = server.write("POST", &path, json!({"label": label})).await;
        made.body["data"]["position"].as_u64().unwrap()
    };
    let path = "/databases/demo/events";
    let whole = Events::open(&server, path, None).await.opening().await;
    let limited = format!("{path}?branch=x");
    let mut narrow = Events::open(&server, &limited, None).await;
    let part = narrow.opening().await;
    assert!(whole.is_some() && whole == part, "{whole:?}");

    // None of this is sent on the branch.
    let first = declare("main", "First").await;
    drop(narrow);
    let second = declare("x", "Second").await;
    for (path, place, missed) in [(path, whole, first), (&limited, part, second)] {
        let mut again = Events::open(&server, path, place.as_deref()).await;
        assert_eq!(again.opening().await, place, "{path}");
        assert_eq!(
            again.next().await.unwrap().data["position"],
            missed,
            "{path}"
        );
    }
    // Before the first event of a log there is no position to send.
    let mut from_zero = Events::open(&server, "/databases/demo/events?from=0", None).await;
    assert_eq!(from_zero.opening().await, None);
}

#[tokio::test]
async fn a_feed_ends_with_its_database_and_continues_with_its_successor() {
    let server = Server::start().await;
    server
        .write("POST", "/databases", json!({"name": "demo"}))
        .await;
    let path = "/databases/demo/events";
    let feed = Events::open(&server, &format!("{path}?from=0"), None).await;
    server
        .delete("/databases/demo?expected_seq=1")
        .await
        .expect(202);
    let events = feed.rest().await;
    let names: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["DATABASE_CREATED", "DATABASE_DELETED"]);
    let [first, last] = [&events[0].id, &events[1].id];

    let rest = Events::open(&server, path, Some(first)).await.rest().await;
    assert_eq!(rest, events[1..]);
    let gone = server.request("GET", path).header("last-event-id", last);
    server.send(gone).await.expect(404);
    server
        .write("POST", "/databases", json!({"name": "demo"}))
        .await;
    let mut feed = Events::open(&server, path, Some(last)).await;
    let created = feed.next().await.unwrap();
    assert_eq!(created.name, "DATABASE_CREATED");
    assert!(created.id.contains(".g2"), "{}", created.id);
    let mut again = Events::open(&server, path, Some(&created.id)).await;
    server
        .write("POST", "/databases/demo/ontology", json!({"label": "Late"}))
        .await;
    assert_eq!(again.next().await.unwrap().name, "ONTOLOGY_CLASS_CREATED");
    assert_eq!(feed.next().await.unwrap().name, "ONTOLOGY_CLASS_CREATED");
}

#[tokio::test]
async fn a_feed_ends_at_a_broken_chain() {
    let log = MemoryLog::new();
    let over = Arc::new(log.clone());
    let server = Server::start_on(over, Settings::default(), false, |graph| graph).await;
    pending(&server).await;
    let line = log.lines(&stream()).remove(0);
    let first = LogPosition(log.lines(&stream()).len() as u64);
    let foreign = Envelope {
        position: first,
        ..Envelope::from_line(&line).unwrap()
    };
    assert!(foreign.chain.is_some(), "the chain of the log's beginning");
    let lines = vec![foreign.to_line().unwrap().into()];
    log.append_late(&stream(), Batch { first, lines }).unwrap();
    let path = "/databases/demo/events?from=0";
    let heard = Events::open(&server, path, None).await.rest().await;
    assert!(heard.len() <= 2, "{heard:?}");
}
