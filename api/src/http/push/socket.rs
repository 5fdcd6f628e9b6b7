//! A WebSocket connection: sends statuses, answers pings, closes with a reason.

use std::{pin::pin, time::Duration};

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use futures::{Stream, StreamExt};
use tokio::time::{Instant, interval_at, timeout};

use crate::http::call::Cut;

/// The ping interval. A client that sent nothing in between is gone.
const PING: Duration = Duration::from_secs(30);
/// The maximum time for a client to accept a message.
const SLOW: Duration = Duration::from_secs(30);
/// The maximum time for a client to close.
const GOODBYE: Duration = Duration::from_secs(2);

/// Sends texts until they end or are cut, or the client is gone.
pub(super) async fn converse(mut socket: WebSocket, texts: impl Stream<Item = String>, cut: Cut) {
    let mut texts = pin!(texts.take_until(cut.wait()));
    let mut pings = interval_at(Instant::now() + PING, PING);
    let mut heard = true;
    loop {
        let message = tokio::select! {
            text = texts.next() => match text {
                Some(text) => Message::Text(text.into()),
                None => break,
            },
            // The socket answers pings while it is read.
            received = socket.recv() => match received {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {
                    heard = true;
                    continue;
                }
            },
            _ = pings.tick() => {
                if !std::mem::take(&mut heard) {
                    return;
                }
                Message::Ping(bytes::Bytes::new())
            }
        };
        if !matches!(timeout(SLOW, socket.send(message)).await, Ok(Ok(()))) {
            return;
        }
    }
    part(socket, &cut).await;
}

async fn part(mut socket: WebSocket, cut: &Cut) {
    let (code, reason) = if cut.withdrawal.is_cancelled() {
        (close_code::POLICY, "the access was withdrawn")
    } else if cut.shutdown.is_cancelled() {
        (close_code::AWAY, "the service ends")
    } else {
        (close_code::NORMAL, "nothing will change any more")
    };
    let frame = CloseFrame {
        code,
        reason: reason.into(),
    };
    let goodbye = async {
        socket.send(Message::Close(Some(frame))).await?;
        while let Some(message) = socket.recv().await {
            message?;
        }
        Ok::<_, axum::Error>(())
    };
    // Whether the client received it makes no difference.
    let _ = timeout(GOODBYE, goodbye).await;
}
