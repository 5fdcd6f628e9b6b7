//! Idle connections. Between two requests the idle timeout counts; from the first byte of a
//! request, the timeout for its head. hyper has one timeout for both, so its timer is replaced by
//! one that checks what was received.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use hyper::rt::{Sleep, Timer};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

use super::target::Line;

/// The timeouts of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For sending the head of a request, from its first byte; for the first request, from the
    /// start. With TLS also for the handshake before it.
    pub head: Duration,
    /// For starting the next request.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(30),
            idle: Duration::from_secs(90),
        }
    }
}

/// What has been received of the head of the present request.
#[derive(Debug, Clone, Default)]
struct Head(Arc<Mutex<Received>>);

#[derive(Debug, Default)]
struct Received {
    first_byte: Option<Instant>,
    line: Line,
    /// Whether a request came before.
    is_later: bool,
}

impl Head {
    fn lock(&self) -> MutexGuard<'_, Received> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn receive(&self, bytes: &[u8]) {
        let mut head = self.lock();
        head.first_byte.get_or_insert_with(Instant::now);
        head.line = head.line.after(bytes);
    }
}

/// A stream, and the timer of the connection over it.
pub(super) fn watch<S>(stream: S, timeouts: Timeouts) -> (Watched<S>, HeadTimer) {
    let head = Head::default();
    let watched = Watched {
        stream,
        head: head.clone(),
    };
    (watched, HeadTimer { timeouts, head })
}

/// A stream that records when bytes arrive.
pub(super) struct Watched<S> {
    stream: S,
    head: Head,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let received = &buffer.filled()[before..];
        if !received.is_empty() {
            self.head.receive(received);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// hyper's timer for the head of a request. hyper asks it for one sleep per request, when it starts
/// to read the head; that sleep ends when one of the two timeouts is over.
#[derive(Debug, Clone)]
pub(super) struct HeadTimer {
    timeouts: Timeouts,
    head: Head,
}

impl HeadTimer {
    /// Whether the target of the present request has a fragment. A request that was sent before the
    /// answer to the one before it (pipelining) may be missed.
    pub(super) fn has_fragment(&self) -> bool {
        self.head.lock().line == Line::Refused
    }
}

impl Timer for HeadTimer {
    fn sleep(&self, _: Duration) -> Pin<Box<dyn Sleep>> {
        let mut head = self.head.lock();
        *head = Received {
            first_byte: (!head.is_later).then(Instant::now),
            line: Line::default(),
            is_later: true,
        };
        Box::pin(Silence {
            timeout: self.timeouts.head,
            head: self.head.clone(),
            has_begun: false,
            sleep: Box::pin(tokio::time::sleep(self.timeouts.idle)),
        })
    }

    fn sleep_until(&self, _: std::time::Instant) -> Pin<Box<dyn Sleep>> {
        self.sleep(self.timeouts.head)
    }
}

/// Waits until a client was silent for too long.
struct Silence {
    timeout: Duration,
    head: Head,
    has_begun: bool,
    sleep: Pin<Box<tokio::time::Sleep>>,
}

impl Sleep for Silence {}

impl Future for Silence {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !self.has_begun {
            let first = self.head.lock().first_byte;
            if let Some(first) = first {
                self.has_begun = true;
                let end = first + self.timeout;
                self.sleep.as_mut().reset(end);
            }
        }
        self.sleep.as_mut().poll(cx)
    }
}
