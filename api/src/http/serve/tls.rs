//! How a connection to a listener with TLS begins: with a handshake, or by mistake in clear text.

use std::{io, time::Duration};

use axum::{Router, http::header::CONNECTION};
use spice_core::error::ErrorCode;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::http::failure::Failure;

/// The first byte of a handshake (RFC 8446, 5.1).
const HANDSHAKE: u8 = 22;

/// What a client speaks.
pub(super) enum Opening {
    /// TLS, after the handshake.
    Tls(Box<TlsStream<TcpStream>>),
    /// Something else, of which nothing is read yet.
    Plain(TcpStream),
}

/// Waits for the first byte of a client, and shakes hands if it speaks TLS. Nothing comes of a client
/// that leaves, makes a mistake in its handshake, or takes longer than the limit.
pub(super) async fn open(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
    limit: Duration,
) -> Option<Opening> {
    match timeout(limit, begin(acceptor, stream)).await {
        Ok(Ok(opening)) => Some(opening),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a connection did not begin TLS");
            None
        }
        Err(_) => {
            tracing::debug!("a connection did not begin TLS in time");
            None
        }
    }
}

async fn begin(acceptor: &TlsAcceptor, stream: TcpStream) -> io::Result<Opening> {
    let mut first = [0];
    match stream.peek(&mut first).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ if first == [HANDSHAKE] => Ok(Opening::Tls(Box::new(acceptor.accept(stream).await?))),
        _ => Ok(Opening::Plain(stream)),
    }
}

/// Refuses every request, because it came in clear text.
pub(super) fn refusing_router() -> Router {
    Router::new().fallback(async || {
        let message = "this address uses TLS; call it with https:// instead of http://";
        let refusal = Failure::new(ErrorCode::InvalidRequest, message);
        ([(CONNECTION, "close")], refusal)
    })
}
