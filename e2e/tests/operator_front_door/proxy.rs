//! The way from the operator to the api. A test can cut it.

use anyhow::Context;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// Forwards connections to an address while it is open.
pub(crate) struct Proxy {
    url: String,
    target: watch::Sender<String>,
    open: watch::Sender<bool>,
}

impl Proxy {
    /// Listens in front of `target`, for example `http://127.0.0.1:8002`.
    pub(crate) async fn start(target: &str) -> anyhow::Result<Self> {
        let (scheme, target) = target.split_once("://").context("not a URL")?;
        let (target, current) = watch::channel(target.to_owned());
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("{scheme}://{}", listener.local_addr()?);
        let (open, is_open) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((caller, _)) = listener.accept().await {
                let target = current.borrow().clone();
                tokio::spawn(forward(caller, target, is_open.clone()));
            }
        });
        Ok(Self { url, target, open })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Forwards new connections to another address.
    pub(crate) fn set_target(&self, target: &str) {
        let address = target
            .split_once("://")
            .map_or(target, |(_, address)| address);
        self.target.send_replace(address.to_owned());
    }

    /// Cuts all connections and takes no new ones, or takes them again.
    pub(crate) fn set_open(&self, open: bool) {
        self.open.send_replace(open);
    }
}

async fn forward(mut caller: TcpStream, target: String, mut is_open: watch::Receiver<bool>) {
    if !*is_open.borrow_and_update() {
        return;
    }
    let Ok(mut api) = TcpStream::connect(&target).await else {
        return;
    };
    tokio::select! {
        _ = copy_bidirectional(&mut caller, &mut api) => {}
        _ = is_open.wait_for(|open| !*open) => {}
    }
}
