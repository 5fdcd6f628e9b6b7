//! The talk on a WebSocket: statuses out, pings both ways, a goodbye with its reason.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use tokio::time::{Instant, interval_at, timeout};

use super::telling::Telling;

/// How often the client is asked whether it is there. One that has said nothing from one time to
/// the next is not.
const PING: Duration = Duration::from_secs(30);
/// How long a client may take to accept a message.
const SLOW: Duration = Duration::from_secs(30);
/// How long a client may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// Tells the statuses, until they end or the client goes.
pub(super) async fn converse(mut socket: WebSocket, mut telling: Telling) {
    let mut pings = interval_at(Instant::now() + PING, PING);
    let mut heard = true;
    loop {
        let message = tokio::select! {
            told = telling.next() => match told {
                Some(told) => Message::Text(told.text.into()),
                None => break,
            },
            // Pings are answered by the socket itself while it is read.
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
    part(socket, telling.is_cut()).await;
}

async fn part(mut socket: WebSocket, is_cut: bool) {
    let (code, reason) = if is_cut {
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
    // Whether it was heard makes no difference.
    let _ = timeout(GOODBYE, goodbye).await;
}
