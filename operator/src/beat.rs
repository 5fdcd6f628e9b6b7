//! The signs of life of the watches. A watch can die without an error, for example on a connection
//! that is half open: then nothing arrives any more, not even the bookmark that the API server sends
//! about once a minute.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use http::Request;
use http_body::{Body as HttpBody, Frame, SizeHint};
use kube::{Client, client::Body};
use tokio::time::Instant;

/// The watches by kind, and when each last received something.
#[derive(Debug, Default)]
pub(crate) struct Beats {
    watches: Mutex<Vec<(&'static str, Beat)>>,
}

/// When a watch last received something.
#[derive(Debug, Clone)]
struct Beat(Arc<Mutex<Instant>>);

impl Beat {
    fn set(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn age(&self) -> Duration {
        let at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        at.elapsed()
    }
}

impl Beats {
    /// A client for one watch of a kind, whose answers are the watch's signs of life.
    pub(crate) fn observe(&self, client: Client, kind: &'static str) -> Client {
        let beat = Beat(Arc::new(Mutex::new(Instant::now())));
        let mut watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        watches.push((kind, beat.clone()));
        let namespace = client.default_namespace().to_owned();
        let service = tower::service_fn(move |request: Request<Body>| {
            let (client, beat) = (client.clone(), beat.clone());
            async move {
                let answer = client.send(request).await?;
                Ok::<_, kube::Error>(answer.map(|body| Observed { body, beat }))
            }
        });
        Client::new(service, namespace)
    }

    /// For each kind, the time since its quietest watch received something.
    pub(crate) fn ages(&self) -> BTreeMap<&'static str, Duration> {
        let watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ages = BTreeMap::new();
        for (kind, beat) in watches.iter() {
            let age: &mut Duration = ages.entry(*kind).or_default();
            *age = beat.age().max(*age);
        }
        ages
    }
}

/// The body of an answer. Its data and its regular end are signs of life; its head is not, because
/// a server can accept a watch and then send nothing.
struct Observed {
    body: Body,
    beat: Beat,
}

impl HttpBody for Observed {
    type Data = <Body as HttpBody>::Data;
    type Error = <Body as HttpBody>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if matches!(polled, Poll::Ready(None | Some(Ok(_)))) {
            self.beat.set();
        }
        polled
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

#[cfg(test)]
mod tests;
