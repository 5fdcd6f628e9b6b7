//! How long a connection may be silent. Between two requests the idle time counts; from the first
//! byte of a request the time for its head does. hyper knows one timeout for both, so its timer is
//! replaced by one that looks at what has been received.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use hyper::rt::{Sleep, Timer};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

/// How long a connection may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// To send the head of a request, from its first byte; of the first request from the start.
    pub head: Duration,
    /// To begin the next request.
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

/// When the first byte of the present request came.
#[derive(Debug, Clone, Default)]
struct FirstByte(Arc<Mutex<Option<Instant>>>);

impl FirstByte {
    fn set(&self) {
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(Instant::now);
    }

    fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn get(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream, and the timer of the connection over it.
pub(super) fn watch<S>(stream: S, timeouts: Timeouts) -> (Watched<S>, HeadTimer) {
    let first_byte = FirstByte::default();
    let timer = HeadTimer {
        timeouts,
        first_byte: first_byte.clone(),
        is_later: Arc::default(),
    };
    (Watched { stream, first_byte }, timer)
}

/// A stream that notes when bytes come in.
pub(super) struct Watched<S> {
    stream: S,
    first_byte: FirstByte,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            self.first_byte.set();
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

/// hyper's timer for the head of a request. hyper asks it for one sleep a request, when it begins
/// to read the head; that sleep ends when one of the two timeouts is over.
#[derive(Debug, Clone)]
pub(super) struct HeadTimer {
    timeouts: Timeouts,
    first_byte: FirstByte,
    is_later: Arc<AtomicBool>,
}

impl Timer for HeadTimer {
    fn sleep(&self, _: Duration) -> Pin<Box<dyn Sleep>> {
        let is_later = self.is_later.swap(true, Ordering::Relaxed);
        self.first_byte.clear();
        if !is_later {
            self.first_byte.set();
        }
        Box::pin(Silence {
            head: self.timeouts.head,
            first_byte: self.first_byte.clone(),
            has_begun: false,
            sleep: Box::pin(tokio::time::sleep(self.timeouts.idle)),
        })
    }

    fn sleep_until(&self, _: std::time::Instant) -> Pin<Box<dyn Sleep>> {
        self.sleep(self.timeouts.head)
    }
}

/// Waits until a client has been silent for too long.
struct Silence {
    head: Duration,
    first_byte: FirstByte,
    has_begun: bool,
    sleep: Pin<Box<tokio::time::Sleep>>,
}

impl Sleep for Silence {}

impl Future for Silence {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !self.has_begun
            && let Some(first) = self.first_byte.get()
        {
            self.has_begun = true;
            let end = first + self.head;
            self.sleep.as_mut().reset(end);
        }
        self.sleep.as_mut().poll(cx)
    }
}
