//! Serves a router on a listener, and shuts down in time: connections get a moment to finish, then
//! they are closed.

mod idle;
mod target;
#[cfg(test)]
mod tests;
mod tls;

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use axum::{Extension, Router};
use hyper::{Request, body::Incoming};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};
use tokio_util::sync::CancellationToken;

pub use self::idle::Timeouts;
use self::tls::Opening;

/// The maximum time for open connections at shutdown.
const GRACE: Duration = Duration::from_secs(3);
/// The wait after an accept that failed for lack of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The shutdown of the service, as an extension of requests, for streaming answers.
#[derive(Debug, Clone)]
pub(crate) struct Ending(pub(crate) CancellationToken);

/// The address that a request came from, as an extension.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// On a request whose target has a fragment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HasFragment;

/// [`serve_with`] the default timeouts and without TLS.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    ending: CancellationToken,
) -> Result<(), io::Error> {
    serve_with(listener, router, Timeouts::default(), None, ending).await
}

/// Serves, with TLS if it is configured, until `ending` is cancelled and the connections have
/// finished, which takes about 3 s at most.
pub async fn serve_with(
    listener: TcpListener,
    router: Router,
    timeouts: Timeouts,
    tls: Option<Arc<ServerConfig>>,
    ending: CancellationToken,
) -> Result<(), io::Error> {
    let acceptor = tls.map(TlsAcceptor::from);
    let mut connections = JoinSet::new();
    let router = router.layer(Extension(Ending(ending.clone())));
    loop {
        tokio::select! {
            biased;
            () = ending.cancelled() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, "cannot set TCP_NODELAY");
                    }
                    let (router, ending) = (router.clone(), ending.clone());
                    let Some(acceptor) = acceptor.clone() else {
                        connections.spawn(connection(stream, peer.ip(), router, timeouts, ending));
                        continue;
                    };
                    connections.spawn(encrypted(
                        acceptor, stream, peer.ip(), router, timeouts, ending,
                    ));
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let ended = timeout(GRACE, async {
        while connections.join_next().await.is_some() {}
    })
    .await;
    if ended.is_err() {
        tracing::info!(
            open = connections.len(),
            "closed open connections at shutdown"
        );
    }
    connections.shutdown().await;
    Ok(())
}

/// A connection to a listener with TLS. One that has not begun TLS at shutdown is closed at once.
async fn encrypted(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    peer: IpAddr,
    router: Router,
    timeouts: Timeouts,
    ending: CancellationToken,
) {
    let opening = tls::open(&acceptor, stream, timeouts.head);
    match ending.run_until_cancelled(opening).await.flatten() {
        Some(Opening::Tls(stream)) => connection(stream, peer, router, timeouts, ending).await,
        Some(Opening::Plain(stream)) => {
            let router = tls::refusing_router();
            connection(stream, peer, router, timeouts, ending).await;
        }
        None => {}
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

async fn connection<S>(
    stream: S,
    peer: IpAddr,
    router: Router,
    timeouts: Timeouts,
    ending: CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (stream, timer) = idle::watch(stream, timeouts);
    let head = timer.clone();
    let mark = move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        if head.has_fragment() {
            request.extensions_mut().insert(HasFragment);
        }
        request
    };
    let service = tower::ServiceBuilder::new()
        .map_request(mark)
        .service(router);
    let service = TowerToHyperService::new(service);
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(timer)
        .header_read_timeout(timeouts.head)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let outcome: Result<(), hyper::Error> = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = ending.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "a connection ended early");
    }
}
