//! Hints between the processes of one host, as datagrams to a socket file: one process listens
//! there, the others send. A datagram that does not arrive is a lost hint.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::UnixDatagram,
    },
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use spice_core::port::hints::{Hints, Topic};
use tokio::task::JoinSet;

use super::LocalHints;

/// Longer than any topic as text.
const LONGEST: usize = 1_024;

/// The hints of this process and those that other processes send to a socket file.
///
/// The file stays when the process ends: removing it could remove the file of the next process,
/// which replaces it anyway.
#[derive(Clone)]
pub struct HintListener {
    hints: LocalHints,
    /// The task that receives; it ends with the last clone.
    _receiver: Arc<JoinSet<()>>,
}

impl HintListener {
    /// Listens at a path; replaces the socket of an earlier process. Must run on a runtime.
    pub fn bind(path: &Path) -> io::Result<Self> {
        let is_socket = fs::symlink_metadata(path).is_ok_and(|it| it.file_type().is_socket());
        if is_socket {
            fs::remove_file(path)?;
        }
        let socket = UnixDatagram::bind(path)?;
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
        socket.set_nonblocking(true)?;
        let socket = tokio::net::UnixDatagram::from_std(socket)?;
        let hints = LocalHints::new();
        let mut receiver = JoinSet::new();
        receiver.spawn(receive(socket, hints.clone()));
        Ok(Self {
            hints,
            _receiver: Arc::new(receiver),
        })
    }
}

/// Gives every hint that arrives; ends when the socket fails.
async fn receive(socket: tokio::net::UnixDatagram, hints: LocalHints) {
    let mut text = [0; LONGEST];
    loop {
        match socket.recv(&mut text).await {
            Ok(length) => {
                let text = std::str::from_utf8(&text[..length]);
                if let Some(topic) = text.ok().and_then(|text| text.parse().ok()) {
                    hints.give(&topic);
                }
            }
            Err(error) => {
                tracing::warn!(%error, "cannot receive hints of other processes any more");
                return;
            }
        }
    }
}

#[async_trait]
impl Hints for HintListener {
    fn give(&self, topic: &Topic) -> u64 {
        self.hints.give(topic)
    }

    async fn wait(&self, topic: &Topic, seen: u64) -> u64 {
        self.hints.wait(topic, seen).await
    }
}

/// The hints of a process beside the one that listens. Hints that are given here are sent there too.
#[derive(Clone)]
pub struct HintSender {
    hints: LocalHints,
    path: PathBuf,
}

impl HintSender {
    /// Sends to a path where another process may listen.
    pub fn new(path: PathBuf) -> Self {
        let hints = LocalHints::new();
        Self { hints, path }
    }

    fn send(&self, topic: &Topic) -> io::Result<usize> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        socket.send_to(topic.to_string().as_bytes(), &self.path)
    }
}

#[async_trait]
impl Hints for HintSender {
    fn give(&self, topic: &Topic) -> u64 {
        if let Err(error) = self.send(topic) {
            // Nobody listens, or the queue is full.
            tracing::debug!(%topic, %error, "a hint is lost");
        }
        self.hints.give(topic)
    }

    async fn wait(&self, topic: &Topic, seen: u64) -> u64 {
        self.hints.wait(topic, seen).await
    }
}
