//! Hints between processes of one host.
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    io::ErrorKind,
    os::unix::{fs::PermissionsExt, net::UnixDatagram},
    time::Duration,
};

use spice_core::port::hints::{Hints, Topic};
use spice_store_local::{HintListener, HintSender};
use spice_testing::values::stream;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(20);

async fn expect(listener: &HintListener, topic: &Topic) {
    timeout(LIMIT, listener.wait(topic, 0)).await.unwrap();
}

#[tokio::test]
async fn hints_of_another_process_arrive() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.hints");
    let sender = HintSender::new(path.clone());
    assert!(sender.give(&Topic::Logs) > 0, "lost: nobody listens");
    let listener = HintListener::bind(&path).unwrap();
    for topic in [
        Topic::Logs,
        Topic::Log(stream("demo")),
        Topic::Progress(stream("demo.g2")),
        Topic::Request(stream("other")),
    ] {
        sender.give(&topic);
        expect(&listener, &topic).await;
    }
}

#[tokio::test]
async fn datagrams_that_are_no_hints_are_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.hints");
    let listener = HintListener::bind(&path).unwrap();
    let socket = UnixDatagram::unbound().unwrap();
    for text in [&b"nonsense"[..], b"log", b"\xff", b"", &[b'x'; 5_000]] {
        socket.send_to(text, &path).unwrap();
    }
    let topic = Topic::Log(stream("demo"));
    HintSender::new(path).give(&topic);
    expect(&listener, &topic).await;
}

#[tokio::test]
async fn a_full_queue_loses_hints_and_blocks_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.hints");
    // Nobody receives from it.
    let _deaf = UnixDatagram::bind(&path).unwrap();
    let sender = HintSender::new(path);
    for _ in 0..10_000 {
        sender.give(&Topic::Logs);
    }
}

#[tokio::test]
async fn the_socket_of_an_earlier_process_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.hints");
    let sender = HintSender::new(path.clone());
    drop(UnixDatagram::bind(&path).unwrap());
    assert!(path.exists(), "a killed process leaves it");
    let ending = HintListener::bind(&path).unwrap();
    // The next process may start before the last one has ended.
    let next = HintListener::bind(&path).unwrap();
    drop(ending);
    sender.give(&Topic::Logs);
    expect(&next, &Topic::Logs).await;
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "others do not send");
}

#[tokio::test]
async fn a_file_that_is_no_socket_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.hints");
    fs::write(&path, "notes").unwrap();
    let error = HintListener::bind(&path).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    assert_eq!(fs::read_to_string(&path).unwrap(), "notes");
}
