//! Wakes waiting tasks in the order in which they began to wait. The runtime's own channels choose
//! a random order.

use std::{
    pin::pin,
    sync::Mutex,
    sync::PoisonError,
    task::{Context, Poll, Waker},
};

use tokio::sync::Notify;

/// A value that changes, and the tasks that wait for it.
pub struct Watched<T> {
    value: Mutex<T>,
    changed: Notify,
}

impl<T: Clone> Watched<T> {
    /// Creates it with the first value.
    pub fn new(value: T) -> Self {
        Self {
            value: Mutex::new(value),
            changed: Notify::new(),
        }
    }

    /// Returns the current value.
    pub fn get(&self) -> T {
        self.value
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Changes the value and wakes everyone.
    pub fn change(&self, change: impl FnOnce(&mut T)) {
        change(&mut self.value.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_waiters();
    }

    /// Waits until `tells` returns something for the value.
    pub async fn wait<R>(&self, tells: impl Fn(&T) -> Option<R>) -> R {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if let Some(found) = tells(&self.get()) {
                return found;
            }
            changed.await;
        }
    }
}

/// Returns the answer of a future if it is ready immediately.
pub fn poll_once<R>(future: impl Future<Output = R>) -> Option<R> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    }
}
