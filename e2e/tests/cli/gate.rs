//! A proxy of the server that holds back a page of instances, so that a process can be killed at a
//! known point.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{
    io::{self, AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

pub(crate) struct Gate {
    pub(crate) url: String,
    /// The number of pages that may still pass.
    left: Arc<AtomicUsize>,
    held: mpsc::UnboundedReceiver<()>,
}

impl Gate {
    /// Starts in front of a server, and holds back every page until some are allowed.
    pub(crate) async fn start(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = server.trim_start_matches("http://").to_owned();
        let left = Arc::new(AtomicUsize::new(0));
        let (sender, held) = mpsc::unbounded_channel();
        let allowed = Arc::clone(&left);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, allowed, sender) =
                    (server.clone(), Arc::clone(&allowed), sender.clone());
                tokio::spawn(async move {
                    // A process that was killed has closed its end.
                    drop(forward(client, &server, &allowed, &sender).await);
                });
            }
        });
        Self { url, left, held }
    }

    /// Lets this number of pages pass; the next one is held back.
    pub(crate) fn allow(&self, pages: usize) {
        self.left.store(pages, Ordering::SeqCst);
    }

    /// Waits until a page is held back: all earlier ones are written and noted.
    pub(crate) async fn wait_held(&mut self) {
        self.held.recv().await.unwrap();
    }
}

/// Forwards one request and its answer.
async fn forward(
    mut client: TcpStream,
    server: &str,
    allowed: &AtomicUsize,
    held: &mpsc::UnboundedSender<()>,
) -> io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(client.read_u8().await?);
    }
    let text = String::from_utf8_lossy(&request);
    if text.lines().next().unwrap().contains("/instances") {
        let less = |left: usize| left.checked_sub(1);
        if allowed
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less)
            .is_err()
        {
            held.send(()).unwrap();
            return std::future::pending().await;
        }
    }
    let mut upstream = TcpStream::connect(server).await?;
    let end = request.len() - 2;
    upstream.write_all(&request[..end]).await?;
    upstream.write_all(b"connection: close\r\n\r\n").await?;
    io::copy(&mut upstream, &mut client).await?;
    client.shutdown().await
}
