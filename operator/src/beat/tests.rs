//! A watch that receives nothing grows old; what it receives makes it young again.

use futures::{SinkExt, StreamExt, channel::mpsc};
use http::Response;
use kube::{
    api::{Api, WatchEvent, WatchParams},
    client::Body,
};
use spice_crds::Database;

use super::*;

/// The body of a watch: what the sender sends.
struct Lines(mpsc::UnboundedReceiver<&'static str>);

impl HttpBody for Lines {
    type Data = <Body as HttpBody>::Data;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let polled = self.0.poll_next_unpin(context);
        polled.map(|line| line.map(|line| Ok(Frame::data(line.into()))))
    }
}

const BOOKMARK: &str = "{\"type\":\"BOOKMARK\",\"object\":{\"apiVersion\":\"spiceharvester.dev/v1alpha1\",\"kind\":\"Database\",\"metadata\":{\"resourceVersion\":\"7\"}}}\n";

#[tokio::test(start_paused = true)]
async fn a_watch_lives_by_what_it_receives() {
    let (mut sender, lines) = mpsc::unbounded();
    let lines = Arc::new(Mutex::new(Some(lines)));
    let service = tower::service_fn(move |_: Request<Body>| {
        let lines = lines.lock().unwrap().take().unwrap();
        async move { Ok::<_, std::convert::Infallible>(Response::new(Lines(lines))) }
    });
    let beats = Beats::default();
    let client = beats.observe(Client::new(service, "team"), "Database");
    let age = || beats.ages()["Database"];
    let minute = Duration::from_mins(1);

    tokio::time::advance(minute).await;
    let databases: Api<Database> = Api::default_namespaced(client);
    let watch = databases.watch(&WatchParams::default(), "0").await;
    let mut watch = Box::pin(watch.unwrap());
    assert_eq!(age(), minute, "the head of the answer counts");

    sender.send(BOOKMARK).await.unwrap();
    let event = watch.next().await.unwrap().unwrap();
    assert!(matches!(event, WatchEvent::Bookmark(_)), "{event:?}");
    assert_eq!(age(), Duration::ZERO);

    // A second watch of the kind is quieter: it decides.
    tokio::time::advance(minute).await;
    let _quiet = beats.observe(databases.into_client(), "Database");
    sender.send(BOOKMARK).await.unwrap();
    watch.next().await.unwrap().unwrap();
    assert_eq!(age(), Duration::ZERO);
    tokio::time::advance(minute).await;
    sender.send(BOOKMARK).await.unwrap();
    watch.next().await.unwrap().unwrap();
    assert_eq!(age(), minute);
}
